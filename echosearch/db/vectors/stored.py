"""Raw vectors as they are stored, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from sqlalchemy import Connection, text

from echosearch.vector import Vectors

__all__ = ["read_vectors"]

# what holds the vectors of a kind, the key of a row, and what leads from there to its study
_SOURCES = {
    "videos": ("core.embedding e join core.video o using (video_key)", "o.video_key"),
    "studies": ("core.study_embedding e join core.study o using (study_key)", "o.study_key"),
    "reports": ("core.report_embedding e join core.report o using (report_key)", "o.report_key"),
}
ROWS = 10_000  # fetched at a time


def read_vectors(
    connection: Connection,
    encoder_id: int,
    kind: Literal["videos", "studies", "reports"],
    dimension: int,
    studies: Sequence[str] | None,
) -> tuple[list[str], list[str], list[str], Vectors]:
    """Return keys, studies, patients and raw vectors (N, D) float32 of what may be shown, in the order of the keys."""
    source, key = _SOURCES[kind]
    query = text(
        f"select cast({key} as text) as key, cast(s.study_key as text) as study, e.vector,"
        f" cast(s.patient_key as text) as patient from {source} join core.study s on s.study_key = o.study_key"
        " where e.encoder_id = :encoder and e.indexed_gen is not null and not s.conflict"
        + (" and s.study_key = any(cast(:studies as uuid[]))" if studies is not None else "")
        + f" order by {key}"
    )
    given = {"encoder": encoder_id} | ({} if studies is None else {"studies": list(studies)})
    keys: list[str] = []
    of_studies: list[str] = []
    patients: list[str] = []
    parts: list[Vectors] = [np.empty((0, dimension), np.float32)]
    options = {"binary": True, "stream_results": True, "max_row_buffer": ROWS}
    for rows in connection.execution_options(**options).execute(query, given).partitions(ROWS):
        keys += [row.key for row in rows]
        of_studies += [row.study for row in rows]
        patients += [row.patient for row in rows]
        data = np.frombuffer(b"".join(row.vector for row in rows), dtype="<f4")
        parts.append(data.astype(np.float32).reshape(-1, dimension))
    return keys, of_studies, patients, np.concatenate(parts)
