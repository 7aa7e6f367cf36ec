"""Changed pairs and timelines as `--json` prints them. The shapes are in docs/schemas, and stay."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from echosearch.db.studies.identified import Identified
from echosearch.report.facts import fact_json
from echosearch.search.changes.changed import ChangedPair, ChangedPairs
from echosearch.search.changes.scale import ChangeScale, Told
from echosearch.search.changes.timeline import Timeline, TimelineStudy

__all__ = ["changed_json", "timeline_json"]


def changed_json(found: ChangedPairs) -> dict[str, Any]:
    """Return the shape of `echosearch changed --json`."""
    condition = found.condition
    return {
        "pairs": [_pair(pair) for pair in found.pairs],
        "change": {
            "concept": condition.concept,
            "change": condition.kind,
            "within_months": condition.within_months,
        },
        "compared": found.compared,
        "scale": _scale(found.scale),
        "encoder": asdict(found.encoder),
        "warnings": list(found.warnings),
    }


def timeline_json(found: Timeline) -> dict[str, Any]:
    """Return the shape of `echosearch timeline --json`."""
    return {
        "patient": found.patient,
        "studies": [_study(study, found) for study in found.studies],
        "scales": {concept: _scale(scale) for concept, scale in found.scales.items()},
        "encoder": asdict(found.encoder),
        "warnings": list(found.warnings),
    }


def _scale(scale: ChangeScale) -> dict[str, Any]:
    return {"of": scale.of, "pairs": scale.pairs}


def _told(told: Told) -> dict[str, Any]:
    return {
        "facts": [fact_json(fact) for fact in told.facts],
        "measurements": [{**asdict(one), "source": "sr"} for one in told.measurements],
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _pair(pair: ChangedPair) -> dict[str, Any]:
    keys = ("rank", "patient", "earlier", "later", "earlier_date", "later_date", "months", "age", "sex")
    shown: dict[str, Any] = {key: getattr(pair, key) for key in keys}
    shown |= {
        "change": round(pair.change, 4),
        "z": _rounded(pair.z, 2),
        "percentile": _rounded(pair.percentile, 4),
        "verdict": pair.verdict,
        "before": _told(pair.before),
        "now": _told(pair.now),
    }
    if pair.identified is not None:
        earlier, later = pair.identified
        shown |= {
            "patient_id": later.patient_id if later else None,
            "earlier_study_uid": earlier.study_uid if earlier else None,
            "later_study_uid": later.study_uid if later else None,
            "days": pair.days,
        }
    return shown


def _study(study: TimelineStudy, found: Timeline) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "study": study.study,
        "date": study.date,
        "months": study.months,
        "age": study.age,
        "report": study.has_report,
        "refers_back": study.refers_back,
        "findings": [
            {
                "concept": one.concept,
                "label": found.labels[one.concept],
                **_told(one.told),
                "video": None
                if one.score is None
                else {
                    "score": round(one.score, 4),
                    "change": _rounded(one.change, 4),
                    "z": _rounded(one.z, 2),
                    "percentile": _rounded(one.percentile, 4),
                },
            }
            for one in study.findings
        ],
    }
    if study.identified is not None:
        shown |= _whose(study.identified) | {"days": study.days}
    return shown


def _whose(one: Identified) -> dict[str, Any]:
    return {
        "study_uid": one.study_uid,
        "accession_number": one.accession_number,
        "patient_id": one.patient_id,
        "study_date": one.study_date.isoformat() if one.study_date else None,
    }
