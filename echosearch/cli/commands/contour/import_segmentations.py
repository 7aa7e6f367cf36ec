"""echosearch contour import: DICOM SEG -> contours of the archive's videos."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from echosearch.archive import open_archive
from echosearch.cli.commands.ingest import SOME_FAILED
from echosearch.cli.output import counted, note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.settings import load_settings

if TYPE_CHECKING:
    from echosearch.contour.imported import SegmentationImport

__all__ = ["import_command"]


@click.command("import", short_help="Import what a site has drawn, from DICOM SEG.")
@click.argument("paths", metavar="FILE|FOLDER...", nargs=-1, required=True, type=as_path)
@click.option("--name-files", is_flag=True, help="Name refused files of folders too: names can say whose they are.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def import_command(ctx: click.Context, paths: tuple[Path, ...], name_files: bool, as_json: bool) -> None:
    """Import the masks of the left ventricle that a site has drawn: DICOM Segmentation objects (SEG) of ingested cines.

    `echosearch contour VIDEO` and the page of its study show them from then on, and say where they are from; no head
    draws on these videos any more. EF needs a mask on 9 of 10 frames, or on two: end-diastole and end-systole. Files
    of one call are taken together; importing again replaces what was imported for a video. Files stay where they are.

    BINARY and FRACTIONAL, uncompressed; each mask names its cine and frame (docs/contours.md). Exit code 3: some were
    refused.

    \b
    echosearch contour import /pacs/segmentations
    echosearch contour import ed.dcm es.dcm --json
    """
    from echosearch.contour.as_json import import_json
    from echosearch.contour.imported import import_segmentations
    from echosearch.workers.pool import DecodePool

    settings = load_settings()
    with open_archive(settings) as archive, DecodePool.of(settings) as pool:
        made = import_segmentations(archive, paths, pool, name_files)
    if as_json:
        say_json(import_json(made))
    else:
        _show(made)
    if made.refused:
        ctx.exit(SOME_FAILED)


def _show(made: SegmentationImport) -> None:
    rows = []
    for one in made.imported:
        figure = one.contours.figure
        rows.append(
            [
                one.video,
                str(one.contours.view),
                f"{one.drawn} of {one.masks}",
                None if figure is None else f"{figure.ef:.0f} %",
                "replaced" if one.replaced else "new",
                one.contours.why or None,
            ]
        )
    if rows:
        table(["video", "view", "masks_drawn", "ef", "import", "why_not"], rows)
    else:
        say("no contour was imported")
    if any(one.drawn < one.masks for one in made.imported):
        note("a mask is not drawn where it is small, in several pieces or outside of the picture's fan")
    for refused in made.refused:
        where = ", ".join(refused.files) or (f"video {refused.video}" if refused.video else "a file of a folder")
        note(f"{where}: {refused.why}")
    if made.other_segments:
        note(f"{counted(made.other_segments, 'segment is', 'segments are')} not the left ventricle: left out")
    if made.other_files:
        note(f"{counted(made.other_files, 'file is', 'files are')} no Segmentation object: left out")
