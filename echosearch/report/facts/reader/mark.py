"""Words that name nothing and change how what follows is read: 有意な, 新たな, 前回, 今回, その他, が、."""

from __future__ import annotations

from collections.abc import Callable

from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["MARKS"]


def _significant(state: State, token: Token) -> None:
    _begin(state)
    state.significant = True


def _new(state: State, token: Token) -> None:
    _begin(state)
    state.new = True


def _begin(state: State) -> None:
    """A word before its findings: after a predicate or a comma it begins a list of its own."""
    if state.cued or (state.group and state.comma and not state.strong):
        state.close()


def _and(state: State, token: Token) -> None:
    state.strong = True


def _either(state: State, token: Token) -> None:
    state.strong = state.either = True


def _end(state: State, token: Token) -> None:
    state.close()
    state.comma = True
    state.denied = False


def _poor(state: State, token: Token) -> None:
    state.poor = True


def _others(state: State, token: Token) -> None:
    if state.text[token.end : token.end + 1] in ("、", ",", ":"):
        return  # その他、… lists more; it does not speak of the rest
    last = state.last
    if last is not None and last.end == token.start:
        state.close()  # MR以外の弁膜症: MR is there
        return
    state.close()
    state.settle()
    state.others = True


def _earlier(state: State, token: Token) -> None:
    last = state.last
    named = (last is not None and not state.comma) or (
        state.measure is not None and bool(state.values) and not state.comma
    )
    opened = state.text[: token.start].rstrip(" ").endswith("(")
    state.earlier = True
    state.earlier_after = bool(state.mentions or state.values) and (named or opened or state.comma)
    state.earlier_depth = state.depth
    state.now = False


def _recalled(state: State, token: Token) -> None:
    state.now = False
    state.recalled = True


def _now(state: State, token: Token) -> None:
    state.earlier = state.earlier_after = False
    state.now = True
    state.arrow = state.text[token.start : token.end] in ("→", "->", "=>")


MARKS: dict[str, Callable[[State, Token], None]] = {
    "significant": _significant,
    "new": _new,
    "and": _and,
    "or": _either,
    "end": _end,
    "poor": _poor,
    "others": _others,
    "earlier": _earlier,
    "recalled": _recalled,
    "now": _now,
    "clear": lambda state, token: _begin(state),
}
