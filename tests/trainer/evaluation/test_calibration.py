"""Probabilities held against what is true, on reports and vectors whose answers are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from echosearch.encoder.fake import FakeEncoder
from echosearch.report.facts import Fact, load_lexicon, read_facts
from echosearch.search.arms.prompts import zero_shot_prompts
from echosearch.search.arms.told import stated_by
from echosearch.vector import Vectors, unit
from trainer.data.pairs import Study, Truth
from trainer.evaluation.calibration import BINS, calibration, calibration_error
from trainer.evaluation.zero_shot import FINDINGS

NOTHING = dict.fromkeys(FINDINGS, 0)
SAID = {
    0: "僧帽弁逆流なし。",
    1: "ごく軽度の僧帽弁逆流あり。",
    2: "軽度の僧帽弁逆流あり。",
    4: "高度の僧帽弁逆流あり。",
}


@pytest.mark.parametrize(
    ("report", "told"),
    [
        ("僧帽弁逆流なし。", False),
        ("有意なMRなし。", False),
        ("ごく軽度の僧帽弁逆流あり。", False),
        ("軽度の僧帽弁逆流あり。", True),
        ("MRあり。", True),
        ("左房拡大あり。", False),
        ("僧帽弁逆流の疑い。", None),
        ("", None),
    ],
)
def test_what_a_report_says_of_a_finding(report: str, told: bool | None) -> None:
    assert stated_by(read_facts(report, load_lexicon()), "mr") is told


def test_a_narrower_finding_states_the_broader() -> None:
    facts = read_facts("前壁の無収縮を認める。", load_lexicon())
    assert stated_by(facts, "rwma") is True


def test_the_error_is_the_mean_gap_over_bins() -> None:
    believed = np.array([0.05, 0.05, 0.95, 0.95, 1.0])
    assert calibration_error(believed, np.array([False, False, True, True, True])) == pytest.approx(
        2 / 5 * 0.05 + 3 / 5 * (1 - 2.9 / 3)
    )
    assert calibration_error(np.full(10, 0.9), np.zeros(10, bool)) == pytest.approx(0.9)
    assert np.isnan(calibration_error(np.zeros(0), np.zeros(0, bool)))


def studies_of(encoder: FakeEncoder, count: int, lie: bool = False) -> tuple[list[Study], Vectors]:
    """Studies whose vectors lean towards MR by their grade, two a patient; ``lie``: some reports say the reverse."""
    random = np.random.default_rng(5)
    (there,), absent = zero_shot_prompts("mr")
    towards = unit(unit(encoder.encode_texts(there)).mean(axis=0) - unit(encoder.encode_texts(absent)).mean(axis=0))
    studies, vectors = [], []
    for number in range(count):
        grade = int(random.choice([0, 0, 0, 1, 2, 4]))
        said = SAID[{0: 4, 4: 0}.get(grade, grade)] if lie and number % 3 == 0 else SAID[grade]
        truth = Truth(60.0, NOTHING | {"mr": grade})
        studies.append(Study(f"s{number}", f"p{number // 2}", said, (), truth=truth))
        vectors.append((grade - 1.5) * towards + 0.1 * random.standard_normal(len(towards)))
    return studies, np.array(vectors, np.float32)


def facts_of(studies: Sequence[Study]) -> list[tuple[Fact, ...]]:
    lexicon = load_lexicon()
    return [read_facts(study.report, lexicon) for study in studies]


def test_probabilities_of_reports_that_tell_the_truth_are_right() -> None:
    encoder = FakeEncoder(dimension=24)
    studies, vectors = studies_of(encoder, 400)
    found = calibration(vectors, studies, encoder, facts_of(studies), samples=20)
    assert found is not None
    assert found.against_truth
    assert [one.name for one in found.findings] == ["mr"]
    mr = found.findings[0]
    assert mr.error.value == found.pooled.error.value < 0.05
    assert mr.error.low <= mr.error.high
    assert mr.studies == sum(one.studies for one in mr.bins)
    assert 1 < len(mr.bins) <= BINS
    # half of the patients are withheld, five times
    assert mr.studies == 5 * 200


def test_reports_that_lie_show_in_the_error() -> None:
    encoder = FakeEncoder(dimension=24)
    studies, videos = studies_of(encoder, 400)
    right = calibration(videos, studies, encoder, facts_of(studies), samples=5)
    studies, videos = studies_of(encoder, 400, lie=True)
    wrong = calibration(videos, studies, encoder, facts_of(studies), samples=5)
    assert right is not None
    assert wrong is not None
    assert wrong.pooled.error.value > 3 * right.pooled.error.value


def test_without_truth_withheld_reports_are_the_answer_and_too_few_give_none() -> None:
    encoder = FakeEncoder(dimension=24)
    studies, vectors = studies_of(encoder, 400)
    untold = [Study(s.key, s.patient, s.report, ()) for s in studies]
    found = calibration(vectors, untold, encoder, facts_of(untold), samples=5)
    assert found is not None
    assert not found.against_truth
    assert calibration(vectors[:40], untold[:40], encoder, facts_of(untold[:40]), samples=5) is None
