"""Where -> SQL on core.study (alias ``s``) and core.patient (alias ``p``), for conditions on a study's own fields."""

from __future__ import annotations

from echosearch.filters import And, Comparison, Field, Not, Or, Where

__all__ = ["STUDY_FIELDS", "study_filter"]

_COLUMNS: dict[Field, str] = {
    "sex": "s.sex",
    "age": "s.age",
    "month": "s.month",
    "study": "cast(s.study_key as text)",
    "patient": "cast(s.patient_key as text)",
}
STUDY_FIELDS: frozenset[Field] = frozenset(_COLUMNS)


def study_filter(where: Where | None) -> tuple[str, dict[str, object]]:
    """A condition and its parameters (w0, w1, ...). Unknown values match no comparison, as in the index."""
    given: dict[str, object] = {}
    return ("true" if where is None else _sql(where, given)), given


def _sql(where: Where, given: dict[str, object]) -> str:
    match where:
        case Comparison(field, op, value):
            name = f"w{len(given)}"
            given[name] = list(value) if isinstance(value, tuple) else value
            compared = f"{_COLUMNS[field]} = any(:{name})" if op == "in" else f"{_COLUMNS[field]} {op} :{name}"
            return f"coalesce({compared}, false)"
        case Not(part):
            return f"not {_sql(part, given)}"
        case And(parts):
            return "(" + " and ".join(_sql(part, given) for part in parts) + ")"
        case Or(parts):
            return "(" + " or ".join(_sql(part, given) for part in parts) + ")"
