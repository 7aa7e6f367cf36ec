"""Passwords (argon2id), one-time codes (TOTP, RFC 6238), and the digests of cookies and tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from threading import BoundedSemaphore
from urllib.parse import quote

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from echosearch.errors import InputError

__all__ = [
    "check_password",
    "digest",
    "hash_password",
    "is_password",
    "new_secret",
    "new_totp",
    "totp_step",
    "totp_uri",
]

LEAST, MOST = 12, 256  # characters
STEP_SECONDS = 30
_HASHER = PasswordHasher()  # argon2id with RFC 9106's second recommended parameters
_CHECKS = BoundedSemaphore(2)  # each takes 64 MB
_NOBODY = _HASHER.hash(secrets.token_hex())


def check_password(password: str) -> None:
    """Raise InputError on a password that is too short or too long."""
    if not LEAST <= len(password) <= MOST:
        raise InputError(f"a password of {len(password)} characters: give {LEAST} to {MOST}")


def hash_password(password: str) -> str:
    check_password(password)
    return _HASHER.hash(password)


def is_password(stored: str | None, password: str) -> bool:
    """Check a password; it takes as long where there is no account, so that time tells nothing."""
    try:
        with _CHECKS:
            return _HASHER.verify(stored or _NOBODY, password[:MOST]) and stored is not None
    except (Argon2Error, InvalidHashError):
        return False


def new_secret() -> str:
    """Make a cookie or a token: 256 random bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def new_totp() -> bytes:
    return secrets.token_bytes(20)


def totp_uri(name: str, secret: bytes) -> str:
    """Return what an authenticator reads."""
    return f"otpauth://totp/echosearch:{quote(name)}?secret={base64.b32encode(secret).decode()}&issuer=echosearch"


def totp_step(secret: bytes, code: str, now: float) -> int | None:
    """Return the time step of a six-digit code, one before or after now at most; None if it has none."""
    current = int(now // STEP_SECONDS)
    for step in (current, current - 1, current + 1):
        if hmac.compare_digest(_code(secret, step), code.strip()):
            return step
    return None


def _code(secret: bytes, step: int) -> str:
    mac = hmac.new(secret, struct.pack(">Q", step), hashlib.sha1).digest()
    start = mac[-1] & 15
    (number,) = struct.unpack(">I", mac[start : start + 4])
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06d}"
