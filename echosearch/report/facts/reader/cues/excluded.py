"""What is left out: MR(軽度を除く), 重症以外のAS, excluding dialysis."""

from __future__ import annotations

import re
from dataclasses import replace

from echosearch.report.facts.reader.cues.reach import names_another, reached
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.named_walls import stands_behind_a_wall
from echosearch.report.facts.text.tokens import Token

__all__ = ["exclude"]

_AHEAD_ONLY = re.compile(r"(?:excl(?:uding)?|except(?: for)?)\b(?=\s*\w)", re.IGNORECASE)


def exclude(state: State, found: list[Token], index: int) -> None:
    """Note what is left out: the number or the findings right before を除く and 以外, what follows excluding."""
    token = found[index]
    if stands_behind_a_wall(state.text, token.start, state.group[-1].end if state.group else 0):
        state.close()  # 下壁の無収縮、下壁以外の壁運動異常なし: it says which walls the next statement is of
    elif state.text[token.start].isascii() and index + 1 < len(found):
        state.close()
        state.excluding = True
    elif state.front is not None and (not state.group or state.text[state.front.end : token.start] in ("", "を")):
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
