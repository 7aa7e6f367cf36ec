"""echosearch preview: make the masked cines that pages show, and take one out."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echosearch.archive import open_archive
from echosearch.atomic import whole_file
from echosearch.cli.lazy import LazyGroup
from echosearch.cli.output import counted, note, say, say_json
from echosearch.cli.path_type import as_path
from echosearch.cli.progress import drawing
from echosearch.errors import ArchiveError
from echosearch.settings import load_settings

if TYPE_CHECKING:
    from echosearch.preview.values import PreviewSize

__all__ = ["COMMANDS", "make", "preview", "show"]

# name -> (where it is, what `echosearch preview --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "make": ("echosearch.cli.commands.preview:make", "Make all previews that are lacking."),
    "show": ("echosearch.cli.commands.preview:show", "Save the preview of one video."),
}
SIZE = click.Choice(["card", "study"])
QUIET = 10  # niceness: searches and an ingest go first


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Make masked previews of cines.")
def preview() -> None:
    """Make masked previews of cines, as the web pages show them (docs/previews.md).

    \b
    echosearch preview make
    echosearch preview show 3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d --out cine.mp4
    """


@click.command(short_help="Make all previews that are lacking.")
@click.option("--size", type=SIZE, default="card", show_default=True, help="card: up to 368 x 300; study: 700 x 570.")
@click.option("--json", "as_json", is_flag=True, help="The counts as JSON.")
def make(size: PreviewSize, as_json: bool) -> None:
    """Make the previews that are lacking, of every video that a search can find, and remove those of no such video.

    The pages make what is lacking when it is first looked at; after this they need not. It runs at low priority, and is
    safe to stop and to run again. It stops making where ECHOSEARCH_PREVIEW_MB is used up.

    \b
    echosearch preview make
    echosearch preview make --size study --json
    """
    from echosearch.preview.job import make_previews
    from echosearch.preview.store import Previews

    os.nice(QUIET)
    with open_archive(load_settings()) as archive, Previews(archive) as previews, drawing("videos") as draw:
        counts = make_previews(previews, size, draw)
    if as_json:
        say_json({"size": size, **asdict(counts)})
        return
    there = counted(counts.present, "preview was", "previews were")
    say(f"{counted(counts.videos, 'video')}: {there} there, {counted(counts.made, 'is', 'are')} made")
    for reason, number in counts.refused.items():
        say(f"  {number:7d}  without a preview: {reason}")
    if counts.swept:
        files = counted(counts.swept, "file")
        say(f"removed: {files} of videos that are not found any more")
    if counts.no_room:
        left_out = counted(counts.no_room, "video is", "videos are")
        note(f"{left_out} left out: raise ECHOSEARCH_PREVIEW_MB, or give the disk more room")


@click.command(short_help="Save the preview of one video.")
@click.argument("video")
@click.option("--out", type=as_path, required=True, metavar="FILE", help="A .mp4 file; .jpg: the poster.")
@click.option(
    "--size", type=SIZE, default="study", show_default=True, help="card: 368 x 300 at most; study: 700 x 570."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show(video: str, out: Path, size: PreviewSize, as_json: bool) -> None:
    """Save the masked preview of VIDEO, a video's key as `echosearch query --json` gives it.

    A preview is still patient data: the mask takes lettering away as far as was measured (docs/previews.md), and a
    heart can be recognised.

    \b
    echosearch preview show 3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d --out cine.mp4
    echosearch preview show 3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d --size card --out poster.jpg
    """
    if out.suffix not in (".mp4", ".jpg"):
        raise click.BadParameter("it ends with .mp4 for the cine, or with .jpg for the poster", param_hint="--out")
    from echosearch.preview.store import Previews
    from echosearch.preview.values import NoPreview

    with open_archive(load_settings()) as archive, Previews(archive) as previews:
        found = previews.find(video, size)
        if isinstance(found, NoPreview):
            raise ArchiveError(f"this video has no preview ({found.reason}): {found.detail}")
        with whole_file(out) as partial:
            shutil.copyfile(found.mp4 if out.suffix == ".mp4" else found.poster, partial)
            partial.chmod(0o600)
    about = {
        "width": found.width,
        "height": found.height,
        "frames": len(found.samples),
        "seconds": found.times[-1],
        "frames_per_second": found.frames_per_second,
        "time_known": found.time_known,
    }
    if as_json:
        say_json({"out": str(out), "size": size, **about})
        return
    speed = f"{found.frames_per_second:.1f} a second" if found.time_known else "time unknown, shown at 30 a second"
    say(f"{out}: {found.width} x {found.height}, {len(found.samples)} frames, {speed}")
