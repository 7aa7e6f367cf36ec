"""Study vectors as they are stored: the raw means of their videos' outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from echosearch.vector import Vectors, from_bytes

__all__ = ["first_study_vectors", "study_vectors", "study_vectors_after"]


def study_vectors(connection: Connection, encoder_id: int, studies: Sequence[str]) -> dict[str, Vectors]:
    """Return the raw mean (D,) of each of these studies that may be shown, by key."""
    return _read(connection, encoder_id, "and s.study_key = any(cast(:keys as uuid[]))", {"keys": list(studies)})


def first_study_vectors(connection: Connection, encoder_id: int, limit: int) -> dict[str, Vectors]:
    """Return the raw means of the first studies by key. Keys are HMACs: a random sample, and always the same one."""
    return study_vectors_after(connection, encoder_id, None, limit)


def study_vectors_after(connection: Connection, encoder_id: int, after: str | None, limit: int) -> dict[str, Vectors]:
    """Return the raw means of the next ``limit`` studies by key, from behind ``after``, in the order of their keys."""
    which = "" if after is None else "and s.study_key > cast(:after as uuid) "
    given = {"limit": limit} | ({} if after is None else {"after": after})
    return _read(connection, encoder_id, f"{which}order by s.study_key limit :limit", given)


def _read(connection: Connection, encoder_id: int, which: str, given: Mapping[str, object]) -> dict[str, Vectors]:
    rows = connection.execute(
        text(
            "select cast(s.study_key as text) as key, e.vector from core.study s"
            " join core.study_embedding e using (study_key)"
            f" where e.encoder_id = :encoder and e.indexed_gen is not null and not s.conflict {which}"
        ),
        {"encoder": encoder_id, **given},
    )
    return {row.key: from_bytes(row.vector) for row in rows}
