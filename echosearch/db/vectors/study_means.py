"""Study vectors as they are stored: the raw means of their videos' outputs."""

from __future__ import annotations

from sqlalchemy import Connection, text

from echosearch.vector import Vectors, from_bytes

__all__ = ["first_study_vectors", "study_vectors_after"]


def first_study_vectors(connection: Connection, encoder_id: int, limit: int) -> dict[str, Vectors]:
    """Return the raw means of the first studies by key. Keys are HMACs: a random sample, and always the same one."""
    return study_vectors_after(connection, encoder_id, None, limit)


def study_vectors_after(connection: Connection, encoder_id: int, after: str | None, limit: int) -> dict[str, Vectors]:
    """Return the raw means of the next ``limit`` studies by key, from behind ``after``, in the order of their keys."""
    which = "" if after is None else "and s.study_key > cast(:after as uuid) "
    rows = connection.execute(
        text(
            "select cast(s.study_key as text) as key, e.vector from core.study s"
            " join core.study_embedding e using (study_key)"
            " where e.encoder_id = :encoder and e.indexed_gen is not null and not s.conflict"
            f" {which}order by s.study_key limit :limit"
        ).execution_options(binary=True),
        {"encoder": encoder_id, "limit": limit} | ({} if after is None else {"after": after}),
    )
    return {row.key: from_bytes(row.vector) for row in rows}
