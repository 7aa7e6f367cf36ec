"""Numbers given to their names: whose a gradient is, and what of it is of an earlier day."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Value
from echosearch.report.facts.reader.numbers.repeat import provoked
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.number import Number, read_number
from echosearch.report.facts.text.tokens import Token

__all__ = ["SITED", "assign", "of_no_word", "outdates", "place_waiting", "sited"]

# EFが50%を切るようなら, EF 40%以下の場合は: nobody measured it
_IF = re.compile(
    r"\s*(?:程度|前後)?(?:(?P<limit>(?<=以下|未満|以上)|以下|未満|以上)(?:(?!のため|にて|で(?!あ))[^、。\d]){0,12}?"
    r"|(?:[をに](?:切|下回|上回|超え?)[るっ]?|(?:に|と|まで|で|へ)?(?:低下|上昇|改善|悪化|回復)?)"
    r"(?:する|した|し|ある|あっ|あ|なって(?:い[たる])?|なる|なっ|な|下が|上が)?[たの]?(?:よう|とき)?)"
    r"(?:なら(?(limit)|(?!ば?(?:拡|肥|正|問|異|軽|保)))(?:ば|[、はEC]|$|[一-龠])|れば|(?<!で)場合[はに、]|[ただ]ら[、一-龠])"
)

_NARROW = ("as", "ms", "prosthetic_valve", "prosthetic_dysfunction")
_AT_REST = re.compile(
    r"(?:[\s、,(:は]|\([-+±]\)|所見|なし|あり|を?認め(?:る|ず)?|軽度|中等度|高度|present|mild|moderate|severe)*"
    r"(?:(?:安静|負荷|運動|立位|rest|valsalva|バルサルバ)(?:負荷)?(?:時|中)?(?:で|に|は)?|最大|peak|max)?[\s:は約]*",
    re.IGNORECASE,
)
_MEAN = re.compile(
    r"(?![^。]*(?:PA|BP|RA|PCWP?|血)\s?(?:mean|平均))[^。\n]{0,40}(?:mean|平均)値?[\s:=は約が]*", re.IGNORECASE
)
_FROM = re.compile(r"\s*から(?:今回|現在|本日)?\s*約?")
SITED = {
    "gradient.mean": {"av": "av_mpg", "mv": "mv_mpg", "lvot": "lvot_pg"},
    "gradient.peak": {"lvot": "lvot_pg", "tv": "trpg"},
    "gradient.bare": {"lvot": "lvot_pg", "tv": "trpg"},
    "velocity": {"av": "av_vmax", "tv": "trv"},
    "valve_area": {"av": "ava", "mv": "mva"},
}
_SITE_OF = {
    "av_mpg": "av",
    "av_vmax": "av",
    "ava": "av",
    "mv_mpg": "mv",
    "mva": "mv",
    "lvot_pg": "lvot",
    "trpg": "tv",
    "trv": "tv",
}


def sited(state: State, measure: str) -> str | None:
    """Return the id of a measurement; a gradient's depends on the valve named last."""
    if measure not in SITED:
        return measure
    site, last = state.site, state.last
    if measure == "gradient.mean" and last is not None and last.finding.concept == "sam":
        site = state.site_before or site  # 弁輪縫縮術後、SAMなし、mean PG 3.5mmHg
    return SITED[measure].get(site or "")


def assign(state: State, named: Token, value: Number, unit: str | None, start: int) -> None:
    """Make a value of a number and its name; a gradient without a valve waits for one."""
    measure = sited(state, named.measure or "")
    state.measure = measure
    if measure is None:
        if state.site is None or state.query:
            state.unsited.append((named, value, unit, start, state.either, state.earlier))
            state.either = False
        return
    state.site = _SITE_OF.get(measure, state.site)
    if measure in _SITE_OF:
        state.last_heads = (_SITE_OF[measure],)  # 大動脈弁口面積は0.7cm2で重症の狭窄
    if not state.query and _IF.match(state.text, value.end):
        return
    rule = state.lexicon.measures[measure]
    read = read_number(value, rule, unit)
    if read is None:
        return
    before = state.values[-1] if state.values else None
    if state.arrow and before is not None and before.measure == measure and not state.query:
        before.historical = not provoked(state.text, before, value.end)  # EF 55%→EF 40%
        state.arrow = False
    if state.arrow_at:
        _outdate(state, measure, value.end)
    historical = (state.earlier and not state.earlier_after) or (state.earlier and bool(state.names))
    made = Value(
        measure, min(start, named.start), max(value.end, named.end), read.value, read.high, rule.unit, value.op
    )
    made.historical, made.either = historical, state.either
    state.either = state.strong = False
    state.values.append(made)


def _outdate(state: State, measure: str, end: int) -> None:
    """Make earlier ones of the values before the arrow, each once: EF 66%、GLS -20%→今回 EF 54%、GLS -16%."""
    place = state.outdated.get(measure, 0)
    while place < len(state.values) and state.values[place].end <= state.arrow_at:
        one = state.values[place]
        if one.measure == measure and not one.historical and not provoked(state.text, one, end):
            one.historical = True
        place += 1
    state.outdated[measure] = place


def place_waiting(state: State) -> None:
    """Join to a gradient the valve that is named after it: Vmax 4m/s以上のAS."""
    waiting, state.unsited = state.unsited, []
    for named, value, unit, start, state.either, earlier in waiting:
        made = len(state.values)
        assign(state, named, value, unit, start)
        for one in state.values[made:]:
            one.historical = one.historical or earlier


def of_no_word(state: State, token: Token) -> str | None:
    """Return whose gradient a pressure is that no word calls one: LVOTO(-): 安静時 5mmHg; AS severe (mean 45mmHg)."""
    last = state.last
    if last is None or state.names or state.query:
        return None
    between = state.text[last.end : token.start]
    if last.finding.concept == "lvoto" and _AT_REST.fullmatch(between):
        return "lvot_pg"
    return "gradient.mean" if last.finding.concept in _NARROW and _MEAN.fullmatch(between) else None


def outdates(state: State, token: Token) -> bool:
    """Return whether a number is today's behind one of no valve yet: Vmaxは前回3.8から4.2m/sに上昇、AS高度."""
    value: Number = token.value
    if not _FROM.fullmatch(state.text, state.unsited[-1][1].end, token.start):
        return False
    named, first, unit, start, either, _ = state.unsited[-1]
    state.unsited[-1] = (named, first, unit or value.unit, start, either, True)
    state.unsited.append((named, value, value.unit, start, either, False))
    state.earlier = state.earlier_after = False
    return True
