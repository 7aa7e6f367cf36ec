"""Interpretations, disagreements and audits as `--json` prints them. The shapes are in docs/schemas, and stay."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from echosearch.db.studies.identified import Identified
from echosearch.insight.disagree import Disagreement, Disagreements
from echosearch.insight.interpret import Interpretation, ReadFinding, ReadMeasure
from echosearch.insight.intervals import Interval
from echosearch.insight.notice import NOTICE
from echosearch.insight.probes.fit import ProbeErrors
from echosearch.insight.probes.stored import StoredProbe
from echosearch.insight.shortcuts import Shortcuts
from echosearch.report.facts import fact_json
from echosearch.search.changes.scale import Told

__all__ = ["disagreements_json", "interpretation_json", "probe_json", "shortcuts_json"]


def interpretation_json(found: Interpretation) -> dict[str, Any]:
    """Return the shape of `echosearch interpret --json`."""
    return {
        "notice": NOTICE,
        "query": dict(found.query),
        "findings": [_finding(one) for one in found.findings],
        "values": [_value(one) for one in found.values],
        "neighbours": [
            {
                "study": one.study,
                "patient": one.patient,
                "date": one.date,
                "cosine": round(one.cosine, 4),
                "facts": [fact_json(fact) for fact in one.facts],
                **_whose(one.identified),
            }
            for one in found.neighbours
        ],
        "draft": found.draft,
        "sampled": found.sampled,
        "encoder": asdict(found.encoder),
        "warnings": list(found.warnings),
        **_whose(found.identified),
    }


def disagreements_json(found: Disagreements) -> dict[str, Any]:
    """Return the shape of `echosearch disagree --json`."""
    return {
        "disagreements": [_disagreement(one) for one in found.disagreements],
        "against": found.against,
        "compared": found.compared,
        "surprising": found.surprising,
        "rates": [asdict(one) for one in found.rates],
        "encoder": asdict(found.encoder),
        "warnings": list(found.warnings),
    }


def shortcuts_json(found: Shortcuts) -> dict[str, Any]:
    """Return the shape of `echosearch audit shortcuts --json`."""
    return {
        "studies": found.studies,
        "probes": [_rounded(asdict(one)) for one in found.probes],
        "neighbours": [_rounded(asdict(one)) for one in found.neighbours],
        "similarity": [_rounded(asdict(one)) for one in found.similarity],
        "encoder": asdict(found.encoder),
        "warnings": list(found.warnings),
    }


def probe_json(found: StoredProbe) -> dict[str, Any]:
    """Return the shape of `echosearch probe fit --json`: a probe without its weights."""
    probe = found.probe
    return {
        "concept": probe.concept,
        "label": found.label,
        "unit": found.unit,
        "version": found.version,
        "kind": probe.kind,
        "labels": found.labels,
        "studies": probe.studies,
        "patients": probe.patients,
        "positives": probe.positives,
        "errors": _errors(probe.errors),
        "prompts": None if probe.prompts is None else _errors(probe.prompts),
        "width": _round(probe.width, 3),
        "created_at": found.created_at,
    }


def _errors(errors: ProbeErrors) -> dict[str, Any]:
    made: dict[str, Any] = {"calibration": _round(errors.calibration, 4)}
    for name in ("error", "auc", "exact"):
        one: Interval | None = getattr(errors, name)
        made[name] = None if one is None else {part: _known(getattr(one, part)) for part in ("value", "low", "high")}
    return made


def _known(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def _rounded(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 4) if isinstance(value, float) else value for key, value in fields.items()}


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _finding(one: ReadFinding) -> dict[str, Any]:
    curve, line = one.curve, one.curve.grade
    return {
        "concept": one.concept,
        "label": one.label,
        "probability": _round(one.probability, 4),
        "grade": _round(one.grade, 2),
        "evidence": {
            "positives": curve.positives,
            "negatives": curve.negatives,
            "calibration_error": _round(curve.error, 4),
            "graded_reports": None if line is None else line.studies,
            "grade_error": None if line is None else round(line.error, 3),
        },
        "not_calibrated": one.why_not,
        "probe": one.probe,
        "video": None
        if one.video is None
        else {"video": one.video.key, "view": one.video.view, "mode": one.video.mode},
    }


def _value(one: ReadMeasure) -> dict[str, Any]:
    return {
        "concept": one.concept,
        "label": one.label,
        "unit": one.reader.unit,
        "value": _round(one.value, 1),
        "low": _round(one.low, 1),
        "high": _round(one.high, 1),
        "evidence": {"studies": one.reader.studies, "error": _round(one.reader.error, 3)},
        "not_calibrated": one.reader.why_not,
        "probe": one.probe,
    }


def _disagreement(one: Disagreement) -> dict[str, Any]:
    return {
        "rank": one.rank,
        "study": one.study,
        "patient": one.patient,
        "date": one.date,
        "device": one.device,
        "concept": one.concept,
        "label": one.label,
        "surprise": round(one.surprise, 3),
        "kind": one.kind,
        "report": _told(one.told),
        "probability": _round(one.probability, 4),
        "grade": _round(one.grade, 2),
        "value": _round(one.value, 1),
        **_whose(one.identified),
    }


def _told(told: Told) -> dict[str, Any]:
    return {
        "facts": [fact_json(fact) for fact in told.facts],
        "measurements": [{**asdict(one), "source": "sr"} for one in told.measurements],
    }


def _whose(one: Identified | None) -> dict[str, Any]:
    if one is None:
        return {}
    return {
        "study_uid": one.study_uid,
        "accession_number": one.accession_number,
        "patient_id": one.patient_id,
        "study_date": one.study_date.isoformat() if one.study_date else None,
    }
