"""A timeline as a picture, SVG or PNG: the EF above, then a lane a concept with what each report states of it.

Concepts are named by their ids, which every font has. The axis is months since the first study; no identifier is in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

from PIL import Image, ImageDraw, ImageFont

from echosearch.errors import InputError
from echosearch.search.changes.timeline import Timeline, TimelineFinding, TimelineStudy

__all__ = ["check_timeline_figure", "draw_timeline"]

WIDTH, LEFT, RIGHT, TOP, EF_HEIGHT, LANE = 900, 190, 60, 40, 150, 26  # pixels
_NOTABLE = 2.0  # a change of the videos that is marked, in standard deviations
_COLORS = ("#d0d7de", "#f5e6a8", "#f2c14e", "#e4813b", "#b3261e")  # grades 0 to 4
_DARK, _GREY, _LIGHT = "#24292f", "#8c959f", "#eaeef2"
_SCALE = 2  # pixels of a PNG for each of the SVG


class _Line(NamedTuple):
    x1: float
    y1: float
    x2: float
    y2: float
    color: str


class _Disc(NamedTuple):
    x: float
    y: float
    radius: float
    fill: str
    rim: str


class _Text(NamedTuple):
    x: float
    y: float  # of the middle
    words: str
    size: int
    color: str
    anchor: str  # start, middle, end


_Shape = _Line | _Disc | _Text
_PIL_ANCHOR = {"start": "lm", "middle": "mm", "end": "rm"}


def check_timeline_figure(path: Path) -> None:
    """Raise InputError on another ending than .svg and .png."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise InputError(f"--figure {path}: it ends with .svg or .png")


def draw_timeline(found: Timeline, path: Path) -> None:
    """Write the figure. Raises InputError if the file cannot be written."""
    dated = [study for study in found.studies if study.months is not None]
    lanes = [concept for concept in found.labels if concept != "lvef" and any(_is_shown(dated, concept))]
    height = TOP + EF_HEIGHT + LANE * len(lanes) + 60
    shapes = list(_shapes(dated, lanes, height))
    try:
        if path.suffix.lower() == ".svg":
            path.write_text(_svg(shapes, height), encoding="utf-8")
        else:
            _png(shapes, height).save(path)
    except OSError as exc:
        raise InputError(f"--figure {path}: {exc.strerror or exc}") from exc


def _is_shown(studies: Sequence[TimelineStudy], concept: str) -> Iterator[bool]:
    for one in (one for study in studies for one in study.findings if one.concept == concept):
        yield any(fact.polarity != "absent" and fact.value is None for fact in one.told.facts)
        yield one.z is not None and abs(one.z) >= _NOTABLE


def _shapes(studies: Sequence[TimelineStudy], lanes: Sequence[str], height: int) -> Iterator[_Shape]:
    last = max((study.months or 0 for study in studies), default=0) or 1
    key = "colour: grade in the report   pale rim: inherited   dot: report silent   z: change of the videos"
    yield _Text(LEFT, 16, key, 11, _GREY, "start")
    yield from _ef(studies, last)
    bottom = height - 45
    for study in studies:
        x = _x(study.months or 0, last)
        yield _Line(x, TOP, x, bottom, _LIGHT)
        yield _Text(x, bottom + 12, str(study.months), 11, _DARK, "middle")
    yield _Text((LEFT + WIDTH - RIGHT) / 2, bottom + 30, "months since the first study", 11, _GREY, "middle")
    for row, concept in enumerate(lanes):
        y = TOP + EF_HEIGHT + LANE * (row + 0.8)
        yield _Text(LEFT - 20, y, concept, 12, _DARK, "end")
        yield _Line(LEFT, y, WIDTH - RIGHT, y, _LIGHT)
        for study in studies:
            for one in (one for one in study.findings if one.concept == concept):
                yield from _mark(_x(study.months or 0, last), y, one)


def _x(month: int, last: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * month / last


def _ef(studies: Sequence[TimelineStudy], last: int) -> Iterator[_Shape]:
    def y(value: float) -> float:
        return TOP + EF_HEIGHT * (1 - min(max(value, 0), 90) / 90) - 10

    for mark in (30, 50, 70):
        yield _Line(LEFT, y(mark), WIDTH - RIGHT, y(mark), _LIGHT)
        yield _Text(LEFT - 20, y(mark), f"EF {mark} %" if mark == 50 else str(mark), 11, _GREY, "end")
    before: tuple[float, float] | None = None
    for study in studies:
        x = _x(study.months or 0, last)
        for one in (one for one in study.findings if one.concept == "lvef"):
            if one.score is not None:
                if before is not None:
                    yield _Line(*before, x, y(one.score), _GREY)
                before = (x, y(one.score))
            for value in one.told.values:
                yield _Disc(x, y(value), 5, _COLORS[2], _DARK)
            for measured in one.told.measurements:
                yield _Line(x - 5, y(measured.value), x + 5, y(measured.value), _DARK)
    yield _Text(WIDTH - RIGHT, TOP - 8, "disc: report   bar: SR   line: videos", 11, _GREY, "end")


def _mark(x: float, y: float, one: TimelineFinding) -> Iterator[_Shape]:
    facts = [fact for fact in one.told.facts if fact.value is None]
    if facts:
        fact = max(facts, key=lambda each: each.severity or (0, 0))
        grade = fact.severity[1] if fact.severity else 3 if fact.polarity == "present" else 0
        yield _Disc(x, y, 8, _COLORS[grade], _GREY if fact.inherited else _DARK)
    else:
        yield _Disc(x, y, 2, _GREY, _GREY)
    if one.z is not None and abs(one.z) >= _NOTABLE:
        yield _Text(x + 11, y - 8, f"z {one.z:+.1f}", 9, _DARK, "start")


def _svg(shapes: Sequence[_Shape], height: int) -> str:
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
    ]
    for shape in shapes:
        match shape:
            case _Line(x1, y1, x2, y2, color):
                drawn.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>')
            case _Disc(x, y, radius, fill, rim):
                drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{fill}" stroke="{rim}"/>')
            case _Text(x, y, words, size, color, anchor):
                drawn.append(
                    f'<text x="{x:.1f}" y="{y + size / 3:.1f}" font-size="{size}" fill="{color}"'
                    f' text-anchor="{anchor}">{escape(words)}</text>'
                )
    return "\n".join([*drawn, "</svg>\n"])


def _png(shapes: Sequence[_Shape], height: int) -> Image.Image:
    image = Image.new("RGB", (WIDTH * _SCALE, height * _SCALE), "white")
    draw = ImageDraw.Draw(image)
    for shape in shapes:
        match shape:
            case _Line(x1, y1, x2, y2, color):
                draw.line([x1 * _SCALE, y1 * _SCALE, x2 * _SCALE, y2 * _SCALE], color, _SCALE)
            case _Disc(x, y, radius, fill, rim):
                box = [(x - radius) * _SCALE, (y - radius) * _SCALE, (x + radius) * _SCALE, (y + radius) * _SCALE]
                draw.ellipse(box, fill, rim, _SCALE)
            case _Text(x, y, words, size, color, anchor):
                font = ImageFont.load_default(size * _SCALE)
                draw.text((x * _SCALE, y * _SCALE), words, color, font, _PIL_ANCHOR[anchor])
    return image
