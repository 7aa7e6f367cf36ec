"""Make the bit strings anew by which questions count studies, of what a run has changed."""

from __future__ import annotations

from echosearch.db.questions.study_bits import fold
from echosearch.db.questions.study_sets import BLOCK
from ingest.work import Work

__all__ = ["HALF_A_BLOCK", "fold_stale"]

HALF_A_BLOCK = BLOCK // 2  # stale studies from which on it pays to fold a block while a run goes on


def fold_stale(run: Work, least: int = 1) -> None:
    """Fold the blocks that have ``least`` stale studies or more: until then these are answered by their rows."""
    with run.lock, run.archive.engine.connect() as connection:
        fold(connection, least)
