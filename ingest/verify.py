"""Compare the index with PostgreSQL, and repair it from PostgreSQL alone, without an encoder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np

from echosearch.archive import Archive
from echosearch.batch import batched
from echosearch.coverage import find_gaps
from echosearch.db import Connection
from echosearch.db.files.backing import withdraw_unbacked
from echosearch.db.files.ledger import single_ingest
from echosearch.db.files.status import ArchiveCounts, archive_counts
from echosearch.db.upkeep import comparison
from echosearch.db.upkeep.comparison import Differences, SeenPoint
from echosearch.db.vectors import outbox
from echosearch.db.vectors.generation import active_encoder, register_encoder
from echosearch.db.vectors.points import PointRow
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import EmptyArchive
from echosearch.index.base import KINDS, Collection, PointKind, Stored, point_id
from echosearch.index.fields import payload_values, same_values
from echosearch.vector import is_usable, unit
from ingest.relay import point_of, relay

__all__ = ["Rebuilt", "VerifyReport", "compare_index", "heal", "rebuild", "verify"]

SCROLL_BATCH = 1000
# the index holds float16 of unit vectors: half a unit in the last place at 1 is 2**-11; components are far smaller
VECTOR_TOLERANCE = 2**-11


@dataclass(frozen=True)
class VerifyReport:
    """The result of verify. ``clean`` if nothing differs; points that are only due are not differences."""

    counts: ArchiveCounts
    collections: tuple[Differences, ...]
    faults: tuple[str, ...]  # Postgres against itself
    repaired: int  # points sent or deleted by --repair

    @property
    def differences(self) -> int:
        return sum(found.count for found in self.collections) + len(self.faults)

    @property
    def clean(self) -> bool:
        return self.differences == 0


def verify(archive: Archive, repair: bool = False) -> VerifyReport:
    """Compare every collection of the active encoder with Postgres: ids, payloads, vectors, both ways.

    With ``repair`` the index is made right and the report says what had been wrong. Holds the ingest lock.
    Raises EmptyArchive, ArchiveLocked, StoreUnreachable.
    """
    with single_ingest(archive.engine):
        with archive.engine.begin() as connection:
            encoder = active_encoder(connection)
            if encoder is None:
                raise EmptyArchive("there is nothing to verify: run echosearch ingest FOLDER first")
            encoder_id = register_encoder(connection, encoder)
            found = compare_index(archive, connection, encoder, encoder_id, repair)
            faults = tuple(comparison.ledger_faults(connection, encoder_id))
            counts = archive_counts(connection)
            repaired = sum(one.counts["strangers"] for one in found) if repair else 0
            if repair:
                withdraw_unbacked(connection)
        if repair:
            repaired += relay(archive, encoder, encoder_id)
    return VerifyReport(counts, found, faults, repaired)


def compare_index(
    archive: Archive, connection: Connection, encoder: EncoderInfo, encoder_id: int, repair: bool
) -> tuple[Differences, ...]:
    """Compare every point of this encoder's collections with PostgreSQL; return a result for each collection.

    With ``repair``, delete foreign points at once, and make the rest due for the next relay.
    """
    return tuple(_compare(archive, connection, encoder, encoder_id, kind, repair) for kind in KINDS)


def heal(
    archive: Archive,
    encoder: EncoderInfo,
    encoder_id: int,
    transaction: Callable[[], AbstractContextManager[Connection]] | None = None,
) -> int:
    """Compare all if the index holds more or fewer points than it was given, and make the differences due.

    Returns how many differences there were. The caller holds the ingest lock, and may begin the ``transaction``.
    """
    with (transaction or archive.engine.begin)() as connection:
        if not find_gaps(archive, connection, encoder, encoder_id):
            return 0
        found = compare_index(archive, connection, encoder, encoder_id, repair=True)
    return sum(differences.count for differences in found)


def _compare(
    archive: Archive, connection: Connection, encoder: EncoderInfo, encoder_id: int, kind: PointKind, repair: bool
) -> Differences:
    comparison.start_comparison(connection)
    collection = archive.collection(kind, encoder)
    if collection.name in archive.index.collections():
        for points in batched(archive.index.scroll(collection, whole=True), SCROLL_BATCH):
            own = [point for point in points if point.id == point_id(collection.fingerprint, point.key)]
            comparison.add_foreign(connection, sorted({point.id for point in points} - {point.id for point in own}))
            rows = comparison.points_of(connection, encoder_id, kind, [point.key for point in own])
            seen = [SeenPoint(point.key, _fits(collection, point, rows.get(point.key))) for point in own]
            comparison.add_seen(connection, seen)
    found = comparison.compare(connection, encoder_id, kind)
    if repair:
        comparison.repair(connection, encoder_id, kind)
        for ids in comparison.foreign_points(connection):
            archive.index.delete(collection, ids)
    return found


def _fits(collection: Collection, stored: Stored, row: PointRow | None) -> bool:
    """Return True if the point is the one that the relay would send. Unknown keys are orphans, not misfits."""
    if row is None or row.vector is None or stored.vector is None:
        return True
    point = point_of(collection, row, row.vector)
    return (
        stored.payload is not None
        and same_values(stored.payload, payload_values(point.payload))
        and is_usable(stored.vector)
        and float(np.abs(unit(stored.vector) - unit(point.vector)).max()) <= VECTOR_TOLERANCE
    )


@dataclass(frozen=True)
class Rebuilt:
    """The result of rebuild."""

    points: int  # sent
    slow_index: bool  # the disk has no room for what makes searches fast


def rebuild(archive: Archive, on_batch: Callable[[int], None] = lambda sent: None) -> Rebuilt:
    """Drop the active encoder's collections and fill them from Postgres.

    Killed half-way, the rest is in the outbox: the next ingest or rebuild completes it.
    """
    with single_ingest(archive.engine):
        with archive.engine.begin() as connection:
            encoder = active_encoder(connection)
            if encoder is None:
                raise EmptyArchive("there is nothing to rebuild from: run echosearch ingest FOLDER first")
            encoder_id = register_encoder(connection, encoder)
            outbox.enqueue_everything(connection, encoder_id)
        for kind in KINDS:
            archive.index.drop(archive.collection(kind, encoder))
            archive.index.ensure(archive.collection(kind, encoder))
        sent = relay(archive, encoder, encoder_id, on_batch)
        made = [archive.index.optimize(archive.collection(kind, encoder)) for kind in KINDS]
        return Rebuilt(sent, slow_index=not all(made))
