"""echosearch status: what became of every file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.archive import Archive, open_archive
from echosearch.cli.audited import audited
from echosearch.cli.contradiction import contradiction_lines
from echosearch.cli.output import say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.db.files.contradictions import contradictions
from echosearch.db.files.jobs import OpenJob, open_jobs
from echosearch.db.files.runs import last_run
from echosearch.db.files.status import archive_counts, link_problems, why
from echosearch.db.studies.report_attempts import ReportCounts, report_counts
from echosearch.db.vectors.coverage import due_counts
from echosearch.db.vectors.generation import active_encoder, contents, encoder_row, generations
from echosearch.errors import InputError
from echosearch.reading.reason_text import MEANING
from echosearch.settings import load_settings
from echosearch.source_file import as_walked
from echosearch.workers.sandbox import protections

__all__ = ["status"]

UNCONFINED = "nothing (this kernel has neither Landlock nor seccomp); read docs/operations.md"


@click.command(short_help="Count what the archive holds and what it left out.")
@click.option("--why", "path", type=as_path, metavar="FILE", help="What became of this file.")
@click.option("--unmatched", is_flag=True, help="List reports that belong to no study, and why.")
@click.option("--identified", is_flag=True, help="With --unmatched: the identifiers they came with.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(path: Path | None, unmatched: bool, identified: bool, as_json: bool) -> None:
    """Count the files found so far: found = indexed + skipped + quarantined + pending, with reasons.

    \b
    echosearch status
    echosearch status --json
    echosearch status --why /pacs/export/IM_0007
    echosearch status --unmatched --identified
    """
    if path is not None and unmatched:
        raise click.UsageError("give --why or --unmatched, not both")
    if identified and not unmatched:
        raise click.UsageError("--identified goes with --unmatched")
    with open_archive(load_settings()) as archive:
        if path is not None:
            _why(archive, path, as_json)
        elif unmatched:
            _unmatched(archive, identified, as_json)
        else:
            _counts(archive, as_json)


def _counts(archive: Archive, as_json: bool) -> None:
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
    if as_json:
        say_json(
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
        return
    say(f"{counts.found} files found")
    for name in ("indexed", "skipped", "quarantined", "pending"):
        say(f"{getattr(counts, name):9d}  {name}")
    if counts.reasons:
        say()
        rows = [(count, reason, MEANING.get(reason, "")) for reason, count in counts.reasons.items()]
        table(("files", "reason", "meaning"), rows, right=("files",))
    if holds and encoder:
        trained = "" if encoder.trained else ", untrained"
        say()
        say(
            f"searchable: {holds.patients} patients, {holds.studies} studies, {holds.videos} videos,"
            f" {holds.reports} reports; by {encoder}{trained}"
        )
    if texts:
        _say_reports(texts)
    for line in contradiction_lines(contradicted):
        say(line)
    if any(due.values()):
        say(f"{sum(due.values())} points are due to the index: the next ingest sends them")
    for one in others:
        say(f"not searched: {one.videos} videos by {one.encoder}, {one.state}")
    for job in jobs:
        _say_job(job)
    say(f"decode workers are confined by: {', '.join(protections()) or UNCONFINED}")


def _say_reports(counts: ReportCounts) -> None:
    if counts.cut:
        say(f"{counts.cut} reports are longer than the encoder reads: their most telling phrases are searched")
    if counts.quarantined:
        say(
            f"{counts.quarantined} reports quarantined: their text ended the process that read it;"
            " echosearch ingest FOLDER --retry-quarantined tries again"
        )


def _say_job(job: OpenJob) -> None:
    workers = [one for one in job.runs if not one.drives]
    driven = "" if len(workers) < len(job.runs) else f", no driver: run its echosearch {job.kind} again"
    walked = "" if job.walked else ", its folder is being walked"
    say(f"job {job.job} ({job.kind}) since {job.started}: {len(workers)} workers{walked}{driven}")
    for one in job.runs:
        role = "driver" if one.drives else "worker"
        done = f"{one.files} files, {one.new_videos} new videos" + (f", most time in {one.stage}" if one.stage else "")
        say(f"  {role} {one.host}: {done}; heard of {one.heartbeat_seconds:.0f} s ago")


def _why(archive: Archive, path: Path, as_json: bool) -> None:
    if path.is_symlink():
        raise InputError(f"{path} is a link: links are not followed and not counted")
    real = as_walked(path)
    with archive.engine.connect() as connection:
        found = why(connection, archive.keyring.path(real))
    if found is None:
        raise InputError(f"{path}: this file has not been ingested")
    if as_json:
        say_json({"path": str(real), **asdict(found), "meaning": MEANING.get(found.reason or "")})
        return
    say(f"{path}: {found.state}" + (f", {found.reason}" if found.reason else ""))
    for line in (found.detail, MEANING.get(found.reason or "")):
        if line:
            say(f"  {line}")
    if found.video:
        sure = f" {found.view_prob:.2f}" if found.view_prob is not None else ""
        view = f", view {found.view}{sure}" if found.view else ""
        say(f"  video {found.video} of study {found.study}{view}")


def _unmatched(archive: Archive, identified: bool, as_json: bool) -> None:
    with archive.engine.connect() as connection:
        problems = link_problems(connection, identified)
    if identified:
        audited(archive, "status unmatched", (one.report for one in problems))
    shown = ["report", "problem"]
    if identified:
        shown += ["study_uid", "accession_number", "patient_id", "study_date"]
    rows: list[dict[str, Any]] = [{name: asdict(problem)[name] for name in shown} for problem in problems]
    if as_json:
        say_json({"reports": rows})
    else:
        table(shown, [[row[name] or None for name in shown] for row in rows])
