"""A phantom study's report as in letters between hospitals: a third family of wording, for honest measures.

No form was taken into training from here; 1.6 % of its phrases are also among what phantom-tiny 2 was taught. The forms
are in ``wording_letter.toml``; ``wording_other`` writes them.
"""

from __future__ import annotations

from echosearch.phantom.patients import wording_other
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.phrase import Phrase

__all__ = ["no_change_text", "report_phrases", "report_text"]


def report_phrases(study: PhantomStudy) -> tuple[Phrase, ...]:
    """Return the statements of a study's report."""
    return wording_other.report_phrases(study, "letter")


def report_text(study: PhantomStudy) -> str:
    """Return the report as one text: sentences, or a line an item."""
    return wording_other.report_text(study, "letter")


def no_change_text(study: PhantomStudy) -> str:
    """Return the report of a study without changes: it refers to the one before, and gives the EF."""
    return wording_other.no_change_text(study, "letter")
