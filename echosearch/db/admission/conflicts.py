"""Lift conflicts for a new look: forget who contradicted whom, and let the present files decide."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, select, text, update

from echosearch.db.schema.tables import PhiSourcePath, SourceFile, Study
from echosearch.outcome import Reason

__all__ = ["forget_conflicts"]

CONFLICTS = (str(Reason.UID_CONFLICT), str(Reason.PATIENT_CONFLICT))


def forget_conflicts(connection: Connection, exists: Callable[[Path], bool] = os.path.lexists) -> int:
    """Make every file in conflict due again, whatever folder it is in; return how many there are.

    One that is gone stays as it is and contradicts nobody any more. Their videos have no vectors, so until all of them
    have been read again nothing of them is found; what still disagrees falls into conflict again.
    """
    rows = connection.execute(
        select(SourceFile.id, PhiSourcePath.path)
        .join(PhiSourcePath, PhiSourcePath.file_id == SourceFile.id)
        .where(SourceFile.reason.in_(CONFLICTS))
    ).all()
    there = [row.id for row in rows if exists(Path(os.fsdecode(row.path)))]
    connection.execute(update(SourceFile).where(SourceFile.reason.in_(CONFLICTS)).values(video_key=None))
    connection.execute(
        text(
            "update core.source_file set state = 'registered', reason = null, detail = null"
            " where id = any(cast(:ids as bigint[]))"
        ),
        {"ids": there},
    )
    connection.execute(update(Study).where(Study.conflict).values(conflict=False))
    return len(there)
