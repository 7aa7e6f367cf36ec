"""The archive's own proof of its key: a pseudonym that every machine with that key makes alike."""

from __future__ import annotations

from sqlalchemy import Connection, text

__all__ = ["key_check", "note_key_check"]


def key_check(connection: Connection) -> str | None:
    """Return the proof, None if no pseudonym has been made here with a version that notes it."""
    found: str | None = connection.scalar(text("select cast(key_check as text) from core.archive"))
    return found


def note_key_check(connection: Connection, proof: str) -> str:
    """Note the proof unless there is one; return the one that counts. Call this before a pseudonym is written."""
    connection.execute(
        text("insert into core.archive (key_check) values (:proof) on conflict do nothing"), {"proof": proof}
    )
    found = key_check(connection)
    assert found is not None
    return found
