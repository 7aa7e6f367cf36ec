"""「中等度以上のMRなし」 asks for studies with at most a mild MR, however their reports say so."""

from __future__ import annotations

from datetime import date

import pytest

from echosearch.cohort.definition import define
from echosearch.report.facts import load_lexicon
from tests.cohort.conftest import Ward

REPORTS = {
    "none": "僧帽弁逆流なし。",
    "mild": "軽度の僧帽弁逆流あり。",
    "moderate": "中等度の僧帽弁逆流あり。",
    "severe": "重度の僧帽弁逆流あり。",
    "no valve disease": "弁膜症なし。",
    "nothing significant": "有意な弁膜症なし。",
    "no other valve disease": "重度の僧帽弁逆流あり。他に弁膜症なし。",
    "ungraded": "僧帽弁逆流あり。",
    "silent": "左室拡大なし。",
}
AT_MOST_MILD = {"none", "mild", "no valve disease", "nothing significant"}
NOT_SEVERE = AT_MOST_MILD | {"moderate"}


@pytest.fixture
def valves(ward: Ward) -> Ward:
    for name, said in REPORTS.items():
        ward.add(name, name, date(2020, 1, 1), said)
    ward.read()
    return ward


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("中等度以上のMRなし", AT_MOST_MILD),
        ("MR 軽度以下", AT_MOST_MILD),
        ("重度のMRなし", NOT_SEVERE),
        ("no severe MR", NOT_SEVERE),
        ("MRなし", AT_MOST_MILD - {"mild", "nothing significant"}),
    ],
)
def test_members_have_at_most_the_grade_that_is_left(valves: Ward, query: str, wanted: set[str]) -> None:
    assert valves.members(define("valves", query, load_lexicon())) == wanted
