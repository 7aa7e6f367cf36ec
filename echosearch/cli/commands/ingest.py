"""echosearch ingest: a PACS export into the archive."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echosearch.cli.commands.sources.arriving import LOG_JSON, METRICS, run_dicomweb, run_on, run_once, run_watch
from echosearch.cli.contradiction import contradiction_lines
from echosearch.cli.output import SLOW_INDEX, counted, note, say, say_json
from echosearch.cli.path_type import as_path, as_source
from echosearch.errors import InputError
from echosearch.outcome import Reason
from echosearch.report.encoding import ENCODINGS
from echosearch.settings import load_settings

if TYPE_CHECKING:
    from echosearch.outcome import Outcome
    from ingest.options import IngestSummary, TableRows
    from ingest.reembed import ReembedSummary

__all__ = ["PLACES", "SOME_FAILED", "ingest", "say_work"]

SOME_FAILED = 3
PLACES = ("ray", "workers")
NO_FILE = "no file was found: is it the right folder, and is its disk mounted?"


@click.command(short_help="Read a PACS export into the archive.")
@click.argument("source", type=as_source, metavar="FOLDER")
@click.option("--watch", is_flag=True, help="Go on with what arrives in FOLDER, until Ctrl-C or SIGTERM.")
@click.option("--study-date", metavar="DAYS", help="Of a DICOMweb source: 2015-, 2015-2019, 20150401-20160331.")
@click.option("--to", "inbox", type=as_path, metavar="INBOX", help="Where a DICOMweb source's files go; HOME/inbox.")
@click.option("--rate", type=click.FloatRange(0.01), metavar="N", help="Fetch at most N objects a second.")
@click.option("--between", metavar="HOURS", help="Fetch only at these hours, as 22:00-06:00.")
@click.option(
    "--reports", type=as_path, metavar="CSV", help="Reports: report_text and study_uid, accession_number, ..."
)
@click.option("--views", type=as_path, metavar="CSV", help="View labels: sop_uid or path, view, view_prob.")
@click.option("--sidecar", type=as_path, metavar="CSV", help="Whose each mp4 or avi is: path, study_uid, ...")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of the CSVs, where it cannot be found out.")
@click.option("--replace", is_flag=True, help="Let reports replace good texts by texts without any known word.")
@click.option("--secondary-capture", is_flag=True, help="Also take screen captures; they may show names.")
@click.option("--retry-quarantined", is_flag=True, help="Try files and reports again that failed before.")
@click.option("--batch-size", type=click.IntRange(1, 4096), metavar="N", help="Clips in one encoder batch.")
@click.option("--on", type=click.Choice(PLACES), help="Share the work: ray, or workers that you start (--workers).")
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="With --on: how many to start.")
@click.option("--dry-run", is_flag=True, help="Only say what each file is taken for; nothing is stored.")
@METRICS
@LOG_JSON
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON; with --watch one a line, as it goes on.")
@click.pass_context
def ingest(
    ctx: click.Context,
    /,
    source: Path | str,
    watch: bool,
    study_date: str | None,
    inbox: Path | None,
    rate: float | None,
    between: str | None,
    on: str | None,
    workers: int | None,
    dry_run: bool,
    metrics: str | None,
    log_json: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Read FOLDER (or one file, or a PACS by DICOMweb) into the archive: DICOM without regard to names, mp4 and avi.

    Safe to stop and to run again: what is done is not done twice. Ends with 3 when some files could not be read;
    `echosearch status` counts them and `echosearch status --files quarantined` names them, and says why.

    \b
    echosearch ingest /pacs/export
    echosearch ingest /pacs/export --reports reports.csv --views views.csv
    echosearch ingest /pacs/export --dry-run
    echosearch ingest /pacs/inbox --watch --metrics 127.0.0.1:9464
    echosearch ingest dicomweb+https://pacs.example/dicom-web --study-date 2015- --between 22:00-06:00
    echosearch ingest /pacs/export --on ray --workers 8
    """
    from ingest.options import IngestOptions
    from ingest.sources.hours import read_hours

    remote = isinstance(source, str)
    _check_options(remote, watch, dry_run, study_date, inbox or rate or between)
    _check_places(on, workers, remote or watch or dry_run)
    for path in (
        *(() if isinstance(source, str) else (source,)),
        *(given[name] for name in ("reports", "views", "sidecar") if given[name]),
    ):
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
    options = IngestOptions(**given)
    settings = load_settings()
    if isinstance(source, str):
        hours = read_hours(between) if between else None
        summary = run_dicomweb(
            settings, source, inbox, study_date or "", options, rate, hours, as_json, metrics, log_json
        )
    elif dry_run:
        from ingest.dry_run import dry_run as inspect_each

        _say_outcomes(inspect_each(settings, source, options), as_json)
        return
    elif watch:
        summary = run_watch(settings, source, options, as_json, metrics, log_json)
    elif on is not None:
        summary = run_on(settings, on, workers, source, options, metrics, log_json)
    else:
        summary = run_once(settings, source, options, metrics, log_json)
    if as_json and watch:
        say_json(asdict(summary), indent=None)
    elif as_json:
        say_json(asdict(summary))
    else:
        _say_summary(summary, remote)
    if summary.failed:
        ctx.exit(SOME_FAILED)


def _check_options(remote: bool, watch: bool, dry_run: bool, study_date: str | None, of_remote: object) -> None:
    if remote and not study_date:
        raise click.UsageError("a DICOMweb source needs --study-date, as 2015-")
    if remote and (watch or dry_run):
        raise click.UsageError("--watch and --dry-run go with a folder")
    if not remote and (study_date or of_remote):
        raise click.UsageError("--study-date, --to, --rate and --between go with a DICOMweb source")
    if watch and dry_run:
        raise click.UsageError("give --watch or --dry-run, not both")


def _check_places(on: str | None, workers: int | None, elsewhere: bool) -> None:
    if workers is not None and on is None:
        raise click.UsageError("--workers goes with --on")
    if on is not None and elsewhere:
        raise click.UsageError("--on goes with a folder, without --watch and --dry-run")


def _say_files(summary: IngestSummary, remote: bool) -> None:
    say(
        f"{counted(summary.found, 'file')}: {summary.indexed} indexed, {summary.skipped} skipped,"
        f" {summary.quarantined} quarantined, {summary.pending} pending"
    )
    for reason, count in summary.reasons.items():
        say(f"  {count:7d}  {reason}")
    if packed := summary.reasons.get(Reason.PACKED):
        note(f"{counted(packed, 'packed file')} left out: unpack them; echosearch status --files packed names them")
    if summary.quarantined:
        note("echosearch status --files quarantined names the quarantined files, with what is wrong")
    for folder, why in summary.unread.items():
        note(f"{folder} cannot be looked into: {why}; its files are not counted above")
    if not (remote or summary.found or summary.unread):
        note(NO_FILE)


def _say_reports(summary: IngestSummary) -> None:
    if summary.reports is not None:
        links = summary.reports
        say(
            f"reports: {links.linked} linked, {links.unmatched} unmatched, {links.ambiguous} ambiguous,"
            f" {links.conflict} contradicted"
        )
        if links.unmatched or links.ambiguous or links.conflict:
            note("echosearch status --unmatched lists the reports that belong to no study")
        if links.superseded:
            earlier = counted(links.superseded, "linked report is", "linked reports are")
            note(f"{earlier} not searched: a study's last report counts; put an addendum into one row with its report")
    if summary.opted_out_reports:
        note(f"{counted(summary.opted_out_reports, 'report')} not stored: of patients who have opted out")


def _say_summary(summary: IngestSummary, remote: bool) -> None:
    _say_files(summary, remote)
    _say_reports(summary)
    for name, rows in (("views", summary.views), ("sidecar", summary.sidecar)):
        if rows is not None:
            _say_rows(name, rows)
    for line in contradiction_lines(summary.contradictions):
        note(line)
    if summary.ungated_studies:
        made = counted(summary.ungated_studies, "study vector is", "study vectors are")
        note(f"{made} made of all cines: no view label passed the gate (--views)")
    if summary.unlabelled_videos:
        bare = counted(summary.unlabelled_videos, "video has", "videos have")
        note(
            f"{bare} no view: no view classifier is in use, as was before; echosearch encoder use chooses one for the"
            " next ingest, --views labels these"
        )
    if summary.healed:
        note(f"the index differed from the database in {counted(summary.healed, 'point')}: it has been made right")
    say_work(summary)


def _say_rows(name: str, rows: TableRows) -> None:
    """How many rows of a table name no file, and the first of them by line and column; never what they say."""
    say(f"{name}: {counted(rows.rows, 'row')}, {counted(rows.unmatched, 'names', 'name')} no file")
    for row in rows.first_unmatched:
        nearest = f"; nearest is {row.nearest}" if row.nearest else ""
        what = "no video with this UID" if row.column == "sop_uid" else "no such file"
        note(f"--{name}, line {row.line}, column {row.column}: {what} has been ingested{nearest}")
    if rows.unmatched > len(rows.first_unmatched):
        more = counted(rows.unmatched - len(rows.first_unmatched), "more row names", "more rows name")
        note(f"--{name}: {more} no file")
    if rows.unknown_views:
        counts = counted(rows.unknown_views, "row names a view", "rows name a view")
        lines = ", ".join(map(str, rows.first_unknown_views))
        more = ", ..." if rows.unknown_views > len(rows.first_unknown_views) else ""
        note(f"--{name}: {counts} that none of the six is called, and counts as Other: line {lines}{more}")


def say_work(summary: IngestSummary | ReembedSummary) -> None:
    """Print the end of an ingest or a re-embedding: what searches will lack, and the time it took."""
    if summary.unread_texts:
        note(
            "reports are linked, not searchable: this encoder came without its vocabulary (encoder import --tokenizer)"
        )
    if summary.cut_reports:
        cut = counted(summary.cut_reports, "report is", "reports are")
        note(f"{cut} longer than the encoder reads: the most telling phrases are searched")
    if summary.quarantined_reports:
        lost = counted(summary.quarantined_reports, "report is", "reports are")
        note(f"{lost} not searchable: the text ended the process that read it, twice; --retry-quarantined tries again")
    if summary.slow_index:
        note(SLOW_INDEX)
    rate = summary.new_videos / summary.seconds if summary.seconds else 0.0
    slowest = f"; most time went into {summary.bottleneck}" if summary.bottleneck else ""
    say(f"{counted(summary.new_videos, 'new video')} in {summary.seconds:.1f} s ({rate:.1f}/s){slowest}")


def _say_outcomes(outcomes: Iterable[tuple[Path, Outcome]], as_json: bool) -> None:
    """What each file is taken for: its path and one line, as they come; at the end the counts."""
    from echosearch.video import VideoHeader

    counts: Counter[str] = Counter()
    listed = []
    for path, outcome in outcomes:
        if isinstance(outcome, VideoHeader):
            counts["video"] += 1
            what = f"video, {outcome.mode}, {outcome.n_frames} frames"
        else:
            counts[outcome.reason] += 1
            what = str(outcome)
        if as_json:
            listed.append({"path": str(path), "taken_for": what})
        else:
            say(f"{path!s}\t{what}")
    if as_json:
        say_json({"files": listed, "counts": dict(counts)})
    else:
        shown = (counted(n, name) if name == "video" else f"{n} {name}" for name, n in counts.most_common())
        note(", ".join(shown) or NO_FILE)
