"""What a cue means where it stands, and what it does besides speaking of findings."""

from __future__ import annotations

import re

from echosearch.report.facts.reader import normal
from echosearch.report.facts.reader.cues.ahead import listed, of_unknown, speak_before, stands_before
from echosearch.report.facts.reader.cues.aside import before_operation, drop, reported, treated, wondered
from echosearch.report.facts.reader.cues.excluded import exclude
from echosearch.report.facts.reader.cues.spares import of_a_cause
from echosearch.report.facts.reader.form import form
from echosearch.report.facts.reader.judge import judge
from echosearch.report.facts.reader.numbers.unmeasured import unassessed
from echosearch.report.facts.reader.state import State
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
_ANSWERS = ("unassessed", "undenied", "negative")
_MOVES = re.compile("可動性?[はもが:に]?$")
_ASKED = re.compile(r"\s*(?:[?)、。]|$|と(?:考|思)|も(?:しれ|。|$))")  # 粘液腫か
_BECAUSE = re.compile("のため[、に]?$|により$")
_HARD = re.compile("[がはも]?(?:困難|不能|不可|でき|出来)")
_NOT_RULED_OUT = re.compile(
    r"(?<=除外)(?:[はがもをにとの]|[\s(]*(?:困難|不能|不可|(?:でき|出来|し得|しえ|しきれ|され)(?:て|ず|な|ま)))"
)


def meaning(state: State, found: list[Token], index: int) -> str | None:
    """Return what a cue says of the findings that it reaches; None of one that says nothing of them."""
    kind = _where_it_stands(state, found, index)
    return None if kind is None else _of_findings(state, found, index, kind)


def _where_it_stands(state: State, found: list[Token], index: int) -> str | None:
    """Return the kind of a cue by what stands beside it; None of one that is read already."""
    token = found[index]
    kind = token.kind
    if kind == "suspected" and of_a_cause(state, token):
        return None
    if kind == "unassessed" and _was_not_put_in(state, token):
        kind = "negative"
    if kind == "change":
        _compare(state, token)
    if _speaks_ahead(state, found, index, kind):
        return None
    if kind == "unassessed" and _PARTLY.search(state.text, 0, token.start):
        return None  # 一部評価困難だが、壁運動は良好
    kind = _doubted(state, token, kind)
    if _of_what_was_done(state, token, kind) or _of_something_else(state, token, kind):
        return None
    if token.rule == "suspected.whether" and not _is_asked(state, token):
        return None
    return kind


def _was_not_put_in(state: State, token: Token) -> bool:
    """Whether an operation was not done: TAVI未施行 denies the valve."""
    implant = bool(state.group) and state.group[-1].finding.implant
    return implant and _NOT_YET.match(state.text, token.start) is not None


def _compare(state: State, token: Token) -> None:
    """Come back to today behind what it is compared with: 前回(EF 55%)と著変なし、EF 53%."""
    if state.earlier and state.text.endswith(("と", "に比し"), 0, token.start):
        state.earlier, state.earlier_after, state.now = False, False, True


def _speaks_ahead(state: State, found: list[Token], index: int, kind: str) -> bool:
    """Read a cue that stands before what it speaks of."""
    token = found[index]
    if kind in ("negative", "suspected") and stands_before(state, found, index):
        if not of_unknown(state, token):
            speak_before(state, kind)
        return True
    if token.before and kind == "unassessed":
        state.unclear = True  # unable to assess …
        return True
    return token.before and _WORD.match(state.text, token.end) is not None  # thrombus, not anticoagulated


def _doubted(state: State, token: Token, kind: str) -> str:
    """Return the kind of a cue; a denial of what cannot be seen, or of a denial, is none."""
    if kind == "negative" and state.poor and _NOT_MADE_OUT.search(state.text[token.start : token.end]):
        kind = "unassessed"
    if token.rule == "negative.short" and _NOT_RULED_OUT.match(state.text, token.end):
        kind = "undenied"
    return kind


def _of_what_was_done(state: State, token: Token, kind: str) -> bool:
    """Read a cue of a history or a treatment."""
    if kind == "history" and state.text[token.start : token.end].isascii() and not state.group:
        state.earlier, state.earlier_after = True, False  # history of …
        return True
    if kind == "treated":
        treated(state, token)
        return True
    if kind == "negative" and state.text.endswith(_CLOSES, 0, token.start) and not state.query:
        state.close()  # ASDは閉鎖されていない
        return True
    return False


def _of_something_else(state: State, token: Token, kind: str) -> bool:
    """Read a cue of a noun, of a list or in a question."""
    if kind == "negative" and _of_a_noun(state, token):
        return True
    return listed(state, token, kind) or wondered(state, token, kind)


def _is_asked(state: State, token: Token) -> bool:
    """Whether か right behind a finding asks about it: 粘液腫か."""
    last = state.last_open
    return last is not None and last.end == token.start and _ASKED.match(state.text, token.end) is not None


def _of_findings(state: State, found: list[Token], index: int, kind: str) -> str | None:
    """Return what is said of findings; None of what is said of a value, a quality, a plan, or is excluded."""
    token = found[index]
    if kind == "positive":
        _affirm(state, token)
    kind = _of_its_own_words(state, token, kind)
    if kind == "drop":
        _drop(state, found, index)
        return None
    if token.rule == "not_assessed.hard" and not (state.poor or _BECAUSE.search(state.text, 0, token.start)):
        return None
    if kind == "unassessed" and unassessed(state, found, index):
        return None
    if kind in ("negative", "positive") and _of_the_others(state, token):
        return None
    if (kind == "change" and _varies(state, token)) or _on_qualities(state, token, kind):
        return None
    if kind == "exclude":
        exclude(state, found, index)
        return None
    return kind


def _affirm(state: State, token: Token) -> None:
    """Note what a word of presence ends: a word of a value before it, and an earlier time that it was told in."""
    state.value_word = None
    if state.earlier and state.group:
        reported(state, token)


def _of_its_own_words(state: State, token: Token, kind: str) -> str:
    """Return the kind of a cue that its own words, and those behind it, decide."""
    if kind == "unassessed" and _NOT_SEEN.match(state.text, token.start) and not state.poor and not state.names:
        seen = state.group[-1].finding.group if state.group else None
        return "negative" if seen in _LESIONS else kind  # flapは描出されず
    if kind == "drop" and _HARD.match(state.text, token.end):
        return "unassessed"
    if kind == "negative" and state.names and state.text.startswith("描出でき", token.start) and not state.group:
        return "unassessed"  # IVC描出できず
    return kind


def _drop(state: State, found: list[Token], index: int) -> None:
    """Read a reason, a plan or advice; 有無 that is answered soon is none."""
    if before_operation(state, found, index):
        return
    token = found[index]
    answered = any(after.kind in _ANSWERS for after in found[index + 1 : index + 6])
    if not (state.text[token.start : token.end].startswith("有無") and answered):
        drop(state, token)


def _of_the_others(state: State, token: Token) -> bool:
    """Read what is said of all the others: その他有意な弁膜症なし."""
    if not state.others or token.rule == "en.positive":
        return False
    state.others = False
    if state.group and state.group[-1].finding.concept not in _OF_THE_REST:
        return False
    for mention in state.group:
        mention.dropped = True
    return True


def _varies(state: State, token: Token) -> bool:
    """Read 変動 of a vein that was measured: IVC 26mm、変動なし."""
    measured = not state.group or (bool(state.values) and state.values[-1].end > state.group[-1].end)
    if state.measure != "ivc" or not state.text.startswith("変動", token.start) or not measured:
        return False
    form(state, state.lexicon.findings["ivc_collapse_low"], token.start, token.end)
    state.cued = True
    return True


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
