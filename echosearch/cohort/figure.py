"""The attrition as a flow chart, SVG or PNG: a box a step, and beside the arrow what the step dropped.

+------------------------+
| all studies            |
| 6 patients, ...        |
+------------------------+
           |                +------------------+
           +--------------> | dropped: ...     |
           v                +------------------+
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from echosearch.atomic import whole_file
from echosearch.cohort.attrition import AttritionStep, Tally
from echosearch.errors import ConfigError, InputError

__all__ = ["JAPANESE", "check_figure", "draw_attrition", "tally_words"]

FIGURES = (".svg", ".png")
BOX, SIDE, HEIGHT, GAP, MARGIN = 460, 270, 62, 40, 16  # pixels
LETTERS = 46  # of a line; Japanese ones count twice
JAPANESE = (
    "Noto Sans CJK JP",
    "Noto Sans JP",
    "IPAexGothic",
    "IPAGothic",
    "Hiragino Sans",
    "Yu Gothic",
    "TakaoPGothic",
)


def check_figure(file: Path) -> None:
    """Raise InputError, before the work, if no figure can be written to ``file``; ConfigError without matplotlib."""
    if file.suffix.lower() not in FIGURES:
        raise InputError(f"--figure {file}: the name ends with {' or '.join(FIGURES)}")
    if not file.parent.is_dir():
        raise InputError(f"--figure {file}: no such folder, make it first")
    if file.suffix.lower() == ".png":
        _fonts()


def draw_attrition(steps: Sequence[AttritionStep], title: str, file: Path, below: int = 0) -> None:
    """Write the chart, whole or not at all; ``below``: what suppressed numbers are said to be below. InputError."""
    try:
        with whole_file(file) as partial:
            if file.suffix.lower() == ".svg":
                partial.write_text(_svg(steps, title, below), encoding="utf-8")
            else:
                _png(steps, title, below, partial)
    except OSError as exc:
        raise InputError(f"--figure {file}: {exc.strerror}") from exc


def tally_words(tally: Tally, below: int = 0) -> str:
    """Return a line such as: 120 patients, 180 studies, 1,440 videos."""
    parts = []
    for number, one, many in (
        (tally.patients, "patient", "patients"),
        (tally.studies, "study", "studies"),
        (tally.videos, "video", "videos"),
    ):
        parts.append(
            f"{number:,} {one if number == 1 else many}" if number is not None else f"(hidden, <{below}) {many}"
        )
    return ", ".join(parts)


def _lines(step: AttritionStep, below: int) -> tuple[str, str]:
    joined = f"; {step.by_videos:,} by videos" if step.by_videos else ""
    return _short(step.step), tally_words(step.kept, below) + joined


def _short(line: str) -> str:
    """Cut a line to what fits into a box."""
    used = 0
    for place, letter in enumerate(line):
        used += 1 if ord(letter) < 0x2E80 else 2
        if used > LETTERS:
            return line[: place - 1] + "…"
    return line


def _svg(steps: Sequence[AttritionStep], title: str, below: int) -> str:
    width, height = BOX + SIDE + 5 * MARGIN, 2 * MARGIN + 28 + len(steps) * HEIGHT + (len(steps) - 1) * GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="14">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="a" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z"/></marker></defs>',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 12}" font-weight="bold">{escape(title)}</text>',
    ]
    middle = MARGIN + BOX / 2
    for place, step in enumerate(steps):
        top = MARGIN + 28 + place * (HEIGHT + GAP)
        if place:
            half = top - GAP / 2
            side = BOX + 4 * MARGIN
            parts += [
                f'<path d="M{middle},{top - GAP} V{top - 1}" stroke="black" fill="none" marker-end="url(#a)"/>',
                f'<path d="M{middle},{half} H{side - 1}" stroke="black" fill="none" marker-end="url(#a)"/>',
                *_svg_box(side, half - 19, SIDE, 38, ("dropped: ", tally_words(step.dropped, below)), 12),
            ]
        parts += _svg_box(MARGIN, top, BOX, HEIGHT, _lines(step, below), 14)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _svg_box(x: float, y: float, width: float, height: float, lines: Sequence[str], size: int) -> list[str]:
    made = [f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="white" stroke="black"/>']
    for number, line in enumerate(lines):
        at = y + height / 2 + (number - (len(lines) - 1) / 2) * (size + 5) + size / 3
        made.append(
            f'<text x="{x + width / 2}" y="{at:g}" text-anchor="middle" font-size="{size}">{escape(line)}</text>'
        )
    return made


def _fonts() -> list[str]:
    """Fonts with Japanese that are installed, the first choice first."""
    try:
        from matplotlib.font_manager import fontManager
    except ImportError as exc:
        raise ConfigError("a PNG needs matplotlib: pip install 'echosearch[train]', or write a .svg") from exc
    known = {font.name for font in fontManager.ttflist}
    found = [name for name in JAPANESE if name in known]
    if not found:
        raise ConfigError("a PNG needs a Japanese font, such as Noto Sans CJK: install one, or write a .svg")
    return found


def _png(steps: Sequence[AttritionStep], title: str, below: int, file: Path) -> None:
    fonts = _fonts()
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context({"font.family": fonts}):
        figure = Figure(figsize=(9.6, 0.5 + 1.05 * len(steps)))
        FigureCanvasAgg(figure)
        axes: Any = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, 100)
        axes.set_ylim(len(steps) + 0.4, -0.4)
        axes.text(2, -0.15, title, fontsize=11, fontweight="bold")
        frame = {"boxstyle": "square,pad=0.6", "facecolor": "white", "edgecolor": "black"}
        arrow = {"arrowstyle": "-|>", "color": "black"}
        for place, step in enumerate(steps):
            if place:
                axes.annotate("", (30, place + 0.22), (30, place - 0.22), arrowprops=arrow)
                said = f"dropped:\n{tally_words(step.dropped, below)}"
                axes.annotate("", (64, place), (30, place), arrowprops=arrow)
                axes.text(82, place, said, ha="center", va="center", fontsize=8, bbox=frame)
            axes.text(30, place + 0.5, "\n".join(_lines(step, below)), ha="center", va="center", fontsize=9, bbox=frame)
        figure.savefig(file, dpi=150, format="png")
