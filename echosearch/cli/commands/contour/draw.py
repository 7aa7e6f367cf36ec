"""echosearch contour draw: file or video -> the left ventricle's contour, ED and ES, EF."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from echosearch.archive import open_archive
from echosearch.atomic import whole_file
from echosearch.cli.output import note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.errors import ArchiveError, InputError
from echosearch.settings import Settings, load_settings

if TYPE_CHECKING:
    from echosearch.archive import Archive
    from echosearch.contour.head import ContourHead
    from echosearch.contour.values import Contours
    from echosearch.encoder.base import ViewModel
    from echosearch.workers.pool import DecodePool

__all__ = ["draw_command"]

MOST = 2  # a 4CH and a 2CH cine


@click.command("draw", short_help="Draw it on a file or a video; what is meant if no command is named.")
@click.argument("targets", metavar="FILE|VIDEO...", nargs=-1, required=True)
@click.option("--view", type=click.Choice(["4CH", "2CH"]), help="Of a FILE; else what the view classifier in use says.")
@click.option("--picture", type=as_path, metavar="FILE", help="A .png of ED and ES with their contours, of one cine.")
@click.option(
    "--head", type=as_path, metavar="FOLDER", help="Another head than the one that ships; no imported contours."
)
@click.option("--json", "as_json", is_flag=True, help="JSON: the outline on every frame too.")
def draw_command(
    targets: tuple[str, ...], view: str | None, picture: Path | None, head: Path | None, as_json: bool
) -> None:
    """Draw the left ventricle's contour on every frame of a 4CH or 2CH cine, and measure EF where that can be trusted.

    Not a diagnosis; the head that ships has learned from phantoms alone. A cine that is not apical, in colour, without
    a cavity or without a whole beat has no EF, and the reason is said. A 4CH and a 2CH cine of a study together give
    the biplane EF and volumes. VIDEO is a video's key; what is drawn on it is kept, as a source of its own.
    Where `echosearch contour import` has brought a site's own contours, those are shown, unless --head is given.

    \b
    echosearch contour IM_0003 --view 4CH --picture ends.png
    echosearch contour 3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d --json
    echosearch contour draw IM_0003 IM_0004
    """
    if len(targets) > MOST:
        raise click.UsageError(f"{len(targets)} targets: give one cine, or a 4CH and a 2CH cine of one study")
    if picture is not None and (len(targets) > 1 or picture.suffix != ".png"):
        raise click.BadParameter("it ends with .png, and one cine is drawn", param_hint="--picture")
    if view is not None and len(targets) > 1:
        raise click.BadParameter("two cines have two views: leave it out", param_hint="--view")
    from echosearch.contour.as_json import document, warning_of
    from echosearch.contour.head import load_head
    from echosearch.contour.manifest import shipped_head
    from echosearch.workers.pool import DecodePool

    settings = load_settings()
    loaded = load_head(head or shipped_head())
    with ExitStack() as opened:
        pool = opened.enter_context(DecodePool.of(settings, workers=1))
        files = all(os.path.exists(target) for target in targets)
        archive = None if files else opened.enter_context(open_archive(settings))
        made = [(target, _contours(target, loaded, pool, settings, archive, view, head is None)) for target in targets]
        if picture is not None:
            _draw(picture, targets[0], made[0][1], pool, archive)
    if as_json:
        say_json(document(made))
        return
    warning = warning_of(loaded.info) if any(one.head is not None for _, one in made) else None
    if warning is not None:
        note(warning)
    _show(made)


def _contours(
    target: str,
    head: ContourHead,
    pool: DecodePool,
    settings: Settings,
    archive: Archive | None,
    view: str | None,
    imported: bool,
) -> Contours:
    from echosearch.contour.store import contours_of_file, contours_of_video
    from echosearch.video import View

    if os.path.exists(target):
        classifier = _classifier(settings) if view is None else None
        return contours_of_file(Path(target), head, pool, None if view is None else View(view), classifier)
    if view is not None:
        raise InputError(f"--view is for a file, and there is none at {target}: a video has the view of the archive")
    assert archive is not None
    return contours_of_video(archive, target, head, pool, imported)


def _classifier(settings: Settings) -> ViewModel | None:
    from echosearch.encoder.bundle.installed import views_in_use

    folder = views_in_use(settings.home)
    if folder is None:
        return None
    from echosearch.encoder.view_classifier import load_views

    return load_views(folder, settings.device)


def _draw(out: Path, target: str, made: Contours, pool: DecodePool, archive: Archive | None) -> None:
    from echosearch.contour.picture import draw_ends
    from echosearch.contour.store import file_of_video, pictures
    from echosearch.contour.task import GreyTask

    if not made.beats:
        raise ArchiveError(f"there is nothing to draw: {made.why}")
    task = GreyTask(Path(target).resolve()) if archive is None else file_of_video(archive, target)
    ends = pictures(task, (made.beats[0].ed, made.beats[0].es), pool)
    with whole_file(out) as partial:
        partial.write_bytes(draw_ends(ends, made))
        partial.chmod(0o600)


def _show(made: list[tuple[str, Contours]]) -> None:
    from echosearch.contour.as_json import planes_of

    rows = []
    for target, one in made:
        figure, first = one.figure, one.beats[0] if one.beats else None
        volumes = (None, None) if figure is None else (figure.edv_ml, figure.esv_ml)
        rows.append(
            [
                target,
                str(one.view),
                None if figure is None else f"{figure.ef:.0f} %",
                *(None if volume is None else f"{volume:.0f} ml" for volume in volumes),
                None if first is None else str(first.ed + 1),
                None if first is None else str(first.es + 1),
                str(len(one.beats)),
                one.why or None,
                str(one.source),
            ]
        )
    table(["cine", "view", "ef", "edv", "esv", "ed_frame", "es_frame", "beats", "why_not", "source"], rows)
    if len({one.source for _, one in made}) > 1:
        note("one contour was imported from DICOM SEG and one is the head's: they give no biplane EF together")
    planes = planes_of([one for _, one in made])
    if planes is not None:
        say(f"biplane: EF {planes.ef:.0f} %, EDV {planes.edv_ml:.0f} ml, ESV {planes.esv_ml:.0f} ml")
        if planes.foreshortened:
            note("the two planes' lengths differ by more than a tenth: one is foreshortened, check both")
