"""The views of studies: those of the videos that a study's vector is the mean of."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

from echosearch.video import VIEW_GATE

__all__ = ["study_views"]


def study_views(connection: Connection, studies: Sequence[str]) -> dict[str, set[tuple[str, str | None]]]:
    """Return the views and modes of each study's videos at or above the gate; no key where there is none."""
    rows = connection.execute(
        text(
            "select distinct cast(study_key as text) as study, view, mode from core.video"
            " where study_key = any(cast(:keys as uuid[])) and view is not null and view_prob >= :gate"
        ),
        {"keys": list(studies), "gate": VIEW_GATE},
    )
    found: dict[str, set[tuple[str, str | None]]] = {}
    for row in rows:
        found.setdefault(row.study, set()).add((row.view, row.mode))
    return found
