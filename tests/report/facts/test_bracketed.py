"""What brackets hold together is one statement to または."""

from __future__ import annotations

import pytest

from echosearch.report.facts import AnyOf, QueryUnderstanding, understand


def clauses(found: QueryUnderstanding) -> list[set[str]]:
    """What must hold, each by one of its conditions; values by their measurement."""
    required = [one.conditions if isinstance(one, AnyOf) else (one,) for one in found.required]
    return [{each.concept for each in clause} for clause in [*required, *((value,) for value in found.values)]]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("EF 40未満または(重度MRかつAF)", [{"lvef", "mr"}, {"lvef", "af"}]),
        ("（重度MRかつAF）またはEF 40未満", [{"mr", "lvef"}, {"af", "lvef"}]),
        ("(severe MR and AF) or EF < 40", [{"mr", "lvef"}, {"af", "lvef"}]),
        ("AS（AVA<1.0）またはAR", [{"as", "ar"}, {"ava", "ar"}]),
        ("severe AS (AVA < 1.0) or severe MR", [{"as", "mr"}, {"ava", "mr"}]),
        ("TRまたはAS（AVA<1.0）", [{"tr", "as"}, {"tr", "ava"}]),
        ("((MRまたはTR)かつAF)またはEF<30", [{"mr", "tr", "lvef"}, {"af", "lvef"}]),
        ("（MRまたはTR）かつAF", [{"mr", "tr"}, {"af"}]),
        ("僧帽弁逆流（MR）またはTR", [{"mr", "tr"}]),
        ("MR（重度）またはTR", [{"mr", "tr"}]),
        ("AS（AVA<1.0）、AR", [{"as"}, {"ar"}, {"ava"}]),
        ("MRまたはTR、（AF", [{"mr", "tr"}, {"af"}]),  # never closed: as if it were not there
    ],
)
def test_brackets_hold_statements_together(query: str, wanted: list[set[str]]) -> None:
    found = understand(query)
    assert clauses(found) == wanted
    assert found.rest == ""
