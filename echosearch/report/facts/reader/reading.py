"""One sentence read from left to right: every token changes the state, and findings and values come out."""

from __future__ import annotations

import re

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.reader import compose, naming, normal, quality
from echosearch.report.facts.reader.covered import cover
from echosearch.report.facts.reader.cues import cue
from echosearch.report.facts.reader.gap import read_gap
from echosearch.report.facts.reader.judge import judge, localise
from echosearch.report.facts.reader.mark import MARKS
from echosearch.report.facts.reader.mention import Mention, Value
from echosearch.report.facts.reader.motion.walled import name_walls
from echosearch.report.facts.reader.numbers import value
from echosearch.report.facts.reader.numbers.again import dated
from echosearch.report.facts.reader.numbers.site import place_waiting
from echosearch.report.facts.reader.severity.grade import read_grade
from echosearch.report.facts.reader.state import FORMING, Context, State
from echosearch.report.facts.reader.zipped import SAID, in_step
from echosearch.report.facts.text.query_tokens import tokens_of_query
from echosearch.report.facts.text.tokens import Token, tokens
from echosearch.report.facts.walls import MOTION

__all__ = ["read_sentence"]

_NOR = re.compile(r",? n?or\b", re.IGNORECASE)
_REASON = re.compile(
    r"\s*(?:検査)?(?:目的|依頼(?:内容|目的|理由|事項|元)?|主訴|紹介(?:理由|目的|内容)?|検査(?:理由|依頼)|依頼(?:科|医)コメント|家族歴"
    r"|(?:clinical )?indications?|依頼科\s*:[^。]{0,30}目的"
    r"|reason (?:for|of) (?:the )?(?:study|exam|examination|test|echo|referral))\s*[:：]",
    re.IGNORECASE,
)
_CUES = {
    *("negative", "positive", "insignificant", "suspected", "undenied", "unassessed", "history", "treated"),
    *("change", "drop", "exclude"),
}


def read_sentence(
    sentence: str,
    lexicon: Lexicon,
    context: Context,
    query: bool = False,
    covered: list[tuple[int, int]] | None = None,
    at: int = 0,
) -> tuple[list[Mention], list[Value], Context]:
    """Read the findings and values of one sentence, and what it leaves to the next.

    Of a query, ``covered`` takes the spans that were understood, ``at`` characters further.
    """
    if not query and _REASON.match(sentence):
        return [], [], context
    state = State(sentence, lexicon, context, query)
    found = tokens(sentence, lexicon, query)
    if query:
        found = tokens_of_query(sentence, found)
    rest = _read_tokens(state, found)
    if state.value_word is not None and state.heads and not query:
        _normal_before(state, state.value_word)
    if found and all(token.kind == "structure" for token in found) and not rest.strip(" :、は・-"):
        state.firm = True
        state.topic = tuple(name for token in found for name in token.value)  # a heading on a line of its own
    _look_back(state)
    mentions = [m for m in state.mentions if m.finding.concept and not m.dropped]
    name_walls(mentions, sentence, found, lexicon)
    if state.unsited:
        place_waiting(state)
    if covered is not None:
        cover(state, found, mentions, covered, at)
    return mentions, state.values, state.left()


def _read_tokens(state: State, found: list[Token]) -> str:
    """Read the tokens of a sentence, and what stands between them, and return what is left behind the last."""
    end = 0
    for index, token in enumerate(found):
        if index <= state.done:
            end = token.end
            continue
        if gap := state.text[end : token.start]:
            read_gap(state, gap, end, token, found[index + 1] if index + 1 < len(found) else None)
        _read(state, found, index)
        end = max(end, token.end)
    if rest := state.text[end:]:
        read_gap(state, rest, end)
    return rest


def _look_back(state: State) -> None:
    """Make earlier states of what the whole sentence shows to be one: treated, named again today, of an older date."""
    for mention in state.mentions:
        if mention.treats is not None and not mention.dropped and not state.query:
            mention.treats.cues.append("history")
    if state.before_now:  # 2020年、ARは軽度、今回ARは中等度
        today = {m.finding.concept for m in state.mentions if m.start >= state.before_now[-1].end}
        today |= set(MOTION) if today & set(MOTION) else set()  # 2020年は無収縮、今回は低収縮
        for mention in state.before_now:
            mention.historical = mention.historical or mention.finding.concept in today
    if len(state.dates) > 1 and not state.query:
        dated(state)


def _normal_before(state: State, word: Token) -> None:
    """Read a normal structure that is all of a sentence: Normal aortic valve."""
    alone = state.text[word.end : state.heads[0].start] == " " and not state.text[: word.start].strip()
    if word.kind == "normal" and alone:
        normal.of_waiting(state, word._replace(end=state.heads[-1].end))


def _read(state: State, found: list[Token], index: int) -> None:
    token = found[index]
    kind = token.kind
    if token.measure is not None or kind == "measure_vetoed":
        value.name(state, token)
    if kind in FORMING:
        _form(state, found, index)
    elif kind in SAID and in_step(state, found, index):
        return
    elif kind in ("severity", "grade", "bare_grade", "tendency"):
        read_grade(state, found, index)
    elif kind == "number":
        value.number(state, found, index)
    elif kind == "normal":
        if not normal.of_waiting(state, token):
            normal.of_last(state, token)
        state.others = False
    elif kind in _CUES:
        cue.apply(state, found, index)
    elif (handler := MARKS.get(kind)) is not None:
        handler(state, token)


def _form(state: State, found: list[Token], index: int) -> None:
    token = found[index]
    if token.kind == "finding":
        naming.finding(state, found, index)
    elif token.kind == "attribute":
        _attribute(state, found, index)
    elif token.kind == "structure":
        naming.structure(state, found, index)
    elif token.kind == "quality":
        quality.quality(state, token)
    elif token.kind == "region":
        localise(state, found, index)
        state.regions.append(token)
        state.heads = [head for head in state.heads if head.value in (("rv",), ("lv",), ("septum",))]
    elif token.kind == "diffuse" and state.regions and state.regions[-1].end == token.start:
        return  # 心尖部全周
    elif token.kind == "diffuse":
        localise(state, found, index)
        state.diffuse = token
    else:
        judge(state, token)


def _attribute(state: State, found: list[Token], index: int) -> None:
    token = found[index]
    if token.value == "invagination" and state.measure == "ivc" and not state.heads:
        quality.quality(state, token._replace(kind="quality", value="collapse"))  # IVC 21mm、50%以上虚脱
    elif not compose.spreads(state, found, index, token.value):
        compose.attribute(state, token)
        if state.text.endswith(("not ", "Not "), 0, token.start) and not _NOR.match(state.text, token.end):
            state.denied = False  # non-dilated LV, dilated LA
