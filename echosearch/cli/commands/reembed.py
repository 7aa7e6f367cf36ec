"""echosearch reembed: the archive through another encoder."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echosearch.archive import open_archive
from echosearch.cli.commands.encoder import say_caveats, say_licence, say_override
from echosearch.cli.commands.ingest import PLACES, SOME_FAILED, say_work
from echosearch.cli.output import counted, note, say, say_json
from echosearch.cli.path_type import as_path
from echosearch.cli.progress import ingesting
from echosearch.encoder.bundle.installed import bundle_in_use, find_own_bundle, install_bundle, use_bundle
from echosearch.settings import load_settings

if TYPE_CHECKING:
    from ingest.reembed import ReembedSummary

__all__ = ["reembed"]


@click.command(short_help="Embed the archive with another encoder.")
@click.argument("folder", metavar="[FOLDER|NAME]", type=as_path, required=False)
@click.option("--no-promote", is_flag=True, help="Only make the vectors; the present encoder still answers.")
@click.option("--leave-out-missing", is_flag=True, help="Let it answer though some videos could not be embedded.")
@click.option("--name-files", is_flag=True, help="Name files that could not be embedded, the first 20.")
@click.option("--batch-size", type=click.IntRange(1, 4096), metavar="N", help="Clips in one encoder batch.")
@click.option("--on", type=click.Choice(PLACES), help="Share the work: ray, or workers that you start (--workers).")
@click.option("--workers", type=click.IntRange(1, 1024), metavar="N", help="With --on: how many to start.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
@click.pass_context
def reembed(
    ctx: click.Context,
    /,
    folder: Path | None,
    no_promote: bool,
    leave_out_missing: bool,
    name_files: bool,
    on: str | None,
    workers: int | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Embed all videos and reports of the archive with the encoder in FOLDER, or of that NAME; default: the one in use.

    The encoder before answers meanwhile. When nothing is missing, the new one is put in use and answers; the vectors
    of the one before are kept, so that `echosearch reembed NAME` goes back to it at once, and `echosearch index drop
    NAME` frees their space. Safe to stop and to run again. Ends with 3 where some videos could not be embedded: then
    nothing changes, unless --leave-out-missing is given.

    \b
    echosearch reembed ./retrained
    echosearch reembed ./retrained --no-promote
    echosearch reembed phantom-tiny
    echosearch reembed ./retrained --on ray --workers 8
    """
    if workers is not None and on is None:
        raise click.UsageError("--workers goes with --on")
    if no_promote and leave_out_missing:
        raise click.UsageError("--leave-out-missing says what a promotion may leave out: not with --no-promote")
    from ingest.jobs.ingest_on import reembed_on
    from ingest.reembed import ReembedOptions, reembed

    settings = load_settings()
    named = find_own_bundle(settings.home, folder) if folder else bundle_in_use(settings.home, settings.encoder)
    own = install_bundle(settings.home, named)
    options = ReembedOptions(promote=not no_promote, leave_out_missing=leave_out_missing, **given)
    with open_archive(settings.model_copy(update={"encoder": own})) as archive, ingesting("videos") as draw:
        if on is not None:
            made = reembed_on(on, workers, archive, options, draw, note)
        else:
            made = reembed(archive, options, draw)
    if made.promoted:
        use_bundle(settings.home, own)
    if not name_files:
        made = replace(made, files={})
    if as_json:
        say_json(asdict(made))
    else:
        _say(made)
        say_licence(own)
        say_caveats(made.encoder)
    if made.promoted:
        say_override(settings)
    if made.missing:
        ctx.exit(SOME_FAILED)


def _say(made: ReembedSummary) -> None:
    say(
        f"{made.embedded} of {counted(made.videos, 'video')} embedded by {made.encoder}, {made.new_videos} of them now;"
        f" {counted(made.indexed.studies, 'study', 'studies')}, {counted(made.indexed.reports, 'report')}"
    )
    for reason, count in made.reasons.items():
        say(f"  {count:7d}  {reason}")
    for path, why in made.files.items():
        note(f"{path}: {why}")
    if made.missing and not made.files:
        note("--name-files names the first of those that are missing")
    changed = made.encoder.fingerprint != made.before.fingerprint
    if made.promoted and changed:
        say(f"{made.encoder} answers from now on; the vectors of {made.before} are kept")
    elif changed and not made.embedded:
        say(f"{made.before} still answers: not one video could be embedded")
    elif changed and made.missing:
        say(
            f"{made.before} still answers: bring the files back, ingest what has changed and run this again,"
            " or give --leave-out-missing"
        )
    elif changed:
        say(f"{made.before} still answers: the same command without --no-promote hands over")
    say_work(made)
