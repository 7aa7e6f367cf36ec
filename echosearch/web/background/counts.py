"""Counts of the whole archive: they read every row, so a page shows those of a moment ago (refreshed.py)."""

from __future__ import annotations

from dataclasses import dataclass

from echosearch.archive import Archive
from echosearch.db.files.devices import DeviceQuality, device_quality
from echosearch.db.files.status import ArchiveCounts, archive_counts, count_unmatched
from echosearch.db.vectors.generation import IndexedCounts, active_encoder, contents, encoder_row

__all__ = ["Holdings", "Quality", "count_holdings", "count_quality"]


@dataclass(frozen=True)
class Holdings:
    """Files by outcome, and what searches find; None: nothing was ever embedded."""

    files: ArchiveCounts
    searchable: IndexedCounts | None


@dataclass(frozen=True)
class Quality:
    """What was left out, what the videos of each device lack, and reports that belong to no study."""

    reasons: dict[str, int]  # reason -> files
    devices: tuple[DeviceQuality, ...]
    unmatched: int


def count_holdings(archive: Archive) -> Holdings:
    """Count files and what is indexed by the encoder that answers."""
    with archive.engine.connect() as connection:
        encoder = active_encoder(connection)
        row = encoder_row(connection, encoder.fingerprint) if encoder else None
        return Holdings(archive_counts(connection), contents(connection, row) if row is not None else None)


def count_quality(archive: Archive) -> Quality:
    """Count by device and by reason."""
    with archive.engine.connect() as connection:
        return Quality(
            archive_counts(connection).reasons, tuple(device_quality(connection)), count_unmatched(connection)
        )
