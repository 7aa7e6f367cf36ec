"""Whether the index holds as many points as the database says: cheap enough for every search."""

from __future__ import annotations

from collections.abc import Collection as Several
from dataclasses import dataclass

from echosearch.archive import Archive
from echosearch.db import Connection
from echosearch.db.vectors.coverage import count_due, indexed_counts
from echosearch.encoder_info import EncoderInfo
from echosearch.index.base import KINDS, PointKind

__all__ = ["Gap", "find_gaps"]


@dataclass(frozen=True)
class Gap:
    """A collection whose points are fewer, or more, than the rows that it was made from."""

    kind: PointKind
    points: int  # in the index
    rows: int  # in the database, of those that the index was given

    def __str__(self) -> str:
        if self.points < self.rows:
            held = f"{self.points:,}" if self.points else "none"
            told = f"the index holds {held} of the {self.rows:,} {self.kind} in the database"
        else:
            told = f"the index holds {self.points:,} {self.kind}, the database {self.rows:,}"
        return f"{told}: run echosearch index rebuild, which needs no encoder"


def find_gaps(
    archive: Archive, connection: Connection, encoder: EncoderInfo, encoder_id: int, counted: Several[PointKind] = KINDS
) -> list[Gap]:
    """Return the collections whose number of points differs from the database's.

    A collection that is not in ``counted`` is only looked for: to open it can take longer than a search.
    """
    expected = indexed_counts(connection, encoder_id)
    names = archive.index.collections()
    gaps = []
    for kind in KINDS:
        collection = archive.collection(kind, encoder)
        there = collection.name in names
        if there and kind not in counted:
            continue
        points = archive.index.tally(collection) if there else 0
        if there and points != expected.get(kind, 0):  # the tally may be rough, and another process may be writing
            expected = indexed_counts(connection, encoder_id)
            points = archive.index.count(collection)
        rows = expected.get(kind, 0)
        beyond = points - rows
        if beyond < 0 or (beyond > 0 and count_due(connection, encoder_id, kind, beyond) < beyond):
            gaps.append(Gap(kind, points, rows))
    return gaps
