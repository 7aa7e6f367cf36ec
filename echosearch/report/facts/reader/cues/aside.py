"""What is not a finding of today: lesions that were treated, and reasons, plans, advice and questions."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.cues.reach import reached
from echosearch.report.facts.reader.mark import earlier
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.tokens import Token

__all__ = ["before_operation", "drop", "reported", "treated", "wondered"]

_PLANNED = re.compile("適応|方針|予定|検討|待機|候補")
_FOR = re.compile("(?:で|にて|のため|により)[^、。]+$")
_ADVICE = re.compile("推奨|勧め|望ましい|必要|検討|考慮|希望|お願い|経過観察|フォロー|要|精査")
_IF = re.compile("場合|れば$")
_ADVISED = re.compile("推奨|勧め|望ましい|必要|要|考慮|くださ|下さ|お願い")
_WONDERS = re.compile(
    r"か(?:どうか)?(?:[」?]|$|、(?!あっ|有っ|ごく|わず|軽|微|少|痕跡|生理|殆|ほとんど|ほぼ|認め|triv|tr|mild|mini|slight)|を?(?:確認|精査|評価)|ご(?:教示|高診|精査))|でしょうか|ですか"
)
_BEFORE = re.compile(r"前(?:[、,。)\s]|$)")
_THEN = re.compile(r"(?:値|時)?[\sはの:=]*約?\d")  # EF 38%(植込み前 25%)
_THE_NUMBER = re.compile("[はの: ]?")
_LATER = re.compile("後|今回|現在|→")
_NAME = re.compile("[A-Z左右]")
_SINCE = re.compile(r"\s*(\d{1,3})\s*(日|週|[ヶかカヵケ]月|年)")
_DAYS = {"日": 1, "週": 7, "月": 30, "年": 365}
_STANDS = re.compile("診断され(?:て(?:い|お)|、)")  # 前医でHCMと診断されています
_TOLD_THEN = re.compile("(?:診断|指摘)(?:され|があ)?")
_QUESTION = re.compile("有無|高診|教示")
_TREATED_FOR = re.compile("に対(?:して|し|する)[^、,。]{1,16}")  # A型解離に対する上行置換術後
_THEN_PUT_IN = re.compile(r"[ -]?(?:TAV[IR]|[AMTD]VR|(?:M-?)?TEER|Mitra|clip|PASCAL|CRT|ICD|PPM|pacemaker|valve)", re.I)
_STATED = re.compile(r"で(?:す|あ|、|$)|の?状態|[、。)\s]|$")
_BY_MEANS = re.compile("閉鎖|切除|摘出|結紮|修復|根治")
# 閉鎖 is of a shunt, 摘出 of a mass, however far before it stands
_ENDED = (
    ("shunt", re.compile("閉鎖(?!不全|術|栓|後)|clos(?:ed|ure)|自然", re.IGNORECASE)),
    ("mass", re.compile("(?:摘出|切除)(?!術|後)|resect|excis|remov", re.IGNORECASE)),
)
_NOT_YET = re.compile(
    r"\b(?:not|never|to|will|should|can|may|nearly|almost|partial(?:ly)?|incomplete(?:ly)?)(?: be(?:en)?)? $"
)
_NOT_ENDED = re.compile(
    r"(?:して)?(?:せず|しない|しなか|し?ては?(?:おら|いな|いま|おりま)|の?(?:可能性|見込み|傾向|予定|適応|希望|検討|待ち)|を?(?:期待|認めず|認めない|待)"
    r"|術?(?:前|予定)|\s*(?:is |was )?(?:planned|scheduled|recommended|considered|indicated))"
)
_CLOSE_BEHIND = re.compile(
    r"\s*\)?\s*(?:の|に対する|に対して|に対し|で|にて|\(|-)?\s*(?:心嚢|心のう|心膜|自然|パッチ|patch|デバイス|device|occluder|閉鎖栓|オクルーダー|ASO|カテーテル|経皮的|外科的|(?:中隔|心筋|アルコール)+|Amplatzer|AMPLATZER|コイル|血管内)*\s*(?:\([^()]{1,20}\))?\s*"
)
_AFTER_SHORT = re.compile(
    r"[\s、。)・\n/:の,]|$|\d{1,2}(?:年|[ヶかカヵケ]月|週|日|病日)|で|に|は|状態|である|フォロー|、|例|症例|患者|評価"
)


def treated(state: State, token: Token) -> None:
    """Turn a lesion that was treated (術後, 閉鎖後) into history; what was implanted stays."""
    words = state.text[token.start : token.end]
    last = state.last_open or state.last
    if words.endswith("術") and _BEFORE.match(state.text, token.end):
        return  # PFO閉鎖術前: it is there
    if words == "後" and state.earlier and _NAME.match(state.text, token.end):
        state.earlier, state.now = False, True  # 透析前IVC 22mm、透析後IVC 12mm
        return
    if words == "post" and last is not None and _leaks_after(state, last, token):
        state.now = True
        return  # AR post TAVR
    if words in ("後", "術", "post") and not _AFTER_SHORT.match(state.text, token.end):
        return
    if any(closing.search(words) for _, closing in _ENDED) and _is_ended(state, token):
        return
    bracketed = state.text[: token.start].endswith("(") and last is not None and not last.finding.implant
    if last is not None and not bracketed and _is_treated(state, last.end, token):
        if words != "術":
            _treat(state, last)
    elif words.startswith(("術後", "手術後")) or words.endswith("後"):
        _come_after(state, token, last)


def _is_ended(state: State, token: Token) -> bool:
    """Read a lesion that closed or was removed, or that did not: VSDは自然閉鎖していない. False where there is none."""
    before = max(0, token.start - 24)
    if _NOT_ENDED.match(state.text, token.end) or _NOT_YET.search(state.text, before, token.start):
        state.close()
        return True
    if (ended := _ended(state, token)) is None:
        return False
    ended.cues.append("history")
    state.cued = True
    return True


def _treat(state: State, last: Mention) -> None:
    """Make a lesion, and those coordinated with it, history, and an implant present."""
    for mention in reached(state) or [last]:
        alike = mention.link != "none" or mention.finding.group == last.finding.group
        if mention is last or (alike and last.link == "strong"):
            mention.cues.append("positive" if mention.finding.implant else "history")
    state.cued = True


def _come_after(state: State, token: Token, last: Mention | None) -> None:
    """Come to the time after an operation."""
    if last is not None and last.finding.implant and last.dropped and state.earlier:
        last.dropped = False  # CRT植込み前EF 25%、植込み後EF 38%
    if since := _SINCE.match(state.text, token.end):
        days = int(since[1]) * _DAYS[since[2][-1]]
        state.dates.append((token.start, (0, days)))  # 術後1週 EF 48%、術後1年 EF 60%
    state.now = True
    state.earlier = state.earlier_after = False


def _leaks_after(state: State, last: Mention, token: Token) -> bool:
    """Whether a regurgitation is one that is there after something was put in, which treats a stenosis."""
    leaks = last.finding.concept in ("mr", "ar", "tr", "pr")
    return leaks and _THEN_PUT_IN.match(state.text, token.end) is not None


def _ended(state: State, token: Token) -> Mention | None:
    """The shunt that closed, the mass that was removed: VSDを指摘、現在は自然閉鎖; ASD, s/p device closure."""
    for group, words in _ENDED:
        if words.search(state.text, token.start, token.end):
            last = next((m for m in reversed(state.mentions) if m.finding.group == group), None)
            return last if last is not None and set(last.cues) <= {"positive"} else None
    return None


def _is_treated(state: State, begin: int, token: Token) -> bool:
    """Whether an operation is said of the finding that ends at ``begin``: PDAはコイル閉鎖後."""
    text = state.text
    if (
        text.startswith("は", begin)
        and _BY_MEANS.search(text, token.start, token.end)
        and _STATED.match(text, token.end)
    ):
        begin += 1
    if _CLOSE_BEHIND.fullmatch(text, begin, token.start):
        return True
    return text.startswith("術後", token.end - 2) and _TREATED_FOR.fullmatch(text, begin, token.start) is not None


def before_operation(state: State, found: list[Token], index: int) -> bool:
    """Read an operation's day that a name and its number follow: 手術前EF 30%, TAVI前 mean PG 52、TAVI後 8."""
    token = found[index]
    following = found[index + 1] if index + 1 < len(found) else None
    number = found[index + 2] if index + 2 < len(found) else None
    if not state.text.endswith("前", 0, token.end) or following is None or number is None or state.query:
        return False
    gap = state.text[token.end : following.start]
    if following.measure is None or number.kind != "number" or not _THE_NUMBER.fullmatch(gap):
        return False
    if gap == " " and not _LATER.search(state.text, number.end):
        return False  # TAVI前 EF 45%: why it was done
    last = state.last
    if last is not None and last.finding.implant and last.end == token.start:
        last.dropped = True
    earlier(state, token)
    state.earlier_after = False
    state.close()
    return True


def drop(state: State, token: Token) -> None:
    """Drop reasons for the study, plans and advice: they name findings that nobody saw."""
    words = state.text[token.start : token.end]
    last = state.last_open
    if state.query and words != "前":
        return
    if words.endswith("前") and state.values and _THEN.match(state.text, token.end) and not state.query:
        earlier(state, token)
        return
    if last is None:
        state.asked = words.isascii()  # rule out …
        if state.qualities:
            state.settle()
        return
    if _is_the_reason(state, token, last) or (words == "前" and not _is_planned(state, token, last)):
        return
    if _IF.search(words) or not _is_there(state, token, last):
        _drop_reached(state)  # アミロイドーシスを疑う場合は…


def _is_the_reason(state: State, token: Token, last: Mention) -> bool:
    """Whether a plan is made because of a finding: 高度ASで手術適応あり."""
    planned = _PLANNED.match(state.text[token.start : token.end]) and _FOR.match(state.text, last.end, token.start)
    return planned is not None and "suspected" not in last.cues


def _is_planned(state: State, token: Token, last: Mention) -> bool:
    """Whether 前 is right behind what will be implanted: TAVI前."""
    return last.finding.implant and not state.text[last.end : token.start].strip(" ")


def _is_there(state: State, token: Token, last: Mention) -> bool:
    """Whether a finding is there, whatever is planned, advised or asked because of it."""
    words = state.text[token.start : token.end]
    if last.finding.implant and "positive" in last.cues and words != "前":
        return True  # AVR後のフォロー
    if "suspected" in last.cues and state.comma and _ADVISED.search(words):
        return True  # アミロイドーシスが疑われ、精査を推奨
    near = ("、" not in state.text[last.end : token.start] and "history" in last.cues) or last.finding.implant
    if (not near or state.comma) and _is_stated(state, token, last):
        return True
    if last.graded and state.comma:
        return True
    advice = _ADVICE.search(words) is not None or (state.comma and "予定" in words)
    return bool(last.cues) and not near and advice and not words.startswith(("精査", "疑い"))


def _is_stated(state: State, token: Token, last: Mention) -> bool:
    """Whether a finding has a cue that no question asks about: 肺高血圧合併の有無 states none."""
    words = state.text[token.start : token.end]
    asked = {"suspected"}
    if words.startswith("有無"):
        asked.add("change")
    if _QUESTION.search(words) and state.text[state.cue_end : token.start] in ("の", ""):
        asked.add("positive")
    return not asked.issuperset(last.cues)


def _drop_reached(state: State) -> None:
    """Drop the findings that a predicate behind them speaks of."""
    for mention in reached(state):
        mention.dropped = True
    state.cued = True


def reported(state: State, token: Token) -> None:
    """Close an earlier time behind what was told then: 前医でASを指摘され、左室肥大あり. A diagnosis stands."""
    if not _TOLD_THEN.search(state.text, token.start, token.end):
        return
    if _STANDS.search(state.text, token.start, token.end + 2):
        for mention in reached(state):
            mention.historical = mention.historical and mention.graded
    state.earlier = state.earlier_after = False


def wondered(state: State, token: Token, kind: str) -> bool:
    """Drop what a question names: ASの増悪はないか. False where nothing is asked."""
    if state.text[token.end : token.end + 1] not in ("か", "で") or kind not in ("negative", "positive", "change"):
        return False
    if state.query or not _WONDERS.match(state.text, token.end):
        return False
    _drop_reached(state)
    return True
