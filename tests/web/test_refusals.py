"""Refusals and acts as a page tells them: in its language, by names of things, with the menu."""

from __future__ import annotations

import re

import pytest

from echosearch.access.rights import IN_WORDS, Right
from echosearch.db.access.viewer import Role
from echosearch.web.language.warnings import in_japanese
from echosearch.web.language.words import words_in
from echosearch.web.problems import RULES
from tests.web.conftest import Served

PAGE = {"accept": "text/html"}


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("role", list(Role))
def test_a_right_that_a_role_lacks_has_a_name_in_both_languages(role: Role, right: Right) -> None:
    said = in_japanese(f"the role {role} may not {IN_WORDS[right]}")
    assert said is not None
    assert set(re.findall("[A-Za-z]{2,}", said)) <= {"PACS"}


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_of_a_field_is_told_in_japanese(kind: str) -> None:
    rule = RULES[kind].format(max_length=9, min_length=9, ge=9, le=9, expected="'a' or 'b'")
    said = in_japanese(f"body.name: {rule}")
    assert said is not None
    assert said.startswith("「名前」: ")


def test_a_field_that_is_wrong_is_named_with_its_rule(served: Served) -> None:
    browser = served.browser("researcher")
    shown = browser.get("/cohorts/x/changes?since=0", headers=PAGE)
    assert shown.status_code == 422
    assert "1以上にしてください" in shown.text
    assert "should" not in shown.text
    browser.post("/settings", data={"language": "en", "theme": "dark", "back": "/status"})
    assert "query.since: 1 or more" in browser.get("/cohorts/x/changes?since=0", headers=PAGE).text


@pytest.mark.parametrize(("place", "status"), [("/nothing", 404), ("/compare?v=1", 422), ("/audit", 403)])
def test_the_page_of_a_problem_has_the_menu_of_who_is_signed_in(served: Served, place: str, status: int) -> None:
    shown = served.browser("searcher").get(place, headers=PAGE)
    assert shown.status_code == status
    assert '<a href="/map"' in shown.text
    assert '<a href="/accounts"' not in shown.text
    served.browser("searcher").cookies.clear()
    alone = served.browser("searcher")
    alone.cookies.clear()
    assert '<a href="/map"' not in alone.get("/nothing", headers=PAGE).text


def test_acts_of_the_audit_are_named(served: Served) -> None:
    served.browser("searcher").get("/audit")
    for language, refused, seen in (
        ("ja", "権限がない要求", "監査を見る"),
        ("en", "asked without the right", "see the audit"),
    ):
        browser = served.browser("auditor")
        browser.post("/settings", data={"language": language, "theme": "dark", "back": "/status"})
        browser.get("/audit")
        cells = re.findall("<td>([^<]*)</td>", browser.get("/audit").text)
        assert refused in cells
        assert seen in cells
        assert "refused" not in cells


@pytest.mark.parametrize(
    ("action", "english"),
    [
        ("study identified", "see a study (identified)"),
        ("account add suzuki", "add an account suzuki"),
        ("export csv", "export csv"),
        ("searched", "searched"),
    ],
)
def test_what_stands_behind_the_name_of_an_act_stays(action: str, english: str) -> None:
    assert words_in("en").audited(action) == english
