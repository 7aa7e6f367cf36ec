"""The page of a study, and two to four cines side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from echosearch.access.rights import Right
from echosearch.db.files.measurements import measurements_of
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.identified import identified, report_texts
from echosearch.db.studies.shown import ShownStudy, ShownVisit, shown_videos, visits_shown
from echosearch.report.facts import Fact, Lexicon, load_lexicon
from echosearch.web.insights import interpretation
from echosearch.web.language.english import concept_label
from echosearch.web.pages.cards import facts_in_words
from echosearch.web.rendering import page, settings_of
from echosearch.web.rights import Caller, needs
from echosearch.web.studies import encoder_of, may_identify, study_seen, video_seen

__all__ = ["month_words", "router"]

router = APIRouter(include_in_schema=False)
Watcher = Annotated[Caller, needs(Right.SEE)]


def month_words(month: int | None) -> str | None:
    """Write 202104 as 2021-04."""
    return None if month is None else f"{month // 100}-{month % 100:02d}"


@router.get("/studies/{study}")
def show_study(
    request: Request,
    caller: Watcher,
    study: UUID,
    video: UUID | None = None,
    deciding: bool = False,
    interpret: bool = False,
) -> Response:
    """Show a study: its cines, its report as far as the caller may read it, its patient's other studies.

    ``deciding``: this video is why the study was found. ``interpret``: also what its videos show.
    """
    seen, lexicon = study_seen(caller, str(study)), load_lexicon(caller.archive.settings.lexicon)
    language = settings_of(request).language
    named, encoder = may_identify(caller), encoder_of(caller)
    with caller.archive.engine.connect() as connection:
        videos = shown_videos(connection, encoder, seen.study)
        visits = visits_shown(connection, encoder, seen.patient, caller.archive.viewer)
        facts = facts_of(connection, [seen.study]).get(seen.study, [])
        measured = measurements_of(connection, [seen.study]).get(seen.study, [])
        texts = report_texts(connection, [seen.report]) if named and seen.report else {}
        who = identified(connection, [seen.study]).get(seen.study) if named else None
    caller.record("study identified" if named else "study", [seen.study])
    read = interpretation(caller, seen.study) if interpret else None
    concepts = [*(one.concept for one in read.findings), *(one.concept for one in read.values)] if read else []
    keys = [one.video for one in videos]
    shown = next((key for key in (str(video), *keys) if key in keys), None)
    text = texts.get(seen.report or "")
    return page(
        request,
        "study.html",
        caller,
        study=seen.study,
        about=with_month(seen),
        visits=[with_month(one) for one in visits],
        device=next((one.device for one in videos if one.device), None),
        videos=videos,
        shown=shown,
        deciding=str(video) if deciding else None,
        facts=facts_in_words(facts, lexicon, language),
        segments=segments(text, facts, lexicon, language) if text is not None else None,
        named=named,
        measured=[(concept_label(one.concept, lexicon, language), f"{one.value:g}", one.unit) for one in measured],
        identified=who,
        interpretation=read,
        said={one.study: facts_in_words(one.facts, lexicon, language) for one in read.neighbours} if read else {},
        labels={key: concept_label(key, lexicon, language) for key in concepts},
        viewer_url=caller.archive.settings.viewer_url is not None,
    )


@router.get("/compare")
def show_comparison(
    request: Request, caller: Watcher, v: Annotated[list[UUID], Query(min_length=1, max_length=4)]
) -> Response:
    """Return cines in step."""
    videos = [video_seen(caller, str(key)) for key in dict.fromkeys(v)]
    caller.record("compare", [one.study for one in videos])
    shown = [with_month(study_seen(caller, one.study)) | asdict(one) for one in videos]
    return page(request, "compare.html", caller, videos=shown)


def segments(text: str, facts: Sequence[Fact], lexicon: Lexicon, language: str) -> list[tuple[str, str, str]]:
    """Cut a report into (piece, polarity, what is understood); the last two are empty where no fact is stated.

    Where places overlap, what begins first is marked, with the words of all.
    """
    made: list[tuple[str, str, str]] = []
    place = 0
    own = sorted((fact for fact in facts if not fact.inherited), key=lambda fact: (fact.start, -fact.end))
    for fact in own:
        if fact.start < place or fact.end > len(text) or fact.start >= fact.end:
            continue
        same = [one for one in own if fact.start <= one.start and one.end <= fact.end]
        made.append((text[place : fact.start], "", ""))
        words = "、".join(told.words for told in facts_in_words(same, lexicon, language))
        made.append((text[fact.start : fact.end], str(fact.polarity), words))
        place = fact.end
    made.append((text[place:], "", ""))
    return [one for one in made if one[0]]


def with_month(one: ShownStudy | ShownVisit) -> dict[str, Any]:
    return asdict(one) | {"month": month_words(one.month)}
