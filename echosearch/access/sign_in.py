"""Signing in: a password and, where the account has one, a code; a session that ends; tokens of programs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from echosearch.access import password as secrets
from echosearch.access.keys import AccessKeys
from echosearch.access.rights import RIGHTS, Right
from echosearch.db import Connection
from echosearch.db.access.accounts import Account, account_named, note_failure, note_sign_in, project_named
from echosearch.db.access.sessions import Presented, add_session, session_of, token_of
from echosearch.db.access.viewer import Role, Viewer
from echosearch.search.filter_parser import parse_where

__all__ = ["NewSession", "SignedIn", "by_cookie", "by_token", "sign_in", "start_session"]

TRIES = 5  # wrong passwords before the first delay
FIRST_DELAY, LONGEST_DELAY = 30.0, 900.0  # seconds; doubled with each further one


@dataclass(frozen=True)
class NewSession:
    cookie: str = field(repr=False)
    csrf: str = field(repr=False)


@dataclass(frozen=True)
class SignedIn:
    """Who asks: an account, what it may do now, and how it came."""

    account_id: int
    viewer: Viewer
    rights: frozenset[Right]
    via: str  # "session" or "token NAME"
    csrf: str = field(default="", repr=False)  # empty for a token
    digest: bytes = field(default=b"", repr=False)  # of the session's cookie or the token


def sign_in(connection: Connection, keys: AccessKeys, name: str, password: str, code: str) -> Account | None:
    """Return the account if name, password and code are right and no delay is on; None otherwise, and never why."""
    account = account_named(connection, name)
    right = secrets.is_password(account.password if account is not None else None, password)
    if account is None or account.disabled:
        return None
    if account.wait_until is not None and account.wait_until > datetime.now(UTC):
        return None
    step = None
    if account.totp is not None:
        step = secrets.totp_step(keys.unseal(account.totp), code, time.time())
        right = right and step is not None
    if not right or not note_sign_in(connection, account.id, step):
        late = account.failures + 1 - TRIES
        note_failure(connection, account.id, 0.0 if late < 0 else min(FIRST_DELAY * 2.0**late, LONGEST_DELAY))
        return None
    return account


def start_session(connection: Connection, account_id: int) -> NewSession:
    """Begin a session of an account that has signed in."""
    made = NewSession(secrets.new_secret(), secrets.new_secret())
    add_session(connection, secrets.digest(made.cookie), account_id, made.csrf)
    return made


def by_cookie(connection: Connection, keys: AccessKeys, cookie: str, used: bool) -> SignedIn | None:
    """Return who a session's cookie belongs to; ``used``: this counts as use of the session."""
    digest = secrets.digest(cookie)
    found = session_of(connection, digest, used)
    return None if found is None else _signed_in(connection, keys, found, digest)


def by_token(connection: Connection, keys: AccessKeys, token: str) -> SignedIn | None:
    digest = secrets.digest(token)
    found = token_of(connection, digest)
    return None if found is None else _signed_in(connection, keys, found, digest)


def _signed_in(connection: Connection, keys: AccessKeys, found: Presented, digest: bytes) -> SignedIn:
    account = found.account
    role = Role(account.role)
    rights = RIGHTS[role]
    if found.rights is not None:
        rights = rights & {Right(name) for name in found.rights} | {Right.SELF}
    scope = None
    if account.project is not None:
        project = project_named(connection, account.project)
        assert project is not None  # a foreign key
        scope = parse_where(project.condition)
    reason = keys.unseal(found.reason).decode() if found.reason is not None else ""
    viewer = Viewer(account.name, role, account.project, scope, reason)
    return SignedIn(
        account.id, viewer, rights, f"token {found.token}" if found.token else "session", found.csrf, digest
    )
