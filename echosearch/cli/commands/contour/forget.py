"""echosearch contour forget: take an import back."""

from __future__ import annotations

import click

from echosearch.archive import open_archive
from echosearch.cli.output import counted, say, say_json
from echosearch.settings import load_settings

__all__ = ["forget_command"]


@click.command("forget", short_help="Remove imported contours; the head draws again.")
@click.argument("videos", metavar="VIDEO...", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def forget_command(videos: tuple[str, ...], as_json: bool) -> None:
    """Remove what `echosearch contour import` has brought for these videos, of all of them or of none.

    VIDEO is a video's key, as the import gives it. The head draws on it again.

    \b
    echosearch contour forget 3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d
    """
    from echosearch.contour.imported import forget_imported

    with open_archive(load_settings()) as archive:
        forgotten = forget_imported(archive, videos)
    if as_json:
        say_json({"forgotten": forgotten})
    else:
        say(f"removed: the imported contours of {counted(len(forgotten), 'video')}")
