"""Counts of files by outcome, which add up, and the outcome of one file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from echosearch.outcome import FileState

__all__ = [
    "ArchiveCounts",
    "FileStatus",
    "LeftOutFile",
    "LinkProblem",
    "any_path",
    "archive_counts",
    "count_unmatched",
    "has_files",
    "left_out_files",
    "link_problems",
    "tree_counts",
    "ungated_studies",
    "unlabelled_videos",
    "why",
]

PENDING = (FileState.REGISTERED, FileState.ADMITTED, FileState.EMBEDDED)


@dataclass(frozen=True)
class ArchiveCounts:
    """Counts of all regular files ever found. ``found = indexed + skipped + quarantined + pending``, checked here."""

    found: int
    indexed: int
    skipped: int
    quarantined: int
    pending: int
    reasons: dict[str, int]  # reason -> files, most first

    def __post_init__(self) -> None:
        if self.found != self.indexed + self.skipped + self.quarantined + self.pending:
            raise ValueError(f"the ledger does not add up: {self}")


@dataclass(frozen=True)
class FileStatus:
    """What became of one file."""

    state: str
    reason: str | None
    detail: str | None
    attempts: int
    video: str | None  # pseudonymous keys
    study: str | None
    view: str | None
    view_prob: float | None
    mode: str | None


@dataclass(frozen=True)
class LeftOutFile:
    """A file that is skipped, quarantined or pending. Its path may say whose it is."""

    path: str
    state: str
    reason: str | None
    detail: str | None


@dataclass(frozen=True)
class LinkProblem:
    """A report that is linked to no study. Identifiers only where they were asked for."""

    report: str
    problem: str
    study_uid: str | None = None
    accession_number: str | None = None
    patient_id: str | None = None
    study_date: str | None = None


def has_files(connection: Connection) -> bool:
    """Return True if any file was ever found: then pseudonyms have been made with the key."""
    return bool(connection.scalar(text("select exists (select 1 from core.source_file)")))


def any_path(connection: Connection) -> tuple[str, bytes] | None:
    """Return key and path of some file that was found, None if there is none."""
    row = connection.execute(
        text(
            "select cast(f.path_key as text), p.path from core.source_file f"
            " join phi.source_path p on p.file_id = f.id limit 1"
        )
    ).one_or_none()
    return None if row is None else (row[0], row[1])


def archive_counts(connection: Connection) -> ArchiveCounts:
    """Return the counts of every file ever found."""
    return _counts(connection, "core.source_file f", {})


def tree_counts(connection: Connection, root: Path) -> ArchiveCounts:
    """Return the counts of the files below a folder (or of one file), by an index of the beginnings of paths."""
    folder = os.fsencode(root).rstrip(b"/")
    begin = "substring(p.path from 1 for 200)"  # as in ix_source_path_begin
    bound = {"root": folder, "first": folder + b"/", "last": folder + b"0"}  # "0" is what follows "/"
    return _counts(
        connection,
        "core.source_file f join phi.source_path p on p.file_id = f.id"
        f" and {begin} >= substring(:root from 1 for 200) and {begin} <= substring(:last from 1 for 200)"
        " and (p.path = :root or (p.path > :first and p.path < :last))",
        bound,
    )


def _counts(connection: Connection, files: str, bound: dict[str, bytes]) -> ArchiveCounts:
    rows = connection.execute(
        text(f"select f.state, f.reason, count(*) as n from {files} group by f.state, f.reason"), bound
    ).all()
    by_state: dict[str, int] = {}
    reasons: dict[str, int] = {}
    for row in rows:
        by_state[row.state] = by_state.get(row.state, 0) + row.n
        if row.reason is not None:
            reasons[row.reason] = reasons.get(row.reason, 0) + row.n
    return ArchiveCounts(
        found=sum(by_state.values()),
        indexed=by_state.get(FileState.INDEXED, 0),
        skipped=by_state.get(FileState.SKIPPED, 0),
        quarantined=by_state.get(FileState.QUARANTINED, 0),
        pending=sum(by_state.get(state, 0) for state in PENDING),
        reasons=dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )


def ungated_studies(connection: Connection, encoder_id: int) -> int:
    """Return how many study vectors are means of all cines, because no view label passed the gate."""
    query = text("select count(*) from core.study_embedding where encoder_id = :encoder and not gated")
    return int(connection.execute(query, {"encoder": encoder_id}).scalar_one())


def unlabelled_videos(connection: Connection, encoder_id: int) -> int:
    """Return how many videos have no view, where a classifier has labelled others; 0 where none ever has."""
    query = text(
        "select count(*) from core.embedding e join core.video v using (video_key) where e.encoder_id = :encoder"
        " and v.view is null and exists (select from core.video where view_source <> 'csv')"
    )
    return int(connection.execute(query, {"encoder": encoder_id}).scalar_one())


def why(connection: Connection, path_key: str) -> FileStatus | None:
    """Return the outcome of the file with this path key, None if it has not been ingested."""
    row = connection.execute(
        text(
            "select f.state, f.reason, f.detail, f.attempts, cast(f.video_key as text) as video,"
            " cast(v.study_key as text) as study, v.view, v.view_prob, v.mode"
            " from core.source_file f left join core.video v on v.video_key = f.video_key where f.path_key = :key"
        ),
        {"key": path_key},
    ).one_or_none()
    return None if row is None else FileStatus(**row._mapping)


def left_out_files(connection: Connection, which: str) -> list[LeftOutFile]:
    """Return the files of a reason, or of ``which`` of "skipped", "quarantined" and "pending", in the order of their
    paths.
    """
    states = PENDING if which == "pending" else (which,)
    rows = connection.execute(
        text(
            "select p.path, f.state, f.reason, f.detail from core.source_file f"
            " join phi.source_path p on p.file_id = f.id where f.state = any(:states) or f.reason = :which"
            " order by p.path"
        ),
        {"states": list(states), "which": which},
    )
    return [LeftOutFile(os.fsdecode(bytes(row.path)), row.state, row.reason, row.detail) for row in rows]


def link_problems(connection: Connection, identified: bool = False) -> list[LinkProblem]:
    """Return the reports that are linked to no study, and why."""
    rows = connection.execute(
        text(
            "select cast(r.report_key as text) as report, r.link_problem as problem, p.study_uid, p.accession_number,"
            " p.patient_id, cast(p.study_date as text) as study_date"
            " from core.report r join phi.report p using (report_key) where r.study_key is null order by r.seq"
        )
    )
    return [LinkProblem(**row._mapping) if identified else LinkProblem(row.report, row.problem) for row in rows]


def count_unmatched(connection: Connection) -> int:
    """Count the reports that are linked to no study."""
    return int(connection.scalar(text("select count(*) from core.report where study_key is null")) or 0)
