"""The secret of the access schema: a file outside the database, from which every other key is derived.

It signs the audit's chain and cursors, and encrypts what may name a patient. Losing it makes saved reasons and queries
unreadable and the chain unverifiable.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from functools import cached_property

from cryptography.fernet import Fernet, InvalidToken

from echosearch.errors import ConfigError
from echosearch.pseudonyms import load_keyring
from echosearch.settings import Settings

__all__ = ["AccessKeys", "load_keys"]


class AccessKeys:
    """Signs and encrypts; never prints its secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def mac(self, purpose: str, message: bytes) -> bytes:
        """Compute HMAC-SHA256 under a key of this purpose alone."""
        return hmac.new(self._derived(purpose), message, hashlib.sha256).digest()

    def seal(self, data: bytes) -> bytes:
        return self._fernet.encrypt(data)

    def unseal(self, sealed: bytes) -> bytes:
        """Return what was sealed. Raises ConfigError if this key did not encrypt it."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise ConfigError("the access key is not the one that this was encrypted with: restore that one") from None

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self._secret, f"echosearch {purpose}".encode(), hashlib.sha256).digest()

    @cached_property
    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self._derived("seal")))


def load_keys(settings: Settings, create: bool) -> AccessKeys:
    """Read ECHOSEARCH_ACCESS_KEY_FILE (HOME/access.key); ``create``: make it if it is missing. Raises ConfigError."""
    return AccessKeys(load_keyring(settings.access_key_path, create).secret)
