"""Saved searches: the encrypted answer of a search, from which its pages are cut."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

__all__ = ["SavedSearch", "forget_searches", "put_search", "saved_search"]

HOURS = 12  # that a search is kept, as long as a session


@dataclass(frozen=True)
class SavedSearch:
    """``expired``: its time is over."""

    id: str
    account_id: int
    encoder: str
    expired: bool
    body: bytes = field(repr=False)


def put_search(connection: Connection, search_id: str, account_id: int, encoder: str, body: bytes) -> None:
    """Store a search; bodies that have expired are emptied, and rows of a week ago deleted."""
    connection.execute(text("update access.saved_search set body = '' where expires_at < now() and body <> ''"))
    connection.execute(text("delete from access.saved_search where expires_at < now() - interval '7 days'"))
    connection.execute(
        text(
            "insert into access.saved_search (id, account_id, encoder, body, expires_at)"
            f" values (:id, :account, :encoder, :body, now() + interval '{HOURS} hours')"
        ),
        {"id": search_id, "account": account_id, "encoder": encoder, "body": body},
    )


def saved_search(connection: Connection, search_id: str) -> SavedSearch | None:
    row = connection.execute(
        text(
            "select cast(id as text) as id, account_id, encoder, expires_at < now() as expired, body"
            " from access.saved_search where id = :id"
        ),
        {"id": search_id},
    ).one_or_none()
    return None if row is None else SavedSearch(**row._mapping)


def forget_searches(connection: Connection) -> None:
    """Delete every saved search: what they show is encrypted, so nobody knows whose studies they name."""
    connection.execute(text("delete from access.saved_search"))
