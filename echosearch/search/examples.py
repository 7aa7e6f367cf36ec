"""What `similar` is pointed at: one example or several, and examples of what is not wanted.

The vector asked for is the mean of the unit vectors that hits must look like, less the mean of those that they must
not. A search by that one vector is exact, filtered and checked as every search is. It is what the engines' "average"
strategy of a recommend query does with half of that weight for what is not wanted. Their "best score" gives no cosine,
and was worse (docs/experiments.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from echosearch.errors import InputError
from echosearch.filters import Where
from echosearch.search.filter_rules import combine_and, without
from echosearch.search.study_hits import Searching
from echosearch.search.target import Target, find_target
from echosearch.vector import Vectors, is_usable, unit

__all__ = ["MAX_EXAMPLES", "Examples", "find_examples"]

MAX_EXAMPLES = 20  # a file that the archive does not have takes seconds


@dataclass(frozen=True)
class Examples:
    """The vector to search by, and whose studies and patients the examples are."""

    vector: Vectors = field(repr=False)  # (D,)
    studies: tuple[str, ...]
    patients: tuple[str, ...]
    query: dict[str, Any] = field(repr=False)

    def aside(self, include_same_patient: bool) -> Where | None:
        """Return the condition that leaves the examples out, and their patients' other studies unless wanted."""
        patients = () if include_same_patient else self.patients
        return combine_and(without("study", self.studies), without("patient", patients))


def find_examples(search: Searching, target: str, like: Sequence[str] = (), unlike: Sequence[str] = ()) -> Examples:
    """Look up studies and files, or embed files that the archive does not have.

    Raises InputError on too many, or if what is wanted and what is not are the same; UnknownStudy, FileRefused.
    """
    if len(like) + len(unlike) >= MAX_EXAMPLES:
        raise InputError(f"{1 + len(like) + len(unlike)} examples: give at most {MAX_EXAMPLES} in all")
    wanted = [find_target(search, name) for name in (target, *like)]
    unwanted = [find_target(search, name) for name in unlike]
    vector = wanted[0].vector if len(wanted) == 1 else _mean(wanted)
    if unwanted:
        vector = _mean(wanted) - _mean(unwanted)
        if not is_usable(vector):
            raise InputError("the examples of what is wanted and of what is not are the same: leave one of them out")
    every = (*wanted, *unwanted)
    query: dict[str, Any] = dict(wanted[0].query)
    if like:
        query["like"] = [one.query for one in wanted[1:]]
    if unlike:
        query["unlike"] = [one.query for one in unwanted]
    return Examples(
        vector,
        tuple(dict.fromkeys(one.study for one in every if one.study is not None)),
        tuple(dict.fromkeys(patient for one in every for patient in one.patients)),
        query,
    )


def _mean(targets: Sequence[Target]) -> Vectors:
    mean: Vectors = unit(np.stack([one.vector for one in targets])).mean(axis=0)
    return mean
