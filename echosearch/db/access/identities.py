"""Which account belongs to whom of an OpenID provider: issuer and subject together are one person, for good."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.db.access.accounts import ACCOUNT_COLUMNS, Account

__all__ = ["StoredIdentity", "account_linked", "identities", "link_account", "unlink_account"]


@dataclass(frozen=True)
class StoredIdentity:
    account: str
    issuer: str
    subject: str


def account_linked(connection: Connection, issuer: str, subject: str) -> Account | None:
    """Return the account of a subject, None if none is linked with it."""
    row = connection.execute(
        text(
            f"select {ACCOUNT_COLUMNS} from access.identity i join access.account a on a.id = i.account_id"
            " where i.issuer = :issuer and i.subject = :subject"
        ),
        {"issuer": issuer, "subject": subject},
    ).one_or_none()
    return None if row is None else Account(**row._mapping)


def link_account(connection: Connection, account_id: int, issuer: str, subject: str) -> bool:
    """Store that an account belongs to a subject; return False if the subject has an account already."""
    done = connection.execute(
        text(
            "insert into access.identity (issuer, subject, account_id) values (:issuer, :subject, :account)"
            " on conflict (issuer, subject) do nothing"
        ),
        {"issuer": issuer, "subject": subject, "account": account_id},
    )
    return bool(done.rowcount)


def unlink_account(connection: Connection, account_id: int, issuer: str, subject: str) -> bool:
    """Remove a link and end the account's sessions; return whether there was one."""
    done = connection.execute(
        text("delete from access.identity where account_id = :account and issuer = :issuer and subject = :subject"),
        {"issuer": issuer, "subject": subject, "account": account_id},
    )
    if done.rowcount:
        connection.execute(text("delete from access.session where account_id = :id"), {"id": account_id})
    return bool(done.rowcount)


def identities(connection: Connection) -> list[StoredIdentity]:
    """Return every link, by account."""
    rows = connection.execute(
        text(
            "select a.name as account, i.issuer, i.subject from access.identity i"
            " join access.account a on a.id = i.account_id order by 1, 2, 3"
        )
    )
    return [StoredIdentity(row.account, row.issuer, row.subject) for row in rows]
