"""One sentence read from left to right: every token changes the state, and findings and values come out."""

from __future__ import annotations

import re

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.reader import compose, naming, normal, quality
from echosearch.report.facts.reader.covered import cover
from echosearch.report.facts.reader.cues import cue
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

_PARTICLE = re.compile(r"\s*(?:は|:|においては|では|に関しては|については)")
_ENGLISH_NOUN = re.compile(r" [a-z]{3,}(?: [a-z]{2,}){1,8},")
_TELLS = re.compile(r"[^、,]{0,10}?[、,(→]\s*(?:で|と)?")  # 70%程度、
_UNKNOWN = re.compile("[一-龠ァ-ヶ]{3,}")
_OF_WHAT_FOLLOWS = re.compile(r"[\s・*-]*\((?:前々?回|昨年|以前|術前|入院時)(?:値|時)?\)")
_PREDICATE = re.compile(r"[がは][^、。(]{2,12}[てで](?:おり|い[てる])、")  # が渦を巻いており、
_AND_IS = re.compile("(?:の?み|だけ)?で、?")
_NEITHER = re.compile("でもな[いく]")  # AFでもMSでもない
_NOR = re.compile(r",? n?or\b", re.IGNORECASE)
_NUMBERED = re.compile(r"[\s・*\d.)(#-]*")
_OF_HEADING = re.compile(r"[\s・*-]*(?:内腔|腔|形態|弁尖|評価|サイズ)\s*:")  # a part of what the one before names
_SUBJECT = re.compile(r"[\s\d.)(-]*(?:(?:the|native) ){0,2}", re.IGNORECASE)
_VERB = re.compile(r" (?:is|are|was|were|appears?|appeared|looks?|has|have|shows?|demonstrates?)\b", re.IGNORECASE)
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


def read_sentence(  # noqa: C901 - one branch per kind of token
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
    end = 0
    for index, token in enumerate(found):
        if index <= state.done:
            end = token.end
            continue
        gap = sentence[end : token.start]
        if gap:
            _gap(state, gap, end, token, found[index + 1] if index + 1 < len(found) else None)
        _read(state, found, index)
        end = max(end, token.end)
    rest = sentence[end:]
    if rest:
        _gap(state, rest, end)
    if state.value_word is not None and state.heads and not query:
        _normal_before(state, state.value_word)
    if found and all(token.kind == "structure" for token in found) and not rest.strip(" :、は・-"):
        state.firm = True
        state.topic = tuple(name for token in found for name in token.value)  # a heading on a line of its own
    for mention in state.mentions:
        if mention.treats is not None and not mention.dropped and not query:
            mention.treats.cues.append("history")
    if state.before_now:  # 2020年、ARは軽度、今回ARは中等度
        today = {m.finding.concept for m in state.mentions if m.start >= state.before_now[-1].end}
        today |= set(MOTION) if today & set(MOTION) else set()  # 2020年は無収縮、今回は低収縮
        for mention in state.before_now:
            mention.historical = mention.historical or mention.finding.concept in today
    if len(state.dates) > 1 and not query:
        dated(state)
    mentions = [m for m in state.mentions if m.finding.concept and not m.dropped]
    name_walls(mentions, sentence, found, lexicon)
    if state.unsited:
        place_waiting(state)
    if covered is not None:
        cover(state, found, mentions, covered, at)
    return mentions, state.values, state.left()


def _normal_before(state: State, word: Token) -> None:
    """Read a normal structure that is all of a sentence: Normal aortic valve."""
    alone = state.text[word.end : state.heads[0].start] == " " and not state.text[: word.start].strip()
    if word.kind == "normal" and alone:
        normal.of_waiting(state, word._replace(end=state.heads[-1].end))


def _gap(  # noqa: C901 - one branch per mark between two tokens
    state: State, gap: str, end: int, token: Token | None = None, after: Token | None = None
) -> None:
    """What stands between two tokens: topics, commas, brackets."""
    told = _TELLS.fullmatch(gap) is not None and _evaluates(state, token, after)
    if state.qualities and state.qualities[-1][1].end == end and not state.mentions and _heads(state, gap, token):
        state.headed = state.headed or state.qualities[-1]
    if (
        state.heads
        and state.heads[-1].end == end
        and (_PARTICLE.match(gap) or (gap[0] == " " and (_opens(state, gap, token) or _is_subject(state))))
    ):
        state.topic = tuple(name for head in state.heads for name in head.value)
        state.firm = ":" in gap
        if state.firm and state.group and compose.apart(state):
            state.close()  # 左房：拡大、右室：拡大なし
    elif ":" in gap and state.regions and state.regions[-1].end == end and not state.heads:
        state.topic = ("lv",)
    elif ":" in gap and not state.heads and not state.qualities and end == 0 and not _OF_HEADING.match(gap):
        state.topic = ()  # a heading that no structure names
    if state.group and state.group[-1].end == end and _is_predicate(state, gap, end):
        state.cued = True  # 拡大し、… : a predicate of its own
    if _AND_IS.fullmatch(gap) and token is not None and token.kind in (*FORMING, "severity") and state.group:
        state.close()  # MRでASなし: MR is there
    if state.query and state.either and _UNKNOWN.search(gap):
        state.either = False  # DCMまたは虚血性心筋症でEF 35%未満: what is joined is not known
    if (
        (gap == "も" or (gap == "でも" and _NEITHER.search(state.text, end)))
        and state.group
        and state.group[-1].end == end
    ):
        state.strong = True  # MRもTRも
    if state.earlier_until and end + len(gap) > state.earlier_until:
        state.earlier = state.earlier_after = False
        state.earlier_until = 0
    for char in gap:
        if char in "、,":
            _comma(state, told)
        elif char == "(":
            state.depth += 1
        elif char == ")":
            state.depth -= 1
            state.noun = False
            opened = state.text.rfind("(", 0, end)
            state.regions = [region for region in state.regions if region.start < opened]  # 心嚢液少量(後壁側6mm)
            if state.earlier and _OF_WHAT_FOLLOWS.fullmatch(state.text, 0, end + 1):
                state.earlier_depth = state.depth  # (前回)MR moderate (今回)MR mild
            elif state.earlier and state.depth < state.earlier_depth:
                state.earlier = state.earlier_after = False
    if told and not state.qualities and state.headed is not None and not state.mentions and state.values:
        state.qualities = [state.headed]  # 左室壁厚: IVS 13mm、PW 12mm、軽度肥厚


def _is_predicate(state: State, gap: str, end: int) -> bool:
    """Whether what stands behind a finding is all that is said of it: 拡大し、 悪く、 が渦を巻いており、"""
    if gap.startswith(("し", "され")) or (gap[0] == "、" and state.text[end - 1] == "く"):
        return True
    return gap[0] in "がは" and _PREDICATE.fullmatch(gap) is not None


def _evaluates(state: State, token: Token | None, after: Token | None) -> bool:
    """Whether a bare word tells what the numbers before a comma mean: EF 70%、良好; LAD 48mm、軽度拡大."""
    if token is not None and token.kind == "severity" and after is not None:
        if state.text[token.end : after.start] not in ("", "の", "に", " "):
            return False
        token = after
    return token is not None and (
        token.kind in ("normal", "abnormal")
        or (token.kind == "attribute" and token.value in ("dilation", "hypertrophy"))
    )


def _counts(token: Token) -> bool:
    """Whether a word names a measurement by its own name, and not only beside a number."""
    return token.measure is not None and token.kind in ("measure", "quality")


def _heads(state: State, gap: str, token: Token | None) -> bool:
    """Whether a neutral name heads what follows: 右室機能: TAPSE 14mm; 拡張能 E/A 0.8."""
    if ":" in gap:
        return True
    name = state.qualities[-1]
    begins = _NUMBERED.fullmatch(state.text, 0, name[0][0].start if name[0] else name[1].start) is not None
    return begins and gap.strip() == "" and token is not None and token.measure is not None


def _opens(state: State, gap: str, token: Token | None) -> bool:
    """Whether a structure and a space begin the sentence: 左室 拡大(-) 肥大(-)."""
    follows = token is not None and (token.kind in ("attribute", "noun") or _counts(token))
    return gap.strip() == "" and follows and _NUMBERED.fullmatch(state.text, 0, state.heads[0].start) is not None


def _is_subject(state: State) -> bool:
    """Whether a structure is what an English sentence is about: The aortic valve is calcified. No stenosis."""
    head = state.heads[-1]
    return _VERB.match(state.text, head.end) is not None and (
        _SUBJECT.fullmatch(state.text, 0, state.heads[0].start) is not None
    )


def _comma(state: State, told: bool) -> None:
    state.comma, state.noun = True, False
    state.traced = "" if state.traced == "clause" else state.traced
    if state.front is not None and _ENGLISH_NOUN.match(state.text, state.front.end):
        state.front = None  # a small mobile echodensity, …
    state.value_word = None
    state.denied = state.denied and not state.cued
    if state.earlier_after:
        state.earlier = state.earlier_after = False
    if state.numbered and not told:
        state.qualities, state.heads = [], []
    state.orphan = None
    state.numbered = False


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
