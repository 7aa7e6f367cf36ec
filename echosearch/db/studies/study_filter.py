"""Where -> SQL on core.study (alias ``s``), for conditions on a study's own fields, and on core.video (``v``)."""

from __future__ import annotations

from collections.abc import Mapping

from echosearch.filters import And, Comparison, Field, Not, Or, Where

__all__ = ["STUDY_FIELDS", "study_filter", "video_filter"]

_COLUMNS: dict[Field, str] = {
    "sex": "s.sex",
    "age": "s.age",
    "month": "s.month",
    "study": "cast(s.study_key as text)",
    "patient": "cast(s.patient_key as text)",
}
_OF_VIDEOS: dict[Field, str] = {"view": "v.view", "view_prob": "v.view_prob", "mode": "v.mode", "device": "v.device"}
STUDY_FIELDS: frozenset[Field] = frozenset(_COLUMNS)


def study_filter(where: Where | None) -> tuple[str, dict[str, object]]:
    """A condition and its parameters (w0, w1, ...). Unknown values match no comparison, as in the index."""
    given: dict[str, object] = {}
    return ("true" if where is None else _sql(where, given, _COLUMNS)), given


def video_filter(where: Where) -> tuple[str, dict[str, object]]:
    """The same for a video and its study: what is asked of videos is met by one video together."""
    given: dict[str, object] = {}
    return _sql(where, given, _COLUMNS | _OF_VIDEOS), given


def _sql(where: Where, given: dict[str, object], columns: Mapping[Field, str]) -> str:
    match where:
        case Comparison(field, op, value):
            name = f"w{len(given)}"
            given[name] = list(value) if isinstance(value, tuple) else value
            compared = f"{columns[field]} = any(:{name})" if op == "in" else f"{columns[field]} {op} :{name}"
            return f"coalesce({compared}, false)"
        case Not(part):
            return f"not {_sql(part, given, columns)}"
        case And(parts):
            return "(" + " and ".join(_sql(part, given, columns) for part in parts) + ")"
        case Or(parts):
            return "(" + " or ".join(_sql(part, given, columns) for part in parts) + ")"
