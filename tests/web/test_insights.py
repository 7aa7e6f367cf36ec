"""Interpretations and disagreements over HTTP and on their pages: rights, scope, the audit, verdicts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import text

from echosearch.db.access.audit import last_entries
from echosearch.insight.as_json import interpretation_json
from echosearch.insight.disagree import Disagreement, Disagreements, disagree
from echosearch.insight.interpret import interpret
from echosearch.outcome import MeasuredValue
from echosearch.search.changes.scale import Told
from echosearch.web.language.words import words_in
from tests.web.conftest import Served

NOTHING = Told((), ())


def last(served: Served) -> tuple[str, str, tuple[str, ...]]:
    with served.archive.engine.connect() as connection:
        (row,) = last_entries(connection, 1)
    return row.who, row.action, row.keys


def test_an_interpretation_is_that_of_the_command_line(served: Served) -> None:
    study = served.corpus.studies[1]
    answer = served.client("searcher").get(f"/api/v1/studies/{study.key}/interpretation")
    assert answer.status_code == 200
    shown = answer.json()
    assert shown == interpretation_json(interpret(served.archive, study.key))
    near = tuple(one["study"] for one in shown["neighbours"])
    assert near
    assert last(served) == ("searcher", "interpret", (study.key, *near))


def test_identifiers_in_an_interpretation_are_for_clinicians(served: Served) -> None:
    study = served.corpus.studies[1]
    place, given = f"/api/v1/studies/{study.key}/interpretation", {"identified": "true"}
    assert served.client("searcher").get(place, params=given).status_code == 403
    shown = served.client("clinician").get(place, params=given).json()
    assert shown["patient_id"] == study.patient_id
    assert last(served)[1] == "interpret identified"


def test_a_project_is_shown_its_own_studies_alone(served: Served) -> None:
    inside = next(one for one in served.corpus.studies if one.age is not None and one.age < 65)
    outside = {one.key for one in served.corpus.studies if one.age is None or one.age >= 65}
    project = served.client("project")
    for study in sorted(outside)[:2]:
        assert project.get(f"/api/v1/studies/{study}/interpretation").status_code == 404
    shown = project.get(f"/api/v1/studies/{inside.key}/interpretation")
    assert shown.status_code == 200
    assert not [study for study in outside if study in shown.text]
    assert project.get("/api/v1/disagreements").json()["type"] == "/problems/forbidden"
    body = {"study": min(outside), "answer": "accept"}
    assert project.post("/api/v1/disagreements/verdicts", json=body).status_code == 404


def test_the_panel_says_what_it_is(served: Served) -> None:
    study = served.corpus.studies[1].key
    browser = served.browser("searcher")
    page = browser.get(f"/studies/{study}").text
    assert f"/studies/{study}?interpret=true" in page
    assert 'id="interpretation"' not in page
    page = browser.get(f"/studies/{study}?interpret=true").text
    assert "診断ではありません" in page
    told = re.findall("較正できません [(](.*?)[)]: (.*?)</p>", page)  # too few reports here
    assert 1 <= len(told) < sum(len(names.split(", ")) for _, names in told)  # each reason once
    browser.cookies.set("echosearch-settings", "en.dark.on")
    page = browser.get(f"/studies/{study}?interpret=true").text
    assert "not a diagnosis" in page
    assert "reports on either side are needed" in page


@pytest.fixture
def listed(served: Served, monkeypatch: pytest.MonkeyPatch) -> Disagreements:
    """A list of two disagreements, as a greater archive would give."""
    import echosearch.web.serving as serving

    real = disagree(served.archive)
    made = [
        Disagreement(
            rank,
            study.key,
            study.patient,
            "2020-01",
            "Vivid",
            concept,
            label,
            5.0 - rank,
            "grade",
            Told((), ()),
            0.9,
            3.0,
        )
        for rank, (study, concept, label) in enumerate(
            [(served.corpus.studies[1], "mr", "MR"), (served.corpus.studies[4], "la_dilation", "左房拡大")], 1
        )
    ]
    found = replace(real, disagreements=tuple(made), compared=20, surprising=1)
    monkeypatch.setattr(serving, "disagree", lambda *_, **__: found)
    served.serving.disagreements._values.clear()
    return found


def test_a_verdict_is_recorded_as_the_command_line_does(served: Served, listed: Disagreements) -> None:
    one = listed.disagreements[0]
    client = served.client("searcher")
    shown = client.get("/api/v1/disagreements").json()
    assert [each["study"] for each in shown["disagreements"]] == [each.study for each in listed.disagreements]
    assert [each["answer"] for each in shown["disagreements"]] == [None, None]
    assert last(served) == ("searcher", "disagree", tuple(each.study for each in listed.disagreements))
    for answer in ("unsure", "accept"):
        body = {"study": one.study, "answer": answer, "finding": one.label, "reason": "見直した"}
        assert client.post("/api/v1/disagreements/verdicts", json=body).status_code == 201
    assert last(served) == ("searcher", "disagree verdict", (one.study,))
    shown = client.get("/api/v1/disagreements").json()
    assert [each["answer"] for each in shown["disagreements"]] == ["accept", None]
    assert served.client("clinician").get("/api/v1/disagreements").json()["disagreements"][0]["answer"] is None
    with served.archive.engine.connect() as connection:
        rows = connection.execute(
            text("select topic, reader, answer from core.review where topic like 'disagree%'")
        ).all()
    assert [tuple(row) for row in rows] == [("disagree/mr", "searcher", answer) for answer in ("unsure", "accept")]


def test_verdict_buttons_of_the_page(served: Served, listed: Disagreements) -> None:
    one = listed.disagreements[1]
    browser = served.browser("researcher")
    page = browser.get("/disagree").text
    assert '<option value="gradient.mean"' not in page  # it has no name of its own
    assert one.study in page
    assert "記載なし" in page
    assert 'aria-pressed="true"' not in page
    given = {"study": one.study, "concept": one.concept, "answer": "reject", "against": "videos"}
    refused = browser.post("/disagree", data=given, headers={"x-csrf-token": "x"})
    assert refused.status_code == 403
    sent = browser.post("/disagree", data={**given, "csrf": browser.headers["x-csrf-token"]})
    assert (sent.status_code, sent.headers["location"]) == (303, f"/disagree?finding=&against=videos#{one.study}")
    assert browser.get("/disagree").text.count('aria-pressed="true"') == 1


def test_what_cannot_be_compared_is_said(served: Served) -> None:
    client = served.client("searcher")
    assert client.get("/api/v1/disagreements", params={"finding": "xyz"}).status_code == 422
    assert client.get("/api/v1/disagreements", params={"finding": "mr", "against": "sr"}).status_code == 422
    page = served.browser("searcher").get("/disagree?finding=mr&against=sr")
    assert page.status_code == 422
    assert "構造化報告にあるのは計測値です" in page.text


def test_what_structured_reports_say_stands_on_their_side(
    served: Served, listed: Disagreements, monkeypatch: pytest.MonkeyPatch
) -> None:
    import echosearch.web.serving as serving

    told = Told((), (MeasuredValue("lvef", 62.5, "%"),))
    one = replace(listed.disagreements[0], concept="lvef", label="EF", told=told, probability=None, grade=None)
    monkeypatch.setattr(serving, "disagree", lambda *_, **__: replace(listed, disagreements=(one,), against="sr"))
    served.serving.disagreements._values.clear()
    page = served.browser().get("/disagree?against=sr").text
    report, measured, _ = re.findall("<dd[^>]*>(.*?)</dd>", page)
    assert (report, measured) == (words_in("ja").not_mentioned, "SR 62.5 %")


def test_where_nothing_was_compared_nothing_is_said_to_agree(
    served: Served, listed: Disagreements, monkeypatch: pytest.MonkeyPatch
) -> None:
    import echosearch.web.serving as serving

    for compared, said in ((0, False), (9, True)):
        found = replace(listed, disagreements=(), compared=compared)
        monkeypatch.setattr(serving, "disagree", lambda *_, found=found, **__: found)
        served.serving.disagreements._values.clear()
        assert (words_in("ja").no_disagreement in served.browser().get("/disagree").text) is said
