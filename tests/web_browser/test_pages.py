"""Every page in both themes and both languages: axe finds nothing, keys review, pictures for the documentation."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from echosearch.db.files.ledger import single_ingest
from tests.web_browser.conftest import PICTURES, Open, Site, Watch, search

pytestmark = pytest.mark.browser

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
SETTINGS = ("ja.dark.on", "en.dark.on", "ja.light.on", "en.light.on")


def violations(page: Page) -> list[str]:
    """What axe says against the page as it is: rule, and the first element."""
    page.evaluate(AXE)
    found: Any = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{page.url}: {one['id']}: {one['nodes'][0]['html'][:200]}" for one in found["violations"]]


def picture(page: Page, name: str) -> None:
    """Write a picture of docs/serve.md, where that is asked for."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"web-{name}.png", scale="css")


def cohort(page: Page, site: Site, name: str) -> None:
    """Define a cohort with the form, unless it is there."""
    page.goto(site.url + "/cohorts")
    if page.get_by_role("link", name=name, exact=True).count() == 0:
        page.fill("input[name=name]", name)
        page.fill("main input[name=text]", "左房拡大")
        page.click("main form .primary")
        page.wait_for_url(f"**/cohorts/{name}")


@pytest.mark.parametrize("settings", SETTINGS)
def test_axe_finds_nothing_on_any_page(settings: str, visit: Open, site: Site) -> None:
    found: list[str] = []

    def look(page: Page, path: str | None = None, name: str = "") -> None:
        if path is not None:
            page.goto(site.url + path)
        page.wait_for_load_state("networkidle")
        found.extend(violations(page))
        if settings == "ja.dark.on" and name:
            picture(page, name)

    page = visit("/sign-in", None, settings)
    look(page)
    page = visit("/", "clinician", settings)
    look(page, name="home")
    search(page, "左房拡大、呼吸困難")
    look(page)
    page.locator(".understood .chip summary").first.click()
    look(page)
    page.goto(site.url)
    search(page, "左房拡大", group="video")
    page.wait_for_timeout(3000)
    look(page, name="search")
    page.click(".filters summary")
    look(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    look(page)
    page.keyboard.press("Escape")
    videos = page.eval_on_selector_all(".card", "all => all.slice(0, 4).map(card => card.dataset.video)")
    study = page.eval_on_selector(".card .open", "card => new URL(card.href).pathname + new URL(card.href).search")
    page.goto(site.url + study)
    page.wait_for_selector("canvas[data-ready]")
    look(page)
    if page.locator("main input[name=reason]").count():
        page.fill("main input[name=reason]", "回診")
        page.click(".report form button")
        page.goto(site.url + study)
        page.wait_for_selector("canvas[data-ready]")
    assert page.locator(".report mark").count() > 0
    page.keyboard.press(",")
    look(page, name="study")
    patient = page.get_attribute("a[data-key=t]", "href")
    assert patient is not None
    look(page, "/compare?" + "&".join(f"v={video}" for video in videos), "compare")
    look(page, patient, "timeline")
    cohort(page, site, "la-dilation")
    look(page)
    look(page, "/cohorts/la-dilation", "cohort")
    page.goto(site.url + "/cohorts/la-dilation/review")
    page.wait_for_selector("canvas[data-ready]")
    look(page, name="review")
    look(page, "/status")
    look(page, "/quality")
    page.goto(site.url + study.partition("?")[0] + "?interpret=true")
    page.wait_for_selector("#interpretation")
    look(page, name="interpretation")
    page.goto(site.url + "/map")
    page.wait_for_selector("#map[data-ready]")
    choose_by_keys(page)
    look(page, name="map")
    look(page, "/disagree", "disagree")
    look(visit("/audit", "auditor", settings))
    look(visit("/accounts", "admin", settings))
    assert found == []


def choose_by_keys(page: Page) -> None:
    """Choose all points of the map by a rectangle from corner to corner."""
    page.focus("#map")
    for _ in range(150):
        page.keyboard.press("ArrowLeft")
    for _ in range(100):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    for _ in range(200):
        page.keyboard.press("ArrowRight")
    for _ in range(100):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")


def test_what_is_drawn_around_on_the_map_becomes_a_cohort(visit: Open, site: Site, watch: Watch) -> None:
    page = visit("/map", "researcher")
    page.wait_for_selector("#map[data-ready]")
    box = page.locator("#map").bounding_box()
    assert box is not None
    left, top = box["x"] + 10, box["y"] + 10  # the corners are round
    right, bottom = box["x"] + box["width"] - 10, box["y"] + box["height"] - 10
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top)):
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
    expect(page.locator("#chosen")).to_contain_text("件を囲みました")
    chosen = page.input_value("#lasso [name=studies]").split()
    assert len(chosen) > 3
    page.fill("#lasso [name=name]", "drawn")
    page.get_by_role("button", name="コホートにする", exact=True).click()
    page.wait_for_url("**/cohorts/drawn")
    expect(page.locator("main")).to_contain_text(f"選んだ {len(chosen)} 検査")
    # the same name again: it is refused, and what was chosen is kept
    page.goto(site.url + "/map")
    page.wait_for_selector("#map[data-ready]")
    choose_by_keys(page)
    assert sorted(page.input_value("#lasso [name=studies]").split()) == sorted(chosen)
    page.fill("#lasso [name=name]", "drawn")
    page.get_by_role("button", name="コホートにする", exact=True).click()
    expect(page.locator("main .problem")).to_contain_text("コホート drawn はすでにあります")
    assert ["422" in one for one in watch.complaints] == [True]
    watch.complaints.clear()
    page.wait_for_selector("#map[data-ready]")
    assert sorted(page.input_value("#lasso [name=studies]").split()) == sorted(chosen)
    page.fill("#lasso [name=name]", "drawn-again")
    page.get_by_role("button", name="コホートにして判読する").click()
    page.wait_for_url("**/cohorts/drawn-again/review")
    assert page.input_value("input[name=study]") in chosen


def test_a_searcher_opens_the_chosen_studies_and_makes_no_cohort(visit: Open) -> None:
    page = visit("/map")
    page.wait_for_selector("#map[data-ready]")
    choose_by_keys(page)
    assert page.locator("#lasso [name=name]").count() == 0
    page.keyboard.press("Escape")
    expect(page.locator("#lasso")).to_be_hidden()
    choose_by_keys(page)
    page.click("#show-chosen")
    page.wait_for_url("**/searches/*-*")
    assert page.locator(".card").count() > 3


def test_videos_are_read_by_a_key_and_a_verdict_is_kept(visit: Open, site: Site) -> None:
    page = visit("/", "researcher")
    search(page, "左房拡大")
    page.keyboard.press("Enter")
    page.wait_for_selector("canvas[data-ready]")
    page.keyboard.press("i")
    page.wait_for_url("**interpret=true#interpretation")
    expect(page.locator("#interpretation")).to_contain_text("診断ではありません")
    page.goto(site.url + "/disagree?against=sr")
    expect(page.locator("h1")).to_have_text("不一致")
    if page.locator(".disagreements li").count():
        page.locator(".disagreements button[value=accept]").first.click()
        expect(page.locator(".disagreements button[aria-pressed=true]")).to_have_text("報告が違う")


def test_chips_and_warnings_speak_the_language_of_the_page(visit: Open) -> None:
    page = visit("/", settings="en.dark.on")
    search(page, "中等度以上の僧帽弁逆流、左房拡大なし")
    assert page.locator(".understood .chip summary").all_inner_texts() == ["MR moderate or more", "LA dilation absent"]
    page.locator(".understood .chip summary").first.click()
    page.get_by_role("button", name="MR severe", exact=True).click()
    page.wait_for_load_state()
    expect(page.locator(".understood .chip summary").first).to_have_text("MR severe")


def test_a_review_goes_by_keys(visit: Open, site: Site) -> None:
    page = visit("/cohorts", "researcher")
    cohort(page, site, "reviewed")
    page.goto(site.url + "/cohorts/reviewed/review")
    first = page.input_value("input[name=study]")
    page.fill("input[name=reason]", "典型例")
    page.locator("h1").click()
    with page.expect_navigation():
        page.keyboard.press("a")
    answers = 1
    while page.locator("input[name=study]").count() and answers < 4:
        assert page.input_value("input[name=study]") != first
        with page.expect_navigation():
            page.keyboard.press("ru"[answers % 2])
        answers += 1
    page.goto(site.url + "/cohorts/reviewed")
    expect(page.locator("main")).to_contain_text(f"{answers}検査を判読")


def test_an_account_of_a_role_sees_its_pages_alone(visit: Open, watch: Watch) -> None:
    assert visit("/", "auditor").locator("nav[aria-label=ページ] a").all_inner_texts() == ["状態", "品質", "監査"]
    page = visit("/", "searcher")
    search(page, "左房拡大")
    page.keyboard.press("Enter")
    page.wait_for_selector("canvas[data-ready]")
    expect(page.locator(".report")).to_contain_text("報告の本文は臨床医だけが見られます")
    assert page.locator(".report mark").count() == 0
    page.goto(page.url.partition("/studies")[0] + "/audit")
    expect(page.locator("h1")).to_have_text("この役割では見られません。")
    assert ["403" in one for one in watch.complaints] == [True]
    watch.complaints.clear()


def test_language_and_theme_are_kept(visit: Open) -> None:
    page = visit("/status")
    page.click(".tools summary")
    page.select_option("select[name=language]", "en")
    page.select_option("select[name=theme]", "light")
    page.get_by_role("button", name="保存").click()
    page.wait_for_selector("h1:has-text('Status')")
    assert page.get_attribute("html", "lang") == "en"
    assert page.get_attribute("html", "data-theme") == "light"
    assert page.url.endswith("/status")


def test_the_status_page_asks_again_and_is_told_when_nothing_changed(visit: Open, site: Site) -> None:
    page = visit("/status")
    with page.expect_response("**/status/now") as first:
        pass
    with page.expect_response("**/status/now") as second:
        pass
    assert (first.value.status, second.value.status) == (200, 304)
    with single_ingest(site.archive.engine):
        expect(page.locator("#ingest")).to_have_text("取り込み中です。", timeout=20_000)
    expect(page.locator("#ingest")).to_have_text("取り込みは動いていません。", timeout=20_000)
