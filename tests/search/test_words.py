"""Words that no rule knows are answered by the reports that have them: terms against a plain search of the texts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sqlalchemy import Connection, event, text

from echosearch.db.studies.facts import due_reports, is_behind, put_facts, withdraw_facts
from echosearch.db.studies.words import put_words
from echosearch.encoder.text.report_words import places_of, query_terms, report_words
from echosearch.report.facts import load_lexicon, read_facts, understand
from echosearch.search.ask import ask
from echosearch.search.filter_parser import parse_where
from echosearch.search.results import Results, SearchOptions, as_json
from tests.cli.json_schema import check_json
from tests.search.conftest import Corpus

LEXICON = load_lexicon()
REPORTS = (
    "呼吸困難で来院。重度の僧帽弁逆流あり。左室拡大なし。",
    "重度のMRあり。下大静脈の呼吸性変動あり。心尖部は評価困難。",
    "呼吸困難なし。重度のMRあり。",
    "術後の癒着あり。軽度のMRあり。",
    "うっ血所見あり。呼吸困難、浮腫を認めない。",
    "今日から内服。心嚢液貯留を認める。",
    "呼吸困難で入院、浮腫なし。呼吸困難は持続。",
)
ALL = SearchOptions(top_k=200)


@pytest.fixture(scope="module")
def told(corpus: Corpus) -> Corpus:
    """The corpus with one of REPORTS for each study that has a report, read as an ingest reads them."""
    with corpus.archive.engine.begin() as connection:
        for number, key in enumerate(sorted(corpus.reports)):
            connection.execute(
                text("update phi.report set text = :text where report_key = :key"),
                {"text": REPORTS[number % len(REPORTS)], "key": key},
            )
        connection.execute(text("delete from core.fact_reading"))  # also of another module's tests
        due = due_reports(connection, LEXICON.version, None, 1000)
        put_facts(connection, LEXICON.version, [(one, read_facts(one.text, LEXICON)) for one in due])
        put_words(connection, [(one.study_key, report_words(one.text, LEXICON)) for one in due])
    return corpus


def texts(told: Corpus) -> dict[str, str]:
    """Study -> the text of its report."""
    said = {key: REPORTS[number % len(REPORTS)] for number, key in enumerate(sorted(told.reports))}
    return {study.key: said[key] for key, (study, _, _) in told.reports.items()}


def studies_with(told: Corpus, *numbers: int) -> set[str]:
    return {study for study, words in texts(told).items() if words in {REPORTS[n] for n in numbers}}


def shown(found: Results) -> set[str]:
    return {hit.study for hit in found.hits}


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("呼吸困難", {0, 6}),  # not where 呼吸 and 困難 are apart, and not where it is denied
        ("呼吸困難で来院", {0, 6}),  # that somebody came says nothing of a study
        ("呼吸困難なし", {2, 4}),
        ("術後癒着", {3}),
        ("鬱血", {4}),  # written うっ血
        ("浮腫なし", {4, 6}),
        ("呼吸困難で浮腫なし", {6}),  # all of the words
        ("呼吸困難、浮腫なし", {4}),  # as in reports: neither
        ("術後癒着または鬱血", {3, 4}),
        ("術後癒着またはラーメン", {3}),
    ],
)
def test_a_query_of_words_finds_the_reports_that_have_all_of_them(
    told: Corpus, query: str, numbers: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask(told.archive, query, ALL)
    assert shown(found) == studies_with(told, *numbers)
    assert (found.belief, found.total, found.strong) == ("words", len(found.hits), len(found.hits))
    assert any("no finding is asked for" in warning for warning in found.warnings)
    scores = [hit.score for hit in found.hits]
    assert scores == sorted(scores, reverse=True)
    monkeypatch.setattr("echosearch.search.answer.asked.view_weights", lambda _: {"mr": {"4CH": 1.0}})
    assert ask(told.archive, query, replace(ALL, rescore=True)).hits == found.hits  # no videos are asked for anything
    assert all(0 < score < 1 for score in scores)


def test_beside_a_finding_words_rank_and_do_not_filter(told: Corpus) -> None:
    found = ask(told.archive, "呼吸困難で来院した重度MR", ALL)
    stated = [hit.study for hit in found.hits if hit.why and hit.why.verdict == "stated"]
    with_word, without = studies_with(told, 0), studies_with(told, 1, 2)
    assert set(stated) == with_word | without
    assert set(stated[: len(with_word)]) == with_word
    assert "「呼吸困難」" in found.words
    for hit in found.hits:
        assert hit.why is not None
        assert hit.why.words is not None
        assert (hit.why.words.score > 0) == (hit.study in studies_with(told, 0, 6))


def test_each_hit_says_where_its_report_has_the_words(told: Corpus) -> None:
    found = as_json(ask(told.archive, "呼吸困難", ALL))
    check_json(("query", "呼吸困難", "--json"), json.dumps(found))
    for hit in found["hits"]:
        report = texts(told)[hit["study"]]
        places = hit["why"]["words"]["places"]
        assert [report[one["start"] : one["end"]] for one in places] == ["呼吸困難"] * report.count("呼吸困難")
        assert {one["word"] for one in places} == {"呼吸困難"}
    assert found["understood"]["words"] == [{"word": "呼吸困難", "denied": False}]
    assert as_json(ask(told.archive, "MR", SearchOptions(top_k=1)))["hits"][0]["why"]["words"] is None


def test_words_that_are_to_be_excluded_are_not_asked_for_and_said(told: Corpus) -> None:
    found = ask(told.archive, "呼吸困難を除く重度MR", ALL)
    assert any("words of reports cannot be excluded: 呼吸困難" in warning for warning in found.warnings)
    assert [hit.study for hit in found.hits] == [hit.study for hit in ask(told.archive, "重度MR", ALL).hits]
    assert not ask(told.archive, "呼吸困難を除く", ALL).hits


@pytest.mark.parametrize("query", ["今日の天気", "犬の散歩", "呼吸困難とラーメン", "人工弁を除くラーメン"])
def test_a_word_that_no_report_has_is_said_and_nothing_is_ranked(told: Corpus, query: str) -> None:
    found = ask(told.archive, query, ALL)
    assert (found.hits, found.strong) == ((), 0)
    assert any("no report has these words" in warning for warning in found.warnings)


def test_beside_a_finding_a_word_that_no_report_has_is_said(told: Corpus) -> None:
    found = ask(told.archive, "中等度以上のMRでふわふわ", ALL)
    assert found.hits
    assert any("no report has these words: ふわふわ" in said for said in found.warnings)


def test_words_with_conditions_on_people_and_on_videos(told: Corpus) -> None:
    about = {study.key: study for study in told.studies}
    women = ask(told.archive, "女性の呼吸困難", ALL)
    assert shown(women) == {key for key in studies_with(told, 0, 6) if about[key].sex == "F"}
    colour = {video.key: video.study.key for video in told.videos if video.mode == "color"}
    found = ask(told.archive, "呼吸困難", SearchOptions(top_k=200, where=parse_where("mode = color")))
    assert shown(found) == studies_with(told, 0, 6) & set(colour.values())
    assert all(colour[hit.video or ""] == hit.study for hit in found.hits)
    excluded = ask(told.archive, "MRを除く呼吸困難", ALL)
    assert shown(excluded) == studies_with(told, 6)


def test_a_role_without_phi_gets_no_words_and_is_told(told: Corpus) -> None:
    engine = told.archive.engine
    with engine.begin() as connection:
        connection.execute(text("create role es_words; grant usage on schema core to es_words"))
        connection.execute(text("grant select on all tables in schema core to es_words"))

    def as_role(connection: Connection) -> None:
        connection.exec_driver_sql("set local role es_words")

    event.listen(engine, "begin", as_role)
    try:
        found = ask(told.archive, "重度MRで呼吸困難", ALL)
        assert found.hits
        assert any("not searched: 呼吸困難: this role may not read" in warning for warning in found.warnings)
        assert not ask(told.archive, "呼吸困難", ALL).hits
    finally:
        event.remove(engine, "begin", as_role)
        with engine.begin() as connection:
            connection.execute(text("drop owned by es_words; drop role es_words"))


def test_counts_of_words_follow_the_reports(told: Corpus) -> None:
    counts = text("select word, reports from phi.word where reports > 0")
    plain = text(
        "select lexeme, count(*) from phi.report_words, unnest(words) group by lexeme"
        " union all select '', count(*) from phi.report_words"
    )

    def are_right(connection: Connection) -> None:
        assert dict(connection.execute(counts).all()) == dict(connection.execute(plain).all())

    study = sorted(studies_with(told, 0))[0]
    with told.archive.engine.begin() as connection:
        are_right(connection)
        connection.execute(text("update core.report set study_key = null where study_key = :key"), {"key": study})
        assert withdraw_facts(connection) == 1
        are_right(connection)
        connection.execute(text("delete from core.fact_reading where ctid = (select min(ctid) from core.fact_reading)"))
        are_right(connection)
        connection.rollback()


def test_reports_of_an_older_form_of_words_are_due(told: Corpus) -> None:
    with told.archive.engine.begin() as connection:
        assert not is_behind(connection, LEXICON.version)
        assert all(is_behind(connection, other) for other in ("0", "~"))  # before and after what is there
        assert due_reports(connection, LEXICON.version, None, 10) == []
        connection.execute(text("update core.fact_reading set word_form = 0"))  # as an archive of the release before
        assert is_behind(connection, LEXICON.version)
        assert len(due_reports(connection, LEXICON.version, None, 1000)) == len(texts(told))
        connection.rollback()


@pytest.mark.parametrize("query", ["a'b\\c", "O'Brien法", "\\", "':A | 'x", "呼吸" * 50, "ラ" * 3000])
def test_no_query_breaks_the_statement(told: Corpus, query: str) -> None:
    assert ask(told.archive, f"{query} MR", ALL).encoder


def test_terms_and_places_are_of_the_text_as_it_came() -> None:
    report = "①ＷＡＴＣＨＭＡＮ　留置後。動悸や息切れは認めない。ﾍﾟｰｽﾒｰｶｰ電池交換"
    words = report_words(report, LEXICON)

    def placed(query: str) -> list[str]:
        terms = query_terms(understand(query, LEXICON).rest, query, LEXICON).terms
        return [report[start:end] for term in terms for start, end in places_of(term, words)]

    assert placed("watchman") == ["ＷＡＴＣＨＭＡＮ"]
    assert placed("息切れなし") == ["息切れ"]
    assert placed("息切れ") == []
    assert placed("電池交換") == ["電池交換"]
    assert query_terms("", "MR", LEXICON).terms == ()


@pytest.mark.parametrize("text", ["高血圧の既往なし。", "高血圧の既往がない重度AS"])
def test_a_history_that_is_denied_is_denied(text: str) -> None:
    assert {word.form for word in report_words(text, LEXICON) if word.denied} == {"高", "血圧"}
    assert [str(term) for term in query_terms(understand(text).rest, text, LEXICON).terms] == ["高血圧 なし"]
    there = text.replace("なし", "あり").replace("がない", "がある")
    assert not any(word.denied for word in report_words(there, LEXICON))
