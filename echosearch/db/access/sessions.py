"""Sessions of browsers and tokens of programs. Only digests of what is presented are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from echosearch.db.access.accounts import ACCOUNT_COLUMNS, Account

__all__ = [
    "IDLE_MINUTES",
    "LONGEST_HOURS",
    "Presented",
    "StoredToken",
    "add_session",
    "add_token",
    "end_session",
    "revoke_token",
    "session_of",
    "set_reason",
    "stored_tokens",
    "token_of",
]

IDLE_MINUTES = 15
LONGEST_HOURS = 12
_ALIVE = (
    f"s.seen_at > now() - interval '{IDLE_MINUTES} minutes' and s.created_at > now() - interval '{LONGEST_HOURS} hours'"
)


@dataclass(frozen=True)
class Presented:
    """Whose a cookie or a token is. ``rights``: those that a token has; None: all of the role."""

    account: Account
    csrf: str = field(default="", repr=False)
    reason: bytes | None = field(default=None, repr=False)  # encrypted
    token: str | None = None  # its name
    rights: tuple[str, ...] | None = None


@dataclass(frozen=True)
class StoredToken:
    account: str
    name: str
    rights: tuple[str, ...]
    expires_at: datetime
    revoked: bool


def add_session(connection: Connection, digest: bytes, account_id: int, csrf: str) -> None:
    """Begin a session; those that have ended are deleted."""
    connection.execute(text(f"delete from access.session s where not ({_ALIVE})"))
    connection.execute(
        text("insert into access.session (digest, account_id, csrf) values (:digest, :account, :csrf)"),
        {"digest": digest, "account": account_id, "csrf": csrf},
    )


def session_of(connection: Connection, digest: bytes, used: bool = True) -> Presented | None:
    """Return whose a session is, None if it has ended. ``used``: this counts as use of it (noted once a minute)."""
    row = connection.execute(
        text(
            f"select {ACCOUNT_COLUMNS}, s.csrf, s.reason, s.seen_at < now() - interval '1 minute' as due"
            f" from access.session s join access.account a on a.id = s.account_id"
            f" where s.digest = :digest and {_ALIVE} and not a.disabled"
        ),
        {"digest": digest},
    ).one_or_none()
    if row is None:
        return None
    *account, csrf, reason, due = row
    if used and due:
        connection.execute(text("update access.session set seen_at = now() where digest = :digest"), {"digest": digest})
    return Presented(Account(*account), csrf, reason)


def set_reason(connection: Connection, digest: bytes, reason: bytes | None) -> None:
    connection.execute(
        text("update access.session set reason = :reason where digest = :digest"), {"digest": digest, "reason": reason}
    )


def end_session(connection: Connection, digest: bytes) -> None:
    connection.execute(text("delete from access.session where digest = :digest"), {"digest": digest})


def add_token(
    connection: Connection,
    account_id: int,
    name: str,
    digest: bytes,
    rights: list[str],
    days: int,
    reason: bytes | None,
) -> bool:
    """Add a token that expires in ``days``; return False if the account has one of this name."""
    made = connection.execute(
        text(
            "insert into access.token (account_id, name, digest, rights, reason, expires_at)"
            " values (:account, :name, :digest, :rights, :reason, now() + make_interval(days => :days))"
            " on conflict (account_id, name) do nothing"
        ),
        {"account": account_id, "name": name, "digest": digest, "rights": rights, "reason": reason, "days": days},
    )
    return bool(made.rowcount)


def token_of(connection: Connection, digest: bytes) -> Presented | None:
    """Return whose a token is, None if it is unknown, expired or revoked."""
    row = connection.execute(
        text(
            f"select {ACCOUNT_COLUMNS}, t.name as token, t.rights, t.reason from access.token t"
            " join access.account a on a.id = t.account_id where t.digest = :digest and not t.revoked"
            " and t.expires_at > now() and not a.disabled"
        ),
        {"digest": digest},
    ).one_or_none()
    if row is None:
        return None
    *account, name, rights, reason = row
    return Presented(Account(*account), "", reason, name, tuple(rights))


def revoke_token(connection: Connection, account_id: int, name: str) -> bool:
    """Revoke a token; return whether there is one."""
    done = connection.execute(
        text("update access.token set revoked = true where account_id = :account and name = :name"),
        {"account": account_id, "name": name},
    )
    return bool(done.rowcount)


def stored_tokens(connection: Connection) -> list[StoredToken]:
    """Return every token, by account and name."""
    rows = connection.execute(
        text(
            "select a.name as account, t.name, t.rights, t.expires_at, t.revoked from access.token t"
            " join access.account a on a.id = t.account_id order by 1, 2"
        )
    )
    return [StoredToken(row.account, row.name, tuple(row.rights), row.expires_at, row.revoked) for row in rows]
