"""The pages without a browser: chips that ask the same again, conditions, marked reports, the map."""

from __future__ import annotations

import re

import numpy as np
import pytest

from echosearch.filters import And, flatten_and
from echosearch.insight.vector_map import principal
from echosearch.outcome import Reason
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.search.filter_parser import parse_where
from echosearch.search.question import read_question
from echosearch.web.language.words import words_in
from echosearch.web.pages.chips import add_condition, chips_of, conditions, recomposed, without_condition
from echosearch.web.pages.study import segments
from tests.web.conftest import Served

QUERIES = (
    "65歳以上の女性で中等度以上のMR、左室拡大なし、EF 40%未満",
    "重度僧帽弁逆流、呼吸困難",
    "人工弁を除く高度AS",
    "EFが1年以内に10以上低下",
    "MRまたはTRが中等度以上",
    "EF 40〜50%",
    "2020年以降の男性、心嚢液貯留",
    "左室肥大疑い",
    "severe MR, no LV dilation, EF less than 40",
)


@pytest.mark.parametrize("query", QUERIES)
def test_chips_joined_ask_what_the_query_asked(query: str) -> None:
    lexicon = load_lexicon()
    chips, whole = chips_of(query, lexicon)
    assert whole
    asked, again = (read_question(text, lexicon) for text in (query, recomposed(chips, 99, "")))
    assert (asked.required, asked.excluded, asked.where) == (again.required, again.excluded, again.where)
    assert set(asked.asks_words.terms) == set(again.asks_words.terms)


@pytest.mark.parametrize("query", QUERIES)
def test_a_chip_that_is_taken_away_leaves_the_others(query: str) -> None:
    lexicon = load_lexicon()
    chips, _ = chips_of(query, lexicon)
    for place in range(len(chips)):
        rest = recomposed(chips, place, "")
        left = chips_of(rest, lexicon)[0] if rest else ()
        assert {chip.words for chip in left} == {chip.words for chip in chips} - {chips[place].words}


def test_what_a_chip_can_be_changed_to_is_understood() -> None:
    lexicon = load_lexicon()
    chips, _ = chips_of("中等度以上のMR、EF 40%未満", lexicon)
    others = dict(chips[0].others)
    assert others["MR 高度"] == "MR 高度"
    assert "MR なし" in others
    assert chips[1].others == ()
    for words in others:
        assert chips_of(recomposed(chips, 0, words), lexicon)[0][0].words == words


def test_a_query_whose_chips_would_mean_another_thing_is_changed_as_a_whole() -> None:
    assert not chips_of("新規のペースメーカー", load_lexicon())[1]


@pytest.mark.parametrize(
    "where",
    [
        "age >= 65",
        "view = 4CH and age >= 65 and sex = F",
        "not (mode in (color, dual) or device = 'Vivid and E95') and date != 2021",
        "(age < 30 or age > 80) and sex = M",
        "age < 30 or age > 80",
        "ｖｉｅｗ＝四腔像　and　age≧６５",
    ],
)
def test_conditions_joined_are_the_condition(where: str) -> None:
    tree = parse_where(where)
    parts = conditions(where)
    assert [parse_where(part) for part in parts] == ([*flatten_and(tree)] if isinstance(tree, And) else [tree])
    assert parse_where(add_condition(where, [])) == tree
    more = parse_where(add_condition(where, ["sex = O"]))
    assert isinstance(more, And)
    assert [*flatten_and(more)][:-1] == [parse_where(part) for part in parts]
    for place in range(len(parts)):
        assert conditions(without_condition(where, place)) == [
            f"({part})" if " or " in part and not part.startswith(("(", "not")) and len(parts) > 2 else part
            for number, part in enumerate(parts)
            if number != place
        ]


def test_a_report_is_marked_where_facts_are_stated() -> None:
    lexicon, text = load_lexicon(), "左室拡大なし。EF 35%。重度の僧帽弁逆流を認める。"
    facts = read_facts(text, lexicon)
    pieces = segments(text, facts, lexicon, "ja")
    assert "".join(piece for piece, _, _ in pieces) == text
    marked = {kind: words for _, kind, words in pieces if kind}
    assert marked["absent"] == "左室拡大 なし"
    assert [words for _, kind, words in pieces if kind == "present"] == ["EF 35 %", "MR 高度"]


def test_the_map_is_the_first_two_principal_components() -> None:
    vectors = np.random.default_rng(5).normal(size=(60, 16)).astype(np.float32) * np.linspace(3, 0.1, 16)
    places, shares = principal(vectors.astype(np.float32))
    centred = vectors - vectors.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :2] * values[:2]
    assert np.abs(places) == pytest.approx(np.abs(expected), abs=1e-3)
    assert shares == pytest.approx(values[:2] ** 2 / (values**2).sum(), abs=1e-4)


def test_both_languages_have_the_same_words() -> None:
    ja, en = (vars(words_in(language)) for language in ("ja", "en"))
    assert ja.keys() == en.keys()
    assert {name: one.keys() for name, one in ja.items() if isinstance(one, dict)} == {
        name: one.keys() for name, one in en.items() if isinstance(one, dict)
    }


@pytest.mark.parametrize("reason", list(Reason))
def test_each_reason_has_a_meaning_in_both_languages(reason: Reason) -> None:
    ja, en = (words_in(language).reason_meaning(reason) for language in ("ja", "en"))
    assert en.isascii()
    assert en
    assert any("ぁ" <= letter <= "ヺ" for letter in ja)


def post(served: Served, who: str, path: str, **fields: str) -> str:
    """Send a form as a browser does, and return where it leads."""
    browser = served.browser(who)
    sent = browser.post(path, data=fields | {"csrf": browser.headers["x-csrf-token"]})
    assert sent.status_code == 303, sent.text
    return sent.headers["location"]


def test_a_map_shows_whom_one_may_see_and_its_choice_is_a_search(served: Served) -> None:
    points = served.client("searcher").get("/map/points").json()
    assert len(points["studies"]) == len(points["x"]) == len(points["mr"]) > 10
    few = served.client("project").get("/map/points").json()["studies"]
    assert set(few) < set(points["studies"])
    outside = sorted(set(points["studies"]) - set(few))[:3]
    place = post(served, "searcher", "/map/chosen", studies=" ".join(outside))
    shown = served.browser("searcher").get(place).text
    assert all(f"/studies/{study}" in shown for study in outside)
    place = post(served, "project", "/map/chosen", studies=" ".join([*outside, few[0]]))
    assert re.findall(r'data-study="([^"]+)"', served.browser("project").get(place).text) == [few[0]]


def test_chosen_studies_become_a_cohort_of_those_that_one_may_see(served: Served) -> None:
    everything = served.client("researcher").get("/map/points").json()["studies"]
    few = served.client("project").get("/map/points").json()["studies"]
    outside = sorted(set(everything) - set(few))[:3]
    assert (
        post(served, "project", "/map/cohort", studies=" ".join([*outside, few[0]]), name="drawn") == "/cohorts/drawn"
    )
    members = served.client("researcher").get("/api/v1/cohorts/drawn/members").json()["members"]
    assert [one["study"] for one in members] == [few[0]]
    place = post(served, "researcher", "/map/cohort", studies=" ".join(outside), name="all", then="review")
    assert place == "/cohorts/all/review"
    assert any(f'value="{study}"' in served.browser("researcher").get(place).text for study in outside)
    # what a project's account is told of it names none of them
    told = served.client("project").get("/api/v1/cohorts").text
    assert '"all"' in told
    assert not [study for study in outside if study in told]
    assert served.client("project").get("/api/v1/cohorts/all/members").json()["members"] == []
    refused = served.client("project").post("/api/v1/cohorts", json={"name": "more", "studies": outside})
    assert refused.json()["type"] == "/problems/unknown-study"


def test_a_cohort_without_members_says_so_and_one_in_doubt_why(served: Served) -> None:
    given = {"name": "nobody", "text": "PEあり", "where": "date > 2090"}
    assert post(served, "researcher", "/cohorts", **given) == "/cohorts/nobody"
    browser = served.browser("researcher")
    assert "PE は" in browser.get("/cohorts/nobody").text
    assert post(served, "researcher", "/cohorts/nobody/freeze") == "/cohorts/nobody@1"
    assert "PE は" in browser.get("/cohorts/nobody@1").text
    (note,) = served.client("researcher").get("/api/v1/cohorts/nobody@1/steps").json()["notes"]
    assert "PE is read as" in note
    assert words_in("ja").no_members in browser.get("/cohorts/nobody/review").text


def refused(served: Served, who: str, path: str, **fields: str) -> str:
    """Send a form that is refused, and return the page."""
    browser = served.browser(who)
    sent = browser.post(path, data=fields | {"csrf": browser.headers["x-csrf-token"]}, headers={"accept": "text/html"})
    assert sent.status_code == 422, sent.text
    return sent.text


def test_a_refused_search_keeps_its_conditions(served: Served) -> None:
    fields = {"text": "MRありMRなし", "where": "age >= 30", "view": "4CH", "sex": "F", "age_to": "80", "since": "2019"}
    page = refused(served, "searcher", "/searches", **fields, group="patient", sort="date", device="")
    assert 'name="where" value="age &gt;= 30"' in page
    for chosen in ("<option selected>4CH", '"F" selected', '"patient" selected', '"date" selected'):
        assert chosen in page
    for name in ("age_to", "since"):
        assert f'name="{name}" value="{fields[name]}"' in page
    for condition in ("view = 4CH", "sex = F", "age &lt;= 80", "date &gt;= 2019"):
        assert f'<span class="chip filter">{condition}</span>' in page


def test_the_cine_of_a_hit_alone_is_deciding(served: Served) -> None:
    browser = served.browser("searcher")
    answer = browser.post("/searches", data={"text": "重度MR", "csrf": browser.headers["x-csrf-token"]})
    link = re.search(r'class="open" href="(/studies/[^"]+)"', browser.get(answer.headers["location"]).text)
    assert link is not None
    hit = link[1].replace("&amp;", "&")
    word = f'<b class="deciding">{words_in("ja").deciding}</b>'
    assert browser.get(hit).text.count(word) == 1
    assert word not in browser.get(hit.partition("&")[0]).text  # from a comparison, or the list of its cines
    study = hit.partition("?")[0]
    assert word not in browser.get(f"{study}?video=00000000-0000-0000-0000-000000000000&deciding=true").text


@pytest.mark.parametrize(("text", "words"), [("MR 4CH", False), ("MR 呼吸困難", True)])
def test_what_no_rule_covers_is_said_to_be_searched_only_where_it_was(served: Served, text: str, words: bool) -> None:
    browser, t = served.browser("searcher"), words_in("ja")
    answer = browser.post("/searches", data={"text": text, "csrf": browser.headers["x-csrf-token"]})
    page = browser.get(answer.headers["location"]).text
    assert (t.no_rule_but_words in page, f"{t.no_rule} <q" in page) == (words, not words)


def test_words_of_reports_are_told_from_what_a_rule_understood(served: Served) -> None:
    browser = served.browser("searcher")
    answer = browser.post(
        "/searches", data={"text": "新規の下壁asynergy、呼吸困難", "csrf": browser.headers["x-csrf-token"]}
    )
    page = browser.get(answer.headers["location"]).text
    assert '<span lang="ja">「呼吸困難」</span>' in page  # of chips that cannot be changed alone


def test_an_empty_box_is_refused_beside_the_form(served: Served) -> None:
    page = refused(served, "searcher", "/searches", text="", view="4CH")
    assert 'id="box"' in page
    assert "<option selected>4CH" in page


def test_a_refused_cohort_keeps_what_was_entered(served: Served) -> None:
    page = refused(
        served, "researcher", "/cohorts", name="kept", text="MR、あいうえ", where="age > 40", per_patient="last"
    )
    assert '"last" selected' in page
    assert 'value="age &gt; 40"' in page


def test_a_refused_name_keeps_what_was_chosen(served: Served) -> None:
    study = served.client("researcher").get("/map/points").json()["studies"][0]
    browser = served.browser("researcher")
    given = {"studies": study, "name": "../x", "csrf": browser.headers["x-csrf-token"]}
    answer = browser.post("/map/cohort", data=given)
    assert (answer.status_code, f'name="studies" value="{study}"' in answer.text) == (422, True)
    assert browser.post("/map/cohort", data={**given, "csrf": "x"}).status_code == 422  # the header counts
    stranger = served.browser("researcher")
    del stranger.headers["x-csrf-token"]
    assert stranger.post("/map/cohort", data={**given, "name": "x", "csrf": "x"}).status_code == 403


def test_counts_are_of_a_moment_ago_and_read_nothing_when_a_page_is_asked(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    import echosearch.web.serving as serving

    browser = served.browser("auditor")
    assert "時点" in browser.get("/quality").text
    assert served.client("auditor").get("/api/v1/status").json()["files"]["found"] >= 0

    def unexpected(*_: object) -> None:
        raise AssertionError("counted again within a minute")

    monkeypatch.setattr(serving, "count_quality", unexpected)
    assert "時点" in browser.get("/quality").text


def test_who_sees_a_project_is_told_no_count_of_the_archive_and_not_that_it_is_empty(served: Served) -> None:
    served.client("searcher").get("/status")  # counted by now
    everything, part = (served.client(who).get("/status/now").json() for who in ("searcher", "project"))
    assert everything["studies"] > 0
    assert (part["studies"], part["found"]) == (None, None)
    page = served.browser("project").get("/status").text
    assert '<b data-show="studies">-</b>' in page
    assert words_in("ja").not_of_a_project in page
    assert words_in("ja").not_of_a_project not in served.browser("searcher").get("/status").text


def test_a_study_of_another_project_is_not_found_on_any_page(served: Served) -> None:
    seen = served.client("project").get("/map/points").json()["studies"]
    study = next(one.key for one in served.corpus.studies if one.age is not None and one.age >= 65)
    assert study not in seen
    browser = served.browser("project")
    assert browser.get(f"/studies/{study}").status_code == 404
    sent = browser.post("/similar", data={"study": study, "csrf": browser.headers["x-csrf-token"]})
    assert sent.status_code == 404


def test_settings_go_back_to_a_page_of_this_server_alone(served: Served) -> None:
    browser = served.browser("searcher")
    for back in ("/?q=<script>", "/status?a=b#c", "//evil.example", "/\\evil.example", "https://evil.example", "evil"):
        assert browser.post("/settings", data={"language": "en", "theme": "dark", "back": back}).status_code == 422
    sent = browser.post("/settings", data={"language": "en", "theme": "light", "back": "/status"})
    assert (sent.status_code, sent.headers["location"]) == (303, "/status")
    assert 'lang="en" data-theme="light" data-letters="off"' in browser.get("/status").text


def test_settings_go_back_to_what_a_page_showed(served: Served) -> None:
    browser = served.browser("searcher")
    shown = browser.get("/status?page=2&video=a-b").text
    assert 'name="back" value="/status?page=2&amp;video=a-b"' in shown
    data = {"language": "en", "theme": "dark", "back": "/status?page=2&video=a-b"}
    assert browser.post("/settings", data=data).headers["location"] == "/status?page=2&video=a-b"


def test_an_error_is_a_page_for_a_browser_and_a_document_for_a_program(served: Served) -> None:
    missing = "/studies/00000000-0000-0000-0000-000000000000"
    as_page = served.client("searcher").get(missing, headers={"accept": "text/html"})
    assert (as_page.status_code, as_page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "その検査はありません" in as_page.text
    assert served.client("searcher").get(missing).json()["type"] == "/problems/unknown-study"


def test_a_form_of_a_session_that_has_ended_leads_to_the_sign_in(served: Served) -> None:
    browser = served.browser("searcher")
    browser.post("/sign-out")  # in another tab
    browser.cookies.clear()
    for path in ("/searches", "/sign-out"):
        answer = browser.post(path, data={"text": "MR"}, headers={"accept": "text/html"})
        assert answer.status_code == 401
        assert words_in("ja").problems["sign-in"] in answer.text
        assert 'href="/sign-in"' in answer.text


def test_what_nobody_expected_is_a_number_that_the_log_has(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import echosearch.web.pages.study as study_page

    def broken(*_: object) -> None:
        raise RuntimeError("鈴木花子 in a message")

    monkeypatch.setattr(study_page, "visits_shown", broken)
    place = f"/studies/{served.corpus.studies[1].key}"
    shown = served.browser("searcher").get(place, headers={"accept": "text/html"})
    assert (shown.status_code, shown.headers["content-type"]) == (500, "text/html; charset=utf-8")
    assert shown.headers["content-security-policy"]
    number = re.search(r"<code>([0-9a-f]{12})</code>", shown.text)
    assert number is not None
    document = served.client("searcher").get(place)
    assert document.json()["type"] == "/problems/failed"
    incidents = [record.getMessage() for record in caplog.records if record.name == "echosearch.incident"]
    assert number[1] in incidents[0]
    assert document.json()["detail"].removeprefix("incident ") in incidents[1]
    assert "RuntimeError" in incidents[0]
    assert "study.py" in incidents[0]
    assert "鈴木花子" not in shown.text + document.text + "".join(incidents)
    assert "Traceback" not in shown.text


def test_the_way_into_the_pacs_is_shown_where_there_is_one(served: Served) -> None:
    study = served.corpus.studies[1].key
    assert "/viewer" not in served.browser("clinician").get(f"/studies/{study}").text
    before = served.archive.settings
    served.archive.settings = before.model_copy(update={"viewer_url": "https://pacs/v?uid={study_uid}"})
    try:
        assert f"/api/v1/studies/{study}/viewer" in served.browser("clinician").get(f"/studies/{study}").text
        assert "/viewer" not in served.browser("searcher").get(f"/studies/{study}").text
    finally:
        served.archive.settings = before


def test_the_pictures_of_a_page_add_nothing_to_the_audit(served: Served) -> None:
    from echosearch.db.access.audit import last_entries

    study = served.client("searcher").get("/map/points").json()["studies"][0]
    token = served.client("clinician")

    def count() -> int:
        with served.archive.engine.connect() as connection:
            return last_entries(connection, 1)[0].seq

    video = token.get(f"/api/v1/studies/{study}/videos").json()["videos"][0]["video"]
    before = count()
    token.get(f"/api/v1/videos/{video}/poster.jpg")
    assert count() == before  # the list of its videos has been written down
    other = served.browser("researcher")  # a session that has seen no page
    other.get(f"/api/v1/videos/{video}/poster.jpg")
    assert count() == before + 1
