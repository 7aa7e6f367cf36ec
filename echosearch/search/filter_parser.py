"""The filter language that users type, parsed into echosearch.filters's tree. Documented in docs/search.md.

    view = 4CH and age >= 65 and sex = F and date >= 2020-01
    not (mode in (color, dual) or device = "Vivid E95") and date != 2021

Full-width letters and operators, as a Japanese keyboard types them, are read as their narrow forms.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from lark import Lark, Token, Transformer, UnexpectedInput, v_args
from lark.exceptions import UnexpectedCharacters

from echosearch.errors import WhereError
from echosearch.filters import And, Comparison, Not, Op, Or, Where
from echosearch.report.view_names import view_named
from echosearch.unicode import as_typed, is_text
from echosearch.video import Mode, View

__all__ = ["MAX_LENGTH", "USER_FIELDS", "parse_where"]

MAX_LENGTH = 512
USER_FIELDS = ("view", "view_prob", "mode", "sex", "age", "date", "device")

_GRAMMAR = r"""
    ?start: either
    ?either: both ("or"i both)*             -> either
    ?both: term ("and"i term)*              -> both
    ?term: "not"i term                      -> negated
         | "(" either ")"
         | WORD OPERATOR value              -> compared
         | WORD "in"i "(" values ")"        -> listed
         | WORD "not"i "in"i "(" values ")" -> not_listed
    values: value ("," value)*
    value: WORD | QUOTED
    OPERATOR: "=" | "==" | "!=" | "<=" | ">=" | "<" | ">"
    WORD: /[^\s()=<>!,"']+/i
    QUOTED: /"[^"]*"|'[^']*'/
    %ignore /\s+/
"""
_DASHES = re.compile("[ー−‐‑–—―/]")

Value = str | int | float


def parse_where(text: str) -> Where:
    """Return the tree of a user's expression.

    Raises WhereError: one line with the character it stands at and what is permitted there.
    """
    if not is_text(text):
        raise WhereError("--where is not UTF-8 text: set the terminal to UTF-8")
    plain = as_typed(text).strip()
    if not plain:
        raise WhereError("--where is empty: write a condition such as view = 4CH and age >= 65")
    if len(plain) > MAX_LENGTH:
        raise WhereError(f"--where has {len(plain)} characters, at most {MAX_LENGTH} are read")
    try:
        tree: Where = _parser().parse(plain)
        return tree
    except _Misread as exc:
        raise _located(plain, exc.column, exc.rule) from None
    except UnexpectedCharacters as exc:
        raise _located(
            plain, exc.pos_in_stream or 0, "a quote that is not closed, or a character not of the language"
        ) from None
    except UnexpectedInput as exc:
        at = exc.pos_in_stream if exc.pos_in_stream is not None and exc.pos_in_stream >= 0 else len(plain)
        token = getattr(exc, "token", None)
        if token is None or token.type == "$END":
            at = len(plain)
        raise _located(plain, at, f"expected {_expected(exc)}") from None


class _Misread(Exception):
    """A well-formed condition that means nothing: where it stands and the rule."""

    def __init__(self, token: Token, rule: str) -> None:
        super().__init__(rule)
        self.column: Final = token.start_pos or 0
        self.rule: Final = rule


def _located(plain: str, at: int, rule: str) -> WhereError:
    shown = re.sub(r"\s", " ", plain[max(0, at - 30) : at])
    return WhereError(f"--where, character {at + 1}: {rule}; read so far: {'...' if at > 30 else ''}{shown}▲")


def _expected(exc: UnexpectedInput) -> str:
    wanted = set(getattr(exc, "accepts", None) or getattr(exc, "expected", None) or ())
    words = []
    if "WORD" in wanted and "QUOTED" not in wanted:
        words.append(f"a field ({', '.join(USER_FIELDS)})")
    if "QUOTED" in wanted:
        words.append("a value")
    if "OPERATOR" in wanted:
        words.append("one of = != < <= > >= in")
    if "AND" in wanted:
        words.append("and, or")
    for name, word in (("LPAR", "an opening bracket"), ("RPAR", "a closing bracket"), ("COMMA", "a comma")):
        if name in wanted and not ("WORD" in wanted and name == "LPAR"):
            words.append(word)
    return " or ".join(words) if words else "the end of the expression"


# --- values of each field ------------------------------------------------------------------------------------


def _chosen(field: str, names: Mapping[str, str]) -> Callable[[Token, str], str]:
    def read(token: Token, raw: str) -> str:
        made = names.get(raw.lower())
        if made is None:
            raise _Misread(
                token, f"{field} has no value {raw[:20]!r}: it is one of {', '.join(dict.fromkeys(names.values()))}"
            )
        return made

    return read


def _view(token: Token, raw: str) -> str:
    made = view_named(raw)
    if made is None:
        raise _Misread(token, f"view has no value {raw[:20]!r}: it is one of {', '.join(View)}")
    return made.value


def _age(token: Token, raw: str) -> int:
    if not raw.isdecimal() or int(raw) > 90:
        raise _Misread(token, "age is a whole number of years from 0 to 90, where 90 means 90 and over")
    return int(raw)


def _probability(token: Token, raw: str) -> float:
    if not re.fullmatch(r"0|1|[01]?\.\d{1,6}", raw) or not 0 <= float(raw) <= 1:
        raise _Misread(token, "view_prob is a number from 0 to 1")
    return float(raw)


def _device(token: Token, raw: str) -> str:
    if not raw:
        raise _Misread(token, "device is a name, not nothing")
    return raw


_READERS: dict[str, Callable[[Token, str], Value]] = {
    "view": _view,
    "view_prob": _probability,
    "mode": _chosen("mode", {mode.value: mode.value for mode in Mode}),
    "sex": _chosen("sex", {"m": "M", "f": "F", "o": "O"}),
    "age": _age,
    "device": _device,
}
_UNORDERED = frozenset({"view", "mode", "sex", "device"})


def _months(token: Token, raw: str) -> tuple[int, int]:
    """First and last month, yyyymm, of a year or a month."""
    match = re.fullmatch(r"((?:19|20)\d\d)(?:-(\d{1,2})(-\d{1,2})?)?", _DASHES.sub("-", raw))
    if match is None or (match[2] and not 1 <= int(match[2]) <= 12):
        raise _Misread(token, "date is a year (2020) or a month (2020-04)")
    if match[3]:
        raise _Misread(token, "date is a year (2020) or a month (2020-04): the index keeps months, not days")
    first, last = (int(match[2]), int(match[2])) if match[2] else (1, 12)
    return int(match[1]) * 100 + first, int(match[1]) * 100 + last


def _date(token: Token, op: str, raw: str) -> Where:
    first, last = _months(token, raw)
    match op:
        case "=":
            if first == last:
                return Comparison("month", "=", first)
            return And((Comparison("month", ">=", first), Comparison("month", "<=", last)))
        case "<" | ">=":
            return Comparison("month", op, first)
        case _:
            return Comparison("month", op, last)  # type: ignore[arg-type]  # "<=" or ">"


def _condition(field: Token, op: Op, value: tuple[Token, str]) -> Where:
    name = field.lower()
    if name not in USER_FIELDS:
        raise _Misread(field, f"no such field: it is one of {', '.join(USER_FIELDS)}")
    if name in _UNORDERED and op != "=":
        raise _Misread(value[0], f"{name} has no order: it takes =, != and in")
    if name == "view_prob" and op == "=":
        raise _Misread(value[0], "view_prob takes <, <=, > and >=")
    if name == "date":
        return _date(value[0], op, value[1])
    made = _READERS[name](*value)
    if name == "age" and made == 90 and op == ">":
        raise _Misread(value[0], "nobody's age is above 90 here: 90 means 90 and over, write age >= 90")
    return Comparison(name, op, made)  # type: ignore[arg-type]  # a member of USER_FIELDS other than date is a Field


@v_args(inline=True)
class _Builder(Transformer[Token, Where]):
    """Called by the parser as it reads, so that deep nesting costs no recursion."""

    def either(self, *parts: Where) -> Where:
        return parts[0] if len(parts) == 1 else Or(parts)

    def both(self, *parts: Where) -> Where:
        return parts[0] if len(parts) == 1 else And(parts)

    def negated(self, part: Where) -> Where:
        return part.part if isinstance(part, Not) else Not(part)  # so nesting cannot grow out of nothing

    def value(self, token: Token) -> tuple[Token, str]:
        return token, token[1:-1].strip() if token.type == "QUOTED" else str(token)

    def values(self, *values: tuple[Token, str]) -> tuple[tuple[Token, str], ...]:
        return values

    def compared(self, field: Token, operator: Token, value: tuple[Token, str]) -> Where:
        if operator == "!=":
            return Not(_condition(field, "=", value))
        return _condition(field, "=" if operator == "==" else operator.value, value)

    def listed(self, field: Token, values: tuple[tuple[Token, str], ...]) -> Where:
        made = tuple(_condition(field, "=", value) for value in values)
        if all(isinstance(one, Comparison) for one in made):
            return Comparison(made[0].field, "in", tuple(dict.fromkeys(one.value for one in made)))  # type: ignore[union-attr,misc]
        return Or(made)

    def not_listed(self, field: Token, values: tuple[tuple[Token, str], ...]) -> Where:
        return Not(self.listed(field, values))


@lru_cache(maxsize=1)
def _parser() -> Any:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Builder())
