"""The machine that a study was made with."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, text

__all__ = ["study_devices"]


def study_devices(connection: Connection, studies: Sequence[str]) -> dict[str, str]:
    """Return the device of most videos of each of these studies, as it may be shown; no key where none is known."""
    rows = connection.execute(
        text(
            "select cast(study_key as text) as study, mode() within group (order by device) as device"
            " from core.video where study_key = any(cast(:keys as uuid[])) and device is not null group by study_key"
        ),
        {"keys": list(studies)},
    )
    return {row.study: row.device for row in rows}
