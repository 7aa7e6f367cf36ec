"""What to know of a question's parts that were not searched, a sentence each."""

from __future__ import annotations

from echosearch.report.facts import AnyOf, FindingCondition
from echosearch.search.arms.video_arm import VIDEO_POLARITIES
from echosearch.search.arms.word_arm import AskedWords
from echosearch.search.question import Question

__all__ = ["no_condition", "unsearched"]


def no_condition(question: Question, words: AskedWords) -> str:
    """Return why a query ranks nothing: no condition for facts or videos, and no words of reports."""
    if words.note is not None:
        return words.note
    if question.where is not None and not question.rest:
        return "the query names no finding or measurement: put age, sex and date into --where, beside what to look for"
    return "no word of the query is known as a finding or a measurement: nothing was searched (echosearch understand)"


def unsearched(question: Question, words: AskedWords) -> list[str]:
    """Return what of a query was not searched, or only as words."""
    said = [words.note] if words.note is not None else []
    said += (*question.doubts, *question.of_videos)
    known = len(said)
    if question.understanding.changes:
        said.append("a change is asked of reports and measurements alone: echosearch changed asks the videos")
    asked = [each for one in question.required for each in (one.conditions if isinstance(one, AnyOf) else (one,))]
    if any(isinstance(one, FindingCondition) and one.polarity not in VIDEO_POLARITIES for one in asked):
        said.append("what is suspected, past or not assessed is asked of reports alone")
    if question.asks_words.left_out:
        said.append(f"words of reports cannot be excluded: {', '.join(question.asks_words.left_out)}")
    if words.terms and not question.required:
        named = (" or " if question.asks_words.either else ", ").join(map(str, words.terms))
        said.append(f"no finding is asked for: these are the studies whose report has {named}")
    if question.unnamed and not question.asks_words.terms and len(said) == known:
        said.append(f"not understood, and not searched: {question.unnamed}")
    return said
