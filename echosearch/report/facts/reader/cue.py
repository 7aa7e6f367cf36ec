"""Polarity: which findings a cue reaches, and what it says of them."""

from __future__ import annotations

import re

from echosearch.report.facts.reader import normal
from echosearch.report.facts.reader.ahead import listed, of_unknown, speak_before, stands_before
from echosearch.report.facts.reader.aside import before_operation, drop, reported, treated, wondered
from echosearch.report.facts.reader.judge import judge
from echosearch.report.facts.reader.numbers.unmeasured import CAUSE, unassessed
from echosearch.report.facts.reader.reach import gone, in_brackets_of_its_own, names_another, of_another, reached, today
from echosearch.report.facts.reader.spares import of_a_cause, spares
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.named_walls import stands_behind_a_wall
from echosearch.report.facts.text.tokens import Token

__all__ = ["apply"]

_NOT_MADE_OUT = re.compile("でき|出来|得|捉えられ")
_CLOSES = ("閉鎖", "摘出", "切除", "結紮")
_WORD = re.compile(r"\s*[A-Za-z]")
_NOT_SEEN = re.compile("描出され(?:ず|ない)")
_LESIONS = ("mass", "shape", "fluid", "shunt", "flow")
_WAS = re.compile("(?:であった|だった)(?:が|ものが|けれど)")
_BUT = re.compile("以外|他[にはの]|その他|ほか")
_ELSEWHERE = re.compile("[、,][^、,。]{1,10}は$")
_PARTLY = re.compile("(?:一部|部分的に)[にはで]?$")
_OF_THE_REST = ("valve_disease", "lv_wall_motion", "rwma")
_OF_TODAY = ("negative", "suspected", "insignificant", "undenied")
_SO = re.compile("(?:程度|くらい)?(?:と|か)?")
_AGAIN = re.compile("(?:今回|現在|本日)も?")  # 前回の血栓は今回も認める
_NOTHING = re.compile("有意なもの(?:は|を|が)?(?:特に)?(?:なし|な[いく]|認め(?:ず|な|ま|られ)|みられ|ありま)[^、。]*$")
_NO_CAUSE = re.compile("(?:による|に伴う|に起因する)もの(?:で(?:は)?)?$")
_MOVES = re.compile("可動性?[はもが:に]?$")
_BUT_OF = re.compile("[がも][^、。]{1,16}$")
_ASKED = re.compile(r"\s*(?:[?)、。]|$|と(?:考|思)|も(?:しれ|。|$))")  # 粘液腫か
_ANNOUNCES = re.compile(r"\s*:")
_BECAUSE = re.compile("のため[、に]?$|により$")
_IS_NOT = re.compile("では?な[いく]")
_HARD = re.compile("[がはも]?(?:困難|不能|不可|でき|出来)")
_NOT_RULED_OUT = re.compile(
    r"(?<=除外)(?:[はがもをにとの]|[\s(]*(?:困難|不能|不可|(?:でき|出来|し得|しえ|しきれ|され)(?:て|ず|な|ま)))"
)
_OF_NOTHING = re.compile(
    r"(?:none|nothing) significant\s*(?:[^\sA-Za-z]|$|but|except|other)", re.I
)  # none significant, MR moderate
_APPEARED = re.compile("(?:出現|発生|発症|指摘され|認め(?:られ)?|みられ|見られ|生じ)(?:した|た|ていた|ている)$")
_AHEAD_ONLY = re.compile(r"(?:excluding|except(?: for)?)\b(?=\s*\w)", re.IGNORECASE)
_SAYABLE = re.compile("いえ|言え|考え|判断|難い|がたい")
_UNLIKELY = re.compile("可能性|考えに|考え難|考えが|否定的|疑わ|示唆|unlikely")


def apply(state: State, found: list[Token], index: int) -> None:  # noqa: C901 - rules in order of precedence: each returns what those below need not know
    """Let a cue work on what it reaches."""
    token = found[index]
    kind = token.kind
    if kind == "suspected" and of_a_cause(state, token):
        return
    if kind == "change" and state.earlier and state.text.endswith(("と", "に比し"), 0, token.start):
        state.earlier, state.earlier_after, state.now = False, False, True  # 前回(EF 55%)と著変なし、EF 53%
    if kind in ("negative", "suspected") and stands_before(state, found, index):
        if not of_unknown(state, token):
            speak_before(state, kind)
        return
    if token.before and kind == "unassessed":
        state.unclear = True  # unable to assess …
        return
    if token.before and _WORD.match(state.text, token.end):
        return  # thrombus, not anticoagulated
    if kind == "unassessed" and _PARTLY.search(state.text, 0, token.start):
        return  # 一部評価困難だが、壁運動は良好
    if kind == "negative" and state.poor and _NOT_MADE_OUT.search(state.text[token.start : token.end]):
        kind = "unassessed"
    if token.rule == "negative.short" and _NOT_RULED_OUT.match(state.text, token.end):
        kind = "undenied"
    if kind == "history" and state.text[token.start : token.end].isascii() and not state.group:
        state.earlier, state.earlier_after = True, False  # history of …
        return
    if kind == "treated":
        treated(state, token)
        return
    if kind == "negative" and state.text.endswith(_CLOSES, 0, token.start) and not state.query:
        state.close()  # ASDは閉鎖されていない
        return
    if kind == "negative" and _of_a_noun(state, token):
        return
    if listed(state, token, kind) or wondered(state, token, kind):
        return
    if token.rule == "suspected.whether":
        last = state.group[-1] if state.group else None
        if last is None or last.end != token.start or not _ASKED.match(state.text, token.end):
            return
    if kind == "positive":
        state.value_word = None
    if kind == "positive" and state.earlier and state.group:
        reported(state, token)
    if kind == "unassessed" and _NOT_SEEN.match(state.text, token.start) and not state.poor and not state.names:
        last = state.group[-1] if state.group else None
        if last is not None and last.finding.group in _LESIONS:
            kind = "negative"  # flapは描出されず
    if kind == "drop" and _HARD.match(state.text, token.end):
        kind = "unassessed"
    if kind == "drop" and before_operation(state, found, index):
        return
    if kind == "drop":
        if state.text[token.start : token.end].startswith("有無") and any(
            after.kind in ("unassessed", "undenied", "negative") for after in found[index + 1 : index + 6]
        ):
            return
        drop(state, token)
        return
    if token.rule == "not_assessed.hard" and not (state.poor or _BECAUSE.search(state.text, 0, token.start)):
        return
    if kind == "negative" and state.names and state.text.startswith("描出でき", token.start) and not state.group:
        kind = "unassessed"  # IVC描出できず
    if kind == "unassessed" and unassessed(state, found, index):
        return
    if state.others and kind in ("negative", "positive") and token.rule != "en.positive":
        state.others = False
        rest = state.group and state.group[-1].finding.concept in _OF_THE_REST
        if not state.group or rest:
            for mention in state.group:
                mention.dropped = True  # その他有意な弁膜症なし
            return
    told = not state.group or (state.values and state.values[-1].end > state.group[-1].end)
    if kind == "change" and state.measure == "ivc" and state.text.startswith("変動", token.start) and told:
        state.form(state.lexicon.findings["ivc_collapse_low"], token.start, token.end)  # IVC 26mm、変動なし
        state.cued = True
        return
    if _on_qualities(state, token, kind):
        return
    if kind == "exclude":
        _exclude(state, token, state.text[token.start].isascii() and index + 1 < len(found))
        return
    targets = reached(state, "sign" if token.rule == "grade.negative" else kind)
    if kind == "negative" and _NO_CAUSE.search(state.text, max(0, token.start - 8), token.start):
        targets = targets[-1:]  # MRは逸脱によるものではなく…
    if not targets and kind == "negative" and state.now and state.mentions and not state.arrow:
        targets = [gone(state)]
    if not targets and state.query and kind == "negative" and state.front is not None:
        low = state.front.value[0]
        state.front = state.front._replace(value=(0, max(low - 1, 0)))  # 重症でないAS
    if kind == "undenied" and (not targets or state.cued):
        targets = [m for m in state.mentions if m.cues[-1:] == ["negative"]][
            -1:
        ] or targets  # 指摘できないが、否定もできない
    if kind == "insignificant" and state.text.endswith("いずれも", 0, token.start):
        targets = [
            m for m in state.mentions if m.finding.group == "valve" and not m.historical
        ]  # MRは軽度、TRは…で、いずれも
    told = bool(targets) and (targets[-1].graded or targets[-1].cues == ["positive"])
    if kind == "insignificant" and told and _BUT.search(state.text, targets[-1].end, token.start):
        return  # 軽度のMRを認めるほかは有意所見なし
    if not targets and kind == "insignificant" and state.mentions:
        if _BUT.search(state.text, state.mentions[-1].end, token.start):
            return  # ASが高度である以外に有意なものはない
        targets = state.mentions[-1:]  # ARを認めますが、有意なものではない
    if not targets and state.topic == ("valves",) and _NOTHING.search(state.text, max(0, token.start - 16), token.end):
        state.form(state.lexicon.findings["valve_disease"], token.start, token.end).cues.append("insignificant")
        state.cued = True  # 弁膜症については有意なものを認めない
        return
    if not targets and kind == "negative" and state.noun and not state.qualities:
        state.regions, state.heads = (
            [],
            [head for head in state.heads if head.value != ("septum",)],
        )  # 基部中隔の菲薄化なし、壁運動異常なし
    if not targets and kind == "negative" and _ANNOUNCES.match(state.text, token.end):
        state.denied = True  # 以下の所見を認めず: 血栓、疣贅
        return
    if not targets and kind == "insignificant" and not _OF_NOTHING.match(state.text, token.start):
        state.significant = state.denied = True  # 有意とはいえないAR
        return
    if not targets and kind == "suspected" and (last := state.last) is not None and last.graded:
        targets = [last] if _SO.fullmatch(state.text, last.end, token.start) else []  # MRは偏心性ですがII度と思われる
    if not targets and kind == "unassessed" and state.text[token.end : token.end + 1] == "な":
        state.unclear = True  # 評価困難なAR
    if not targets:
        return
    last = targets[-1]
    if state.query and kind == "negative" and last.graded and last.severity and _IS_NOT.match(state.text, last.end):
        grade = last.severity
        for mention in targets:
            if mention.severity == grade:  # ASもARも重症でない
                mention.severity = (0, max(grade[0] - 1, 0))
        state.cued = True
        return
    if kind == "unassessed" and last.finding.concept == "af" and CAUSE.match(state.text, last.end):
        return  # MRを疑うがAFのため評価困難
    if kind == "unassessed" and last.cues[-1:] == ["normal"] and _BUT_OF.search(state.text, last.end, token.start):
        return  # 左室収縮は保たれているが弁の評価は困難
    denied = kind == "unassessed" and last.cues[-1:] == ["negative"]
    if denied and (of_another(state, last, token) or _ELSEWHERE.search(state.text, last.end, token.start)):
        return  # 左房内血栓なし、左心耳は観察困難
    if kind == "unassessed" and in_brackets_of_its_own(state, targets[-1], token):
        return  # 血栓なし(左心耳は評価困難)
    if kind in ("negative", "suspected") and of_another(state, targets[-1], token):
        state.cued = True
        return  # 心嚢液を認めるが血行動態への影響なし
    again = kind == "positive" and not last.graded and _AGAIN.search(state.text, last.end, token.start)
    if state.now and (again or kind in _OF_TODAY) and targets[-1].historical:
        targets = [today(state, targets[-1])]
    if kind == "negative" and targets[-1].historical and state.text.startswith("消失", token.start):
        targets = [gone(state)]  # 入院時の心嚢液は消失
    was = last.graded and _WAS.search(state.text, last.end, token.start)  # ARは軽度であったが、今回は認めない
    if kind == "negative" and (state.arrow or was) and targets[-1].severity is not None:
        targets = [today(state, targets[-1])]
    for mention in targets:
        if spares(state, token, kind, mention, mention is targets[-1]):
            continue
        appeared = kind == "change" and _APPEARED.search(state.text, max(0, mention.start - 12), mention.start)
        if mention.new and not appeared and (kind == "negative" or token.rule == "unchanged"):
            mention.dropped = True
        if kind == "negative" and mention.earlier_grade and mention.severity is not None:
            mention.historical = True
            mention = today(state, mention)
        if (
            kind == "negative"
            and mention.cues[-1:] == ["normal"]
            and _SAYABLE.search(state.text, token.start, token.end)
        ):
            mention.cues.append("undenied")  # 正常とは言えない
            continue
        if kind == "negative" and _UNLIKELY.search(state.text, token.start, token.end):
            mention.cues.append("suspected")  # 可能性は低いと考える: the suspicion is denied, whatever follows
        mention.cues.append(kind)
    state.arrow = False
    state.cued = True
    if kind != "change":
        state.cue_end = token.end


def _of_a_noun(state: State, token: Token) -> bool:
    """Whether a denial speaks of a structure (STJの消失) or of how a mass moves (疣腫に可動性なし)."""
    text = state.text
    if state.heads and text.startswith("消失", token.start):
        return text[state.heads[-1].end : token.start] in ("の", "は", "が")
    if not state.group or not _MOVES.search(text, max(0, token.start - 8), token.start):
        return False
    named = next((m for m in reversed(state.group) if m.finding.concept), None)
    if named is None or named.finding.group != "mass" or named.end >= token.start:
        return False
    state.cued = True
    return True


def _exclude(state: State, token: Token, before: bool) -> None:
    """を除く, 以外: of the number or the findings right before it; excluding: of what follows."""
    if stands_behind_a_wall(state.text, token.start, state.group[-1].end if state.group else 0):
        state.close()  # 下壁の無収縮、下壁以外の壁運動異常なし: it says which walls the next statement is of
        return
    if before:
        state.close()
        state.excluding = True
        return
    if _AHEAD_ONLY.match(state.text, token.start):
        return  # severe AS excluding dialysis
    if state.front is not None and not state.group:
        state.spared, state.front = state.front, None  # 重症以外のAS
        return
    last = state.values[-1] if state.values else None
    if last is not None and (not state.group or last.start > state.group[-1].start):
        last.excluded = not names_another(state.text[last.end : token.start])
        return
    targets = reached(state)
    if targets and names_another(state.text[targets[-1].end : token.start]):
        return
    if targets and state.text.startswith("は", targets[-1].end):
        while len(targets) > 1 and targets[-1].link != "strong":
            targets = targets[-1:]  # 左房内腫瘤、血栓は除外
    for mention in targets:
        mention.excluded = True
    state.cued = True


def _on_qualities(state: State, token: Token, kind: str) -> bool:
    """A cue right behind a neutral name: 呼吸性変動なし is an abnormal finding, 拡張能評価困難 not assessed."""
    if not state.qualities:
        return False
    quality = state.qualities[-1][1]
    vanished = kind == "negative" and state.text.startswith("消失", token.start)
    if vanished and state.regions and quality.value in ("motion", "regional"):
        state.form(state.lexicon.findings["akinesis"], state.regions[0].start, token.end)
        state.settle()
        state.cued = True
        return True
    if quality.value == "collapse" and kind in ("negative", "positive"):
        abnormal = Token("abnormal", "low", token.start, token.end, token.rule)
        if kind == "negative":
            judge(state, abnormal)
        else:
            normal.of_waiting(state, Token("normal", "good", token.start, token.end, token.rule))
        state.cued = True
        return True
    if kind != "unassessed":
        return False
    if quality.measure is not None and quality.value == "systolic":
        return False
    made = len(state.mentions)
    normal.of_waiting(state, Token("normal", "good", token.start, token.end, token.rule))
    for mention in state.mentions[made:]:
        mention.cues[:] = ["unassessed"]
    state.cued = True
    return len(state.mentions) > made
