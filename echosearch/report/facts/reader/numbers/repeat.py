"""Second numbers of the measurement named last: by another method, under another load, at another place."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Value
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.number import Number, read_number
from echosearch.report.facts.text.tokens import Token

__all__ = ["bracketed", "chained", "is_ratio", "of_expiration", "paired", "provoked", "repeats", "summed", "tied"]

# 右心負荷 is no load
_PROVOKED = re.compile(
    r"安静|\brest|(?<![心圧量室])負荷|valsalva|バルサルバ|ヴァルサルヴァ|運動|立位|座位", re.IGNORECASE
)
_RATIO = 2.5  # no unit makes both measurements of a pair that small
_RATIOS = ({"lad", "aod"}, {"ivs", "pw"}, {"tapse", "rvsp"})
_IS_RATIO = re.compile(r"\s*(?:比|ratio)")
_METHOD = (
    r"(?:modified |m-|disk |disc )?simpson|biplane|bp|mod|teich(?:h?olz|holtz)?|quinones|m-?mode|2d|3d|visual|eyeball"
    r"|目測|視覚的|pombo|連続の?式|planimetry|プラニメトリー?|trace|トレース|pht|pisa|a[234]c|[234]ch|ave?|avg|average|mean"
    r"|平均|sep(?:t(?:al)?)?|lat(?:eral)?|中隔|側壁|安静|rest|(?:バルサルバ|ヴァルサルヴァ|valsalva|運動|下肢挙上|薬物)?負荷"
    r"|valsalva|バルサルバ|ヴァルサルヴァ|運動|立位|座位|臥位|期外収縮|最大|max"
)
_BY_METHOD = re.compile(
    rf"(?:\s*\([^()]{{1,20}}\))?(?:程度|前後)?(?:です|だ|である)?(?:が|も)?[\s、,/・(と]*(?:{_METHOD})(?:法|側|手技|試験)?(?:時|後|中|像|上)?[でに]?(?:は)?[\s:=)]*約?",
    re.IGNORECASE,
)
_LISTED = re.compile(r"[^、,]{0,12}[、,・/と][^、,\d]{0,16}")
_TIED = re.compile(r"\s*[/・と,、&]?\s*(?:LV)?")
_TIED_BY_POINT = re.compile(r"\s*[:×-]\s*(?:LV)?")  # IVS:PW=10:9, Dd-Ds 50-33
_IN_STEP = re.compile(r"[\s=:]*\d+(?:\.\d+)?\s*(?:mm|cm)?\s*[:×/-]\s*\d")
_BETWEEN = re.compile(r"\s*/\s*")
_OF_A_PAIR = re.compile(r"\s*[:×]\s*")
_HALVES = re.compile(r"[=\s]*(\d+(?:\.\d+)?)\s*(?:mm|cm)?\s*-\s*(\d+(?:\.\d+)?)")
_PLUS = re.compile(r"\+[^=、。]{0,12}\d\s*(?:mmHg)?\s*\)?\s*$", re.IGNORECASE)  # TRPG 35+RAP 8=43mmHg
_RESTING = re.compile(r"\s*at rest,?(?: and| increasing to| rising to)? ?", re.IGNORECASE)
_LOADED = re.compile(r"\s*(?:with|during|after|on) (?:the )?(?:valsalva|exercise|provocation|stress)", re.IGNORECASE)
_PEAK = re.compile("最大|max|peak", re.IGNORECASE)
_LOOK_BACK = 40
_NAMING = ("finding", "quality", "measure", "measure_vetoed", "attribute")
_AT_INSPIRATION = re.compile(r"\s*\(?(?:吸気|[Ii]nsp)")
_EXPIRED = re.compile("呼気|[Ee]xp|max")
_INSPIRED = re.compile(r"(?:吸気(?:時|終末期?)?|[Ii]nsp\.?|min\.?)[\s:]*$")


def is_ratio(state: State, names: list[Token], found: list[Token], index: int) -> bool:
    """Return whether a number is the ratio of two measurements: LA/Ao 1.6, TAPSE/PASP比 0.31."""
    number = found[index].value
    small = number.unit is None and number.low < _RATIO and {n.measure for n in names} in _RATIOS
    if small and len(chained(state, found, index)) == 1:
        return True
    return len(names) > 1 and _IS_RATIO.match(state.text, names[-1].end) is not None


def provoked(text: str, before: Value, end: int) -> bool:
    """Return whether a second number is of a load, not of a later day: Valsalva負荷で 8→62mmHg."""
    loaded = before.measure in ("lvot_pg", "trpg", "rvsp") and _PROVOKED.search(
        text, max(0, before.start - 12), before.start
    )
    return bool(loaded or _PROVOKED.search(text, before.end, end + 12))


def repeats(state: State, last: Value, found: list[Token], index: int) -> bool:
    """Return whether a number speaks of the measurement named last once more: EF(MOD) 45%、Teich 52%."""
    token = found[index]
    if state.earlier or read_number(token.value, state.lexicon.measures[last.measure]) is None:
        return False
    between = state.text[last.end : token.start]
    if last.measure == "effusion_depth":
        if token.value.unit not in ("mm", "cm") or _LISTED.fullmatch(between) is None:
            return False
        within = [each for each in found[max(0, index - 6) : index] if each.start >= last.end]
        return not any(each.kind in _NAMING for each in within)
    if last.measure in ("av_mpg", "mv_mpg") and _PEAK.search(between):
        return False  # 平均40mmHg、最大65mmHg
    if _RESTING.fullmatch(between) and _LOADED.match(state.text, token.end):
        return True  # 60 mmHg at rest, 100 mmHg with Valsalva
    return last.measure != "ivc" and _BY_METHOD.fullmatch(between) is not None


def of_expiration(text: str, named: Token, token: Token) -> bool:
    """Return whether an IVC's number is the one at expiration, or no other one is told."""
    if named.measure != "ivc":
        return True
    if not (_INSPIRED.search(text, named.end, token.start) or _AT_INSPIRATION.match(text, token.end)):
        return True
    return _EXPIRED.search(text, token.end, token.end + 24) is None


def chained(state: State, found: list[Token], index: int) -> list[Token]:
    """Return the numbers that slashes join: 58/45."""
    chain = [found[index]]
    place = index + 1
    while place < len(found):
        after = found[place]
        if after.kind == "and" and place + 1 < len(found):
            after, place = found[place + 1], place + 1
        joined = state.text[chain[-1].end : after.start]
        several = len(state.names) > 1
        listed = several and re.fullmatch(r"\s*[・、,]\s*", joined)
        if after.kind != "number" or not (
            _BETWEEN.fullmatch(joined) or listed or (several and _OF_A_PAIR.fullmatch(joined))
        ):
            break
        chain.append(after)
        state.done = place
        place += 1
    return chain


def bracketed(state: State, token: Token) -> bool:
    """Read an earlier value in brackets behind today's, where the report says that it is one: LVDd 48mm(47)."""
    last = state.values[-1] if state.values else None
    if (
        last is None
        or state.text[last.end : token.start].strip() != "("
        or state.text[token.end : token.end + 1] != ")"
    ):
        return False
    rule = state.lexicon.measures[last.measure]
    read = read_number(token.value, rule, token.value.unit or last.unit)
    if read is None:
        return False
    made = Value(last.measure, last.start, token.end, read.value, read.high, rule.unit)
    made.historical = True
    state.values.append(made)
    return True


def paired(state: State, names: list[Token], number: Number) -> tuple[float, float] | None:
    """Return the two numbers of two names where a dash joins them, which is no range: Dd/Ds 50-33, Ao-LA 32-41."""
    match = _HALVES.match(state.text, number.start) if number.high is not None else None
    if match is None:
        return None
    halves = float(match[1]), float(match[2])
    dashed = state.text[names[0].end : names[1].start].strip() == "-"
    return halves if dashed or halves[0] > halves[1] else None


def summed(state: State, found: list[Token], index: int) -> Token | None:
    """Return the name of a pressure whose sum a number is: RVSP=TRPG 35+RAP 8=43."""
    token = found[index]
    if state.text[token.start] != "=" or not _PLUS.search(state.text, max(0, token.start - _LOOK_BACK), token.start):
        return None
    before = (each for each in reversed(found[max(0, index - 8) : index]) if each.measure == "rvsp")
    return next(before, None)


def tied(state: State, before: Token, token: Token) -> bool:
    """Return whether two names share the numbers behind the second: LVDd/Ds 58/45."""
    if _TIED.fullmatch(state.text, before.end, token.start):
        return True
    pointed = _TIED_BY_POINT.fullmatch(state.text, before.end, token.start) is not None
    return pointed and _IN_STEP.match(state.text, token.end) is not None
