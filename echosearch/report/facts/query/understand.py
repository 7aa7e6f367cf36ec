"""query -> conditions: the parser of reports reads a query, and says what it did not understand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.lexicon.load import load_lexicon
from echosearch.report.facts.query.ambiguous import (
    Ambiguous,
    about_values,
    ambiguous_words,
    empty_ranges,
    signed_findings,
    signed_values,
)
from echosearch.report.facts.query.bracketed import held_together
from echosearch.report.facts.query.branch_grades import within_branches
from echosearch.report.facts.query.change import ChangeCondition, changes_of_values, windows
from echosearch.report.facts.query.comparison import with_operators
from echosearch.report.facts.query.demographic import COMPLEMENT, Demographic, demographics
from echosearch.report.facts.query.finding_change import changes_of_findings, ended, without_earlier_grades
from echosearch.report.facts.query.joined_statements import JoinedStatements
from echosearch.report.facts.query.lists import choices_in_doubt, lists_in_doubt, nouns_in_doubt
from echosearch.report.facts.query.only import only_here, only_of_walls
from echosearch.report.facts.query.rest import rest_of
from echosearch.report.facts.query.suspected_too import SuspectedToo
from echosearch.report.facts.query.twice_denied import without_double_denials
from echosearch.report.facts.query.unasked.earlier import of_this_study, outside
from echosearch.report.facts.query.unasked.excluded_with import without_excluded_with
from echosearch.report.facts.query.unasked.indifferent import parted, without_indifferent
from echosearch.report.facts.query.unasked.planned import without_planned
from echosearch.report.facts.query.unasked.unchanged import without_denied_changes
from echosearch.report.facts.query.untold import Untold, untold_words
from echosearch.report.facts.query.walls_read import with_walls
from echosearch.report.facts.reader.mention import Mention, Polarity, Value
from echosearch.report.facts.reader.reading import read_sentence
from echosearch.report.facts.reader.state import Context
from echosearch.report.facts.text.sentence import sentences
from echosearch.report.facts.text.uniform import uniform
from echosearch.report.facts.walls import of_wall

__all__ = ["AnyOf", "FindingCondition", "QueryUnderstanding", "ValueCondition", "understand"]

_OR = re.compile(r"\|{1,2}")  # EF < 40 || MR severe
_POINT = re.compile(r"\b(excl|incl)\.(?= )", re.IGNORECASE)  # no end of a sentence
_LONGEST = 20_000  # of a query; what is behind is not read, and stays in rest


@dataclass(frozen=True)
class FindingCondition:
    """A finding that must, or must not, be stated; ``severity`` holds the grades that satisfy, None any.

    ``concept`` may be of one wall of the left ventricle: akinesis.inferior (echosearch/report/facts/walls.py).
    """

    concept: str
    polarity: Polarity
    severity: tuple[int, int] | None


@dataclass(frozen=True)
class ValueCondition:
    """A comparison of a measurement, in its unit; "between" holds both ends."""

    concept: str
    op: str
    value: float
    value_hi: float | None
    unit: str | None


@dataclass(frozen=True)
class AnyOf:
    """Conditions of which one is enough."""

    conditions: tuple[FindingCondition | ValueCondition, ...]


Clause = tuple[FindingCondition | ValueCondition, ...]  # one of them is enough


@dataclass(frozen=True)
class QueryUnderstanding:
    """What a query asks for, and what of it no rule covers."""

    required: tuple[FindingCondition | AnyOf, ...] = ()
    excluded: tuple[FindingCondition, ...] = ()
    values: tuple[ValueCondition, ...] = ()
    demographics: tuple[Demographic, ...] = ()
    rest: str = ""
    changes: tuple[ChangeCondition, ...] = ()
    ambiguous: tuple[Ambiguous, ...] = ()
    untold: tuple[Untold, ...] = ()

    @property
    def phrases(self) -> tuple[str, ...]:
        """Return the words by which a report may say what no fact tells."""
        return tuple(dict.fromkeys(one.phrase for one in self.untold if one.phrase is not None))


def understand(query: str, lexicon: Lexicon | None = None) -> QueryUnderstanding:
    """Read a query. The same query is always understood the same way; nothing is guessed."""
    lexicon = lexicon or load_lexicon()
    made = uniform(_POINT.sub(r"\1", _OR.sub(" or ", query[:_LONGEST])))
    periods = windows(made.text)
    text = _without(made.text, ((start, end) for start, end, _ in periods))
    people = demographics(text)
    text = _without(text, ((start, end) for start, end, _ in people))
    too = SuspectedToo(text)
    text, denied_twice = without_double_denials(without_denied_changes(too.blanked))
    covered = [*((start, end) for start, end, _ in people), *denied_twice]
    changes = changes_of_values(text, lexicon, periods)
    covered += [place for _, places in changes for place in places]
    original = text = _without(text, covered)
    text, earlier, now = of_this_study(parted(ended(text)))
    covered += now
    text, compared = with_operators(text, lexicon)
    covered += compared
    mentions: list[Mention] = []
    values: list[Value] = []
    context = Context()
    for start, end in sentences(text):
        found, numbers, context = read_sentence(
            text[start:end], lexicon, context, query=True, covered=covered, at=start
        )
        mentions += found
        values += numbers
    everything: list[Mention | Value] = [*mentions, *values]
    mentions, planned = without_planned(made.text, mentions)
    mentions, indifferent = without_indifferent(made.text, mentions)
    covered += [*indifferent, *too.mark(mentions)]
    of_findings = changes_of_findings(original, mentions, periods)
    covered += [place for _, places in of_findings for place in places]
    covered = with_walls(covered, made.text, mentions)
    mentions = without_earlier_grades(mentions, of_findings)
    left_out, places = only_of_walls(made.text, mentions)
    others = [*only_here(made.text, mentions, places, lexicon)]
    covered += [*places, *(place for _, place in others)]
    mentions, excluded_with = without_excluded_with(made.text, within_branches(mentions, values))
    required, excluded, loose = _conditions(made.text, mentions, [value for value in values if value.value is not None])
    excluded += [FindingCondition(concept, "present", None) for concept in left_out]
    ranges = _ranges(loose)
    doubts = (
        *ambiguous_words(made.text, mentions, lexicon),
        *(doubt for doubt, _ in others),
        *excluded_with,
        *lists_in_doubt(made.text, mentions),
        *nouns_in_doubt(_without(made.text, indifferent), mentions),
        *choices_in_doubt(made.text, [*mentions, *values]),
        *about_values(made.text, values, lexicon),
        *signed_values(made.text, values, lexicon),
        *signed_findings(made.text, mentions),
        *empty_ranges([(made.text[start:end], one.field, one.value, one.value_hi) for start, end, one in people]),
        *empty_ranges([(_range_text(one), one.concept, one.value, one.value_hi) for one in ranges]),
    )
    return QueryUnderstanding(
        tuple(dict.fromkeys(required)),
        tuple(dict.fromkeys(excluded)),
        tuple(dict.fromkeys(ranges)),
        tuple(dict.fromkeys(one for _, _, one in people)),
        rest_of(made.text, outside(covered, [*earlier, *planned]))
        + (" " + query[_LONGEST:] if len(query) > _LONGEST else ""),
        tuple(dict.fromkeys(one for one, _ in (*changes, *of_findings))),
        tuple(dict.fromkeys(doubts)),
        tuple(dict.fromkeys(untold_words(made.text, mentions, everything, lexicon))),
    )


def _without(text: str, places: Iterable[tuple[int, int]]) -> str:
    for start, end in places:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _conditions(
    text: str, mentions: list[Mention], values: list[Value]
) -> tuple[list[FindingCondition | AnyOf], list[FindingCondition], list[ValueCondition]]:
    """Required, excluded, values: in the order of the query, those that または joins as one ``any``."""
    excluded: list[FindingCondition] = []
    found: list[Mention | Value] = [*mentions, *values]
    before: Mention | None = None
    statements = JoinedStatements[FindingCondition | ValueCondition](text)
    for group in held_together(text, sorted(found, key=_start)):
        own = JoinedStatements[FindingCondition | ValueCondition](text)
        for one in group:
            clauses = [(_value(one),)] if isinstance(one, Value) else _findings(one, before)
            before = one if isinstance(one, Mention) else None
            if isinstance(one, Mention) and one.excluded:
                excluded += [each for clause in clauses for each in clause if isinstance(each, FindingCondition)]
            else:
                own.add(clauses, one, one.either)
        if own.clauses:
            statements.add(own.clauses, group[0] if len(group) == 1 else None, group[0].either)
    required: list[FindingCondition | AnyOf] = []
    loose: list[ValueCondition] = []
    for clause in statements.clauses:
        if len(clause) > 1:
            required.append(AnyOf(clause))
        elif isinstance(clause[0], ValueCondition):
            loose.append(clause[0])
        else:
            required.append(clause[0])
    return required, excluded, loose


def _start(one: Mention | Value) -> int:
    return one.start_at


def _findings(mention: Mention, before: Mention | None) -> Sequence[Clause]:
    """Clauses on the walls that are named; one condition where none is."""
    concept, polarity = mention.finding.concept, mention.polarity
    severity = None if polarity in ("absent", "not_significant", "not_assessed") else mention.severity
    denied = _denied_grade(mention, before)
    if denied > 1:  # 中等度以上のMRなし: a mild one is allowed
        polarity, severity = "present", (0, denied - 1)
    said: tuple[Polarity, ...] = (polarity, "uncertain") if mention.suspected_too else (polarity,)
    walled = [tuple(of_wall(concept, wall) for wall in clause) for clause in mention.wall_clauses]
    named = walled or [(concept,)]
    graded = [(each, grade) for each in said for grade in mention.grades or (severity,)]
    return [tuple(FindingCondition(one, *each) for one in names for each in graded) for names in named]


def _denied_grade(mention: Mention, before: Mention | None) -> int:
    """Return from which grade on a finding is denied: its own, or that of a list, 重度のMRもTRもない; 0 from any."""
    listed = before is not None and (before.polarity, before.severity) == ("absent", mention.severity)
    named = mention.finding.concept == "lv_diastolic"  # 弛緩異常なし: its name is a grade
    if mention.polarity != "absent" or mention.severity is None or named or not (mention.graded or listed):
        return 0
    return mention.severity[0]


def _value(value: Value) -> ValueCondition:
    number = value.value if value.value is not None else 0.0
    op, high = value.op or "=", value.high
    if op == "decade":
        high = (number if high is None else high) + 9  # EF 30~40台
    if high is not None:
        op = "between"
    if value.excluded:
        op = COMPLEMENT[op]
    return ValueCondition(value.measure, op, number, high, value.unit)


def _range_text(one: ValueCondition) -> str:
    return f"{one.concept} {one.value:g}" + ("" if one.value_hi is None else f"-{one.value_hi:g}")


def _ranges(values: list[ValueCondition]) -> list[ValueCondition]:
    """40%以上50%以下 is one condition: both ends belong."""
    made: list[ValueCondition] = []
    for value in values:
        before = made[-1] if made else None
        if before and before.concept == value.concept and (before.op, value.op) == (">=", "<="):
            made[-1] = ValueCondition(value.concept, "between", before.value, value.value, value.unit)
        else:
            made.append(value)
    return made
