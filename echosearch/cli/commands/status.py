"""echosearch status: what became of every file."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echosearch.cli.beside.call import ask_server
from echosearch.cli.output import say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.errors import InputError

if TYPE_CHECKING:  # a server that answers needs none of it here
    from echosearch.archive import Archive

__all__ = ["status"]

STATES = ("quarantined", "skipped", "pending")


@click.command(short_help="Count what the archive holds and what it left out.")
@click.option("--why", "path", type=as_path, metavar="FILE", help="What became of this file.")
@click.option(
    "--files",
    "left_out",
    metavar="REASON",
    help="List the files of this reason, or quarantined, skipped or pending. Paths may say whose they are.",
)
@click.option("--unmatched", is_flag=True, help="List reports that belong to no study, and why.")
@click.option("--identified", is_flag=True, help="With --unmatched: the identifiers they came with.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(path: Path | None, left_out: str | None, unmatched: bool, identified: bool, as_json: bool) -> None:
    """Count the files found so far: found = indexed + skipped + quarantined + pending, with reasons.

    \b
    echosearch status
    echosearch status --json
    echosearch status --files quarantined
    echosearch status --why /pacs/export/IM_0007
    echosearch status --unmatched --identified
    """
    if (path is not None) + (left_out is not None) + unmatched > 1:
        raise click.UsageError("give one of --why, --files and --unmatched")
    if identified and not unmatched:
        raise click.UsageError("--identified goes with --unmatched")
    asked = {"json": as_json}
    counts = path is None and left_out is None and not unmatched
    if counts and (shown := ask_server("status", asked)) is not None:
        shown.show()
        return
    from echosearch.archive import open_archive
    from echosearch.settings import load_settings

    with open_archive(load_settings()) as archive:
        if path is not None:
            _why(archive, path, as_json)
        elif left_out is not None:
            _left_out(archive, left_out, as_json)
        elif unmatched:
            _unmatched(archive, identified, as_json)
        else:
            from echosearch.cli.answers.status import answer_status

            answer_status(archive, "status", asked, sys.stdout.isatty(), "").show()


def _why(archive: Archive, path: Path, as_json: bool) -> None:
    from echosearch.db.files.status import why
    from echosearch.reading.reason_text import MEANING
    from echosearch.source_file import as_walked

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


def _left_out(archive: Archive, which: str, as_json: bool) -> None:
    from echosearch.cli.audited import audited
    from echosearch.db.files.status import left_out_files
    from echosearch.outcome import Reason

    asked = which.lower() if which.lower() in STATES else which.upper()
    if asked not in (*STATES, *Reason):
        raise InputError(
            f"--files {which!r}: no such reason: it is one of {', '.join(STATES)}, or a reason that status counts"
        )
    with archive.engine.connect() as connection:
        files = left_out_files(connection, asked)
    audited(archive, "status files", (), query=asked)
    if as_json:
        say_json({"files": [asdict(file) for file in files]})
        return
    table(("path", "state", "reason", "detail"), [(one.path, one.state, one.reason, one.detail) for one in files])


def _unmatched(archive: Archive, identified: bool, as_json: bool) -> None:
    from echosearch.cli.audited import audited
    from echosearch.db.files.status import link_problems

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
