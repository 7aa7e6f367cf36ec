"""Words that name nothing and change how what follows is read: 有意な, 新たな, 前回, 今回, その他, が、."""

from __future__ import annotations

import re
from collections.abc import Callable

from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token
from echosearch.report.facts.walls import MOTION

__all__ = ["MARKS", "earlier"]

_MONTH = re.compile(r"((?:19|20)\d\d)(?:\s*[/.年-]\s*(\d{1,2})(?!\d|\.\d|\s*(?:%|[mc]m|m[lL/])))?")
_DATED = re.compile(
    r"(?:(?:19|20)\d\d|(?:令和|平成|[RH])\s*(?:\d{1,2}|元))(?:\s*[/.年-]\s*\d{0,2}){0,2}[月日頃]*"
    r"(?:時点?|の(?:検査|エコー|心エコー|UCG|TTE))?[\s:(、のにはで]*$"
)
_UNDER_LOAD = re.compile(
    r"\b(?:peak|stress|exercise|dobutamine|DOB)\b|負荷|ドブタミン|(?<!壁)運動[後時中]", re.IGNORECASE
)
_STILL_BEFORE = re.compile(r"(?:前|昨年|去年|前回)の?$")  # 2年前の退院時は
_AGO = re.compile("前に?$|昨年に?$|去年に?$|先月に?$")
# 半年前に心筋梗塞を発症、
_EVENT = re.compile(r"[^、。\d]{1,24}(?:発症|施行|を受け|手術|留置|植え?込み|PCI|CABG|入院)[^、。\d]{0,8}(?=、)")
# what these show of a heart's size is no finding of the echocardiogram: 心電図: LVH疑い
_TRACED = re.compile(
    r"(?:\w{0,5}心電図(?:検査|所見)?|ECG|EKG|electrocardiogram|胸部(?:X線|レントゲン)(?:写真)?|胸写|CXR"
    r"|chest (?:X-ray|radiograph))"
    r"(?:(?P<all>\s*:)|上|で(?!す|あ)|にて| (?:show|demonstrat|suggest|reveal|with|was|is))",
    re.IGNORECASE,
)
_EXCEPT = re.compile("except|apart|aside|with the exc", re.IGNORECASE)
_HOWEVER = re.compile("が|ものの|けれど")
_YEAR = re.compile(r"(?:19|20)\d\d|令和|平成|[RH]\d")


def _significant(state: State, token: Token) -> None:
    last = state.last_open
    if last is not None and last.cues[-1:] == ["suspected"] and state.text.startswith("所見", token.end):
        last.significant = True  # PHを疑う有意な所見なし
        last.cues.pop()
        return
    _begin(state)
    state.significant = True


def _new(state: State, token: Token) -> None:
    last = state.last_open
    if last is not None and token.start - last.end <= 1 and state.text.endswith("の", last.start, token.start):
        last.new = True  # 心嚢液の新たな出現なし
        return
    _begin(state)
    state.new = True


def _noun(state: State, token: Token) -> None:
    state.noun = True


def _begin(state: State) -> None:
    """A word before its findings: after a predicate or a comma it begins a list of its own."""
    if state.cued or (state.group and state.comma and not state.strong):
        state.close()


def _and(state: State, token: Token) -> None:
    state.strong = True
    if (
        state.text.startswith(("いずれも", "ともに", "共に", "両者とも", "すべて", "全て"), token.start)
        and not state.cued
    ):
        for mention in state.group[1:]:
            mention.link = "strong"  # MR、HCMいずれも認めず


def _either(state: State, token: Token) -> None:
    state.strong = state.either = True


def _any_of(state: State, token: Token) -> None:
    for mention in state.group[1:]:
        mention.either = True  # HCM、DCMのいずれか


def _end(state: State, token: Token) -> None:
    if state.text.startswith("を除", token.start) and state.regions and not state.query:
        state.settle()
        state.others = True  # 心尖部を除き壁運動は良好
    state.close()
    state.comma = True
    state.denied = False
    state.traced = ""
    if state.earlier and state.depth <= state.earlier_depth and _HOWEVER.search(state.text, token.start, token.end):
        state.earlier = state.earlier_after = False  # 昨年はEF 60%でしたが、45%に低下
        state.now = True


def _poor(state: State, token: Token) -> None:
    state.poor = True


def _others(state: State, token: Token) -> None:
    if state.text[token.end : token.end + 1] in ("、", ",", ":") and not state.text.startswith("以外", token.start):
        return  # その他、… lists more; it does not speak of the rest
    last = state.last
    if _EXCEPT.match(state.text, token.start):
        if last is not None and last.finding.concept in ("lv_wall_motion", "rwma") and last.cues[-1:] == ["normal"]:
            last.dropped = True  # wall motion is normal except for the inferior wall
        state.others = last is None and "wall motion" in state.text[token.end :]
        return
    if last is not None and last.end == token.start:
        state.close()  # MR以外の弁膜症: MR is there
        state.others = state.query  # MR以外に弁膜症なし
        return
    state.close()
    state.settle()
    state.others = True


def earlier(state: State, token: Token) -> None:
    """Read 前回, 術前, 昨年: what follows is of an earlier day."""
    if state.text[token.start] in "bBベ" and _UNDER_LOAD.search(state.text):
        return  # Baseline EF 60%, peak EF 70%: both are of today
    last = state.last
    if (
        last is not None
        and last.finding.implant
        and state.text.startswith("術前", last.end)
        and last.end == token.start
    ):
        last.dropped = True  # TAVI術前: planned
        return
    named = (last is not None and not state.comma) or (
        state.measure is not None and bool(state.values) and not state.comma
    )
    opened = state.text[: token.start].rstrip(" ").endswith("(")
    state.earlier = True
    state.earlier_after = bool(state.mentions or state.values) and (named or opened or state.comma)
    state.earlier_depth = state.depth
    if _AGO.search(state.text, token.start, token.end) and (event := _EVENT.match(state.text, token.end)):
        state.earlier_until = event.end()
    state.now = False


def _recalled(state: State, token: Token) -> None:
    state.now = False
    state.recalled = True


def _clear(state: State, token: Token) -> None:
    last = state.last_open
    if last is None or last.cues[-1:] != ["suspected"] or not state.text.startswith("所見", token.end):
        _begin(state)  # PHを疑う明らかな所見なし goes on


def _now(state: State, token: Token) -> None:
    last = state.last_open
    if last is not None and last.end == token.start and state.text.startswith(("に比", "と比"), token.start):
        last.cues.append("positive")  # MRに比べTRは軽度
        state.close()
        return
    if (
        state.earlier
        and state.text.startswith("退院", token.start)
        and _STILL_BEFORE.search(state.text, 0, token.start)
    ):
        return
    if state.dated and state.text.startswith(("今回", "現在", "本日"), token.start):
        for value in state.values:
            value.historical = value.historical or _of_a_date(state, value.start)  # 2020年のEF 60%、今回は45%
        for mention in state.mentions:
            if (mention.graded or mention.finding.concept in MOTION) and not mention.finding.implant:
                mention.historical = mention.historical or _of_a_date(state, mention.start)
                state.before_now.append(mention)
    state.earlier = state.earlier_after = False
    state.now = True
    state.arrow = state.text[token.start : token.end] in ("→", "->", "=>")
    if state.arrow or state.text.startswith(("今回", "現在", "本日"), token.start):
        state.arrow_at = token.start  # 導入前EF 28%、現在EF 45%


def _of_a_date(state: State, start: int) -> bool:
    """Whether a date stands right before a place: 2020年のMR中等度."""
    return _DATED.search(state.text, max(0, start - 24), start) is not None


def _passed(state: State, token: Token) -> None:
    words = state.text[token.start : token.end]
    if words.endswith("弁位"):
        state.site = {"僧帽弁位": "mv", "大動脈弁位": "av", "三尖弁位": "tv"}.get(words, state.site)
    if (told := _TRACED.match(state.text, token.start)) is not None:
        state.traced, state.traced_at = "sentence" if told["all"] else "clause", token.start
    if _YEAR.match(state.text, token.start) and not state.values:
        state.dated = True
    if match := _MONTH.match(state.text, token.start):
        state.dates.append((token.start, (int(match[1]), int(match[2] or 0))))


MARKS: dict[str, Callable[[State, Token], None]] = {
    "significant": _significant,
    "new": _new,
    "noun": _noun,
    "and": _and,
    "or": _either,
    "any": _any_of,
    "end": _end,
    "poor": _poor,
    "others": _others,
    "earlier": earlier,
    "recalled": _recalled,
    "now": _now,
    "clear": _clear,
    "skip": _passed,
}
