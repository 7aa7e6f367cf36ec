"""What a search is asked and what it answers. The JSON shape is documented in docs/search.md and stays."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from echosearch.db.questions.fact_conditions import Verdict
from echosearch.db.studies.identified import Identified
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import InputError
from echosearch.filters import Where
from echosearch.outcome import MeasuredValue
from echosearch.report.facts import Fact, fact_json
from echosearch.search.arms.found_words import FoundWords
from echosearch.search.limits import GROUPS, MAX_EXPORT, MAX_TOP_K, SORTS, Group, Sort
from echosearch.video import VIEW_GATE, View

__all__ = [
    "GROUPS",
    "MAX_EXPORT",
    "MAX_TOP_K",
    "SORTS",
    "Group",
    "Hit",
    "ReadValue",
    "Results",
    "SearchOptions",
    "Sort",
    "Why",
    "as_json",
]


@dataclass(frozen=True)
class SearchOptions:
    """How to search. Raises InputError on a value that means nothing."""

    top_k: int = 10
    where: Where | None = None
    view: View | None = None
    min_view_prob: float = VIEW_GATE  # of a view that is asked for; the paper's gate
    group: Group = "study"
    include_same_patient: bool = False  # similar only
    include_denied: bool = False  # query only: also studies whose report says otherwise
    identified: bool = False
    rescore: bool = False  # query only: the first studies scored again by their videos, as far as a view tells
    sort: Sort = "relevance"  # query only; "date": what is strong, newest first
    export: bool = False  # query only: up to MAX_EXPORT hits
    exact: bool = False  # compare with every vector instead of walking the graph

    def __post_init__(self) -> None:
        if not 1 <= self.top_k <= (MAX_EXPORT if self.export else MAX_TOP_K):
            raise InputError(f"--top-k {self.top_k}: give a number from 1 to {MAX_TOP_K}")
        if not 0.0 <= self.min_view_prob <= 1.0:
            raise InputError(f"--min-view-prob {self.min_view_prob}: give a number from 0 to 1")
        if self.sort not in SORTS:
            raise InputError(f"--sort {self.sort}: it is one of {', '.join(SORTS)}")
        if self.group not in GROUPS:
            raise InputError(f"--group {self.group}: it is one of {', '.join(GROUPS)}")


@dataclass(frozen=True)
class Why:
    """Why a study answers a question, arm by arm."""

    verdict: Verdict  # what its report and measurements say of the question
    facts: tuple[Fact, ...] = ()  # of its report, about what was asked; start and end are places in its text
    video_fits: tuple[float, ...] = ()  # of each condition that videos were asked for, 0 to 1
    measurements: tuple[MeasuredValue, ...] = ()  # of its structured reports, about what was asked
    disagree: bool = False  # its report and its measurements do, about what was asked
    words: FoundWords | None = None  # what its report has of the words that were asked for


@dataclass(frozen=True)
class Hit:
    """One answer. Everything but ``identified`` and ``report_text`` is pseudonymous and coarse."""

    rank: int  # from 1
    score: float  # of query: probability, percentile or share (Results.belief); of similar and report: cosine
    study: str
    patient: str
    date: str | None  # YYYY-MM
    age: int | None  # years at the study, 90 means 90 and over
    sex: str | None
    video: str | None = None  # the study's best video; None for reports
    video_score: float | None = None  # the video's own cosine; equals score where videos were ranked
    view: str | None = None
    view_prob: float | None = None
    mode: str | None = None
    device: str | None = None
    why: Why | None = None  # of query, and of similar where it is asked with words
    report: str | None = None  # report search only
    same_study: bool = False  # report search: the report is the study's own
    report_text: str | None = field(default=None, repr=False)  # with --identified
    identified: Identified | None = None  # with --identified


@dataclass(frozen=True)
class ReadValue:
    """How the values of a measurement that was asked for were read off videos."""

    concept: str
    source: Literal["archive", "shipped"]  # known values of this archive, or of what ships beside the encoder
    studies: int  # whose value was known
    error: float  # mean absolute error in other patients, in the measurement's unit


@dataclass(frozen=True)
class Results:
    """Hits, best first, who made the vectors, and what to know before believing them."""

    hits: tuple[Hit, ...]
    encoder: EncoderInfo
    # {"report": text}, {"study": key} or {"file": name}; of similar also "and", "like" and "unlike"
    query: dict[str, Any] = field(repr=False)
    warnings: tuple[str, ...] = ()
    # of query, and of similar where it is asked with words
    understood: dict[str, Any] | None = None  # as `echosearch understand --json`
    words: str = ""  # the same in one line
    total: int | None = None  # studies whose report states the question: an exact count
    strong: int | None = None  # hits whose report states the question, or whose videos make it likely
    belief: str | None = (
        None  # what score is: "probability", "percentile", "words" if only words are asked; None: cosine
    )
    read_values: tuple[ReadValue, ...] = ()  # none: measurements were not asked for, or read by prompts alone


def as_json(results: Results) -> dict[str, Any]:
    """Return the documented shape. Keys of one kind of search only are left out of the others."""
    shown: dict[str, Any] = {
        "hits": [_hit(hit) for hit in results.hits],
        "encoder": asdict(results.encoder),
        "query": results.query,
        "warnings": list(results.warnings),
    }
    if results.understood is not None:
        shown |= {
            "understood": results.understood,
            "total": results.total,
            "strong": results.strong,
            "belief": results.belief,
            "read_values": [asdict(one) | {"error": round(one.error, 2)} for one in results.read_values],
        }
    return shown


def _words(found: FoundWords) -> dict[str, Any]:
    return {"score": round(found.score, 4), "places": [asdict(place) for place in found.places]}


_VIDEO_KEYS = ("video", "video_score", "view", "view_prob", "mode", "device")
_REPORT_KEYS = ("report", "same_study")


def _hit(hit: Hit) -> dict[str, Any]:
    keys = ("rank", "study", "score", *(_REPORT_KEYS if hit.report else _VIDEO_KEYS), "date", "age", "sex", "patient")
    shown = {key: getattr(hit, key) for key in keys}
    if hit.why is not None:
        shown["why"] = {
            "verdict": hit.why.verdict,
            "facts": [fact_json(fact) for fact in hit.why.facts],
            "measurements": [{**asdict(one), "source": "sr"} for one in hit.why.measurements],
            "disagree": hit.why.disagree,
            "video_fits": [round(fit, 4) for fit in hit.why.video_fits],
            "words": None if hit.why.words is None else _words(hit.why.words),
        }
    if hit.identified is not None:
        day = hit.identified.study_date
        shown |= {
            "study_uid": hit.identified.study_uid,
            "accession_number": hit.identified.accession_number,
            "patient_id": hit.identified.patient_id,
            "study_date": day.isoformat() if day else None,
        }
        if hit.report:
            shown["report_text"] = hit.report_text
    return shown
