"""Pseudonyms: HMAC-SHA256 of real identifiers under a key that lives outside the database.

    key(kind, *parts) = first 128 bits of HMAC-SHA256(secret, kind "\\0" part "\\0" part ...), as a UUID string

Test vector (tests/test_pseudonyms.py): secret = 32 zero bytes, kind "patient", parts ("", "0001234").
A bare hash of a seven-digit id is reversed in seconds by trying all of them; without the key file this is not.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from echosearch.errors import ConfigError

__all__ = ["Keyring", "load_keyring"]

KEY_BYTES = 32


@dataclass(frozen=True)
class Keyring:
    """Makes pseudonymous keys; never prints its secret."""

    secret: bytes = field(repr=False)
    version: int = 1

    def key(self, kind: str, *parts: str) -> str:
        """Return the pseudonym of ``parts`` within ``kind``: a UUID string."""
        message = "\0".join((kind, *parts)).encode()
        return str(UUID(bytes=hmac.new(self.secret, message, hashlib.sha256).digest()[:16]))

    def patient(self, issuer: str, patient_id: str, hospital: str = "") -> str:
        """Return the pseudonym of (issuer, PatientID as a string), never of a name or a number.

        ``hospital`` is given only if two hospitals give one number to two people.
        """
        return self.key("patient", issuer, patient_id, *filter(None, [hospital]))

    def unnamed_patient(self, study_uid: str) -> str:
        """Return the pseudonym of the patient of a study whose files name none: they are not one another."""
        return self.key("patient-of-study", study_uid)

    def study(self, study_uid: str) -> str:
        return self.key("study", study_uid)

    def video(self, sop_uid: str) -> str:
        return self.key("video", sop_uid)

    def report(self, *identity_and_text: str) -> str:
        return self.key("report", *identity_and_text)

    def path(self, path: Path) -> str:
        return self.key("path", os.fsencode(path).hex())  # names need not be valid UTF-8

    @property
    def proof(self) -> str:
        """A pseudonym of nobody, by which two machines know that they have one key."""
        return self.key("key-check")


def load_keyring(path: Path, create: bool = True) -> Keyring:
    """Read the key file; at first use make one, readable by its owner only.

    Raises ConfigError when it is missing and must not be made, is readable by others, or is malformed.
    """
    if not path.exists():
        if not create:
            raise ConfigError(f"key file {path} is missing: restore it, a new key would orphan every pseudonym")
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(f"v1 {secrets.token_hex(KEY_BYTES)}\n")
            handle.flush()
            os.fsync(handle.fileno())
        try:
            os.link(partial, path)  # fails where another process was first: then its key is the key
        except FileExistsError:
            pass
        finally:
            partial.unlink()
    if not path.is_file():
        raise ConfigError(f"key file {path} is a folder or no regular file: name the file that holds the key")
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ConfigError(f"key file {path} can be read by others: run chmod 600 on it")
    try:
        version, _, secret = path.read_text(encoding="ascii").strip().partition(" ")
        ring = Keyring(bytes.fromhex(secret), int(version.removeprefix("v")))
    except ValueError as exc:
        raise ConfigError(f"key file {path} must hold one line: v1 and {KEY_BYTES * 2} hex digits") from exc
    if len(ring.secret) != KEY_BYTES:
        raise ConfigError(f"key file {path} holds {len(ring.secret)} bytes, it must hold {KEY_BYTES}")
    return ring
