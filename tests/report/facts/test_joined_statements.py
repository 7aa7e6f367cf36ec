"""What または joins: what brackets hold together is one statement, and a list of like findings is one choice."""

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


@pytest.mark.parametrize(
    ("query", "wanted", "doubts"),
    [
        ("MR、ARまたはAS", [{"mr", "ar", "as"}], 1),
        ("MR, AR, or AS", [{"mr", "ar", "as"}], 1),
        ("重度のMR、AR、またはAS", [{"mr", "ar", "as"}], 1),
        ("severe MR, moderate AR or mild AS", [{"mr", "ar", "as"}], 1),
        ("(MR、ARまたはAS)かつEF 40未満", [{"mr", "ar", "as"}, {"lvef"}], 1),
        ("MR重度、ARまたはAS", [{"mr"}, {"ar", "as"}], 0),
        ("MRまたはTR、ARまたはAS", [{"mr", "tr"}, {"ar", "as"}], 0),
        ("重度MRかつAFまたはEF 40未満", [{"mr"}, {"af", "lvef"}], 1),
        ("MR and AR or AS", [{"mr"}, {"ar", "as"}], 1),
        ("重度MR、EF60以下またはLVDs40以上", [{"mr"}, {"lvef", "lvds"}], 0),
        ("MR、AR、AS", [{"mr"}, {"ar"}, {"as"}], 0),
        ("EF < 40 || severe MR", [{"lvef", "mr"}], 0),
        ("MR | TR", [{"mr", "tr"}], 0),
        ("MR -TR", [{"mr"}, {"tr"}], 1),
        ("-MR AS", [{"mr"}, {"as"}], 1),
        ("MR(-) AS", [{"mr"}, {"as"}], 0),
        ("MR or TR but not both", [{"mr", "tr"}], 1),
        ("MRかTRのどちらか一方", [{"mr", "tr"}], 1),
    ],
)
def test_a_list_is_one_choice_and_what_may_be_meant_otherwise_is_said(
    query: str, wanted: list[set[str]], doubts: int
) -> None:
    found = understand(query)
    assert clauses(found) == wanted
    assert len(found.ambiguous) == doubts
