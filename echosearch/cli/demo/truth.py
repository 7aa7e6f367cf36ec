"""Compare every answer with the phantom's truth, so that right and wrong hits can be seen and counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echosearch.cli.output import say, table
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.wording import report_phrases

__all__ = [
    "QUESTIONS",
    "DemoAnswer",
    "DemoQuestion",
    "JudgedHit",
    "Studies",
    "findings_of",
    "judge_query",
    "judge_similar",
    "marked",
    "show_answer",
]

HAS_IT = 3  # the grade from which a study counts as having a finding: moderate or severe; a device is 0 or 4

Studies = Mapping[str, PhantomStudy]  # by StudyInstanceUID; the grades are those of truth.csv, the words of reports.csv


@dataclass(frozen=True)
class DemoQuestion:
    """A query, and the column of truth.csv that decides whether an answer is right."""

    text: str
    finding: str
    where: str | None = None


QUESTIONS = (
    DemoQuestion("重度僧帽弁逆流", "mr"),
    DemoQuestion("重度僧帽弁逆流", "mr", "view = 4CH and mode = color"),
    DemoQuestion("大量の心嚢液貯留", "pericardial_effusion"),
    DemoQuestion("ペースメーカーリードあり", "pacemaker"),
)


@dataclass(frozen=True)
class JudgedHit:
    """A hit and the truth of its study."""

    rank: int
    score: float
    study: str  # pseudonymous key
    study_uid: str
    video: str | None
    view: str | None
    mode: str | None
    truth: str  # what was asked for, as truth.csv has it
    said: str | None  # what the study's report says of it; None: nothing
    right: bool


@dataclass(frozen=True)
class DemoAnswer:
    """Judged hits, and how many studies of the archive would have been right."""

    asked: str
    meaning: str  # of "right"
    hits: tuple[JudgedHit, ...]
    could: int  # right ones among ``among``
    among: int

    @property
    def right(self) -> int:
        return sum(hit.right for hit in self.hits)


def judge_query(question: DemoQuestion, found: Mapping[str, Any], studies: Studies) -> DemoAnswer:
    """Compare the hits of `query --identified --json` with the truth."""

    def grade(study: PhantomStudy) -> int:
        return study.findings.grades()[question.finding]

    hits = []
    for hit, study in _paired(found, studies):
        said = "。".join(part.text for part in report_phrases(study) if question.finding in part.about)
        hits.append(_judged(hit, f"{question.finding} {grade(study)}", said or None, grade(study) >= HAS_IT))
    could = sum(grade(study) >= HAS_IT for study in studies.values())
    asked = question.text if question.where is None else f"{question.text}, {question.where}"
    return DemoAnswer(asked, f"{question.finding} of grade 3 or 4", tuple(hits), could, len(studies))


def judge_similar(target: PhantomStudy, found: Mapping[str, Any], studies: Studies) -> DemoAnswer:
    """Compare the hits of `similar --identified --json`: right if a finding of grade 3 or 4 is shared."""
    wanted = set(marked(target))

    def shared(study: PhantomStudy) -> list[str]:
        return [name for name in marked(study) if name in wanted]

    hits = tuple(
        _judged(hit, findings_of(study), ", ".join(shared(study)) or None, bool(shared(study)))
        for hit, study in _paired(found, studies)
    )
    others = [study for study in studies.values() if study.patient != target.patient]
    could = sum(bool(shared(study)) for study in others)
    return DemoAnswer(target.accession_number, "a finding of grade 3 or 4 in common", hits, could, len(others))


def findings_of(study: PhantomStudy) -> str:
    """Return "EF 35, mr 4, la_dilation 3": the findings that are moderate or worse."""
    grades = study.findings.grades()
    return ", ".join((f"EF {study.findings.ef:.0f}", *(f"{name} {grades[name]}" for name in marked(study))))


def marked(study: PhantomStudy) -> list[str]:
    """Return the findings that a study counts as having, by their columns of truth.csv."""
    return [name for name, grade in study.findings.grades().items() if grade >= HAS_IT]


def show_answer(answer: DemoAnswer, truth: str, said: str) -> None:
    """Print the table and the count; ``truth`` and ``said`` head the columns that the phantom adds."""
    rows = [
        (
            hit.rank,
            f"{hit.score:.4f}",
            hit.study[:8],
            hit.view,
            hit.mode,
            "✓" if hit.right else "✗",
            hit.truth,
            hit.said,
        )
        for hit in answer.hits
    ]
    table(("rank", "score", "study", "view", "mode", "", truth, said), rows, right=("rank", "score"))
    shown = len(answer.hits)
    say(
        f"{answer.right} of these {shown} have {answer.meaning} (✓); {answer.could} of all {answer.among} do, so that"
        f" {shown} drawn blindly would hold {shown * answer.could / max(answer.among, 1):.1f}."
    )


def _paired(found: Mapping[str, Any], studies: Studies) -> Sequence[tuple[Mapping[str, Any], PhantomStudy]]:
    return [(hit, studies[hit["study_uid"]]) for hit in found["hits"]]


def _judged(hit: Mapping[str, Any], truth: str, said: str | None, right: bool) -> JudgedHit:
    facts = {name: hit[name] for name in ("rank", "score", "study", "study_uid", "video", "view", "mode")}
    return JudgedHit(**facts, truth=truth, said=said, right=right)
