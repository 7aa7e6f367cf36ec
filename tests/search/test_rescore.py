"""Late interaction: a study scored again by its videos, each as far as its view tells of the finding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echosearch.db.lookup import StoredVideo, VideoRow
from echosearch.encoder.bundle.catalog import bundles_at_hand
from echosearch.encoder.fake import FakeEncoder
from echosearch.report.facts import AnyOf, FindingCondition, load_lexicon
from echosearch.search.answer import candidates
from echosearch.search.arms.video_arm import AskedVideos, ask_videos
from echosearch.search.arms.view_arm import score_by_view, telling
from echosearch.search.arms.view_weights import view_name, view_weights
from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions
from tests.search.conftest import DIMENSION, Corpus

MR = FindingCondition("mr", "present", None)
LA = FindingCondition("la_dilation", "present", None)
WEIGHTS = {"mr": {"4CH color": 1.0, "LAX color": 0.5}, "la_dilation": {"4CH": 0.8}}
VIEWS = (("4CH", "color"), ("LAX", "dual"), ("4CH", "bmode"), (None, "unknown"))


def videos(random: np.random.Generator) -> list[StoredVideo]:
    made = []
    for number, (view, mode) in enumerate(VIEWS):
        about = VideoRow(
            f"v{number}", "s", "p", (1,), None, None, None, number, view=view, view_prob=0.9, mode=mode, device=None
        )
        made.append(StoredVideo(about, random.standard_normal(DIMENSION).astype(np.float32), b""))
    return made


def asked(*conditions: FindingCondition | AnyOf) -> AskedVideos:
    return ask_videos(FakeEncoder(dimension=DIMENSION), dict(load_lexicon().labels), conditions)


def test_a_study_s_score_is_the_mean_of_its_videos_by_the_weight_of_their_views() -> None:
    question, found = asked(MR, LA), videos(np.random.default_rng(1))
    each = question.scores(np.stack([video.vector for video in found]))  # (4, 2)
    made = score_by_view(question, WEIGHTS, found, np.zeros(2))
    assert made[0] == pytest.approx((each[0, 0] + 0.5 * each[1, 0]) / 1.5)
    assert made[1] == pytest.approx(each[2, 1])


def test_without_a_weight_the_score_of_the_mean_vector_stays() -> None:
    question, found = asked(MR, LA), videos(np.random.default_rng(2))
    given = np.array([3.0, 4.0])
    assert [*score_by_view(question, {}, found, given)] == [3.0, 4.0]
    assert [*score_by_view(question, WEIGHTS, [], given)] == [3.0, 4.0]
    only_mr = score_by_view(question, {"mr": WEIGHTS["mr"]}, found, given)
    assert only_mr[1] == 4.0
    assert only_mr[0] != 3.0
    assert score_by_view(question, WEIGHTS, found[3:], given)[0] == 3.0  # of no view that tells
    either = asked(AnyOf((MR, LA)))
    assert score_by_view(either, {"mr": WEIGHTS["mr"]}, found, given[:1])[0] == 3.0


def test_of_either_finding_the_better_one_counts() -> None:
    either, found = asked(AnyOf((MR, LA))), videos(np.random.default_rng(3))
    both = score_by_view(asked(MR, LA), WEIGHTS, found, np.zeros(2))
    assert score_by_view(either, WEIGHTS, found, np.zeros(1))[0] == pytest.approx(max(both))


def test_the_deciding_video_is_of_a_view_that_tells() -> None:
    found = videos(np.random.default_rng(4))
    assert [*telling(asked(MR), WEIGHTS, found)] == [True, True, False, False]
    assert [*telling(asked(LA), WEIGHTS, found)] == [False, False, True, False]
    assert telling(asked(MR), {}, found).all()
    assert len(telling(asked(MR), WEIGHTS, [])) == 0


def test_the_shipped_weights_are_of_a_shipped_encoder_and_of_views_that_there_are(tmp_path: Path) -> None:
    fingerprints = [entry.fingerprint for entry in bundles_at_hand(tmp_path)]
    tables = [view_weights(fingerprint) for fingerprint in fingerprints]
    (weights,) = [table for table in tables if table]
    names = {
        view_name(view, mode) for view in ("LAX", "SAX", "2CH", "3CH", "4CH", "Other") for mode in ("bmode", "color")
    }
    for concept, of_view in weights.items():
        assert concept in load_lexicon().labels
        assert set(of_view) <= names
        assert all(0 < weight <= 1 for weight in of_view.values())


def test_a_search_that_scores_again_reorders_and_loses_nothing(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ask(corpus.archive, "僧帽弁逆流", SearchOptions(top_k=200))
    unchanged = ask(corpus.archive, "僧帽弁逆流", SearchOptions(top_k=200, rescore=True))
    assert unchanged.hits == before.hits  # no weights for this encoder
    monkeypatch.setattr("echosearch.search.answer.asked.view_weights", lambda _: {"mr": {"4CH": 1.0, "LAX": 0.4}})
    monkeypatch.setattr(candidates, "RESCORED", 5)
    after = ask(corpus.archive, "僧帽弁逆流", SearchOptions(top_k=200, rescore=True))
    assert {hit.study for hit in after.hits} == {hit.study for hit in before.hits}
    assert {hit.study for hit in after.hits[:5]} == {hit.study for hit in before.hits[:5]}
    assert [hit.study for hit in after.hits[5:]] == [hit.study for hit in before.hits[5:]]
    assert {hit.study: hit.score for hit in after.hits} == {hit.study: hit.score for hit in before.hits}
