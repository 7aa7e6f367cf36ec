"""What status answers: what became of every file, and what can be searched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from echosearch.archive import Archive
from echosearch.cli.contradiction import contradiction_lines
from echosearch.cli.output import counted
from echosearch.cli.shown import Shown
from echosearch.db.files.contradictions import contradictions
from echosearch.db.files.jobs import OpenJob, open_jobs
from echosearch.db.files.runs import last_run
from echosearch.db.files.status import archive_counts
from echosearch.db.studies.report_attempts import ReportCounts, report_counts
from echosearch.db.vectors.coverage import due_counts
from echosearch.db.vectors.generation import active_encoder, contents, encoder_row, generations
from echosearch.reading.reason_text import MEANING
from echosearch.workers.sandbox import protections

__all__ = ["answer_status"]

UNCONFINED = "nothing (this kernel has neither Landlock nor seccomp); read docs/operations.md"


def answer_status(archive: Archive, _command: str, asked: Mapping[str, Any], terminal: bool, _user: str) -> Shown:
    """Count what the archive holds."""
    shown = Shown(terminal)
    with archive.engine.connect() as connection:
        counts = archive_counts(connection)
        encoder = active_encoder(connection)
        row = encoder_row(connection, encoder.fingerprint) if encoder else None
        holds = contents(connection, row) if row is not None else None
        texts = report_counts(connection, row) if row is not None else None
        contradicted = contradictions(connection)
        due, last = due_counts(connection), last_run(connection)
        jobs = open_jobs(connection)
        others = [one for one in generations(connection) if one.state != "active"]
    if asked["json"]:
        shown.json(
            {
                **asdict(counts),
                "encoder": asdict(encoder) if encoder else None,
                **(asdict(holds) if holds else {"patients": 0, "studies": 0, "videos": 0, "reports": 0}),
                "cut_reports": texts.cut if texts else 0,
                "quarantined_reports": texts.quarantined if texts else 0,
                "contradictions": asdict(contradicted),
                "other_encoders": [asdict(one) for one in others],
                "jobs": [asdict(one) for one in jobs],
                "worker_protections": protections(),
                "points_due": due,
                "last_run": asdict(last) if last else None,
            }
        )
        return shown
    shown.say(f"{counted(counts.found, 'file')} found")
    for name in ("indexed", "skipped", "quarantined", "pending"):
        shown.say(f"{getattr(counts, name):9d}  {name}")
    if counts.reasons:
        shown.say()
        rows = [(count, reason, MEANING.get(reason, "")) for reason, count in counts.reasons.items()]
        shown.table(("files", "reason", "meaning"), rows, right=("files",))
    if holds and encoder:
        trained = "" if encoder.trained else ", untrained"
        shown.say()
        shown.say(
            f"searchable: {counted(holds.patients, 'patient')}, {counted(holds.studies, 'study', 'studies')},"
            f" {counted(holds.videos, 'video')}, {counted(holds.reports, 'report')}; by {encoder}{trained}"
        )
    if texts:
        _say_reports(shown, texts)
    for line in contradiction_lines(contradicted):
        shown.say(line)
    if any(due.values()):
        points = counted(sum(due.values()), "point is", "points are")
        shown.say(f"{points} due to the index: the next ingest sends what is due")
    for one in others:
        shown.say(f"not searched: {counted(one.videos, 'video')} by {one.encoder}, {one.state}")
    for job in jobs:
        _say_job(shown, job)
    shown.say(f"decode workers are confined by: {', '.join(protections()) or UNCONFINED}")
    return shown


def _say_reports(shown: Shown, counts: ReportCounts) -> None:
    if counts.cut:
        cut = counted(counts.cut, "report is", "reports are")
        shown.say(f"{cut} longer than the encoder reads: the most telling phrases are searched")
    if counts.quarantined:
        shown.say(
            f"{counted(counts.quarantined, 'report')} quarantined: the text ended the process that read it;"
            " echosearch ingest FOLDER --retry-quarantined tries again"
        )


def _say_job(shown: Shown, job: OpenJob) -> None:
    workers = [one for one in job.runs if not one.drives]
    driven = "" if len(workers) < len(job.runs) else f", no driver: run its echosearch {job.kind} again"
    walked = "" if job.walked else ", its folder is being walked"
    shown.say(f"job {job.job} ({job.kind}) since {job.started}: {counted(len(workers), 'worker')}{walked}{driven}")
    for one in job.runs:
        role = "driver" if one.drives else "worker"
        done = f"{counted(one.files, 'file')}, {counted(one.new_videos, 'new video')}"
        done += f", most time in {one.stage}" if one.stage else ""
        shown.say(f"  {role} {one.host}: {done}; heard of {one.heartbeat_seconds:.0f} s ago")
