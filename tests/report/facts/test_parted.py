"""Where a denial that stands ahead ends, and where it reaches on."""

from __future__ import annotations

import pytest

from echosearch.report.facts import read_facts


def read(text: str) -> dict[str, str]:
    return {fact.concept: fact.polarity for fact in read_facts(text) if fact.value is None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no MR, PH(+)", {"mr": "absent", "ph": "present"}),
        ("no MR、PHあり", {"mr": "absent", "ph": "present"}),
        ("No MR, PH is present", {"mr": "absent", "ph": "present"}),
        ("no echo-free space, MR mild", {"pericardial_effusion": "absent", "mr": "present"}),
        ("no AR PHT, MR mild", {"mr": "present"}),
        ("neither AS nor AR, TR moderate", {"as": "absent", "ar": "absent", "tr": "present"}),
        ("なし: AS、AR、MR軽度", {"as": "absent", "ar": "absent", "mr": "present"}),
        ("no other valve disease, PH present", {"ph": "present"}),
        ("no other valve disease, LVH", {"lv_hypertrophy": "present"}),
    ],
)
def test_a_finding_behind_a_comma_with_a_statement_of_its_own_is_not_denied(
    text: str, expected: dict[str, str]
) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No thrombus or mass is present", {"thrombus": "absent", "tumor": "absent"}),
        (
            "no thrombus, vegetation or mass seen",
            {"thrombus": "absent", "vegetation": "absent", "tumor": "absent"},
        ),
        ("no AS, MS, TS present", {"as": "absent", "ms": "absent", "ts": "absent"}),
        ("no abscess, vegetation or thrombus", {"vegetation": "absent", "thrombus": "absent"}),
        ("no abscess, vegetation, or thrombus", {"vegetation": "absent", "thrombus": "absent"}),
        ("No abscess, vegetation.", {"vegetation": "absent"}),
        ("No root abscess, vegetation, thrombus.", {"vegetation": "absent", "thrombus": "absent"}),
    ],
)
def test_a_list_is_denied_to_its_end_whatever_its_first_word_is(text: str, expected: dict[str, str]) -> None:
    assert read(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "no coarctation, MR mild",
        "no abscess, MR is mild, LA or RA dilated",
        "No abscess, MR mild.",
        "No abscess, severe MR.",
        "No abscess, MR present.",
        "No coarctation, MR.",
    ],
)
def test_a_denial_of_an_unknown_noun_ends_at_the_comma_where_no_list_follows(text: str) -> None:
    assert read(text)["mr"] == "present"
