"""One statement in two words of one concept: 肺高血圧(PH), 拘束型拡張障害, ARは偏心性の逆流, 拡張障害は拘束型."""

from __future__ import annotations

import re
from collections.abc import Sequence

from echosearch.report.facts.lexicon.lexicon import Finding
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.text.tokens import Token

__all__ = ["said_again", "subject"]

_SAID_TWICE = re.compile(r"\s*[(=のな]\s*")
_RUN_ON = re.compile(r"\s*(?:type)?\s*", re.IGNORECASE)  # 弛緩異常型拡張障害
_OF_TYPE = re.compile(r"(?:を認め(?:る|ます)?)?\s*[は:(、]\s*")
_TYPE_OF = re.compile(r"(?:\([^()]{1,12}\))?\s*(?:を伴う|に伴う|による|の)")  # 弛緩異常による拡張障害
_IS_A = re.compile(r"は[^、,。()]{1,12}(?:な|の|い|る|た)")  # MRは前方へ向かう高度な逆流
# MRは(僧帽弁逸脱による); MRは中等度で、(僧帽弁逸脱による)
_OF_A_CAUSE = re.compile(
    r"(?:は|で(?:あり)?、)(?:[^、。]{1,20}(?:による|により|に伴う|に起因する|に続発する|由来の|性の?))"
    r"(?:[^、。]{0,8}(?:な|の|い|る|度|症|性|ly|[A-Za-z]))?"
)
FAR = 60  # characters, more than _OF_A_CAUSE has
_DOUBT = ("疑い", "の疑い", "を疑う", "?", " s/o")  # 腫瘤(粘液腫疑い): two statements


def said_again(
    text: str, last: Mention, cued: bool, front: Token | None, finding: Finding, start: int, end: int
) -> bool:
    """Let a finding go on into a second word of it, with the grade in front of that. False where it is another.

    ``cued``: its predicate was read already.
    """
    if last.finding.concept != finding.concept or not finding.concept:
        return False
    typed = finding.severity is not None and last.severity is None and _OF_TYPE.fullmatch(text, last.end, start)
    if not cued and _twice(text, last, start) and not _doubted(text, last, start, end):
        last.severity = last.severity or finding.severity
    elif (
        not cued
        and not (last.cues or last.graded)
        and text.startswith("は", last.end)
        and (_IS_A.fullmatch(text, last.end, start))
    ):
        pass
    elif typed:
        last.finding, last.severity, last.graded = finding, finding.severity, True
    elif finding.severity is None and last.finding.severity is not None and _TYPE_OF.fullmatch(text, last.end, start):
        pass
    else:
        return False
    last.end = end
    if front is not None and not last.graded:
        last.severity, last.graded = front.value, True
    return True


def subject(text: str, mentions: Sequence[Mention], start: int) -> Mention | None:
    """Return the finding that a sentence is about, if what begins here is its own word behind its cause.

    MRは僧帽弁逸脱による中等度の逆流: one MR, and its grade.
    """
    for mention in reversed(mentions):
        if mention.end < start - FAR:
            break
        if mention.finding.group in ("valve", "pressure") and text.startswith(("は", "で"), mention.end):
            plain = mention.cues in ([], ["positive"]) and not mention.historical
            return mention if plain and _OF_A_CAUSE.fullmatch(text, mention.end, start) else None
    return None


def _twice(text: str, last: Mention, start: int) -> bool:
    """Whether two words of one concept stand beside each other."""
    if _SAID_TWICE.fullmatch(text, last.end, start):
        return True
    if last.graded and last.end == start and text.startswith(("逆流", "狭窄", "閉鎖不全"), start):
        return True  # MRは前方へ向かう高度な逆流
    one_word = last.finding.group != "mass" and not last.cues  # 腫瘤 粘液腫疑い: the second tells what it may be
    return one_word and _RUN_ON.fullmatch(text, last.end, start) is not None


def _doubted(text: str, last: Mention, start: int, end: int) -> bool:
    return text.startswith(_DOUBT, end) and text[last.end : start].strip() == "("
