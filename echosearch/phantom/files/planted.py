"""plants.csv: a row a change between consecutive studies, and a row a report that is wrong or only refers back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echosearch.phantom.patients import wording, wording_letter, wording_other
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.identity import study_uid
from echosearch.phantom.patients.plants import Plants, changes_of
from echosearch.phantom.patients.wrong_report import wrong_report

__all__ = ["PLANT_COLUMNS", "change_rows", "planted_report"]

PLANT_COLUMNS = ("study_uid", "earlier_study_uid", "patient_id", "kind", "concept", "from", "to", "days", "said")
_FAMILIES = {"first": wording, "other": wording_other, "letter": wording_letter}
_SAME_EF = 3.0  # points within which an EF has not changed

Row = dict[str, str]


def change_rows(studies: list[PhantomStudy]) -> Iterator[Row]:
    """Yield a row for each change: ``from`` and ``to`` are grades, or EFs; ``days`` are the days between the
    studies.
    """
    for change in changes_of(studies):
        yield _row(
            change.later,
            change.kind,
            change.concept,
            f"{change.value_from:g}",
            f"{change.value_to:g}",
            earlier_study_uid=study_uid(change.earlier),
            days=str(change.days),
        )


def planted_report(study: PhantomStudy, family: str, plants: Plants) -> tuple[str, Row] | None:
    """Return the text of a report that is wrong, or says only that nothing changed, and its row; None for any other.

    ``kind`` of a wrong one is wrong-states, wrong-denies, wrong-omits, wrong-grade or wrong-ef, ``from`` the heart's
    grade or EF, ``to`` the report's, ``said`` its statements about the concept. The other kind is no-change-report.
    """
    words = _FAMILIES[family]
    rng = np.random.default_rng([study.seed, study.patient, study.number, 7023])
    wrong, short = rng.random() < plants.wrong_reports, rng.random() < plants.no_change_reports
    if wrong and (made := wrong_report(study, words.report_phrases)) is not None:
        stated = "" if made.stated is None else f"{made.stated:g}"
        row = _row(study, f"wrong-{made.kind}", made.concept, f"{made.true:g}", stated, said=made.said)
        return words.report_text(made.study), row
    if short and _is_unchanged(study):
        text = words.no_change_text(study)
        return text, _row(study, "no-change-report", said=text)
    return None


def _is_unchanged(study: PhantomStudy) -> bool:
    before, now = study.before, study.findings
    return before is not None and before.grades() == now.grades() and abs(before.ef - now.ef) < _SAME_EF


def _row(study: PhantomStudy, kind: str, concept: str = "", first: str = "", second: str = "", **more: str) -> Row:
    patient = study.who.patient_id if study.who else ""
    row = {"study_uid": study_uid(study), "patient_id": patient, "kind": kind, "concept": concept}
    return dict.fromkeys(PLANT_COLUMNS, "") | row | {"from": first, "to": second} | more
