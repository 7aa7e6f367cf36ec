"""The findings that a neutral name means with its structures and its word: 壁運動 + 低下, 左室・左房の大きさ + 正常."""

from __future__ import annotations

from collections.abc import Iterator

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["GENERIC", "OF_EITHER", "quality_meaning"]

_NEEDS_STRUCTURE = {"size", "thickness"}
GENERIC = {"機能", "function", "収縮", "径"}
OF_EITHER = {"収縮能", "収縮機能", "収縮", "収縮性", "機能", "systolic function"}
_OF_A_WALL = {"収縮", "収縮性", "contraction"}
_OF_IVC = {"collapse": ("ivc",)}
_OF_ANY = {"ivc", "pulm", "mv", "prosth", "aorta", "wall", "av"}  # structures beside a name that is not of them


def quality_meaning(
    state: State, heads: tuple[Token, ...], token: Token, word: Token | None
) -> Iterator[tuple[Finding, int]]:
    """Return the findings that one neutral name means, with where each begins; ``word`` None: it is normal."""
    part, names = token.value, [name for head in heads for name in head.value]
    if part == "prosthesis" and not _prosthetic(state, token):
        return
    if part == "systolic" and (state.regions or state.diffuse) and state.text[token.start : token.end] in _OF_A_WALL:
        part = "motion"  # 後側壁の収縮低下
    begin = heads[0].start if heads else token.start
    if part == "motion" and not names and state.in_rv and state.text[token.start] not in "左L":
        yield state.lexicon.compounds["rv", part], begin
    elif part in ("motion", "regional") and "rv" not in names and "ra" not in names:
        yield _of_motion(state, part, word, begin, septal="septum" in names)
    elif names:
        yield from _of_structures(state, heads, part, begin)
    else:
        for name in _lent(state, part, token):
            if (name, part) in state.lexicon.compounds:
                yield state.lexicon.compounds[name, part], begin


def _prosthetic(state: State, token: Token) -> bool:
    """Whether 可動性, 開放 speak of a prosthesis: it was named before, or in the words themselves."""
    return (
        state.prosthesis != ""
        or state.text[token.start] in "人生機"
        or state.text[token.start : token.end].startswith("prosthe")
    )


def _of_motion(state: State, part: str, word: Token | None, begin: int, septal: bool) -> tuple[Finding, int]:
    """The finding of how the left ventricle's wall moves: at a place, everywhere, or not told where."""
    findings, value = state.lexicon.findings, None if word is None else word.value
    if (state.regions and not state.diffuse) or septal:
        begin = min([begin, *(region.start for region in state.regions)])
        if value == "paradoxical":
            return findings["septal_motion" if septal else "dyskinesis"], begin
        return findings["hypokinesis" if value == "low" else "rwma"], begin
    if state.diffuse and value == "low":
        return findings["diffuse_hypo"], min(begin, state.diffuse.start)
    return findings["rwma" if part == "regional" else "lv_wall_motion"], begin


def _lent(state: State, part: str, token: Token) -> list[str]:
    """The structures that a neutral name without one is of: those named last, the heading's, the left ventricle."""
    compounds, words = state.lexicon.compounds, state.text[token.start : token.end]
    generic, last = words.lower() in GENERIC, state.last_heads
    of_topic = [name for name in state.topic if (name, part) in compounds]
    if generic and last[:1] in (("lv",), ("rv",)) and (last[0], part) in compounds:
        return list(last if set(last) == {"lv", "rv"} else last[:1])  # 右室に拡大なく、収縮も良好
    if generic and token.start and state.values and words.startswith("収縮"):
        if state.values[-1].measure == "lvef" and state.topic in ((), ("lv",)):
            return ["lv"]  # LVEF 62%、収縮良好
        return []
    if generic and part != "prosthesis" and (*state.topic[:1], part) not in compounds:
        return []
    if part == "systolic" and set(last) <= {"lv", "rv"} and "rv" in last and words in OF_EITHER:
        return list(last)  # 右室の拡大と収縮能低下
    return of_topic or list(_OF_IVC.get(part, () if part in _NEEDS_STRUCTURE else ("lv",)))


def _of_structures(state: State, heads: tuple[Token, ...], part: str, begin: int) -> Iterator[tuple[Finding, int]]:
    """The finding of each structure; of the left ventricle or the vein where the structure named is another."""
    compounds, names = state.lexicon.compounds, [name for head in heads for name in head.value]
    found = [(name, head.start) for head in heads for name in head.value if (name, part) in compounds]
    for name, start in found:
        yield compounds[name, part], start if len(names) > 1 else begin
    if not found and part not in _NEEDS_STRUCTURE and (part == "prosthesis" or set(names) & _OF_ANY):
        name = "ivc" if part == "collapse" else "lv"
        if (name, part) in compounds:
            yield compounds[name, part], begin
