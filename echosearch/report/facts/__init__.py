"""Facts from report texts, and the understanding of a query: text -> sentences -> findings and measurements."""

from echosearch.report.facts.fact import Fact, fact_json, fact_of_json, read_facts
from echosearch.report.facts.label import (
    change_words,
    english_names,
    excluded_parts,
    fact_line,
    fact_words,
    polarity_word,
    severity_words,
    shown_severity,
    understood_parts,
    understood_words,
    value_words,
)
from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.lexicon.load import load_lexicon
from echosearch.report.facts.no_change import refers_back
from echosearch.report.facts.query.as_json import understanding_json
from echosearch.report.facts.query.change import ChangeCondition, ChangeKind, measures_in
from echosearch.report.facts.query.demographic import Demographic
from echosearch.report.facts.query.understand import (
    AnyOf,
    FindingCondition,
    QueryUnderstanding,
    ValueCondition,
    understand,
)
from echosearch.report.facts.unknown import unknown_phrases

__all__ = [
    "AnyOf",
    "ChangeCondition",
    "ChangeKind",
    "Demographic",
    "Fact",
    "FindingCondition",
    "Lexicon",
    "QueryUnderstanding",
    "ValueCondition",
    "change_words",
    "english_names",
    "excluded_parts",
    "fact_json",
    "fact_line",
    "fact_of_json",
    "fact_words",
    "load_lexicon",
    "measures_in",
    "polarity_word",
    "read_facts",
    "refers_back",
    "severity_words",
    "shown_severity",
    "understand",
    "understanding_json",
    "understood_parts",
    "understood_words",
    "unknown_phrases",
    "value_words",
]
