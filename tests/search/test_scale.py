"""The order of studies that are asked for several conditions at once."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.encoder.fake import FakeEncoder
from echosearch.report.facts import FindingCondition, ValueCondition, load_lexicon
from echosearch.search.arms.belief import Belief
from echosearch.search.arms.scale import Scale
from echosearch.search.arms.value_scale import ValueScale
from echosearch.search.arms.video_arm import AskedVideos, ask_videos

NONE = Belief(np.zeros(0))


def scale(*columns: np.ndarray, evens: tuple[float, ...] = (0.0, 0.0), beliefs: tuple[Belief, ...] = ()) -> Scale:
    return Scale(np.stack(columns, axis=1), beliefs or (NONE,) * len(columns), NONE, evens[: len(columns)])


def test_a_study_that_meets_both_is_before_one_that_meets_the_common_one_best() -> None:
    """Seven of ten studies meet the first, one of ten the second: percentiles have it the other way round."""
    random = np.random.default_rng(1)
    common = np.where(np.arange(1000) % 10 < 7, 0.2, -0.2) + random.normal(0, 0.05, 1000)
    rare = np.where(np.arange(1000) % 10 == 0, 0.2, -0.2) + random.normal(0, 0.05, 1000)
    asked = scale(common, rare)
    both, common_alone, rare_alone = (0.18, 0.12), (0.35, -0.08), (-0.2, 0.3)
    scores = np.array([both, common_alone, rare_alone])
    assert np.argsort(-asked.order(scores)).tolist() == [0, 1, 2]
    assert np.log(asked.shares(scores)).sum(axis=1).argmax() == 1


def test_of_one_condition_the_order_is_that_of_its_scores() -> None:
    scores = np.linspace(-3, 3, 500)
    for asked in (scale(scores), scale(scores, beliefs=(Belief(scores, 20.0, -7.0, 50),)), scale(scores[:0])):
        assert (np.diff(asked.order(scores[:, None])) > 0).all()


def test_what_reports_calibrate_is_ordered_by_that_curve() -> None:
    background = np.linspace(-1, 1, 100)
    sharp = Belief(background, 10.0, -5.0, 80)  # even at 0.5
    asked = scale(background, background, beliefs=(sharp, NONE))
    scores = np.array([[0.3, 0.4], [0.6, 0.1]])
    likely = 1 / (1 + np.exp(-(10 * scores[:, 0] - 5)))
    plain = 1 / (1 + np.exp(-scores[:, 1] / background.std()))
    assert asked.order(scores) == pytest.approx(np.log(likely * plain))
    assert asked.order(scores)[1] > asked.order(scores)[0]


def test_what_is_certain_counts_as_met() -> None:
    background = np.linspace(-1, 1, 100)
    curve = Belief(background, 10.0, -5.0, 80)
    asked = scale(background, background, beliefs=(curve, curve))
    scores, certain = np.array([[-0.9, 0.4], [0.4, 0.4]]), np.array([[True, False], [False, False]])
    order = asked.order(scores, certain)
    assert order[0] == pytest.approx(np.log(curve(scores[:1, 1]))[0])
    assert order[1] == asked.order(scores)[1]
    assert asked.believe(scores, order, certain) == pytest.approx(np.exp(order))


def test_without_a_condition_or_a_background_there_is_an_order_too() -> None:
    assert scale(np.zeros(0)).order(np.array([[0.0]])) == pytest.approx(np.log(0.5))
    assert Scale(np.zeros((0, 0)), (), NONE).order(np.zeros((3, 0))).tolist() == [0, 0, 0]
    assert scale(np.ones(9), evens=(1.0,)).order(np.ones((1, 1))) == pytest.approx(np.log(0.5))


def asked(*conditions: FindingCondition | ValueCondition) -> AskedVideos:
    return ask_videos(FakeEncoder(dimension=16), dict(load_lexicon().labels), conditions)


@pytest.mark.parametrize(
    ("condition", "even"),
    [
        (FindingCondition("mr", "present", None), 0),
        (FindingCondition("mr", "absent", None), 0),
        (FindingCondition("mr", "present", (2, 2)), 0),
        (FindingCondition("rwma", "present", None), 3),
        (FindingCondition("rwma", "absent", None), -3),
        (ValueCondition("lvef", "<", 40, None, "%"), -40),
        (ValueCondition("lvef", ">=", 50, None, "%"), 50),
        (ValueCondition("lvef", "between", 30, 40, "%"), -5),
        (ValueCondition("lvef", "!=", 30, None, "%"), 5),
    ],
)
def test_the_even_score_of_each_form(condition: FindingCondition | ValueCondition, even: float) -> None:
    question = asked(condition)
    assert question.evens == (even,)
    if isinstance(condition, ValueCondition):  # read on a scale, scores are log odds
        line = ValueScale("lvef", "shipped", 100, 3.0, 4.0, 0.0, 1.0, np.zeros(16))
        assert question.scaled({"lvef": line}).evens == (0,)
