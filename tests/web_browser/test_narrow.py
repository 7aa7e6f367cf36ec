"""Pages in narrow windows, and what moves by itself: nothing is cut off, jumps, or hides behind the bar."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web_browser.conftest import Open, Site, Watch, search
from tests.web_browser.test_pages import cohort

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}
TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def opened_study(page: Page) -> str:
    """Open the first hit's study, and return its address."""
    search(page, "左房拡大")
    place = page.get_attribute(".card .open", "href")
    assert place is not None
    page.goto(page.url.partition("/searches")[0] + place)
    page.wait_for_selector("canvas[data-ready]")
    return place


def top(page: Page, selector: str) -> float:
    """Where an element begins in the window, in CSS pixels from above."""
    box = page.locator(selector).bounding_box()
    assert box is not None
    return box["y"]


def test_no_page_is_wider_than_a_phone_and_none_jumps(visit: Open, site: Site) -> None:
    page = visit("/", "clinician", viewport=PHONE)
    search(page, "左房拡大")
    page.wait_for_load_state("networkidle")
    assert page.evaluate("scrollY") == 0  # the first card has the focus
    study = opened_study(page)
    assert page.evaluate("scrollY") == 0  # the list of cines is below the player
    assert top(page, "#player") < top(page, ".films") < top(page, ".report")
    patient = page.get_attribute("a[data-key=t]", "href")
    cohort(page, site, "narrow")
    wide = []
    places = ["/", study, patient, "/cohorts", "/cohorts/narrow", "/cohorts/narrow/review", "/map", "/disagree"]
    for place in [*places, "/disagree?against=sr", "/status", "/quality"]:
        page.goto(f"{site.url}{place}")
        if page.evaluate(TOO_WIDE) > 0:
            wide.append(place)
    assert wide == []


def test_a_cine_of_an_interpretation_opens_beside_it(visit: Open, site: Site) -> None:
    page = visit("/")
    study = opened_study(page).partition("?")[0]
    video = site.videos(study.rpartition("/")[2])[-1]

    def with_a_link(text: str) -> str:
        """As an archive that calibrates has it, which takes more studies than this one holds."""
        assert 'id="interpretation"' in text
        link = f'<a href="?video={video}&amp;interpret=true" data-video="{video}" id="shown">cine</a>'
        return text.replace('</h2>\n  <p class="note"><strong>', f'{link}</h2>\n  <p class="note"><strong>')

    page.route(
        "**/*interpret=true",
        lambda route: route.fulfill(response=(given := route.fetch()), body=with_a_link(given.text())),
    )
    page.goto(f"{site.url}{study}?interpret=true#interpretation")
    page.wait_for_selector("canvas[data-ready]")
    bar = page.locator(".top").bounding_box()
    assert bar is not None
    assert top(page, "#interpretation-title") >= bar["y"] + bar["height"]
    page.click("#shown")
    expect(page.locator(f".films [data-video='{video}']")).to_have_attribute("aria-current", "true")
    expect(page.locator("#interpretation")).to_be_visible()
    expect(page.locator(f".films [data-video='{video}']")).to_be_focused()


def test_enter_in_a_reason_gives_no_verdict(visit: Open, site: Site, watch: Watch) -> None:
    page = visit("/", "researcher")
    cohort(page, site, "entered")
    for place in ("/cohorts/entered/review", "/disagree?against=sr"):
        page.goto(site.url + place)
        page.locator("main input[name=reason]").first.fill("典型例")
        sent = len(watch.requests)
        page.locator("main input[name=reason]").first.press("Enter")
        page.wait_for_timeout(300)
        assert [one for one in watch.requests[sent:] if one.startswith("POST")] == []


def test_the_map_says_what_refuses_it(visit: Open, watch: Watch) -> None:
    body = '{"type": "/problems/empty-archive", "title": "The archive is empty", "status": 409, "detail": ""}'
    page = visit("/status")
    page.route(
        "**/map/points", lambda route: route.fulfill(status=409, body=body, content_type="application/problem+json")
    )
    page.goto(page.url.replace("/status", "/map"))
    expect(page.locator("#chosen")).to_contain_text("アーカイブが空です")
    assert page.locator("#map[data-ready]").count() == 0
    assert ["409" in one for one in watch.complaints] == [True]
    watch.complaints.clear()


def test_where_the_session_has_ended_a_script_leads_to_the_sign_in_and_back(
    visit: Open, site: Site, watch: Watch
) -> None:
    page = visit("/status")
    page.route("**/map/points", lambda route: route.fulfill(status=401, json={"type": "/problems/sign-in"}))
    page.goto(site.url + "/map")
    page.wait_for_url("**/sign-in?back=%2Fmap")
    assert page.input_value("main input[name=back]") == "/map"
    assert ["401" in one for one in watch.complaints] == [True]
    watch.complaints.clear()
