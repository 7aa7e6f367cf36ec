"""The studies of a cohort on its page, and what changed between two states of it."""

from __future__ import annotations

import re

import pytest

from echosearch.db.access.audit import last_entries
from echosearch.db.access.viewer import Role
from echosearch.report.facts import Fact, load_lexicon
from echosearch.web.language.english import fact_in_english
from echosearch.web.language.words import words_in
from echosearch.web.pages import members
from tests.web.conftest import Client, Served
from tests.web.test_pages import post

LINK = re.compile(r'<th scope="row"><a href="/studies/([0-9a-f-]{36})">')


def defined(served: Served, name: str, text: str = "MR", **given: str) -> str:
    assert post(served, "researcher", "/cohorts", name=name, text=text, **given) == f"/cohorts/{name}"
    return name


def pages_of(browser: Client, place: str) -> list[list[str]]:
    """The keys of each page, by the link to the next."""
    found = []
    while True:
        shown = browser.get(place).text
        found.append(LINK.findall(shown.partition('id="members"')[2].partition("</section>")[0]))
        following = re.search(r'rel="next" href="(/cohorts/[^"#]+)', shown)
        if following is None:
            return found
        place = following[1]


@pytest.mark.parametrize("size", [1, 3, 20])
def test_pages_list_each_member_once(served: Served, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(members, "MEMBERS", size)
    name = defined(served, f"paged{size}")
    expected = [
        one["study"] for one in served.client("researcher").get(f"/api/v1/cohorts/{name}/members").json()["members"]
    ]
    assert len(expected) > 3
    found = pages_of(served.browser("researcher"), f"/cohorts/{name}")
    assert [key for one in found for key in one] == expected
    assert all(len(one) == size for one in found[:-1])


def test_a_project_is_shown_its_own_members_alone(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBERS", 2)
    name = defined(served, "scoped")
    post(served, "researcher", f"/cohorts/{name}/freeze")
    own = {*served.client("project").get("/map/points").json()["studies"]}
    for place in (f"/cohorts/{name}", f"/cohorts/{name}@1"):
        shown = {key for one in pages_of(served.browser("project"), place) for key in one}
        everything = {key for one in pages_of(served.browser("researcher"), place) for key in one}
        assert shown == everything & own
        assert everything - own


def test_the_sentence_of_a_report_is_for_clinicians_with_a_reason(served: Served) -> None:
    name = defined(served, "evidence")
    for role, told in (("clinician", True), ("researcher", False)):
        page = served.browser(role).get(f"/cohorts/{name}").text
        assert ('<q class="evidence"' in page) == told
        assert '<ul class="told"' in page
        with served.archive.engine.connect() as connection:
            rows = last_entries(connection, 2)
        listed = next(one for one in rows if one.action.startswith("cohort members"))
        assert listed.action == ("cohort members identified" if told else "cohort members")
        assert sorted(listed.keys) == sorted(LINK.findall(page))


def test_a_sentence_is_cut_as_it_stands() -> None:
    text = "左室拡大なし。 重度MRを認める。\n追記"
    assert members._sentence_at(text, text.index("MR"), text.index("MR") + 2) == "重度MRを認める。"
    assert members._sentence_at(text, 0, 4) == "左室拡大なし。"
    assert members._sentence_at(text, len(text) - 2, len(text)) == "追記"


def test_a_reader_is_shown_their_own_verdict_alone(served: Served) -> None:
    name = defined(served, "judged")
    study = pages_of(served.browser("researcher"), f"/cohorts/{name}")[0][0]
    post(served, "researcher", f"/cohorts/{name}/review", study=study, answer="reject")
    cell = f"<td>{words_in('ja').reject}</td></tr>"
    assert served.browser("researcher").get(f"/cohorts/{name}").text.count(cell) == 1
    assert (
        cell
        not in served.browser("clinician")
        .get(f"/cohorts/{name}")
        .text.partition('id="members"')[2]
        .partition("</section>")[0]
    )


def test_what_changed_since_a_snapshot_is_named_with_its_cause(served: Served) -> None:
    name = defined(served, "moving")
    post(served, "researcher", f"/cohorts/{name}/freeze")
    browser = served.browser("researcher")
    place = f"/cohorts/{name}/changes"
    assert f'action="{place}"' in browser.get(f"/cohorts/{name}").text
    t = words_in("ja")
    assert t.nothing_changed in browser.get(f"{place}?since=1").text
    before = {key for one in pages_of(browser, f"/cohorts/{name}") for key in one}
    narrower = {"name": name, "text": "MR", "where": "age < 65", "replace": True}
    assert served.client("researcher").post("/api/v1/cohorts", json=narrower).status_code == 201
    now = {key for one in pages_of(browser, f"/cohorts/{name}") for key in one}
    assert now < before
    shown = browser.get(f"{place}?since=1").text
    assert {*LINK.findall(shown)} == before - now
    assert t.cohort_changes["left"] in shown
    assert t.causes["definition"] in shown
    with served.archive.engine.connect() as connection:
        (row,) = last_entries(connection, 1)
    assert (row.action, sorted(row.keys)) == ("cohort diff", sorted(before - now))
    assert browser.get(f"{place}?since=7").status_code == 404
    assert browser.get("/cohorts/none/changes?since=1").status_code == 404
    post(served, "researcher", f"/cohorts/{name}/freeze")
    assert {*LINK.findall(browser.get(f"/cohorts/{name}@2/changes?since=1").text)} == before - now


def test_changes_are_for_who_may_count_cohorts_in_the_whole_archive(served: Served) -> None:
    name = defined(served, "guarded")
    post(served, "researcher", f"/cohorts/{name}/freeze")
    place = f"/cohorts/{name}/changes?since=1"
    for role in Role:
        allowed = role in (Role.CLINICIAN, Role.RESEARCHER)
        assert served.browser(role).get(place).status_code == (200 if allowed else 403), role
    assert served.browser("project").get(place).status_code == 403
    assert "/changes" not in served.browser("project").get(f"/cohorts/{name}").text


def test_a_fact_is_told_in_the_language_of_the_page(served: Served) -> None:
    name = defined(served, "spoken")
    browser = served.browser("researcher")
    browser.post("/settings", data={"language": "en", "theme": "dark", "back": "/status"})
    listed = browser.get(f"/cohorts/{name}").text.partition('id="members"')[2].partition("</section>")[0]
    assert re.search(r'<li class="present">MR[^<]*</li>', listed)
    assert listed.isascii()


@pytest.mark.parametrize(
    ("fact", "english"),
    [
        (("mr", "present", (4, 4), None, None, None, ()), "MR severe"),
        (("mr", "uncertain", (3, 4), None, None, None, ()), "MR moderate or more suspected"),
        (("lv_dilation", "absent", None, None, None, None, ()), "LV dilation absent"),
        (("lvef", "present", None, 35.0, 40.0, "%", ()), "EF 35-40 %"),
        (("mr", "historical", None, None, None, None, ()), "MR in the past"),
    ],
)
def test_a_fact_in_english(
    fact: tuple[str, str, tuple[int, int] | None, float | None, float | None, str | None, tuple[str, ...]], english: str
) -> None:
    concept, polarity, severity, value, high, unit, walls = fact
    made = Fact(concept, polarity, severity, value, high, unit, 0, 1, "", False, walls)  # type: ignore[arg-type]
    assert fact_in_english(made, load_lexicon()) == english
