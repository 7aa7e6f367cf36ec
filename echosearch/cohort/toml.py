"""Definition <-> TOML: one table a criterion, told apart by ``kind``."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, get_args

import tomli_w

from echosearch.cohort.definition import Definition, Made
from echosearch.db.cohorts.plan import Criterion, Excluded, Stated, Window
from echosearch.db.questions.fact_conditions import Condition
from echosearch.errors import InputError
from echosearch.report.facts import AnyOf, ChangeCondition, ChangeKind, FindingCondition, ValueCondition
from echosearch.report.facts.reader.mention import Polarity

__all__ = ["condition_table", "criterion_table", "from_toml", "to_toml"]

_HEAD = "# A cohort of echosearch: docs/cohorts.md says what each line means.\n\n"
_OPERATORS = ("<", "<=", ">", ">=", "=", "!=", "between")
_TOP = {"name", "text", "where", "per_patient", "seed", "video_at_least", "made", "criteria", "studies"}


def to_toml(definition: Definition) -> str:
    """Return the definition as TOML; the same definition gives the same bytes."""
    shown: dict[str, Any] = {"name": definition.name}
    if definition.text:
        shown["text"] = definition.text
    if definition.where:
        shown["where"] = definition.where
    shown["per_patient"] = definition.per_patient
    if definition.per_patient == "random":
        shown["seed"] = definition.seed
    if definition.video_at_least is not None:
        shown["video_at_least"] = definition.video_at_least
    if definition.studies:
        shown["studies"] = list(definition.studies)
    shown["made"] = {name: value for name, value in asdict(definition.made).items() if value}
    shown["criteria"] = [criterion_table(one) for one in definition.criteria]
    return _HEAD + tomli_w.dumps(shown)


def criterion_table(criterion: Criterion) -> dict[str, Any]:
    """Return a criterion as a table of TOML."""
    match criterion:
        case Stated(condition):
            return condition_table(condition)
        case Excluded(condition):
            return condition_table(condition) | {"kind": "excluded"}
        case Window():
            return {
                "kind": "window",
                **({"text": criterion.text} if criterion.text else {}),
                "side": criterion.side,
                "length": criterion.length,
                "unit": criterion.unit,
                "absent": criterion.absent,
                "of": [condition_table(one) for one in criterion.conditions],
            }


def condition_table(condition: Condition) -> dict[str, Any]:
    """Return a condition as a table of TOML."""
    match condition:
        case AnyOf(conditions):
            return {"kind": "any", "of": [condition_table(one) for one in conditions]}
        case FindingCondition(concept, polarity, severity):
            graded = {} if severity is None else {"severity": [*severity]}
            return {"kind": "finding", "concept": concept, "polarity": polarity} | graded
        case ValueCondition(concept, op, value, value_hi, unit):
            ends = {} if value_hi is None else {"value_hi": _number(value_hi)}
            return (
                {"kind": "value", "concept": concept, "op": op, "value": _number(value)}
                | ends
                | ({"unit": unit} if unit else {})
            )
        case ChangeCondition(concept, change):
            given = {"amount": condition.amount, "unit": condition.unit, "within_months": condition.within_months}
            return {"kind": "change", "concept": concept, "change": change} | {
                key: _number(value) if isinstance(value, float) else value
                for key, value in given.items()
                if value is not None
            }


def _number(value: float) -> float:
    """A whole number without a point, as people write it."""
    return int(value) if value == int(value) else value


def from_toml(text: str, source: str) -> Definition:
    """Read a definition; ``source`` names it in errors. Its concepts are checked by check_definition.

    Raises InputError: source, place, rule.
    """
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise InputError(f"{source}: not TOML: {exc}") from None
    _known(table, _TOP, source)
    made = _got(table, "made", dict, source, {})
    _known(made, {"lexicon", "encoder", "calibration"}, f"{source}, made")
    criteria = _got(table, "criteria", list, source, [])
    seed, at_least = _got(table, "seed", int, source, 0), _got(table, "video_at_least", (int, float), source, None)
    return Definition(
        _got(table, "name", str, source),
        tuple(_criterion(one, f"{source}, criteria {place}") for place, one in enumerate(criteria, 1)),
        _got(table, "text", str, source, ""),
        _got(table, "where", str, source, ""),
        _got(table, "per_patient", str, source, "all"),
        seed,
        None if at_least is None else float(at_least),
        Made(*(_got(made, name, str, source, default) for name, default in asdict(Made()).items())),
        tuple(map(str, _got(table, "studies", list, source, []))),
    )


def _criterion(table: Any, at: str) -> Criterion:
    if not isinstance(table, dict):
        raise InputError(f'{at}: a table with kind, such as kind = "finding"')
    match table.get("kind"):
        case "excluded":
            made = _condition({**table, "kind": "finding"}, at)
            assert isinstance(made, FindingCondition)
            return Excluded(made)
        case "window":
            _known(table, {"kind", "text", "side", "length", "unit", "absent", "of"}, at)
            return Window(
                tuple(_condition(one, at) for one in _got(table, "of", list, at)),
                _one_of(table, "side", ("before", "after"), at),
                _got(table, "length", int, at),
                _one_of(table, "unit", ("days", "months"), at),
                _got(table, "absent", bool, at, False),
                _got(table, "text", str, at, ""),
            )
        case _:
            return Stated(_condition(table, at))


def _condition(table: Any, at: str) -> Condition:
    kinds: Mapping[str, Callable[[dict[str, Any], str], Condition]] = {
        "finding": _finding,
        "value": _value,
        "any": _any,
        "change": _change,
    }
    kind = table.get("kind") if isinstance(table, dict) else None
    made = kinds.get(str(kind))
    if made is None:
        raise InputError(f"{at}: kind {kind!r}: it is one of finding, value, any, change, excluded, window")
    return made(table, at)


def _finding(table: dict[str, Any], at: str) -> FindingCondition:
    _known(table, {"kind", "concept", "polarity", "severity"}, at)
    severity = _got(table, "severity", list, at, None)
    if severity is not None and (len(severity) != 2 or not all(type(grade) is int for grade in severity)):
        raise InputError(f"{at}: severity {severity}: two grades from 0 to 4, such as [3, 4]")
    polarity = _one_of(table, "polarity", get_args(Polarity), at, "present")
    return FindingCondition(
        _got(table, "concept", str, at), polarity, None if severity is None else (severity[0], severity[1])
    )


def _value(table: dict[str, Any], at: str) -> ValueCondition:
    _known(table, {"kind", "concept", "op", "value", "value_hi", "unit"}, at)
    op = _one_of(table, "op", _OPERATORS, at)
    high = _got(table, "value_hi", (int, float), at, None)
    if op == "between" and high is None:
        raise InputError(f"{at}: between needs value and value_hi")
    return ValueCondition(
        _got(table, "concept", str, at),
        op,
        float(_got(table, "value", (int, float), at)),
        None if high is None else float(high),
        _got(table, "unit", str, at, None),
    )


def _change(table: dict[str, Any], at: str) -> ChangeCondition:
    _known(table, {"kind", "concept", "change", "amount", "unit", "within_months"}, at)
    amount = _got(table, "amount", (int, float), at, None)
    return ChangeCondition(
        _got(table, "concept", str, at),
        _one_of(table, "change", get_args(ChangeKind), at),
        None if amount is None else float(amount),
        _got(table, "unit", str, at, None),
        _got(table, "within_months", int, at, None),
    )


def _any(table: dict[str, Any], at: str) -> AnyOf:
    _known(table, {"kind", "of"}, at)
    made = []
    for one in _got(table, "of", list, at):
        condition = _condition(one, at)
        if isinstance(condition, AnyOf | ChangeCondition):
            raise InputError(f"{at}: an any holds findings and values: list what is joined in one, a change outside")
        made.append(condition)
    if len(made) < 2:
        raise InputError(f"{at}: any needs two conditions or more")
    return AnyOf(tuple(made))


_MISSING: Any = object()


def _got(table: Mapping[str, Any], key: str, kind: type | tuple[type, ...], at: str, default: Any = _MISSING) -> Any:
    value = table.get(key, default)
    if value is _MISSING:
        raise InputError(f"{at}: {key} is missing")
    if value is not default and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise InputError(f"{at}: {key} = {value!r} is of another type than {key} has (docs/cohorts.md)")
    return value


def _one_of(table: Mapping[str, Any], key: str, known: tuple[str, ...], at: str, default: Any = _MISSING) -> Any:
    value = _got(table, key, str, at, default)
    if value not in known:
        raise InputError(f"{at}: {key} {value!r}: it is one of {', '.join(known)}")
    return value


def _known(table: Mapping[str, Any], keys: set[str], at: str) -> None:
    unknown = sorted(table.keys() - keys)
    if unknown:
        raise InputError(f"{at}: no such key {unknown[0]!r}: it is one of {', '.join(sorted(keys))}")
