"""echosearch opt-out: patients of whom the archive keeps nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import recorded
from echosearch.cli.output import counted, note, say, say_json
from echosearch.cli.path_type import as_path
from echosearch.cli.progress import drawing
from echosearch.errors import InputError
from echosearch.report.encoding import ENCODINGS
from echosearch.report.identifier import read_identifier
from echosearch.settings import load_settings

if TYPE_CHECKING:
    from echosearch.archive import Archive
    from ingest.opt_out import OptOutPlan, OptOutSummary, WhoOptsOut

__all__ = ["opt_out"]


@click.command("opt-out", short_help="Erase patients who have opted out, and refuse what comes of them.")
@click.argument("patient_ids", metavar="[PATIENT_ID]...", nargs=-1)
@click.option("--list", "file", type=as_path, metavar="CSV", help="Patients: column patient_id; others are not read.")
@click.option("--study", metavar="STUDY", help="The patient of this study: its whole key or StudyInstanceUID.")
@click.option("--everyone", is_flag=True, help="Where several patients have one id, all of them.")
@click.option("--as-written", is_flag=True, help="Take ids as they are, though one differs only by zeros in front.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of the CSV, where it cannot be found out.")
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@click.option("--undo", is_flag=True, help="Take the opt-outs back: the next ingest reads the files again.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="As JSON; with --yes, --undo or --dry-run.")
def opt_out(
    patient_ids: tuple[str, ...],
    file: Path | None,
    study: str | None,
    everyone: bool,
    as_written: bool,
    encoding: str | None,
    dry_run: bool,
    undo: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase all that the archive has of these patients, and leave out their files and reports from now on.

    Also of patients who are not here yet. Files of the export stay where they are; so do the audit, members of frozen
    cohorts (never shown or exported any more), and what encoders and probes have learnt (docs/opt-out.md). A list may
    be given again at any time: run it after every restore of a backup. Ids given as arguments stay in the history of
    your shell, those of a list do not.

    \b
    echosearch opt-out --list optout.csv --dry-run
    echosearch opt-out --list optout.csv
    echosearch opt-out 0001234 --yes
    echosearch opt-out --study 1.2.392.200036.9116.1
    echosearch opt-out --undo 0001234
    """
    from ingest.opt_out import WhoOptsOut, plan_opt_out, read_list

    if not (patient_ids or file or study):
        raise click.UsageError("say who opts out: PATIENT_ID, --list CSV or --study STUDY")
    if encoding is not None and file is None:
        raise click.UsageError("--encoding goes with --list")
    if undo and dry_run:
        raise click.UsageError("give --undo or --dry-run, not both")
    if as_json and not (yes or undo or dry_run):
        raise click.UsageError("--json asks nobody: give --yes with it, or --dry-run")
    listed = dict(read_list(file, encoding)) if file is not None else {}
    for number, one in enumerate(patient_ids, 1):
        listed.setdefault(_identifier(one, number), f"PATIENT_ID {number}")
    who = WhoOptsOut(tuple(listed.items()), study, everyone, as_written)
    with open_archive(load_settings()) as archive:
        if undo:
            _take_back(archive, who, as_json)
            return
        plan = plan_opt_out(archive, who)
        if dry_run:
            counts = {name: getattr(plan, name) for name in ("patients", "here", "studies", "videos", "reports")}
            say_json(counts) if as_json else say(_planned(plan))
        elif yes or _is_meant(plan):
            _erase(archive, who, plan, as_json)


def _identifier(text: str, number: int) -> str:
    """Return an id as tables give it. Raises InputError that does not repeat it."""
    try:
        patient_id = read_identifier(text)
    except ValueError as error:
        raise InputError(f"PATIENT_ID {number}: {error}") from None
    if not patient_id:
        raise InputError(f"PATIENT_ID {number} is empty: each names a patient")
    return patient_id


def _is_meant(plan: OptOutPlan) -> bool:
    note(_planned(plan))
    if click.confirm("Erase this, and refuse what comes of these patients?", err=True):
        return True
    note("nothing was erased")
    return False


def _planned(plan: OptOutPlan) -> str:
    return (
        f"{counted(plan.patients, 'patient')}, {plan.here} of them here:"
        f" {counted(plan.studies, 'study', 'studies')}, {counted(plan.videos, 'video')} and"
        f" {counted(plan.reports, 'report')} would be erased"
    )


def _erase(archive: Archive, who: WhoOptsOut, plan: OptOutPlan, as_json: bool) -> None:
    from ingest.opt_out import erase_people

    recorded(archive, "opt-out", sorted({key.owner for key in plan.keys}))
    with drawing("studies") as draw:
        summary = erase_people(archive, who, lambda done: draw(done, plan.studies))
    say_json(asdict(summary)) if as_json else _say(summary)


def _say(made: OptOutSummary) -> None:
    say(f"{counted(made.patients, 'patient has', 'patients have')} opted out, {made.new} of them new")
    say(
        f"erased: {counted(made.studies, 'study', 'studies')}, {counted(made.videos, 'video')},"
        f" {counted(made.reports, 'report')}"
    )
    if made.here < made.patients:
        absent = made.patients - made.here
        note(f"{absent} of them had no study here: files and reports of theirs will be left out when they come")
    if made.files:
        files = counted(made.files, "file of theirs stays", "files of theirs stay")
        note(f"{files} in the export: echosearch status --files OPTED_OUT names the files that are left out")
    if made.frozen_members:
        members, cohorts = counted(made.frozen_members, "member"), counted(made.frozen_cohorts, "frozen cohort")
        note(f"{members} of {cohorts} will not be shown or exported any more")
    if made.studies:
        note("encoders that were trained and probes that were fitted with them keep what they have learnt: fit anew")


def _take_back(archive: Archive, who: WhoOptsOut, as_json: bool) -> None:
    from ingest.opt_out import take_back_opt_outs

    recorded(archive, "opt-out taken back")
    taken = take_back_opt_outs(archive, who)
    if as_json:
        say_json({"taken_back": taken})
        return
    say(f"{counted(taken, 'opt-out')} taken back")
    if taken:
        note("the next ingest reads the files again; give the tables of reports and views with it")
