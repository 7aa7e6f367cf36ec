"""Search against brute force over the same numbers, on a real PostgreSQL and the real embedded engine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from echosearch.search.filter_parser import parse_where
from echosearch.search.query import query_text
from echosearch.search.reports import find_reports
from echosearch.search.results import Hit, Results, SearchOptions, as_json
from echosearch.search.similar import similar
from echosearch.vector import Vectors
from echosearch.video import View
from tests.search.conftest import Corpus, KnownStudy, KnownVideo

TEXT = "左室拡大あり。重度の僧帽弁逆流あり。"
CLOSE = 2e-3  # the index holds float16


def cosine(left: Vectors, right: Vectors) -> float:
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def query_vector(corpus: Corpus) -> Vectors:
    vector: Vectors = corpus.archive.encoder.encode_texts([TEXT])[0]
    return vector


def check(hits: Iterable[Hit], truth: dict[str, float], top_k: int, key: Callable[[Hit], str | None]) -> None:
    """The hits are the best ``top_k`` of ``truth`` (key -> score), in order, up to the index's precision."""
    found = list(hits)
    best = sorted(truth.values(), reverse=True)[:top_k]
    assert [hit.score for hit in found] == pytest.approx(best, abs=CLOSE)
    assert len({key(hit) for hit in found}) == len(found)
    for hit in found:
        assert hit.score == pytest.approx(truth[str(key(hit))], abs=CLOSE)
    assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)


def best_by(
    corpus: Corpus,
    vector: Vectors,
    keep: Callable[[KnownVideo], bool],
    group: Callable[[KnownVideo], str],
) -> dict[str, float]:
    """Brute force: the best video of each group."""
    truth: dict[str, float] = {}
    for video in filter(keep, corpus.videos):
        score = cosine(video.vector, vector)
        truth[group(video)] = max(score, truth.get(group(video), -2.0))
    return truth


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("top_k", [1, 10, 200])
def test_without_a_condition_on_videos_studies_rank_by_their_mean(corpus: Corpus, top_k: int, exact: bool) -> None:
    results = query_text(corpus.archive, TEXT, SearchOptions(top_k=top_k, exact=exact))
    vector = query_vector(corpus)
    check(results.hits, {s.key: cosine(corpus.mean(s), vector) for s in corpus.studies}, top_k, lambda hit: hit.study)


def test_each_study_shows_its_own_best_video(corpus: Corpus) -> None:
    vector = query_vector(corpus)
    by_key = {video.key: video for video in corpus.videos}
    for hit in query_text(corpus.archive, TEXT, SearchOptions(top_k=200)).hits:
        own = [video for video in corpus.videos if video.study.key == hit.study]
        best = max(own, key=lambda video: cosine(video.vector, vector))
        shown = by_key[str(hit.video)]
        assert shown == best
        assert hit.video_score == pytest.approx(cosine(best.vector, vector), abs=1e-5)
        assert (hit.view, hit.view_prob, hit.mode, hit.device) == (best.view, best.view_prob, best.mode, best.device)
        study = best.study
        assert (hit.patient, hit.age, hit.sex) == (study.patient, study.age, study.sex)
        assert hit.date == (study.day and f"{study.day:%Y-%m}")


CONDITIONS: list[tuple[str, Callable[[KnownStudy], bool]]] = [
    ("age >= 65 and sex = F", lambda s: s.age is not None and s.age >= 65 and s.sex == "F"),
    ("sex != F", lambda s: s.sex != "F"),
    ("date = 2020", lambda s: s.day is not None and s.day.year == 2020),
    ("date >= 2020-05 and not age < 70", lambda s: s.day is not None and (s.day.year, s.day.month) >= (2020, 5)
     and not (s.age is not None and s.age < 70)),
    ("date != 2020", lambda s: s.day is None or s.day.year != 2020),
]  # fmt: skip


@pytest.mark.parametrize(("where", "keep"), CONDITIONS, ids=[where for where, _ in CONDITIONS])
def test_conditions_on_studies(corpus: Corpus, where: str, keep: Callable[[KnownStudy], bool]) -> None:
    results = query_text(corpus.archive, TEXT, SearchOptions(top_k=200, where=parse_where(where)))
    vector = query_vector(corpus)
    truth = {s.key: cosine(corpus.mean(s), vector) for s in corpus.studies if keep(s)}
    assert truth
    check(results.hits, truth, 200, lambda hit: hit.study)


@pytest.mark.parametrize("top_k", [3, 200])
@pytest.mark.parametrize(
    ("options", "keep"),
    [
        (SearchOptions(view=View.CH4), lambda v: v.view == "4CH" and v.view_prob >= 0.9),
        (SearchOptions(view=View.CH4, min_view_prob=0.5), lambda v: v.view == "4CH" and v.view_prob >= 0.5),
        (
            SearchOptions(where=parse_where("view in (4CH, 2CH)")),
            lambda v: v.view in ("4CH", "2CH") and v.view_prob >= 0.9,
        ),
        (SearchOptions(where=parse_where("view = 4CH and view_prob >= 0")), lambda v: v.view == "4CH"),
        (SearchOptions(where=parse_where("view != 4CH")), lambda v: not (v.view == "4CH" and v.view_prob >= 0.9)),
        (SearchOptions(where=parse_where("mode = color")), lambda v: v.mode == "color"),
        (
            SearchOptions(where=parse_where("view = 4CH or mode = color")),
            lambda v: (v.view == "4CH" and v.view_prob >= 0.9) or v.mode == "color",
        ),
        (
            SearchOptions(view=View.LAX, where=parse_where("mode = color and age < 70")),
            lambda v: v.view == "LAX" and v.view_prob >= 0.9 and v.mode == "color" and (v.study.age or 99) < 70,
        ),
    ],
)  # fmt: skip
def test_with_a_condition_on_videos_the_best_video_stands_for_its_study(
    corpus: Corpus, options: SearchOptions, keep: Callable[[KnownVideo], bool], top_k: int
) -> None:
    asked = SearchOptions(top_k, options.where, options.view, options.min_view_prob)
    hits = query_text(corpus.archive, TEXT, asked).hits
    truth = best_by(corpus, query_vector(corpus), keep, lambda video: video.study.key)
    assert truth
    check(hits, truth, top_k, lambda hit: hit.study)
    kept = {video.key for video in filter(keep, corpus.videos)}
    assert all(hit.video in kept and hit.video_score == hit.score for hit in hits)


def test_groups(corpus: Corpus) -> None:
    vector = query_vector(corpus)
    videos = query_text(corpus.archive, TEXT, SearchOptions(top_k=30, group="video")).hits
    check(videos, {v.key: cosine(v.vector, vector) for v in corpus.videos}, 30, lambda hit: hit.video)
    patients = query_text(corpus.archive, TEXT, SearchOptions(top_k=200, group="patient")).hits
    truth: dict[str, float] = {}
    for study in corpus.studies:
        truth[study.patient] = max(cosine(corpus.mean(study), vector), truth.get(study.patient, -2.0))
    check(patients, truth, 200, lambda hit: hit.patient)
    assert len(patients) == 14
    viewed = query_text(corpus.archive, TEXT, SearchOptions(top_k=5, group="patient", view=View.CH4)).hits
    truth = best_by(corpus, vector, lambda v: v.view == "4CH" and (v.view_prob or 0) >= 0.9, lambda v: v.study.patient)
    check(viewed, truth, 5, lambda hit: hit.patient)


def test_a_study_that_crowds_one_direction_hides_nobody(corpus: Corpus) -> None:
    """Paging: with a first page of two points, the crowd of study 0 fills it; the others must still come."""
    from echosearch.db import lookup
    from echosearch.search.rank import rank

    crowd = corpus.of(corpus.studies[0])[0].vector
    archive = corpus.archive
    with archive.engine.connect() as connection:
        ranked = rank(
            archive.index,
            archive.collection("videos"),
            crowd,
            top_k=20,
            group="study",
            where=None,
            about=lambda keys: lookup.videos_about(connection, corpus.encoder_id, keys),
            exact=True,
            first_page=2,
        )
    truth = best_by(corpus, crowd, lambda _: True, lambda video: video.study.key)
    assert [point.score for point in ranked.points] == pytest.approx(sorted(truth.values())[::-1][:20], abs=CLOSE)
    assert len({point.study for point in ranked.points}) == 20


@pytest.mark.parametrize("name", ["key", "prefix", "upper", "uid", "accession"])
def test_similar_by_every_name_of_a_study(corpus: Corpus, name: str) -> None:
    study = corpus.studies[3]
    names = {
        "key": study.key,
        "prefix": study.key[:10],
        "upper": study.key[:8].upper(),
        "uid": study.uid,
        "accession": study.accession,
    }
    hits = similar(corpus.archive, names[name], SearchOptions(top_k=200)).hits
    others = [other for other in corpus.studies if other.patient != study.patient]
    truth = {other.key: cosine(corpus.mean(other), corpus.mean(study)) for other in others}
    check(hits, truth, 200, lambda hit: hit.study)


def test_the_same_patient_only_when_asked_the_study_itself_never(corpus: Corpus) -> None:
    study = corpus.studies[3]
    hits = similar(corpus.archive, study.uid, SearchOptions(top_k=200, include_same_patient=True)).hits
    truth = {o.key: cosine(corpus.mean(o), corpus.mean(study)) for o in corpus.studies if o != study}
    check(hits, truth, 200, lambda hit: hit.study)
    assert any(hit.patient == study.patient for hit in hits)
    by_view = similar(corpus.archive, study.uid, SearchOptions(top_k=200, view=View.CH4)).hits
    assert by_view
    assert study.patient not in {hit.patient for hit in by_view}


def test_reports(corpus: Corpus) -> None:
    study = corpus.studies[3]
    results = find_reports(corpus.archive, study.key, SearchOptions(top_k=7))
    mean = corpus.mean(study)
    check(results.hits, {k: cosine(v, mean) for k, (_, _, v) in corpus.reports.items()}, 7, lambda hit: hit.report)
    everyone = find_reports(corpus.archive, study.key, SearchOptions(top_k=200, where=parse_where("age >= 65"))).hits
    assert {hit.report for hit in everyone} == {
        key for key, (owner, _, _) in corpus.reports.items() if owner.age is not None and owner.age >= 65
    }
    own = [hit for hit in find_reports(corpus.archive, study.key, SearchOptions(top_k=200)).hits if hit.same_study]
    assert [hit.study for hit in own] == [study.key]


def test_hits_are_pseudonymous_unless_identified(corpus: Corpus) -> None:
    study = corpus.studies[4]

    def everything(identified: bool) -> list[Results]:
        options = SearchOptions(top_k=200, identified=identified)
        return [
            query_text(corpus.archive, TEXT, options),
            similar(corpus.archive, study.key, options),
            find_reports(corpus.archive, study.key, options),
        ]

    for results in everything(identified=False):
        shown = json.dumps(as_json(results)["hits"], ensure_ascii=False) + repr(results)
        for known in corpus.studies:
            assert known.uid not in shown.replace("1.2.392.10008", "")
            assert f'"{known.patient_id}"' not in shown
            assert known.accession not in shown
        assert "あり" not in shown
    asked, alike, reports = everything(identified=True)
    by_key = {known.key: known for known in corpus.studies}
    for hit in as_json(asked)["hits"] + as_json(alike)["hits"] + as_json(reports)["hits"]:
        known = by_key[hit["study"]]
        assert (hit["study_uid"], hit["accession_number"]) == (known.uid, known.accession)
        assert (hit["patient_id"], hit["study_date"]) == (known.patient_id, known.day and known.day.isoformat())
    for hit in as_json(reports)["hits"]:
        assert hit["report_text"] == corpus.reports[hit["report"]][1]
    assert "1.2.392" not in repr(asked)  # a log line may hold a repr


def test_the_documented_shape(corpus: Corpus) -> None:
    shape = as_json(query_text(corpus.archive, TEXT, SearchOptions(top_k=1)))
    assert list(shape) == ["hits", "encoder", "query", "warnings"]
    video_keys = ["video", "video_score", "view", "view_prob", "mode", "device"]
    assert list(shape["hits"][0]) == ["rank", "study", "score", *video_keys, "date", "age", "sex", "patient"]
    assert shape["query"] == {"report": TEXT}
    assert shape["encoder"]["name"] == "fake"
    assert "untrained" in shape["warnings"][0]
    reports = as_json(find_reports(corpus.archive, corpus.studies[0].key, SearchOptions(top_k=1, identified=True)))
    whose = ["study_uid", "accession_number", "patient_id", "study_date", "report_text"]
    named = ["rank", "study", "score", "report", "same_study", "date", "age", "sex", "patient", *whose]
    assert list(reports["hits"][0]) == named
