"""Changes of findings in a query: MRが1段階以上悪化, 前回より悪化したMR, 軽度から重度に悪化, 新規のペースメーカー.

A change is attached to the finding beside it, which stays a condition of its own: a study with a worse MR has an MR.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.report.facts.query.change import BEFORE, NUMBERS, ChangeCondition, ChangeKind, Period, Read, period_near
from echosearch.report.facts.reader.mention import Mention

__all__ = ["changes_of_findings", "ended", "without_earlier_grades"]

_STEPS = r"(?:(?P<steps>[1-4一二三])\s*(?:段階|グレード|度)(?:以上)?)"
_WORSE = r"悪化|増悪|進行|重症化|増加|増大|増強"
_BETTER = r"改善|軽快|軽減|減少"
_KEPT = r"(?!て(?:は|も)?い(?:な|ま))"  # and not 減っていない
_WORSE_VERB = rf"(?:{_WORSE}|増え|悪くな[っり]){_KEPT}"
_BETTER_VERB = rf"(?:{_BETTER}|減[っり]|軽くなっ|良くな[っり]){_KEPT}"
_APPEARS = r"(?:出現|発症|発生|植え?込み?|留置|認め|みられ|指摘|生じ)(?:した|された|まれた|られた|た|する|される)?"
_NEWLY = rf"(?:新たに|新規に?|初めて|はじめて){_APPEARS}"
_DONE = r"(?:した|している|して|し(?=[、 ])|する|た|てい[るた]|を認める|が?ある|あり|した?もの)?"
_SINCE = (
    r"(?:\s*[、(]?\s*前回比\)?"
    r"|\s*(?:than|compared (?:to|with)|from|since)\s+(?:the\s+|a\s+)?(?:previous|prior|last|earlier|before)\b"
    r"(?:\s+(?:study|exam(?:ination)?|echo|one)\b)?)?"
)
_SINCE_BEHIND = re.compile(_SINCE, re.IGNORECASE)
# MR worse than AS compares two findings
_THAN_FINDING = r"(?! than (?!(?:the |a )?(?:previous|prior|last|earlier|before|baseline)))"
_BEHIND = re.compile(
    rf"\s*(?:の|が|は)?\s*(?P<before>{BEFORE})?\s*{_STEPS}?\s*(?:の|に)?\s*"
    rf"(?:(?P<worse>{_WORSE_VERB})|(?P<better>{_BETTER_VERB})|(?P<new>{_NEWLY}|出現|発症|新規出現))"
    rf"{_DONE}{_SINCE}"
    rf"|\s*(?:(?P<eworse>worsened|worse{_THAN_FINDING}|worsening|progressed|progression)|(?P<ebetter>improved|improvement))"
    rf"(?:\s*by\s*(?P<esteps>[1-4]|one|two|three)\s*grades?(?:\s*or more)?)?{_SINCE}",
    re.IGNORECASE,
)
# what has become worse is the finding itself, not what が, は or も leave behind: 呼吸困難が悪化したMR
_AHEAD = re.compile(
    rf"(?<![がはもら])(?<!より)(?<!比べて)(?<!比べ)(?<!比較して){BEFORE}?\s*{_STEPS}?\s*(?:の|に)?\s*"
    rf"(?:(?P<worse>(?:{_WORSE})(?:し(?:た|ている|つつある)|性の?)|増えた|増えている)"
    rf"|(?P<better>(?:{_BETTER})し(?:た|ている)|減った|減っている))\s*\Z"
    r"|\b(?:(?P<eworse>worsening|worsened|progressive|progressing)|(?P<ebetter>improving|improved|resolving))\s*\Z",
    re.IGNORECASE,
)
_COMPARED = re.compile(rf"{BEFORE}\s*\Z")
_NOT_BEFORE = r"前回(?:の検査|のエコー)?(?:は|に|には|では?|まで(?:は)?)?(?:な|無)かった"
_NEW = re.compile(
    rf"(?:新規|新た|初めて|はじめて)(?:の|な|に)?(?:{_APPEARS})?の?\s*\Z|{_NOT_BEFORE}\s*\Z"
    r"|\bnew(?:ly)?[ -]?(?:onset|developed|implanted|diagnosed)?\s*\Z",
    re.IGNORECASE,
)
_IN_A_LIST = re.compile(rf"(?:{_WORSE}|{_BETTER}|出現|発症)(?:した|している|し)?(?=[、,])|重症化(?:した|している|し)?")
_GONE = re.compile(r"\s*(?:が|は|の)?\s*消失")

Span = tuple[int, int]


def ended(text: str) -> str:
    """Put the end of a statement in place of a change in a list: in MRが悪化、左室拡大なし "no" is of the latter.

    重症化 is no grade either.
    """
    return _IN_A_LIST.sub(lambda match: "あり".ljust(len(match[0])), text)


def changes_of_findings(text: str, mentions: Sequence[Mention], periods: Sequence[Period]) -> list[Read]:
    """Find the changes of findings in a text whose ``periods`` are blank; of several joined by または, none."""
    found: list[Read] = []
    taken: list[Span] = []
    ordered = sorted(mentions, key=lambda one: one.start_at)
    for place, mention in enumerate(ordered):
        _keep_own(text, mention)
        joined = mention.either or any(one.either for one in ordered[place + 1 : place + 2])
        if joined or mention.excluded or mention.historical or mention.polarity not in ("present", "absent"):
            continue
        if mention.polarity == "absent":
            told = _gone(text, mention)
        else:
            told = _told(text, mention, taken) or _by_grades(mention, ordered)
        if told is None:
            continue
        kind, amount, spans = told
        start, end = _place(mention)
        period = period_near(periods, min(start, spans[0][0]), max(end, spans[0][1]))
        if kind == "gone" and period is None:  # 心嚢液消失 alone is its absence
            continue
        taken += spans
        if kind in ("worse", "better") and (grades := _by_grades(mention, ordered)) is not None:
            kind, amount, _ = grades
        months = None if period is None else period[2]
        made = ChangeCondition(mention.finding.concept, kind, amount, None, months)
        found.append((made, [*spans, *([period[:2]] if period else [])]))
    return found


def without_earlier_grades(mentions: Sequence[Mention], changes: Sequence[Read]) -> list[Mention]:
    """Drop what a change says already: of 軽度から重度に悪化 the mild one, which is no fact of today's report."""
    changed = {change.concept for change, _ in changes if change.kind in ("worse", "better")}
    return [one for one in mentions if not (one.historical and one.finding.concept in changed)]


def _keep_own(text: str, mention: Mention) -> None:
    """Take off what is said of another finding behind the change: 悪化したMR、左室拡大なし; MRが悪化したTR高度."""
    start, end = _place(mention)
    if mention.polarity == "absent" and text[end : end + 1] in ("、", ",") and _AHEAD.search(text, 0, start):
        mention.cues.clear()
    if not mention.graded and _BEHIND.match(text, end):
        mention.severity = mention.finding.severity


Told = tuple[ChangeKind, float | None, list[Span]]


def _told(text: str, mention: Mention, taken: Sequence[Span]) -> Told | None:
    """Return the kind of a change of what is there, by how many grades, and where its words are, the change first."""
    start, end = _place(mention)
    behind = _BEHIND.match(text, end)
    if (new := _NEW.search(text, 0, start)) is not None:
        appears = behind if behind is not None and behind["new"] else _SINCE_BEHIND.match(text, end)
        return "new", None, [(new.start(), start), *([appears.span()] if appears else [])]
    if behind is not None:
        compared = _COMPARED.search(text, 0, start)
        spans = [behind.span(), *([(compared.start(), start)] if compared else [])]
        return ("new", None, spans) if behind["new"] else (*_graded(behind), spans)
    ahead = _AHEAD.search(text, 0, start)
    if ahead is None or any(low < ahead.end() and ahead.start() < high for low, high in taken):
        return None
    return (*_graded(ahead), [(ahead.start(), start)])


def _graded(match: re.Match[str]) -> tuple[ChangeKind, float]:
    named = match.groupdict()
    steps = named["steps"] or named.get("esteps")
    amount = 1.0 if steps is None else float(NUMBERS.get(steps, 0) or steps)
    return "worse" if named["worse"] or named["eworse"] else "better", amount


def _gone(text: str, mention: Mention) -> Told | None:
    gone = _GONE.match(text, _place(mention)[1])
    return None if gone is None else ("gone", None, [gone.span()])


def _by_grades(mention: Mention, mentions: Sequence[Mention]) -> Told | None:
    """Return the change from an earlier grade that the query names: 軽度から重度になったMR, MR from mild to severe."""
    earlier = [one for one in mentions if one.historical and one.finding.concept == mention.finding.concept]
    if not earlier or earlier[-1].severity is None or mention.severity is None:
        return None
    (low, high), (then_low, then_high) = mention.severity, earlier[-1].severity
    if low > then_high:
        return "worse", float(low - then_high), [_place(mention)]
    return ("better", float(then_low - high), [_place(mention)]) if high < then_low else None


def _place(mention: Mention) -> Span:
    return mention.start_at, mention.end_at
