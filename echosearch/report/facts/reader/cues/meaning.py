"""What a cue means where it stands, and what it does besides speaking of findings."""

from __future__ import annotations

import re
from dataclasses import replace

from echosearch.report.facts.reader import normal
from echosearch.report.facts.reader.cues.ahead import listed, of_unknown, speak_before, stands_before
from echosearch.report.facts.reader.cues.aside import before_operation, drop, reported, treated, wondered
from echosearch.report.facts.reader.cues.reach import names_another, reached
from echosearch.report.facts.reader.cues.spares import of_a_cause
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.judge import judge
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.numbers.unmeasured import unassessed
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.named_walls import stands_behind_a_wall
from echosearch.report.facts.text.tokens import Token

__all__ = ["meaning"]

_NOT_MADE_OUT = re.compile("でき|出来|得|捉えられ")
_CLOSES = ("閉鎖", "摘出", "切除", "結紮")
_WORD = re.compile(r"\s*[A-Za-z]")
_NOT_SEEN = re.compile("描出され(?:ず|ない)")
_LESIONS = ("mass", "shape", "fluid", "shunt", "flow")
_NOT_YET = re.compile("未(?:施行|実施)")
_PARTLY = re.compile("(?:一部|部分的に)[にはで]?$")
_OF_THE_REST = ("valve_disease", "lv_wall_motion", "rwma")
_MOVES = re.compile("可動性?[はもが:に]?$")
_ASKED = re.compile(r"\s*(?:[?)、。]|$|と(?:考|思)|も(?:しれ|。|$))")  # 粘液腫か
_BECAUSE = re.compile("のため[、に]?$|により$")
_HARD = re.compile("[がはも]?(?:困難|不能|不可|でき|出来)")
_NOT_RULED_OUT = re.compile(
    r"(?<=除外)(?:[はがもをにとの]|[\s(]*(?:困難|不能|不可|(?:でき|出来|し得|しえ|しきれ|され)(?:て|ず|な|ま)))"
)
_AHEAD_ONLY = re.compile(r"(?:excluding|except(?: for)?)\b(?=\s*\w)", re.IGNORECASE)


def meaning(state: State, found: list[Token], index: int) -> str | None:
    """Return what a cue says of the findings that it reaches; None of one that says nothing of them."""
    kind = _where_it_stands(state, found, index)
    return None if kind is None else _of_findings(state, found, index, kind)


def _where_it_stands(state: State, found: list[Token], index: int) -> str | None:  # noqa: C901 - rules in order of precedence: each returns what those below need not know
    """Return the kind of a cue by what stands beside it; None of one that is read already."""
    token = found[index]
    kind = token.kind
    if kind == "suspected" and of_a_cause(state, token):
        return None
    if (
        kind == "unassessed"
        and state.group
        and state.group[-1].finding.implant
        and _NOT_YET.match(state.text, token.start)
    ):
        kind = "negative"  # TAVI未施行: nothing was put in
    if kind == "change" and state.earlier and state.text.endswith(("と", "に比し"), 0, token.start):
        state.earlier, state.earlier_after, state.now = False, False, True  # 前回(EF 55%)と著変なし、EF 53%
    if kind in ("negative", "suspected") and stands_before(state, found, index):
        if not of_unknown(state, token):
            speak_before(state, kind)
        return None
    if token.before and kind == "unassessed":
        state.unclear = True  # unable to assess …
        return None
    if token.before and _WORD.match(state.text, token.end):
        return None  # thrombus, not anticoagulated
    if kind == "unassessed" and _PARTLY.search(state.text, 0, token.start):
        return None  # 一部評価困難だが、壁運動は良好
    if kind == "negative" and state.poor and _NOT_MADE_OUT.search(state.text[token.start : token.end]):
        kind = "unassessed"
    if token.rule == "negative.short" and _NOT_RULED_OUT.match(state.text, token.end):
        kind = "undenied"
    if kind == "history" and state.text[token.start : token.end].isascii() and not state.group:
        state.earlier, state.earlier_after = True, False  # history of …
        return None
    if kind == "treated":
        treated(state, token)
        return None
    if kind == "negative" and state.text.endswith(_CLOSES, 0, token.start) and not state.query:
        state.close()  # ASDは閉鎖されていない
        return None
    if kind == "negative" and _of_a_noun(state, token):
        return None
    if listed(state, token, kind) or wondered(state, token, kind):
        return None
    if token.rule == "suspected.whether":
        last = state.group[-1] if state.group else None
        if last is None or last.end != token.start or not _ASKED.match(state.text, token.end):
            return None
    return kind


def _of_findings(state: State, found: list[Token], index: int, kind: str) -> str | None:  # noqa: C901 - rules in order of precedence
    """Return what is said of findings; None of what is said of a value, a quality, a plan, or is excluded."""
    token = found[index]
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
        return None
    if kind == "drop":
        if state.text[token.start : token.end].startswith("有無") and any(
            after.kind in ("unassessed", "undenied", "negative") for after in found[index + 1 : index + 6]
        ):
            return None
        drop(state, token)
        return None
    if token.rule == "not_assessed.hard" and not (state.poor or _BECAUSE.search(state.text, 0, token.start)):
        return None
    if kind == "negative" and state.names and state.text.startswith("描出でき", token.start) and not state.group:
        kind = "unassessed"  # IVC描出できず
    if kind == "unassessed" and unassessed(state, found, index):
        return None
    if state.others and kind in ("negative", "positive") and token.rule != "en.positive":
        state.others = False
        rest = state.group and state.group[-1].finding.concept in _OF_THE_REST
        if not state.group or rest:
            for mention in state.group:
                mention.dropped = True  # その他有意な弁膜症なし
            return None
    told = not state.group or (state.values and state.values[-1].end > state.group[-1].end)
    if kind == "change" and state.measure == "ivc" and state.text.startswith("変動", token.start) and told:
        form(state, state.lexicon.findings["ivc_collapse_low"], token.start, token.end)  # IVC 26mm、変動なし
        state.cued = True
        return None
    if _on_qualities(state, token, kind):
        return None
    if kind == "exclude":
        _exclude(state, found, index)
        return None
    return kind


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


def _exclude(state: State, found: list[Token], index: int) -> None:
    """を除く, 以外: of the number or the findings right before it; excluding: of what follows."""
    token = found[index]
    if stands_behind_a_wall(state.text, token.start, state.group[-1].end if state.group else 0):
        state.close()  # 下壁の無収縮、下壁以外の壁運動異常なし: it says which walls the next statement is of
    elif state.text[token.start].isascii() and index + 1 < len(found):
        state.close()
        state.excluding = True
    elif state.front is not None and not state.group:
        state.spared, state.front = state.front, None  # 重症以外のAS
    elif not _AHEAD_ONLY.match(state.text, token.start):  # severe AS excluding dialysis
        _exclude_before(state, found[:index], token)


def _unread(state: State, found: list[Token], begin: int, end: int) -> str:
    """Return the words of [begin, end) that no token has."""
    text = state.text[:end]
    for token in found:
        text = text[: token.start] + " " * (token.end - token.start) + text[token.end :]
    return text[begin:]


def _exclude_before(state: State, found: list[Token], token: Token) -> None:
    last = state.values[-1] if state.values else None
    if last is not None and (not state.group or last.start > state.group[-1].start):
        last.excluded = not names_another(_unread(state, found, last.end, token.start))
        return
    targets = reached(state)
    if not targets or names_another(_unread(state, found, targets[-1].end, token.start)):
        return
    if state.text.startswith("は", targets[-1].end):
        while len(targets) > 1 and targets[-1].link != "strong":
            targets = targets[-1:]  # 左房内腫瘤、血栓は除外
    if not _excludes_a_grade(state, targets[-1], found[-1]):
        for mention in targets:
            mention.excluded = True
    state.cued = True


def _excludes_a_grade(state: State, last: Mention, grade: Token) -> bool:
    """Exclude a grade in brackets, or behind a comma, of a finding that is asked for: MR(軽度を除く)."""
    if grade.kind not in ("severity", "grade") or grade.value != last.severity:
        return False
    if grade.start <= last.start or not state.text[: grade.start].rstrip(" ").endswith(("(", "、", ",")):
        return False
    state.mentions.append(replace(last, excluded=True, cues=[]))
    last.severity, last.graded = last.finding.severity, False
    return True


def _on_qualities(state: State, token: Token, kind: str) -> bool:
    """A cue right behind a neutral name: 呼吸性変動なし is an abnormal finding, 拡張能評価困難 not assessed."""
    if not state.qualities:
        return False
    quality = state.qualities[-1][1]
    vanished = kind == "negative" and state.text.startswith("消失", token.start)
    if vanished and state.regions and quality.value in ("motion", "regional"):
        form(state, state.lexicon.findings["akinesis"], state.regions[0].start, token.end)
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
