"""What a query says of an earlier study is not asked of this one."""

from __future__ import annotations

import pytest

from echosearch.report.facts import FindingCondition, understand


@pytest.mark.parametrize(
    ("query", "wanted", "rest"),
    [
        ("前回LVEF 60%、今回40%以下", [("lvef", "<=", 40)], "前回LVEF 60%"),
        ("前回EF 60%、今回EF 40%以下", [("lvef", "<=", 40)], "前回EF 60%"),
        ("前回EF 55%、今回は35%", [("lvef", "=", 35)], "前回EF 55%"),
        ("previous EF 60, now below 40", [("lvef", "<", 40)], "previous EF"),
        ("前回のEFが60%以上", [], "前回のEFが60%以上"),
        ("前回MR重度、今回MR軽度", [("mr", (2, 2))], "前回MR重度"),
        ("前回MRなし、今回MRあり", [("mr", None)], "前回MRなし"),
        ("previous MVR with MR", [("prosthetic_valve", None), ("mr", None)], "previous"),
        ("前回なかったAS", [("as", None)], ""),  # a change
        ("前回より悪化したMR", [("mr", None)], ""),
    ],
)
def test_an_earlier_study_is_not_asked_for(query: str, wanted: list[tuple[object, ...]], rest: str) -> None:
    found = understand(query)
    required = [(one.concept, one.severity) for one in found.required if isinstance(one, FindingCondition)]
    assert required + [(one.concept, one.op, one.value) for one in found.values] == wanted
    assert found.rest.startswith(rest)
