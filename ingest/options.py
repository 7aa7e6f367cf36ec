"""The options of an ingest, and its summary."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from echosearch.db.files.contradictions import Contradictions
from echosearch.db.studies.reports import LinkCounts

__all__ = ["IngestOptions", "IngestSummary", "TableRows", "UnmatchedRow"]


@dataclass(frozen=True)
class UnmatchedRow:
    """A row of a table that names no file, by its line and column; never by its content."""

    line: int
    column: str  # path or sop_uid
    nearest: str | None = None  # a file under the ingested root that may have been meant


@dataclass(frozen=True)
class TableRows:
    """The rows of a table of views or identities: how many there are, how many name no file, and how many give a view
    that none of the six is called.
    """

    rows: int
    unmatched: int
    first_unmatched: tuple[UnmatchedRow, ...] = ()
    unknown_views: int = 0  # they count as Other
    first_unknown_views: tuple[int, ...] = ()  # lines


@dataclass(frozen=True)
class IngestOptions:
    reports: Path | None = None  # CSV of report texts
    views: Path | None = None  # CSV of view labels
    sidecar: Path | None = None  # CSV with the identity of mp4 and avi files
    encoding: str | None = None  # of the CSVs, a name in ENCODINGS; None: found out
    replace: bool = False  # reports may replace known texts by texts without any known word
    secondary_capture: bool = False  # also take Secondary Capture objects: they may hold screen grabs with names
    retry_quarantined: bool = False
    batch_size: int | None = None  # clips per encoder batch; default by device


@dataclass(frozen=True)
class IngestSummary:
    """The outcome of the files under the ingested root: ``found = indexed + skipped + quarantined + pending``."""

    found: int
    indexed: int
    skipped: int
    quarantined: int
    pending: int
    reasons: dict[str, int] = field(default_factory=dict)
    new_videos: int = 0  # embedded in this run
    encoder_batches: int = 0
    index_writes: int = 0  # points sent or deleted in this run
    healed: int = 0  # points in which the index differed from the database when the run began
    new_reports: int = 0
    reports: LinkCounts | None = None  # of the whole archive
    opted_out_reports: int = 0  # rows of the table given in this run, of patients who have opted out: not stored
    cut_reports: int = 0  # of the whole archive: searchable, though the encoder does not read all of their text
    quarantined_reports: int = 0  # their text ended the process that read it
    views: TableRows | None = None  # of the table given in this run
    sidecar: TableRows | None = None
    contradictions: Contradictions | None = None  # of the whole archive: sexes, birth dates and ages that differ
    unread: dict[str, str] = field(default_factory=dict)  # folders whose files are not counted, and why
    ungated_studies: int = 0  # study vectors made of all cines, because no view label passed the gate
    unlabelled_videos: int = 0  # without a view, as no classifier is in use, where one has labelled others
    unread_texts: bool = False  # reports are linked that this encoder, without a vocabulary, cannot read
    slow_index: bool = False  # the disk has no room for what makes searches fast
    seconds: float = 0.0
    stage_seconds: dict[str, float] = field(default_factory=dict)
    bottleneck: str = ""

    @property
    def failed(self) -> bool:
        """True if some files or reports should have been indexed and are not, or a folder could not be listed."""
        return bool(self.quarantined or self.pending or self.unread or self.quarantined_reports)
