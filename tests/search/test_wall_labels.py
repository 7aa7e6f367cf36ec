"""Labels of wall motion, for calibration and probes: a wall that moves well says nothing of one that does not."""

from __future__ import annotations

import pytest

from echosearch.db.studies.facts import due_reports, put_facts
from echosearch.report.facts import FindingCondition, load_lexicon, read_facts
from echosearch.search.arms.scale import _labels
from echosearch.search.arms.told import stated_by
from tests.search.conftest import Corpus

SAID = (
    "側壁の壁運動は正常。下壁は低収縮。",
    "側壁に壁運動異常なし。心尖部は無収縮。",
    "前側壁に壁運動異常なし。下側壁は無収縮。",
    "無収縮なし、下壁は低収縮。",
    "局所壁運動異常なし。",
    "左室壁運動は正常。",
    "下壁は軽度低収縮。",
    "無収縮を認める。",
    "僧帽弁逆流あり。",
    "中隔は低収縮。",
)


@pytest.mark.parametrize(
    ("concept", "there", "not_there"),
    [
        ("rwma", {0, 1, 2, 3, 6, 7, 9}, {4, 5, 8}),
        ("hypokinesis", {0, 3, 6, 9}, {4, 5, 7, 8}),
        ("rwma.inferior", {0, 3, 6}, {1, 2, 4, 5, 8, 9}),
        ("rwma.LAD", {1}, {0, 2, 4, 5, 6, 8}),
        ("rwma.lateral", {2}, {0, 1, 4, 5, 6, 8, 9}),
        ("rwma.LCX", {2}, {0, 1, 4, 5, 6, 8, 9}),
    ],
)
def test_labels(corpus: Corpus, concept: str, there: set[int], not_there: set[int]) -> None:
    lexicon = load_lexicon()
    keys = sorted(corpus.reports)[: len(SAID)]
    facts = [read_facts(said, lexicon) for said in SAID]
    with corpus.archive.engine.connect() as connection:
        due = {one.report_key: one for one in due_reports(connection, "another", None, 1000)}
        read = [(due[key], own) for key, own in zip(keys, facts, strict=True)]
        put_facts(connection, lexicon.version, read)
        condition = FindingCondition(concept, "present", None)
        stated, other = _labels(connection, condition, [one.study_key for one, _ in read])
        connection.rollback()
    assert {*map(int, stated.nonzero()[0])} == there
    assert {*map(int, other.nonzero()[0])} == not_there
    told = [stated_by([*own], concept) for own in facts]
    assert {place for place, one in enumerate(told) if one} == there
    assert {place for place, one in enumerate(told) if one is False} == not_there
