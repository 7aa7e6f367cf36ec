"""Questions over a known archive: reports answer through facts, videos through prompts; verdicts against an oracle."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet
from sqlalchemy import Connection, text

from echosearch.db.found_rows import study_keys
from echosearch.db.questions.fact_conditions import verdicts
from echosearch.db.questions.study_bits import answer, newest_stated
from echosearch.db.studies.facts import due_reports, facts_of, put_facts, withdraw_facts
from echosearch.db.studies.words import put_words
from echosearch.encoder.text.report_words import report_words
from echosearch.errors import InputError
from echosearch.filters import Comparison, Where
from echosearch.index.base import Collection, Scored
from echosearch.report.facts import FindingCondition, Lexicon, ValueCondition, load_lexicon, read_facts
from echosearch.search.arms.scale import BestVideos, measured_scale
from echosearch.search.arms.video_arm import ask_videos
from echosearch.search.ask import ask
from echosearch.search.changes.asked import asked_change
from echosearch.search.export import check_export, export_hits
from echosearch.search.filter_parser import parse_where
from echosearch.search.question import read_question
from echosearch.search.results import SearchOptions, as_json
from echosearch.vector import Vectors
from echosearch.video import View
from tests.search.conftest import Corpus, KnownVideo

REPORTS = (
    "重度の僧帽弁逆流あり。左室拡大なし。EF 35%。",
    "軽度のMRあり。左室拡大あり。LVEF 62%。",
    "MRなし。心嚢液貯留を認める。",
    "有意なMRなし。EF 55%。",
    "左房拡大あり。",
    "MRの疑い。",
    "中等度〜高度のMRあり。EF 30〜35%。人工弁あり。",
)


@pytest.fixture(scope="module")
def told(corpus: Corpus) -> Corpus:
    """The corpus with one of REPORTS for each study that has a report."""
    lexicon = load_lexicon()
    with corpus.archive.engine.begin() as connection:
        for number, key in enumerate(sorted(corpus.reports)):
            connection.execute(
                text("update phi.report set text = :text where report_key = :key"),
                {"text": REPORTS[number % len(REPORTS)], "key": key},
            )
        read_due(connection, lexicon)
    return corpus


def read_due(connection: Connection, lexicon: Lexicon) -> int:
    due = due_reports(connection, lexicon.version, None, 1000)
    put_facts(connection, lexicon.version, [(one, read_facts(one.text, lexicon)) for one in due])
    put_words(connection, [(one.study_key, report_words(one.text, lexicon)) for one in due])
    return len(due)


def said(told: Corpus) -> dict[str, str]:
    """Study -> the text of its served report."""
    texts = {key: REPORTS[number % len(REPORTS)] for number, key in enumerate(sorted(told.reports))}
    return {study.key: texts[key] for key, (study, _, _) in told.reports.items()}


def studies_with(told: Corpus, *numbers: int) -> set[str]:
    return {study for study, words in said(told).items() if words in {REPORTS[n] for n in numbers}}


@pytest.mark.parametrize(
    ("query", "stated", "denied"),
    [
        ("MR", {0, 1, 6}, {2, 3}),
        ("中等度以上のMR", {0, 6}, {1, 2, 3}),
        ("MRなし", {2}, {0, 1, 6}),
        ("軽度以下のMR", {1, 2, 3}, {0, 6}),
        ("EF 40%未満", {0, 6}, {1, 3}),
        ("EF 50%以上", {1, 3}, {0, 6}),
        ("EF 30%から35%", {0, 6}, {1, 3}),
        ("重度MRかつ左室拡大なし", {0}, {1, 2, 3}),
        ("左室拡大または左房拡大", {1, 4}, set()),
        ("人工弁を除く中等度以上のMR", {0}, {1, 2, 3, 6}),
    ],
)
def test_verdicts_of_reports(told: Corpus, query: str, stated: set[int], denied: set[int]) -> None:
    asked = read_question(query, load_lexicon())
    with told.archive.engine.connect() as connection:
        studies = [study.key for study in told.studies]
        found = verdicts(connection, asked.required, asked.excluded, studies)
        assert {study for study in studies if found[study] == "stated"} == studies_with(told, *stated)
        assert {study for study in studies if found[study] == "denied"} == studies_with(told, *denied)


def test_stated_comes_before_silent_and_denied_is_no_hit(told: Corpus) -> None:
    found = ask(told.archive, "中等度以上のMR", SearchOptions(top_k=200))
    order = [hit.why.verdict for hit in found.hits if hit.why is not None]
    assert order == sorted(order, key=("stated", "silent").index)
    stated = {hit.study for hit in found.hits if hit.why and hit.why.verdict == "stated"}
    assert stated == studies_with(told, 0, 6)
    assert not {hit.study for hit in found.hits} & studies_with(told, 1, 2, 3)
    # beside what reports state, only studies whose videos make it likely are hits
    assert found.strong == len(found.hits)


@pytest.mark.parametrize(
    ("query", "stated"),
    [
        ("MRの疑い", {5}),
        ("軽度以上のMR疑い", {5}),
        ("MRの既往", set()),
        ("MR評価なし", set()),
        ("MR疑いまたは心嚢液", {2, 5}),
    ],
)
def test_what_no_video_tells_is_asked_of_reports_alone(told: Corpus, query: str, stated: set[int]) -> None:
    found = ask(told.archive, query, SearchOptions(top_k=200))
    assert {hit.study for hit in found.hits if hit.why and hit.why.verdict == "stated"} == studies_with(told, *stated)
    assert found.strong == len(studies_with(told, *stated))
    assert "what is suspected, past or not assessed is asked of reports alone" in found.warnings


def test_where_reports_suffice_the_index_is_not_asked(told: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    query, every = "中等度以上のMR", SearchOptions(top_k=200)
    whole = [hit.study for hit in ask(told.archive, query, every).hits]
    stated = studies_with(told, 0, 6)
    asked: list[Collection] = []
    search_each = told.archive.index.search_each

    def noted(
        _: object, collection: Collection, vectors: Vectors, limits: Sequence[int], where: Where | None = None
    ) -> list[list[Scored]]:
        asked.append(collection)
        return search_each(collection, vectors, limits, where)

    monkeypatch.setattr(type(told.archive.index), "search_each", noted)

    def found(candidates: int, options: SearchOptions) -> tuple[list[str], int]:
        asked.clear()
        monkeypatch.setattr("echosearch.search.answer.asked.CANDIDATES", candidates)
        return [hit.study for hit in ask(told.archive, query, options).hits], len(asked)

    # the list has room for more than reports state
    assert found(400, every) == (whole, 1)
    # it has none: the same hits
    for top_k in (1, len(stated)):
        assert found(400, replace(every, top_k=top_k)) == (whole[:top_k], 0)
        assert found(400, replace(every, top_k=top_k, include_denied=True)) == (whole[:top_k], 0)
    # of as many as are ranked, no more are looked for, unless those whose report says otherwise are asked for too
    assert found(len(stated), every) == ([study for study in whole if study in stated], 0)
    assert found(len(stated), replace(every, include_denied=True))[1] == 1
    # what is silent may be the newest
    assert found(400, SearchOptions(top_k=1, sort="date"))[1] == 1
    assert found(len(stated), SearchOptions(top_k=1, sort="date"))[1] == 0
    # the index knows which videos of these studies there are, and is asked for others where they are too few
    by_video = SearchOptions(top_k=3, group="video")
    videos, times = found(400, by_video)
    assert (len(videos), times) == (3, 1)
    assert set(videos) <= stated
    assert found(400, replace(by_video, top_k=200))[1] == 2
    assert found(len(stated), replace(by_video, top_k=200))[1] == 1
    # a patient is one hit
    patients = {hit.patient for hit in ask(told.archive, query, every).hits if hit.study in stated}
    monkeypatch.setattr("echosearch.search.answer.asked.FEWER", 1)
    for top_k in (len(patients), len(patients) + 1):
        assert found(400, SearchOptions(top_k=top_k, group="patient"))[1] == top_k - len(patients)


def test_denied_studies_come_last_if_asked_for(told: Corpus) -> None:
    found = ask(told.archive, "中等度以上のMR", SearchOptions(top_k=200, include_denied=True))
    order = [hit.why.verdict for hit in found.hits if hit.why]
    assert order == sorted(order, key=("stated", "silent", "denied").index)
    denied = {hit.study for hit in found.hits if hit.why and hit.why.verdict == "denied"}
    assert denied == studies_with(told, 1, 2, 3)


def test_nothing_stated_is_answered_by_videos_alone_and_said(told: Corpus) -> None:
    found = ask(told.archive, "血栓", SearchOptions(top_k=200))
    assert {hit.study for hit in found.hits} == {study.key for study in told.studies}
    assert {hit.why.verdict for hit in found.hits if hit.why} == {"silent"}
    assert found.belief == "percentile"
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)


def test_what_a_silent_report_states_of_several_conditions_counts_as_met(
    told: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of MR and an effusion, three reports state the MR and do not speak of the effusion."""

    def silent() -> list[str]:
        found = ask(told.archive, "MRあり、心嚢液貯留あり", SearchOptions(top_k=200))
        assert {hit.why.verdict for hit in found.hits if hit.why} == {"silent"}
        assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
        return [hit.study for hit in found.hits]

    with_mr, now = studies_with(told, 0, 1, 6), silent()
    monkeypatch.setattr(
        "echosearch.search.answer.gather._certain",
        lambda _, asked, rows, silent: np.zeros((len(rows), len(asked.videos.conditions)), dtype=np.bool_),
    )
    by_videos = silent()
    assert with_mr < {*now} == {*by_videos}
    assert all(now.index(study) <= by_videos.index(study) for study in with_mr)
    assert sum(now.index(study) for study in with_mr) < sum(by_videos.index(study) for study in with_mr)
    others = [study for study in by_videos if study not in with_mr]
    assert [study for study in now if study not in with_mr] == others


def test_each_hit_shows_the_facts_and_their_places(told: Corpus) -> None:
    found = ask(told.archive, "中等度以上のMR、EF 40%未満", SearchOptions(top_k=200))
    texts = said(told)
    shown = [(hit, fact) for hit in found.hits if hit.why for fact in hit.why.facts]
    assert shown
    for hit, fact in shown:
        assert fact.concept in {"mr", "lvef"}
        assert texts[hit.study][fact.start : fact.end].strip() in texts[hit.study]
        assert {"僧帽弁", "MR", "EF"} & {
            word for word in ("僧帽弁", "MR", "EF") if word in texts[hit.study][fact.start : fact.end]
        }


def test_people_and_dates_of_the_question_filter(told: Corpus) -> None:
    found = ask(told.archive, "65歳以上の女性でMR", SearchOptions(top_k=200))
    about = {study.key: study for study in told.studies}
    assert found.hits
    assert all(about[hit.study].sex == "F" and (about[hit.study].age or 0) >= 65 for hit in found.hits)
    with_where = ask(told.archive, "MR", SearchOptions(top_k=200, where=parse_where("age >= 65 and sex = F")))
    assert [hit.study for hit in found.hits] == [hit.study for hit in with_where.hits]


def test_a_condition_on_videos_is_answered_by_videos(told: Corpus) -> None:
    found = ask(told.archive, "中等度以上のMR", SearchOptions(top_k=200, view=View.CH4))
    videos = {video.key: video for video in told.videos}
    assert found.hits
    for hit in found.hits:
        assert hit.video is not None
        assert videos[hit.video].view == "4CH"
        assert (videos[hit.video].view_prob or 0) >= 0.9
        assert videos[hit.video].study.key == hit.study


@pytest.mark.parametrize("alone", [True, False])
def test_a_video_is_compared_with_videos_of_its_kind(told: Corpus, alone: bool) -> None:
    """Means of studies differ far less than single videos: among them the best videos would all seem to be certain."""
    severe = FindingCondition("mr", "present", (3, 4))
    asked = ask_videos(told.archive.encoder, dict(load_lexicon().labels), [severe])
    with told.archive.engine.connect() as connection:
        of = BestVideos(Comparison("view", "=", "4CH"), alone)
        asked, scale = measured_scale(told.archive, connection, told.encoder_id, asked, of)
        means = measured_scale(told.archive, connection, told.encoder_id, asked)[1].background
    of_study: dict[str, list[KnownVideo]] = defaultdict(list)
    for video in sorted(told.videos, key=lambda video: video.key):
        if video.view == "4CH":
            of_study[video.study.key].append(video)
    kept = [[float(asked.scores(video.vector[None])[0, 0]) for video in each[:2]] for each in of_study.values()]
    wanted = [score for each in kept for score in each] if alone else [max(each) for each in kept]
    assert max(map(len, kept)) == 2
    assert sorted(scale.background[:, 0]) == pytest.approx(sorted(wanted), abs=1e-6)
    assert len(means) != len(wanted) or sorted(means[:, 0]) != pytest.approx(sorted(wanted), abs=1e-6)


def test_one_hit_a_patient_if_grouped(told: Corpus) -> None:
    found = ask(told.archive, "MR", SearchOptions(top_k=200, group="patient"))
    assert len({hit.patient for hit in found.hits}) == len(found.hits)


@pytest.mark.parametrize("nonsense", ["今日の天気", "2020年", "犬の散歩", "12345", "65歳以上の女性"])
def test_nonsense_is_said_and_ranks_nothing(told: Corpus, nonsense: str) -> None:
    found = ask(told.archive, nonsense, SearchOptions())
    assert (found.hits, found.strong) == ((), 0)
    assert len(found.warnings) >= 1


@pytest.mark.parametrize("mistake", ["", "。、！", "MRあり、MRなし", "EF 60%以上、EF 40%未満", "あ" * 20_001])
def test_mistakes_are_one_line(told: Corpus, mistake: str) -> None:
    with pytest.raises(InputError) as caught:
        ask(told.archive, mistake, SearchOptions())
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_not_understood_is_named(told: Corpus) -> None:
    found = ask(told.archive, "中等度以上のMRでふわふわ", SearchOptions())
    assert found.hits
    assert any("ふわふわ" in warning for warning in found.warnings)


def test_the_shape_of_json(told: Corpus) -> None:
    shown = as_json(ask(told.archive, "中等度以上のMR", SearchOptions(top_k=1)))
    assert shown["understood"]["required"] == [{"concept": "mr", "polarity": "present", "severity": [3, 4]}]
    assert shown["belief"] in ("probability", "percentile")
    assert shown["strong"] >= 1
    (hit,) = shown["hits"]
    assert hit["why"]["verdict"] == "stated"
    assert {"concept", "polarity", "severity", "start", "end", "rule"} <= set(hit["why"]["facts"][0])
    assert 0 <= hit["score"] <= 1


def test_reports_that_wait_to_be_read_are_said(told: Corpus) -> None:
    from sqlalchemy import text

    assert not any("wait to be read" in said for said in ask(told.archive, "MR", SearchOptions()).warnings)
    change = text("update core.fact_reading set lexicon = :name where lexicon = :was")
    version = load_lexicon().version
    with told.archive.engine.begin() as connection:
        connection.execute(change, {"name": "older", "was": version})
    try:
        assert any("wait to be read" in said for said in ask(told.archive, "MR", SearchOptions()).warnings)
    finally:
        with told.archive.engine.begin() as connection:
            connection.execute(change, {"name": version, "was": "older"})


def test_a_new_lexicon_makes_reports_due_and_old_facts_stay_until_read(told: Corpus) -> None:
    lexicon = replace(load_lexicon(), version="another")
    with told.archive.engine.begin() as connection:
        assert due_reports(connection, load_lexicon().version, None, 10_000) == []
        assert len(due_reports(connection, "another", None, 10_000)) == len(said(told))
        before = facts_of(connection, [study.key for study in told.studies])
        first = due_reports(connection, "another", None, 3)
        assert [one.study_key for one in first] == sorted(said(told))[:3]
        assert read_due(connection, lexicon) == len(said(told))
        assert facts_of(connection, [study.key for study in told.studies]) == before
        connection.rollback()


def test_facts_of_a_report_that_is_no_longer_served_go(told: Corpus) -> None:
    from sqlalchemy import text

    study = sorted(said(told))[0]
    with told.archive.engine.begin() as connection:
        connection.execute(text("update core.report set study_key = null where study_key = :key"), {"key": study})
        assert withdraw_facts(connection) == 1
        assert study not in facts_of(connection, [study])
        connection.rollback()


def test_values_of_a_range_and_their_complement(told: Corpus) -> None:
    with told.archive.engine.connect() as connection:
        keys = [study.key for study in told.studies]
        inside = verdicts(connection, (ValueCondition("lvef", "between", 30, 40, "%"),), (), keys)
        outside = verdicts(connection, (ValueCondition("lvef", "!=", 30, 40, "%"),), (), keys)
        assert {k for k in keys if inside[k] == "stated"} == studies_with(told, 0, 6)
        assert {k for k in keys if outside[k] == "stated"} == studies_with(told, 1, 3)


def test_a_study_filter_is_that_of_the_index(told: Corpus) -> None:
    mr = (FindingCondition("mr", "present", None),)
    for where in ("age >= 65", "sex = F", "not sex = F", "date >= 2020-01", "age < 60 or sex = M", "sex in (F, O)"):
        with told.archive.engine.connect() as connection:
            said = answer(connection, told.encoder_id, mr, (), parse_where(where))
            keys = study_keys(connection, newest_stated(connection, said, 1000))
        found = ask(told.archive, "MR", SearchOptions(top_k=200, where=parse_where(where)))
        assert set(keys) == {hit.study for hit in found.hits if hit.why and hit.why.verdict == "stated"}
        assert found.total == said.total == len(keys)


def test_sorted_by_date_only_what_is_strong(told: Corpus) -> None:
    found = ask(told.archive, "中等度以上のMR", SearchOptions(top_k=200, sort="date"))
    dates = [hit.date or "" for hit in found.hits]
    assert dates == sorted(dates, reverse=True)
    assert studies_with(told, 0, 6) <= {hit.study for hit in found.hits}
    assert found.total == len(studies_with(told, 0, 6))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_an_export_holds_every_hit(told: Corpus, tmp_path: Path, suffix: str) -> None:
    found = ask(told.archive, "MR", SearchOptions(export=True, top_k=100_000))
    file = tmp_path / f"hits{suffix}"
    check_export(file)
    export_hits(found, file)
    if suffix == ".csv":
        rows = list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))
    else:
        rows = parquet.read_table(file).to_pylist()
    assert [row["study"] for row in rows] == [hit.study for hit in found.hits]
    assert "stated" in {row["verdict"] for row in rows}
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_no_spreadsheet_runs_a_cell(told: Corpus, tmp_path: Path) -> None:
    found = ask(told.archive, "MR", SearchOptions(top_k=1))
    hostile = replace(found, hits=(replace(found.hits[0], device="=HYPERLINK(1)"),))
    export_hits(hostile, tmp_path / "hits.csv")
    (row,) = csv.DictReader((tmp_path / "hits.csv").read_text(encoding="utf-8-sig").splitlines())
    assert row["device"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize("name", ["hits.xlsx", "hits", "no/such/folder/hits.csv"])
def test_an_export_that_cannot_be_written_is_refused_before_the_search(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        check_export(tmp_path / name)


def test_the_statements_of_a_question_stay_prepared(told: Corpus) -> None:
    """psycopg prepares what it has sent five times, on one connection, and forgets it at a rollback."""
    with told.archive.connect_reading(), told.archive.connect_reading():
        pass  # the pool has several, as after searches at one time
    for _ in range(7):
        ask(told.archive, "重度僧帽弁逆流", SearchOptions())
    with told.archive.connect_reading() as connection:
        prepared = connection.scalars(text("select statement from pg_prepared_statements")).all()
    asked = ("core.study_bits", "core.study_embedding", "core.fact_reading", "core.embedding")
    assert all(any(table in statement for statement in prepared) for table in asked)


@pytest.mark.parametrize(
    ("query", "doubt"),
    [
        ("下壁の壁運動低下", "territory of its artery"),
        ("inferior wall akinesis", "territory of its artery"),
        ("前壁中隔の壁運動異常、または左室拡大", "territory of its artery"),
        ("下壁の壁運動異常なし", "territory of its artery"),
        ("局所壁運動異常", None),
        ("心尖部血栓あり、局所壁運動異常あり", None),
        ("側壁に接する心嚢液貯留", None),
    ],
)
def test_what_videos_do_not_tell_of_a_wall_is_said(query: str, doubt: str | None) -> None:
    said = read_question(query, load_lexicon()).of_videos
    assert [doubt in one for one in said] == [True] if doubt is not None else not said


def test_a_change_of_one_wall_is_not_told() -> None:
    (doubt,) = read_question("下壁の壁運動異常が前回より悪化", load_lexicon()).doubts
    assert "not told wall by wall" in doubt
    with pytest.raises(InputError, match="not told wall by wall"):
        asked_change("worse", "下壁の壁運動低下", None, load_lexicon())


@pytest.mark.parametrize(
    ("query", "conditions", "terms"),
    [
        ("4CHで重度TR", ["view = 4CH"], []),
        ("LAXでARの逆流ジェット", ["view = LAX"], []),
        ("心尖四腔像のカラーでMR", ["view = 4CH", "mode = color"], []),
        ("severe MR in apical four chamber view", ["view = 4CH"], []),
        ("胸骨左縁短軸像で浮腫のあるAS", ["view = SAX"], ["浮腫"]),
        ("その他の弁膜症、呼吸困難", [], ["他", "呼吸困難"]),
    ],
)
def test_a_view_is_no_word_of_reports_and_is_said_to_be_a_condition(
    query: str, conditions: list[str], terms: list[str]
) -> None:
    asked = read_question(query, load_lexicon())
    assert [one.split(" add ")[1].removesuffix(" as a condition on videos") for one in asked.doubts] == conditions
    assert [term.text for term in asked.asks_words.terms] == terms


SAID_OF_WALLS = (
    "下壁に無収縮あり。",
    "前壁中隔は低収縮、下壁は正常。",
    "RCA領域の壁運動異常を認める。",
    "側壁に壁運動異常なし。心尖部は無収縮。",
    "局所壁運動異常なし。",
    "左室壁運動は正常。",
    "無収縮を認める。",
    "僧帽弁逆流あり。",
    "側壁の壁運動は正常。",
    "前壁：正常\n前壁中隔：正常\n側壁：正常\n下壁：正常\n下壁中隔：正常\n後壁：正常\n心尖部：正常",
)


@pytest.mark.parametrize(
    ("query", "stated", "denied"),
    [
        ("下壁の壁運動異常", {0}, {4, 5, 9}),
        ("RCA領域の壁運動異常", {0, 2}, {4, 5, 9}),
        ("下壁の無収縮", {0}, {4, 5, 9}),
        ("下壁の低収縮", set(), {4, 5, 9}),
        ("前壁の壁運動異常", set(), {4, 5, 9}),
        ("中隔の壁運動異常", {1}, {4, 5, 9}),
        ("側壁の壁運動異常", set(), {3, 4, 5, 8, 9}),
        ("心尖部の壁運動異常", {3}, {4, 5, 9}),
        ("下壁または心尖部の壁運動異常", {0, 3}, {4, 5, 9}),
        ("下壁と心尖部の壁運動異常", set(), {4, 5, 9}),
        ("側壁の壁運動異常なし", {3, 4, 5, 8, 9}, set()),
        ("局所壁運動異常", {0, 1, 2, 3, 6}, {4, 5, 9}),  # 側壁の壁運動は正常 denies that wall alone
        ("局所壁運動異常なし", {4, 5, 9}, {0, 1, 2, 3, 6}),
        ("無収縮", {0, 3, 6}, {4, 5, 9}),
        ("無収縮なし", {4, 5, 9}, {0, 3, 6}),
        ("高度の無収縮", set(), {4, 5, 9}),
        ("軽度以下の低収縮", {4, 5, 9}, set()),
    ],
)
def test_a_wall_is_asked_for(corpus: Corpus, query: str, stated: set[int], denied: set[int]) -> None:
    lexicon = load_lexicon()
    keys = sorted(corpus.reports)[: len(SAID_OF_WALLS)]
    question = read_question(query, lexicon)
    with corpus.archive.engine.connect() as connection:
        due = {one.report_key: one for one in due_reports(connection, "another", None, 1000)}
        assert len(keys) == len(SAID_OF_WALLS)
        read = [(due[key], read_facts(said, lexicon)) for key, said in zip(keys, SAID_OF_WALLS, strict=True)]
        put_facts(connection, lexicon.version, read)
        studies = [one.study_key for one, _ in read]
        found = verdicts(connection, question.required, question.excluded, studies)
        told = facts_of(connection, studies)
        connection.rollback()
    assert {place for place, study in enumerate(studies) if found[study] == "stated"} == stated
    assert {place for place, study in enumerate(studies) if found[study] == "denied"} == denied
    assert [told[study] for study in studies] == [list(facts) for _, facts in read]
