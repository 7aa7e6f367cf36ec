"""echosearch contour: draw is meant if none is named; import takes what a site has drawn, forget removes that."""

from __future__ import annotations

import click

from echosearch.cli.lazy import LazyGroup

__all__ = ["COMMANDS", "contour"]

# name -> (where it is, what `echosearch contour --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "draw": (
        "echosearch.cli.commands.contour.draw:draw_command",
        "Draw it on a file or a video; what is meant if no command is named.",
    ),
    "import": (
        "echosearch.cli.commands.contour.import_segmentations:import_command",
        "Import what a site has drawn, from DICOM SEG.",
    ),
    "forget": (
        "echosearch.cli.commands.contour.forget:forget_command",
        "Remove imported contours; the head draws again.",
    ),
}


class _DrawIsMeant(LazyGroup):
    """``contour FILE`` is ``contour draw FILE``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = not args or args[0] in (*self.lazy, *self.get_help_option_names(ctx))
        return super().parse_args(ctx, args if named else ["draw", *args])


@click.group(
    cls=_DrawIsMeant, lazy=COMMANDS, short_help="Draw the left ventricle's contour on a cine, with ED, ES and EF."
)
def contour() -> None:
    """Draw the left ventricle's contour on a 4CH or 2CH cine with ED, ES and EF, or import what a site has drawn.

    `echosearch contour FILE|VIDEO...` is `echosearch contour draw FILE|VIDEO...`.

    \b
    echosearch contour IM_0003 --view 4CH --picture ends.png
    echosearch contour 3f2a9c01-8e55-5b0e-9d0c-1f2e3a4b5c6d --json
    echosearch contour import /pacs/segmentations
    """
