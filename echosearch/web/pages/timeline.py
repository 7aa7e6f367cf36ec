"""The page of a patient's studies by month."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response

from echosearch.access.rights import Right
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.changes.scale import ChangeScale
from echosearch.search.changes.timeline import Timeline, TimelineFinding, timeline
from echosearch.web.language.english import concept_label
from echosearch.web.pages.cards import ToldWords, facts_in_words
from echosearch.web.rendering import page, settings_of
from echosearch.web.rights import Caller, needs

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
WIDTH, HEIGHT, EDGE = 160, 36, 5  # of a line, in its own units
NOTABLE = 2.0  # robust standard deviations: a change of the videos worth a mark


@dataclass(frozen=True)
class Cell:
    """What is known of a finding in one study."""

    told: list[ToldWords]
    change: str


@dataclass(frozen=True)
class Row:
    """A finding over the studies; ``line`` and ``dots`` are of its videos' scores, as SVG has them."""

    label: str
    cells: list[Cell]
    line: str
    dots: list[tuple[float, float]]
    spoken: str


@router.get("/patients/{patient}")
def show_timeline(request: Request, caller: Annotated[Caller, needs(Right.SEE)], patient: UUID) -> Response:
    """Return a patient's studies, the oldest first."""
    with caller.serving.searching():
        found = timeline(caller.archive, str(patient))
    caller.record("timeline", [one.study for one in found.studies])
    lexicon = load_lexicon(caller.archive.settings.lexicon)
    return page(
        request,
        "timeline.html",
        caller,
        patient=found.patient,
        studies=found.studies,
        rows=_rows(found, lexicon, settings_of(request).language),
        warnings=found.warnings,
    )


def _rows(found: Timeline, lexicon: Lexicon, language: str) -> list[Row]:
    """The findings that a report or a structured report speaks of, and those whose videos change notably."""
    by_study = [{one.concept: one for one in study.findings} for study in found.studies]
    rows = []
    for concept in found.labels:
        columns = [one.get(concept) for one in by_study]
        cells = [_cell(one, lexicon, language) for one in columns]
        if any(cell.told or cell.change for cell in cells):
            points = _points(found, columns, found.scales.get(concept))
            told = [place for place, cell in enumerate(cells) if cell.told]
            rows.append(
                Row(
                    concept_label(concept, lexicon, language),
                    cells,
                    " ".join(f"{x:g},{y:g}" for _, x, y in points) if len(points) > 1 else "",
                    [(x, y) for place, x, y in points if place in told],
                    ", ".join("-" if one is None or one.score is None else f"{one.score:.2f}" for one in columns),
                )
            )
    return rows


def _cell(one: TimelineFinding | None, lexicon: Lexicon, language: str) -> Cell:
    if one is None:
        return Cell([], "")
    measured = [ToldWords(f"{value.value:g} {value.unit} (SR)", "measured") for value in one.told.measurements]
    change = f"{one.z:+.1f}" if one.z is not None and abs(one.z) >= NOTABLE else ""
    return Cell([*facts_in_words(one.told.facts, lexicon, language), *measured], change)


def _points(
    found: Timeline, columns: list[TimelineFinding | None], scale: ChangeScale | None
) -> list[tuple[int, float, float]]:
    """(place of the study, x, y) of each score: x by month, y so that a notable change is half of the height or more.

    Between the least and the greatest alone, two studies that are alike would have a line from top to bottom.
    """
    known = [
        (place, study.months, one.score)
        for place, (study, one) in enumerate(zip(found.studies, columns, strict=True))
        if one is not None and one.score is not None and study.months is not None
    ]
    if not known:
        return []
    last = max(months for _, months, _ in known) or 1
    least, most = min(score for *_, score in known), max(score for *_, score in known)
    usual = 2 * NOTABLE * scale.spread[1] if scale is not None and scale.pairs > 1 else 0.0
    span = max(most - least, usual) or 1.0
    low = (least + most - span) / 2
    return [
        (
            place,
            round(EDGE + (WIDTH - 2 * EDGE) * months / last, 1),
            round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (score - low) / span, 1),
        )
        for place, months, score in known
    ]
