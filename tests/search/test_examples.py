"""Several examples, and examples with words: against brute force, and against what the reports say."""

from __future__ import annotations

import numpy as np
import pytest

from echosearch.errors import InputError, UnknownStudy
from echosearch.search.arms.likeness import order_with_likeness
from echosearch.search.examples import MAX_EXAMPLES
from echosearch.search.filter_parser import parse_where
from echosearch.search.results import SearchOptions, as_json
from echosearch.search.similar import similar
from echosearch.vector import unit
from tests.search.conftest import Corpus, KnownStudy
from tests.search.test_ask import studies_with, told  # noqa: F401
from tests.search.test_search import CLOSE, check, cosine

ALL = SearchOptions(top_k=200)


def others(corpus: Corpus, *examples: KnownStudy) -> list[KnownStudy]:
    """Studies of other patients than the examples'."""
    patients = {study.patient for study in examples}
    return [study for study in corpus.studies if study.patient not in patients]


def test_examples_are_averaged_and_unlike_ones_subtracted(corpus: Corpus) -> None:
    a, b, c = corpus.studies[3:6]
    mean = (unit(corpus.mean(a)) + unit(corpus.mean(b))) / 2
    for unlike, wanted in (((), mean), ((c.key,), mean - unit(corpus.mean(c)))):
        vector = wanted.astype(np.float32)
        found = similar(corpus.archive, a.key, ALL, like=[b.key], unlike=unlike)
        left = others(corpus, a, b, *((c,) if unlike else ()))
        check(found.hits, {s.key: cosine(corpus.mean(s), vector) for s in left}, 200, lambda hit: hit.study)
        assert found.query["like"] == [{"study": b.key}]


def test_no_example_comes_back_also_not_one_that_is_unlike(corpus: Corpus) -> None:
    a, b, c = corpus.studies[3:6]
    options = SearchOptions(top_k=200, include_same_patient=True)
    for also in (None, "MRなし"):
        found = {
            hit.study for hit in similar(corpus.archive, a.key, options, also=also, like=[b.key], unlike=[c.key]).hits
        }
        assert not found & {a.key, b.key, c.key}
        assert found & {s.key for s in corpus.studies if s.patient in {a.patient, b.patient, c.patient}}


def test_an_example_that_is_wanted_and_not_is_refused(corpus: Corpus) -> None:
    key = corpus.studies[3].key
    with pytest.raises(InputError, match="are the same"):
        similar(corpus.archive, key, ALL, unlike=[key])
    with pytest.raises(InputError, match=f"at most {MAX_EXAMPLES}"):
        similar(corpus.archive, key, ALL, like=[key] * MAX_EXAMPLES)
    with pytest.raises(UnknownStudy):
        similar(corpus.archive, key, ALL, unlike=["1.2.3"])


def test_reports_decide_who_answers_the_words(told: Corpus) -> None:  # noqa: F811
    target = told.studies[1]
    found = similar(told.archive, target.key, ALL, also="中等度以上のMR")
    left = {study.key: study for study in others(told, target)}
    stated = [hit for hit in found.hits if hit.why and hit.why.verdict == "stated"]
    assert {hit.study for hit in stated} == studies_with(told, 0, 6) & set(left)
    assert not {hit.study for hit in found.hits} & studies_with(told, 1, 2, 3)
    assert [hit.why.verdict for hit in found.hits if hit.why] == ["stated"] * len(stated) + ["silent"] * (
        len(found.hits) - len(stated)
    )
    # score is the cosine with the example, and what is stated is in its order
    scores = [hit.score for hit in stated]
    assert scores == sorted(scores, reverse=True)
    for hit in found.hits:
        assert hit.score == pytest.approx(cosine(told.mean(left[hit.study]), told.mean(target)), abs=CLOSE)
        best = max(cosine(video.vector, told.mean(target)) for video in told.of(left[hit.study]))
        assert hit.video_score == pytest.approx(best, abs=1e-5)
    assert stated[0].why is not None
    assert {fact.concept for fact in stated[0].why.facts} == {"mr"}
    assert as_json(found)["query"] == {"study": target.key, "and": "中等度以上のMR"}
    assert found.belief is None
    assert found.total == len(studies_with(told, 0, 6))


def test_people_and_dates_become_a_filter(told: Corpus) -> None:  # noqa: F811
    target = told.studies[1]
    words = similar(told.archive, target.key, ALL, also="65歳以上の女性")
    where = similar(told.archive, target.key, SearchOptions(top_k=200, where=parse_where("age >= 65 and sex = F")))
    assert words.hits == where.hits
    assert words.hits
    assert words.understood is not None
    with_finding = similar(told.archive, target.key, ALL, also="65歳以上の女性、中等度以上のMR")
    assert {hit.study for hit in with_finding.hits} <= {hit.study for hit in where.hits}


def test_what_is_not_understood_is_named(told: Corpus) -> None:  # noqa: F811
    for also in ("ほげほげ", "MR ほげほげ"):
        found = similar(told.archive, told.studies[1].key, ALL, also=also)
        assert any("ほげほげ" in warning for warning in found.warnings)
        assert found.hits


def test_a_view_is_answered_by_videos(told: Corpus) -> None:  # noqa: F811
    options = SearchOptions(top_k=200, where=parse_where("view = 4CH"))
    found = similar(told.archive, told.studies[1].key, options, also="MR")
    assert found.hits
    assert {hit.view for hit in found.hits} == {"4CH"}
    assert all(hit.video_score == hit.score for hit in found.hits)


def test_silent_studies_are_in_the_order_of_likeness_and_fit() -> None:
    cosines, fits = np.array([0.9, 0.8, 0.1, 0.5]), np.log([0.1, 0.9, 0.99, 0.5])
    order = order_with_likeness(cosines, fits, np.array([False, False, False, True]))
    assert list(np.argsort(-order[:3])) == [1, 2, 0]  # neither the likest nor the best fit
    assert order[3] == 0.5
