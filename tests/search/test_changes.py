"""Timelines and changed pairs over a known archive, against an oracle; planted changes seen by the shipped encoder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from echosearch.db.studies.inheritance import inherit
from echosearch.db.studies.visit_pairs import pairs_after
from echosearch.db.studies.visits import number_visits, unsettled_patients
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.errors import InputError, UnknownStudy
from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.plants import Plants
from echosearch.report.facts import ChangeCondition, load_lexicon, read_facts
from echosearch.search.ask import ask
from echosearch.search.changes.amount import amounts
from echosearch.search.changes.as_json import changed_json, timeline_json
from echosearch.search.changes.asked import asked_change, month_since, months_within
from echosearch.search.changes.changed import changed
from echosearch.search.changes.figure import check_timeline_figure, draw_timeline
from echosearch.search.changes.scale import Told, change_scales
from echosearch.search.changes.timeline import timeline
from echosearch.search.changes.words import told_words
from echosearch.search.results import SearchOptions
from echosearch.search.study_hits import searching
from echosearch.video import View
from tests.search.conftest import Corpus, KnownStudy
from tests.search.test_ask import read_due
from trainer.data.cache import clip_of
from trainer.data.pairs import Drawn, Video

LEAD = ChangeCondition("device_lead", "new", None, None, None)


@pytest.fixture(scope="module")
def settled(corpus: Corpus) -> Corpus:
    with corpus.archive.engine.begin() as connection:
        read_due(connection, load_lexicon())
        while patients := unsettled_patients(connection, 5):
            number_visits(connection, patients)
            inherit(connection, patients)
    return corpus


def pairs_of(corpus: Corpus) -> Iterator[tuple[KnownStudy, KnownStudy]]:
    dated = sorted((s for s in corpus.studies if s.day), key=lambda s: (s.patient, s.day, s.key))
    yield from ((one, two) for one, two in pairwise(dated) if one.patient == two.patient)


def months(one: KnownStudy, two: KnownStudy) -> int:
    assert one.day
    assert two.day
    return (two.day.year - one.day.year) * 12 + two.day.month - one.day.month


def test_pairs_follow_one_another(settled: Corpus) -> None:
    with settled.archive.engine.connect() as connection:
        found = pairs_after(connection, settled.encoder_id, None, 100)
        some = pairs_after(connection, settled.encoder_id, found[3].later, 2)
        near = pairs_after(connection, settled.encoder_id, None, 100, 12, 202001)
    expected = {(one.key, two.key): months(one, two) for one, two in pairs_of(settled)}
    assert {(pair.earlier, pair.later): pair.months for pair in found} == expected
    assert [pair.later for pair in some] == [pair.later for pair in found[4:6]]
    assert [pair.later for pair in near] == [
        pair.later for pair in found if pair.months <= 12 and pair.later_month >= 202001
    ]
    means = {study.key: settled.mean(study) for study in settled.studies}
    for pair in found:
        np.testing.assert_allclose(pair.vectors[0], means[pair.earlier], rtol=1e-5)
        np.testing.assert_allclose(pair.vectors[1], means[pair.later], rtol=1e-5)


@pytest.mark.parametrize(("kind", "sign"), [("new", 1), ("gone", -1)])
def test_pairs_are_ranked_by_the_difference_of_their_videos(settled: Corpus, kind: str, sign: int) -> None:
    condition = asked_change(kind, "ペースメーカー", None, load_lexicon())  # type: ignore[arg-type]
    found = changed(settled.archive, condition, top_k=5)
    amount = amounts(settled.archive.encoder, load_lexicon(), ["device_lead"])["device_lead"]

    def difference(one: KnownStudy, two: KnownStudy) -> float:
        return sign * float(np.diff(amount(np.stack([settled.mean(one), settled.mean(two)])))[0])

    expected = sorted(((difference(one, two), two.key) for one, two in pairs_of(settled)), reverse=True)
    assert [pair.later for pair in found.pairs] == [key for _, key in expected[:5]]
    assert found.compared == len(expected)
    assert [sign * pair.change for pair in found.pairs] == pytest.approx([value for value, _ in expected[:5]], abs=1e-5)
    scores = [pair.z for pair in found.pairs if pair.z is not None]
    assert len(scores) == 5
    assert scores == sorted(scores, reverse=True)
    assert all(pair.percentile is not None and 0 <= pair.percentile <= 1 for pair in found.pairs)
    assert found.pairs[0].identified is None
    assert any("untrained" in warning for warning in found.warnings)


def test_nothing_that_identifies_is_shown_unless_asked_for(settled: Corpus) -> None:
    canaries = [value for study in settled.studies for value in (study.uid, study.accession, f'"{study.patient_id}"')]
    plain = json.dumps(
        [changed_json(changed(settled.archive, LEAD)), timeline_json(timeline(settled.archive, "ACC0001"))]
    )
    assert not [value for value in canaries if value in plain]
    assert "days" not in plain
    found = changed(settled.archive, LEAD, names=True)
    days = {(one.key, two.key): (two.day - one.day).days for one, two in pairs_of(settled) if one.day and two.day}
    assert [pair.days for pair in found.pairs] == [days[pair.earlier, pair.later] for pair in found.pairs]
    assert "patient_id" in changed_json(found)["pairs"][0]


def test_a_timeline_holds_the_patients_studies_in_order(settled: Corpus) -> None:
    study = settled.studies[1]
    own = sorted((s for s in settled.studies if s.patient == study.patient), key=lambda s: s.day or date.max)
    for name in (study.accession, study.key[:8], study.patient, study.patient_id):
        found = timeline(settled.archive, name)
        assert [one.study for one in found.studies] == [s.key for s in own], name
    assert [one.months for one in found.studies] == [months(own[0], s) for s in own]
    told = {one.study: one for one in found.studies}
    for one in own:
        text_of = next((words for s, words, _ in settled.reports.values() if s == one), None)
        said = {fact.concept for finding in told[one.key].findings for fact in finding.told.facts}
        assert said == ({fact.concept for fact in read_facts(text_of)} if text_of else set())
    amount = amounts(settled.archive.encoder, load_lexicon(), ["mr"])["mr"]
    scores = amount(np.stack([settled.mean(s) for s in own]))
    shown = [next(f for f in one.findings if f.concept == "mr") for one in found.studies]
    assert [f.score for f in shown] == pytest.approx(list(scores), abs=1e-5)
    assert shown[0].change is None
    assert shown[1].change == pytest.approx(scores[1] - scores[0], abs=1e-5)
    with pytest.raises(UnknownStudy):
        timeline(settled.archive, "nobody")


def test_a_scale_is_of_unchanged_pairs_where_there_are_enough(settled: Corpus) -> None:
    with searching(settled.archive) as search:
        asked = amounts(settled.archive.encoder, load_lexicon(), ["mr"])
        scale = change_scales(search, asked)["mr"]
    assert (scale.of, scale.pairs) == ("all pairs", len(list(pairs_of(settled))))  # too few reports here
    middle, spread = scale.spread
    assert scale.z(middle) == pytest.approx(0)
    assert scale.z(middle + spread) == pytest.approx(1)
    assert scale.percentile(1e9) == 1.0


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_timeline_is_drawn(settled: Corpus, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"timeline.{ending}"
    check_timeline_figure(path)
    draw_timeline(timeline(settled.archive, settled.studies[1].key), path)
    assert path.read_bytes()[:5] in (b"<svg ", b"\x89PNG\r")
    with pytest.raises(InputError, match="ends with"):
        check_timeline_figure(tmp_path / "timeline.txt")


@pytest.mark.parametrize(
    ("kind", "name", "concept", "made"),
    [
        ("new", "pacemaker", "device_lead", "new"),
        ("new", "人工弁", "prosthetic_valve", "new"),
        ("worse", "mr", "mr", "worse"),
        ("worse", "僧帽弁逆流", "mr", "worse"),
        ("falls", "EF", "lvef", "falls"),
        ("worse", "左室駆出率", "lvef", "falls"),
    ],
)
def test_a_concept_is_named_by_any_of_its_names(kind: str, name: str, concept: str, made: str) -> None:
    found = asked_change(kind, name, "2y", load_lexicon())  # type: ignore[arg-type]
    assert (found.concept, found.kind, found.within_months) == (concept, made, 24)


def test_what_means_nothing_is_refused(settled: Corpus) -> None:
    lexicon = load_lexicon()
    for kind, name in (("new", "なにか"), ("new", "MRとAR"), ("new", "EF"), ("falls", "MR")):
        with pytest.raises(InputError):
            asked_change(kind, name, None, lexicon)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="--within 'soon'"):
        months_within("soon")
    with pytest.raises(InputError, match="--since 'x'"):
        month_since("x")
    assert (months_within("18か月"), months_within("1年"), month_since("2020"), month_since("2020-04")) == (
        18,
        12,
        202001,
        202004,
    )
    with pytest.raises(InputError, match="videos cannot be asked for"):
        changed(settled.archive, ChangeCondition("lad", "rises", None, "mm", None))


def test_a_query_names_the_change_and_says_who_answers_it(settled: Corpus) -> None:
    found = ask(settled.archive, "1年以内に新規のペースメーカー", SearchOptions())
    assert "デバイスリード 12か月以内に新規" in found.words
    assert found.understood is not None
    assert found.understood["changes"][0]["change"] == "new"
    assert found.total == 0
    assert any("echosearch changed asks the videos" in warning for warning in found.warnings)
    only = ask(settled.archive, "EFが1年以内に10以上低下", SearchOptions())
    assert (only.hits, only.total) == ((), 0)


def test_what_is_said_of_a_concept_in_words() -> None:
    def words(report: str, inherited: bool = False) -> str | None:
        from dataclasses import replace

        return told_words(Told(tuple(replace(fact, inherited=inherited) for fact in read_facts(report))))

    assert words("中等度MRあり。") == "中等度"
    assert words("MRなし。", inherited=True) == "(なし)"
    assert words("EF 40〜45%。") == "40〜45 %"
    assert words("") is None


# --- planted changes, seen by the encoder that ships --------------------------------------------------------------


@pytest.mark.parametrize(
    ("concept", "column", "view", "color", "steps"),
    [("device_lead", "pacemaker", "4CH", False, 4), ("mr", "mr", "4CH", True, 1)],
)
def test_a_planted_change_is_seen_in_videos_alone(
    concept: str, column: str, view: str, color: bool, steps: int
) -> None:
    """A lower bound on twenty pairs and one view; tests/benchmarks/bench_changes.py measures whole archives."""
    encoder = load_encoder(shipped_bundles()["phantom-tiny"])
    studies = list(phantom_studies(150, 7, plants=Plants(changes=0.8)))
    grades = [study.findings.grades() for study in studies]
    has: list[tuple[PhantomStudy, PhantomStudy]] = []
    same: list[tuple[PhantomStudy, PhantomStudy]] = []
    for place, (one, two) in enumerate(pairwise(studies)):
        if one.patient == two.patient:
            step = grades[place + 1][column] - grades[place][column]
            if step in (steps, 0):
                (has if step else same).append((one, two))
    vectors = {}

    def difference(pair: tuple[PhantomStudy, PhantomStudy]) -> float:
        for study in pair:
            clip = clip_of(Video("drawn", View(view), 1.0, Drawn(study, view, color), color), encoder.clip_spec)
            vectors[study.accession_number] = encoder.encode_clips([clip])[0]
        return float(np.diff(amount(np.stack([vectors[study.accession_number] for study in pair])))[0])

    amount = amounts(encoder, load_lexicon(), [concept])[concept]
    with_it, without = [difference(pair) for pair in has[:8]], [difference(pair) for pair in same[:12]]
    assert len(with_it) == 8
    auc = np.mean([[(one > other) + (one == other) / 2 for other in without] for one in with_it])
    assert auc >= 0.95, auc
