"""Whether anything searchable has a value: a condition that nothing can match says why it finds nothing."""

from __future__ import annotations

from sqlalchemy import Connection

from echosearch.db.server.statement import statement

__all__ = ["is_held"]

_VIDEOS = "core.embedding e join core.video v using (video_key)"
_STUDIES = "core.study_embedding e join core.study s using (study_key)"
# field of a condition -> where its values are
_COLUMNS = {
    "view": (_VIDEOS, "v.view"),
    "view_prob": (_VIDEOS, "v.view_prob"),
    "mode": (_VIDEOS, "v.mode"),
    "device": (_VIDEOS, "v.device"),
    "sex": (_STUDIES, "s.sex"),
    "age": (_STUDIES, "s.age"),
    "month": (_STUDIES, "s.month"),
}


def is_held(
    connection: Connection, encoder_id: int, field: str, value: str | None = None, gate: float | None = None
) -> bool:
    """Return True if an indexed video or study has ``value`` (None: any) in ``field``. ``gate`` is that of views."""
    rows, column = _COLUMNS[field]
    condition = f"{column} is not null" if value is None else f"{column} = :value"
    if gate is not None:
        condition += " and v.view_prob >= :gate"
    indexed = "e.encoder_id = :encoder and e.indexed_gen is not null"
    query = f"select exists (select from {rows} where {indexed} and {condition})"
    given = {"encoder": encoder_id, "value": value, "gate": gate}
    return bool(connection.scalar(statement(query), {name: given[name] for name in given if f":{name}" in query}))
