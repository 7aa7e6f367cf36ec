"""Measurements: names, the numbers that belong to them, lists such as LVDd/Ds 58/45, and whose a gradient is."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Value
from echosearch.report.facts.reader.numbers.nameless import of_no_name
from echosearch.report.facts.reader.numbers.repeat import (
    bracketed,
    chained,
    is_ratio,
    of_expiration,
    paired,
    repeats,
    summed,
    tied,
)
from echosearch.report.facts.reader.numbers.site import assign, sited
from echosearch.report.facts.reader.numbers.unmeasured import STRICT
from echosearch.report.facts.reader.quality import of_collapse
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.number import Number
from echosearch.report.facts.text.tokens import Token

__all__ = ["measured_finding", "name", "number"]

_LENGTHS = ("mm", "cm")
_BESIDE = re.compile(
    r"(?:[はの:]?\s*(?:正常(?:範囲内?|大)?|拡[大張][はを]?(?:なし|なく|認めず|認めない|みられず))\s*(?=\())?"
    r"(?:,?(?: (?:measuring|measures|measured(?: at)?|with a (?:maximum |maximal )?diameter of|up to|is|was|of|at"
    r"|estimated(?: at| to be)?|approximately|about|(?:has )?(?:in|de)creased from|previously|prior(?: study)?))+ ?)?"
    r"(?: (?:(?:is|was) )?(?:not |\w+ly )?(?:dilated|enlarged|normal(?: in size)?)(?: ?\(| at| to|,))?"
    r"(?:[はの:]?\s*(?:軽度|中等度|高度|著明な?)?の?(?:瘤状拡大|瘤状拡張|拡大|拡張|瘤)(?:傾向)?は?(?:軽度|中等度|高度)?(?:\([+-]\))?(?:(?:あり|を認める|を認め|所見)?"
    r"(?:\s*(?=\()|[ 、,]\s*(?=\d+\s*[mc]m|$))|(?:して(?:おり|いて)|し|があり|を認め|あり)[、,]\s*(?:最大|径は?)?"
    r"|(?=\d+(?:\.\d+)?\s*[mc]m|$)))?"
    r"(?:\s?[はも]\s?(?:ごく軽度|軽度|中等度|高度|著明|やや|若干|明らか)?[にな]?の?(?:拡[大張]|瘤化|瘤状に拡[大張]|虚脱|狭小化|縮小|正常|細く|太く|張)"
    r"(?:傾向|気味|大|範囲内?|所見)?[にで]?[はもを]?"
    r"(?:し(?:て(?:は)?(?:おり|いて|おらず|いなくて?)|)|っ(?:ておらず|ており)|なく(?:て)?|であり|で|認め(?:ず|ておら?[りず])|みられず|)[、,]?(?=約?\d|$))?"
    r"(?:[はがの][^、,。()\d]{1,14}[、,]\s*(?=(?:最大|前後)?[短長内直]?径))?"
    r"(?:は?(?:ともに?|いずれも))?(?:[のは:]?\s*(?:(?:最大|前後)?[短長内直]?径|AP(?![A-Za-z])))?(?:[\s(:は]*(?:呼気(?:時|終末期?)?|[Ee]xp\.?|max\.?))?[\s:=はの約がを~最大(直内短長径φΦ<>!]*(?:\([^()]{0,20}\))?"
    r"(?:\s*(?:前回|今回|昨年|術前)[は値]?)?[\s:=<>!は約が~]*"
)
_WIDE = re.compile("拡|瘤")
_OF_WHAT_FOLLOWS = re.compile("(?:大|程度|前後|ほど)?の(?!拡[大張]|[^、。]{0,3}瘤)")
_NEXT = re.compile(
    _BESIDE.pattern + r"(?:[-~]?\d|前回|計測|測定|未計測|算出|描出でき"
    r"|(?:could not be|can ?not be|was not|not) (?:measured|obtained))|\s*[/・と,、&]\s*(?:LV|[A-Z左後大A]|心室|上行)"
    r"|[\s:は(]*(?:吸気|[Ii]nsp|min)[^\d、。]{0,6}\d+(?:\.\d+)?\s*(?:mm)?[^\d。]{0,6}(?:呼気|[Ee]xp|max)"
    r"|\s*[:×-]\s*(?:LV)?PW\w{0,2}[\s=:]*\d+(?:\.\d+)?\s*(?:mm)?\s*[:×-]\s*\d"
)
_SUM = re.compile(r"\s*(?:\+\s*\d+\s*(?:mmHg)?(?:\(\w+\))?\s*=|=)\s*\d", re.IGNORECASE)
_DEEP = re.compile("(?:程度|大|前後|ほど|くらい|厚|深)?の|")
_BREATH = re.compile(r"(?:\s*\(?(?:吸気|[Ii]nsp)[^\d()、,/]{0,4}\)?)?\s*[、,/・]?")
_OWN = re.compile(r"[\s:=は(]*\d")  # a number of its own behind a name
_LOADED = re.compile(r"(?:法|手技|試験)?(?:時|中|後)?[でには]*[\s:=は(]*約?\d")
_SEPTAL = re.compile(r"\s*[(、,/・]\s*(?:心室)?中隔側?\s*[:=は]?\s*\d+(?:\.\d+)?(?!\s*[mc]m|[\d.])")
_HOW = re.compile(r"法?\)|法|で(?=約?\d)")
_MEAN = re.compile(r"(?:平均|mean)値?[\s:=は(約が]*$")
# for the body's size: LVDd index 30mm/m2, BSA補正AVA
_INDEXED_BEHIND = re.compile(
    r"\s*\(?(?:/\s*BSA|(?:BSA|体表面積)?(?:補正|で除した)値?|係数|インデックス|ind(?:ex(?:ed)?)?\b)|I(?![A-Za-z度/])",
    re.IGNORECASE,
)
_INDEXED_AHEAD = re.compile(r"(?:補正(?:した)?|\bindexed)\s*\Z", re.IGNORECASE)
_BY_SEVERAL = ("lvef", "e_e", "gls")
_FORGOTTEN = ("finding", "measure_vetoed")  # names that the next one ends
_INDEXED = ("ml/m2", "ml/m^2")
_OF_THE_ATRIUM = re.compile(r"(?:LAV|左心?房容[積量])[^、。]{0,12}\d\s*(?:mL|ml)[\s(、,/]*$")
_REACH = 40
_COMPARED = re.compile(r"compared (?:with|to) [^,.;()]{0,40}", re.IGNORECASE)


def name(state: State, token: Token) -> None:
    """Name a measurement: its number follows, or came before it."""
    if _is_no_name(state, token):
        return
    if token.measure not in (None, "lavi") and _is_indexed(state.text, token):
        token = token._replace(kind="measure_vetoed", measure=None)
    if token.kind == "measure_vetoed":
        _veto(state, token)
        return
    if state.names and (state.names[-1].kind in _FORGOTTEN or not tied(state, state.names[-1], token)):
        state.names = []
    if state.heads and token.kind == "measure" and state.text[state.heads[-1].end : token.start] == "の":
        state.last_heads = state.heads[-1].value  # 右室のTAPSE 12mmと収縮能は低下
    if state.unclear and token.kind in ("measure", "quality") and (measure := sited(state, token.measure or "")):
        state.values.append(Value(measure, token.start, token.end, None))
        state.unclear = False  # unable to estimate RVSP
        return
    state.gradient = (token.measure or "").startswith("gradient")
    pair = (token.measure or "").split("+")
    state.names += [token._replace(measure=each) for each in pair] if len(pair) > 1 else [token]
    if state.waiting is not None:
        _take_waiting(state, token, state.waiting, len(pair) == 1)


def _is_no_name(state: State, token: Token) -> bool:
    """Whether words name a structure, or where or how something else was measured."""
    text = state.text
    if token.kind in ("structure", "region") and not _NEXT.match(text, token.end) and state.waiting is None:
        return True  # a structure, and no length of it
    if _is_side_of_e_e(state, token):
        return True
    if token.kind == "region" and "effusion_depth" in (state.names[-1].measure if state.names else "", state.measure):
        return True  # where the effusion was measured
    if state.measure == "lvot_pg" and text.startswith("Valsalva", token.start) and _LOADED.match(text, token.end):
        return True  # LVOT PG 45、Valsalva 98: under a load
    return token.measure == "aod" and text.startswith("基部径", token.start) and state.topic == ("rv",)


def _is_side_of_e_e(state: State, token: Token) -> bool:
    """Whether a wall is the side of the annulus that E/e' was measured at, and not a thickness."""
    last = state.values[-1] if state.values else None
    if token.measure == "ivs" and last is not None and last.measure == "e_e" and _SEPTAL.match(state.text, last.end):
        return True  # E/e' 平均14.5(中隔16.0、側壁13.0)
    named = bool(state.names) and state.names[-1].measure == "e_e"
    return named and token.measure in ("ivs", "pw")  # E/e': 中隔 12.3 側壁 9.1


def _veto(state: State, token: Token) -> None:
    """Keep the number behind a name that is no measurement from those before it, unless it tells how they were made."""
    if state.text.endswith("by ", 0, token.start):
        return  # MVA by PHT 1.3
    if _HOW.match(state.text, token.end) and state.text[token.start - 1] in "(: 、-/":
        return  # MVA(PHT) 1.4: how it was measured
    state.names = [token]
    state.numbered = False


def _take_waiting(state: State, token: Token, waiting: Token, alone: bool) -> None:
    """Give a name the number before it, where that waits for one: 45mmHgのTRPG; ``alone``: the name is of no pair."""
    own = _OWN.match(state.text, token.end)
    gap = state.text[waiting.end : token.start].strip()
    deep = waiting.value.unit is not None and _DEEP.fullmatch(gap) and not own
    if alone and (deep or gap in ("の", "だった", "であった")):
        assign(state, token, waiting.value, waiting.value.unit, waiting.start)
        state.names = []
    state.waiting = None


def _is_indexed(text: str, token: Token) -> bool:
    """Whether a measurement is one for the body's size, which is none of the lexicon's."""
    ahead = _INDEXED_AHEAD.search(text, max(0, token.start - _REACH), token.start)
    return ahead is not None or _INDEXED_BEHIND.match(text, token.end) is not None


def measured_finding(state: State, token: Token, measure: str) -> None:
    """Give an effusion the depth, or an aneurysm the diameter, that follows or precedes it."""
    named = Token("finding", token.value, token.start, token.end, token.rule, measure=measure)
    name(state, named)


def number(state: State, found: list[Token], index: int) -> None:
    """Give a number to the measurement named before it, or to the one of an earlier state."""
    token = found[index]
    if state.context.bracketed and bracketed(state, token):
        return
    if of_collapse(state, token):
        return
    if state.names and not of_expiration(state.text, state.names[-1], token):
        for beyond in _BREATH.finditer(state.text, token.end):
            state.names[-1] = state.names[-1]._replace(end=beyond.end())
            break
        return  # IVC 吸気6mm 呼気18mm
    if not _of_names(state, found, index) and not of_no_name(state, found, index):
        state.waiting = token


def _of_names(state: State, found: list[Token], index: int) -> bool:
    """Give a number to the names before it. False where there are none that it may belong to."""
    token = found[index]
    value: Number = token.value
    names = [n for n in state.names if _may(state, n, token)]
    if (total := summed(state, found, index)) is not None:
        assign(state, total, value, value.unit, total.start)
        state.names, state.numbered = [], True
        return True
    if (
        not names
        and value.unit in _INDEXED
        and (volume := _OF_THE_ATRIUM.search(state.text, max(0, token.start - 40), token.start))
    ):
        assign(state, token._replace(measure="lavi"), value, value.unit, volume.start())  # LAV 66mL(40mL/m2)
        return True
    if state.names and state.names[-1].kind == "measure_vetoed":
        before = state.values[-1] if state.values else None
        if before is not None and value.unit == "%" == before.unit and repeats(state, before, found, index):
            assign(state, token._replace(measure=before.measure), value, value.unit, token.start)
            state.names = []  # EF(4ch 48%、BP 50%): biplane, no blood pressure
            return True
        if state.text.count("、", state.names[-1].end, token.start) == 0:
            return True
        names = []
    if names and names[-1].measure == "rvsp" and _SUM.match(state.text, token.end):
        return True  # RVSP 45 + 5 = 50: the sum
    if is_ratio(state, names, found, index):
        state.names = []  # LA/Ao 1.6, TAPSE/PASP比 0.31
        return True
    if (
        state.gradient
        and not (names and names[-1].measure == "gradient.mean")
        and _MEAN.search(state.text, 0, token.start)
    ):
        assign(state, token._replace(measure="gradient.mean"), value, value.unit, token.start)
        state.names, state.numbered = [], True
        return True
    if not names:
        return False
    _assign_to(state, names, found, index)
    state.names, state.numbered = [], True
    return True


def _assign_to(state: State, names: list[Token], found: list[Token], index: int) -> None:
    """Give a number, and those chained to it, to one name or to several: LVDd/Ds 58/45."""
    value: Number = found[index].value
    if len(names) == 2 and (halves := paired(state, names, value)):
        for named, low in zip(names, halves, strict=True):
            assign(state, named, value._replace(low=low, high=None), value.unit, named.start)
        return
    chain = chained(state, found, index)
    unit = chain[-1].value.unit
    if len(names) > 1 and len(chain) >= len(names):
        for named, one in zip(names, chain, strict=False):
            op = one.value.op or (chain[-1].value.op if state.query else None)  # LVDd/LVDs 60/50以上
            assign(state, named, one.value._replace(op=op), unit, named.start)
    elif len(names) > 1 and names[0].start == names[-1].start:
        assign(state, names[0], value, unit, names[0].start)  # 左室径 50mm: one number of a pair
    elif len(chain) > 1 and names[0].measure in _BY_SEVERAL:
        for one in chain:
            assign(state, names[0], one.value, unit, names[0].start)  # EF(4ch/2ch/BP) 46/50/48%
    elif len(names) > 1:
        for named in names:
            assign(state, named, value, unit, named.start)
    else:
        assign(state, names[0], value, value.unit or (unit if len(chain) > 1 else None), names[0].start)


def _may(state: State, named: Token, token: Token) -> bool:
    """Whether a number may belong to a name: near enough, and beside it where the name is a structure's."""
    if named.kind == "measure_vetoed":
        return False
    between = state.text[named.end : token.start]
    if named.measure == "effusion_depth":
        near = len(between) <= _REACH and "、" not in between and token.value.unit in _LENGTHS
        return near or (
            len(between) <= _REACH
            and token.value.unit in _LENGTHS
            and re.match(r"[^、]{0,12}(?:、[^、]{0,12}){1,2}$", between) is not None
            and not re.search("[A-Za-z]{2}", between)
        )
    if len(between) > _REACH and len(_COMPARED.sub("", between)) > _REACH:
        return False
    if named.kind == "finding" and _OF_WHAT_FOLLOWS.match(state.text, token.end):
        return False
    if named.kind in STRICT and len(state.names) == 1:
        if not _BESIDE.fullmatch(between):
            return False
        if _WIDE.search(between) and _OF_WHAT_FOLLOWS.match(state.text, token.end):
            return False  # 左房拡大、20mm大の血栓
        return token.value.unit in (None, *_LENGTHS)
    return True
