"""Which findings a cue speaks of: the open list up to the predicate before it, and what another noun keeps out."""

from __future__ import annotations

import re

from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.state import State
from echosearch.report.facts.text.named_walls import placed_walls
from echosearch.report.facts.text.tokens import Token
from echosearch.report.facts.walls import MOTION

__all__ = ["gone", "in_brackets_of_its_own", "names_another", "of_another", "reached", "today"]

_PLACE = re.compile(
    "退院[時前]?|再検査?|(?:大動脈|僧帽|三尖|肺動脈|各)弁(?:輪|尖)?|[左右](?:心?[房室]|心耳)|心尖部"
)  # where: no noun of its own
_OF_ITS_HEAD = re.compile(r"\)[はがで][^、。]{2}")
# 疣腫、弁穿孔、弁周囲膿瘍のいずれも
_LISTED = re.compile(r"(?:[、・][一-龠ァ-ヶー]{2,10})+(?:いずれも|どれも|とも|など|等|は|を|も|の|に|所見)*")
_NEITHER = re.compile("[もや]")  # 重度のMRもTRもない
_SIGNED = re.compile(r"[A-Za-z]{4,}(?: sign)?\s*$")  # McConnell(-)
_OTHER_NOUN = re.compile(
    r"(?!今回|現在|本日|所見|存在|明らか|有意|経過|貯留|付着|形成|同部|範囲|検査|病的|新た|描出|エコー|検出|確認|指摘|積極|可能|上記|全て)[一-龠ァ-ヶ]{2,}|abscess|fistula|pseudoaneurysm|(?<![A-Za-z])(?!CT|MRI|TEE|TTE|LAA|LV|LA|RA|RV)[A-Z]{3,}"
)

_OF_WHO = re.compile(
    r"症例|患者(?:さん|様)?|所見|原因|検査|既往|病歴|術後|合併|病変|存在|場合|[例人方群者歳才後代台歴伴有認指摘疑]|以[上下]|未満|超え?"
    r"|上回|下回|切る|診断|示唆|明らか|有意|今回|現在|貯留|形成|病的|新[たし]|検出|確認|可能性?|悪化|増悪|進行|改善|増加|減少|出現|"
    r"推奨|精査|\b(?:patients?|cases?|with|and|or|those|who|have|having|the|an?|of|present)\b",
    re.IGNORECASE,
)
_A_NOUN = re.compile("[一-龠ァ-ヶA-Za-z]")
_LINKED = ("と", "や", "・", "/", "も", "または")


def names_another(between: str) -> bool:
    """Return whether words between a finding of a query and a cue name what no rule knows: 重症AS、透析患者を除く."""
    return _A_NOUN.search(_OF_WHO.sub("", between)) is not None


def reached(state: State, kind: str = "") -> list[Mention]:
    """Return the findings of the open list that a predicate behind it speaks of, up to the predicate before it."""
    group = state.group
    if group and _in_brackets_of_its_head(state, group[-1]):
        return []  # 大動脈弁(二尖弁)は開放制限なし
    begin = max(len(group) - 1, 0)
    while begin > 0 and _goes_on(state, kind, group[begin - 1], group[begin]):
        begin -= 1
    return group[begin:]


def _in_brackets_of_its_head(state: State, last: Mention) -> bool:
    """Return whether a predicate is of the structure before the brackets that a finding is in."""
    inside = last.depth > state.depth and last.finding.group == "state"
    return inside and _OF_ITS_HEAD.match(state.text, last.end) is not None


def _goes_on(state: State, kind: str, before: Mention, mention: Mention) -> bool:
    """Return whether a predicate that speaks of a finding speaks of the one listed before it, too."""
    if mention.link == "none":
        return True
    if state.query and kind == "negative" and state.text[before.end : mention.start].isspace():
        return False  # 左房拡大 MRなし: words of a search box, each for itself
    if mention.link == "strong":
        own = before.graded and not mention.graded and not mention.shared
        return not (kind == "negative" and own) or _NEITHER.match(state.text, before.end) is not None
    if kind in ("suspected", "undenied") and _is_stated(kind, before, mention):
        return False
    beside = state.depth == before.depth < mention.depth and not (before.cues or before.graded)
    if before.depth != mention.depth and not beside:
        return False  # one of them in brackets
    return not _has_its_own(before, mention) and not _is_apart(state, kind, before, mention)


def _has_its_own(before: Mention, mention: Mention) -> bool:
    """Return whether a finding has a predicate of its own: a grade, or that it is normal."""
    graded = before.graded or (before.severity is not None and mention.severity is None)
    return graded or before.cues[-1:] == ["normal"]


def _is_apart(state: State, kind: str, before: Mention, mention: Mention) -> bool:
    """Return whether one predicate does not speak of two findings, by what they are."""
    groups = before.finding.group, mention.finding.group
    if "state" in groups and groups[0] != groups[1]:
        return True
    if kind == "sign":
        return groups[0] != groups[1] or ")" in state.text[before.end : mention.start]  # 胸水(右>左)、心嚢液(-)
    return kind == "negative" and groups[1] != "motion" and _of_a_wall(state, before)


def _is_stated(kind: str, before: Mention, mention: Mention) -> bool:
    """Return whether a doubt of a finding says nothing of the one before it in a list."""
    if before.finding.group != mention.finding.group:
        return True  # 無収縮、血栓疑い: findings of two kinds are no list of suspicions
    return kind == "suspected" and before.finding.concept == mention.finding.concept == "tumor"  # 腫瘤、粘液腫を疑う


def _of_a_wall(state: State, mention: Mention) -> bool:
    """Return whether a finding says how a wall moves that it names: 下壁の無収縮、左室瘤なし."""
    return mention.finding.concept in MOTION and bool(placed_walls(state.text[mention.start : mention.end]))


def today(state: State, mention: Mention) -> Mention:
    """Return a second mention: today's state of a finding whose earlier state was named."""
    if not mention.graded and mention.severity is None:
        mention.historical, state.group, state.cued = False, [mention], False
        mention.cues = [cue for cue in mention.cues if cue not in ("history", "positive", "negative")]
        state.now = state.arrow = False
        return mention  # an earlier state without a grade is no fact of its own
    mention.historical = True
    state.earlier = state.earlier_after = False
    copy = Mention(mention.finding, mention.start, mention.end, "none")
    state.mentions.append(copy)
    state.group, state.cued = [copy], False
    state.now = state.arrow = False
    return copy


_SEEN = ("motion", "size", "pressure", "fluid", "vein")  # groups of what is seen, not supposed


def gone(state: State) -> Mention:
    """Return the finding named last as it is today: 血栓を認めたが、今回は消失."""
    last = state.mentions[-1]
    if last.severity is not None and last.graded:
        return today(state, last)
    last.cues.clear()
    last.historical = False
    return last


def of_another(state: State, last: Mention, token: Token) -> bool:
    """Return whether a denial speaks of another noun: 心嚢液を認めるが血行動態への影響なし."""
    text, begin = state.text, last.end
    if state.query and token.kind == "negative" and not text.startswith(_LINKED, begin):
        return names_another(text[begin : token.start])  # MR、高血圧なし
    comma = max(text.rfind("、", begin, token.start), text.rfind(", ", begin, token.start))
    seen = token.kind == "suspected" and last.finding.group in _SEEN  # 壁運動低下、OMI疑い
    if comma == begin and not seen and not last.cues and not last.graded and last.finding.group != "state":
        return False  # 疣贅、弁輪部膿瘍は指摘できず
    opened = text.rfind("(", begin, token.start) if state.depth > last.depth else -1
    if opened >= 0 and token.kind == "suspected":
        return _OTHER_NOUN.search(text, opened, token.start) is not None  # LVH(HHD s/o)
    if token.rule == "grade.negative" and comma >= 0 and _SIGNED.search(text, comma, token.start):
        return True
    if text[begin] in "、・" and not last.cues and not last.graded and _LISTED.fullmatch(text, begin, token.start):
        return False
    if comma < 0 and not (last.cues[-1:] == ["positive"] and state.cue_end > begin):
        return False
    told = begin if comma >= 0 else state.cue_end
    between = _PLACE.sub("", text[max(comma + 1, told, begin) : token.start])
    return _OTHER_NOUN.search(between) is not None


def in_brackets_of_its_own(state: State, last: Mention, token: Token) -> bool:
    """Return whether 評価困難 stands in brackets behind what was said already, about another noun."""
    opened = state.text.rfind("(", last.end, token.start)
    told = bool(last.cues) or last.graded
    return (
        told
        and opened >= 0
        and state.depth > last.depth
        and _OTHER_NOUN.search(state.text, opened, token.start) is not None
    )
