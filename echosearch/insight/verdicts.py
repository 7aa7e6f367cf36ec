"""Readers' verdicts on disagreements, kept with the reviews of cohorts (echosearch/db/cohorts/reviews.py).

accept    the report is wrong in what surprises        reject    the report is right        unsure
"""

from __future__ import annotations

from echosearch.archive import Archive
from echosearch.cohort.review import check_answer, check_reader
from echosearch.db import lookup
from echosearch.db.cohorts.reviews import Answer, ReviewRow, put_reviews
from echosearch.report.facts import load_lexicon
from echosearch.search.changes.asked import named_concept

__all__ = ["record_verdict", "verdict_topic"]


def verdict_topic(concept: str | None) -> str:
    """Return what verdicts about a finding are kept under; None: about all that a report states."""
    return "disagree" if concept is None else f"disagree/{concept}"


def record_verdict(
    archive: Archive, study: str, answer: Answer, reader: str, *, finding: str | None = None, reason: str = ""
) -> str:
    """Add a reader's verdict on a study's report; return the key of the study. Nothing is ever changed or deleted.

    ``finding`` is what the verdict is about, None: all that the report states. A reason goes to the schema of
    identifying data. Raises InputError, UnknownStudy.
    """
    check_reader(reader)
    check_answer(answer, reason)
    concept = None if finding is None else named_concept(finding, load_lexicon(archive.settings.lexicon))
    with archive.engine.begin() as connection:
        key = lookup.resolve_study(connection, study, archive.viewer).study
        put_reviews(
            connection, verdict_topic(concept), "the report is wrong", [ReviewRow(key, reader, answer, reason.strip())]
        )
    return key
