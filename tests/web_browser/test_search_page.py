"""The search page in a browser: an input method, chips, filters, keys, the wall of cines."""

from __future__ import annotations

import base64
import json

import pytest
from playwright.sync_api import Page, expect

from echosearch.web.language.words import words_in
from tests.web_browser.conftest import Open, Site, Watch, search

pytestmark = pytest.mark.browser

PLAYING = "[...document.querySelectorAll('.card video')].filter(video => !video.paused && video.currentTime > 0).length"
FOCUSED = "[...document.querySelectorAll('.card')].findIndex(card => card.contains(document.activeElement))"


def until(page: Page, script: str, least: int) -> int:
    """Ask until a number is reached, for a minute; a strict CSP stops wait_for_function."""
    number = 0
    for _ in range(300):
        number = page.evaluate(script)
        if number >= least:
            break
        page.wait_for_timeout(200)
    return number


def test_composing_asks_nothing_and_enter_searches(visit: Open, watch: Watch) -> None:
    page = visit()
    page.focus("#box")
    page.wait_for_load_state("networkidle")
    before = len(watch.requests)
    typist = page.context.new_cdp_session(page)
    for reading in ("ひ", "ひだ", "ひだりしつ", "左室"):
        typist.send("Input.imeSetComposition", {"text": reading, "selectionStart": 1, "selectionEnd": 1})
    # the Enter that takes a word is the input method's
    typist.send(
        "Input.dispatchKeyEvent",
        {"type": "rawKeyDown", "key": "Process", "code": "Enter", "windowsVirtualKeyCode": 229},
    )
    page.wait_for_timeout(500)
    assert watch.requests[before:] == []
    typist.send("Input.insertText", {"text": "左室拡大"})
    assert page.input_value("#box") == "左室拡大"
    assert watch.requests[before:] == []
    page.keyboard.press("Enter")
    page.wait_for_url("**/searches/*-*")
    assert "POST" in watch.requests[before]
    assert not any("左室" in one or "%E5%B7%A6" in one for one in watch.requests)
    expect(page.locator(".chips .chip").first).to_contain_text("左室拡大 あり")


def test_a_key_229_that_bubbles_is_ignored(visit: Open, watch: Watch) -> None:
    page = visit()
    page.fill("#box", "左室")
    before = len(watch.requests)
    page.evaluate(
        "document.getElementById('box').dispatchEvent("
        "new KeyboardEvent('keydown', {key: 'Enter', keyCode: 229, bubbles: true, cancelable: true}))"
    )
    page.evaluate("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '?', keyCode: 229, bubbles: true}))")
    page.wait_for_timeout(300)
    assert watch.requests[before:] == []
    assert page.locator("dialog[open]").count() == 0


def test_conditions_are_chips_that_can_be_taken_away_and_changed(visit: Open) -> None:
    page = visit()
    search(page, "軽度以上のMR、左室肥大なし、呼吸困難", where="age >= 20")
    chips = page.locator(".understood .chip")
    expect(chips).to_have_count(3)
    expect(chips.nth(2)).to_contain_text("「呼吸困難」")
    chips.nth(2).get_by_role("button", name="外す").click()
    page.wait_for_load_state()
    expect(chips).to_have_count(2)
    chips.nth(0).locator("summary").click()
    chips.nth(0).get_by_role("button", name="MR 中等度以上").click()
    page.wait_for_load_state()
    expect(chips.nth(0)).to_contain_text("MR 中等度以上")
    expect(page.locator(".chip.filter")).to_contain_text("age >= 20")
    page.locator(".chip.filter button").click()
    page.wait_for_load_state()
    expect(page.locator(".chip.filter")).to_have_count(0)
    expect(chips).to_have_count(2)


def test_filters_become_conditions(visit: Open) -> None:
    page = visit()
    page.fill("#box", "左房拡大")
    page.click(".filters summary")
    page.select_option("select[name=view]", "4CH")
    page.fill("input[name=age_from]", "30")
    page.click(".filters .primary")
    page.wait_for_url("**/searches/*-*")
    expect(page.locator(".chip.filter")).to_have_text(["view = 4CH×", "age >= 30×"])
    assert {
        one.strip()[:3] for one in page.locator(".card .line:nth-of-type(3) > :nth-child(2)").all_inner_texts()
    } <= {"4CH"}


def test_what_cannot_be_asked_is_said_beside_the_form(visit: Open, watch: Watch) -> None:
    page = visit()
    page.fill("#box", "左房拡大")
    page.eval_on_selector("#ask [name=where]", "field => { field.value = 'colour = red'; }")
    page.press("#box", "Enter")
    expect(page.locator("[role=alert]")).to_contain_text("条件が読めません")
    assert page.input_value("#box") == "左房拡大"
    assert "status of 422" in watch.complaints.pop()


def test_the_wall_moves_and_keys_go_over_it(visit: Open, watch: Watch) -> None:
    page = visit()
    search(page, "左房拡大", group="video")
    assert until(page, PLAYING, 4) >= 4
    in_sight = page.evaluate(
        "[...document.querySelectorAll('.card video')].map(video => [Boolean(video.src),"
        " video.getBoundingClientRect().top < innerHeight])"
    )
    assert [seen for asked, seen in in_sight if asked] == [True] * sum(asked for asked, _ in in_sight)
    assert page.evaluate(FOCUSED) == 0
    page.keyboard.press("ArrowRight")
    assert page.evaluate(FOCUSED) == 1
    page.keyboard.press("ArrowDown")
    row = page.evaluate(FOCUSED)
    assert row > 2
    page.keyboard.press("ArrowUp")
    assert page.evaluate(FOCUSED) == 1
    assert page.locator(".open:not([tabindex='-1'])").count() == 1  # one card is in the order of Tab
    page.keyboard.press(" ")
    assert page.evaluate("document.querySelectorAll('.card video')[1].paused")
    page.keyboard.press("p")
    assert page.evaluate(PLAYING) == 0
    expect(page.locator("#pause-all")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("p")
    assert until(page, PLAYING, 2) >= 2
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "box"


def test_pages_of_twelve(visit: Open) -> None:
    page = visit()
    search(page, "左房拡大", group="video")
    ranks = page.locator(".card .rank")
    expect(ranks).to_have_count(12)
    page.get_by_role("link", name="次の12件").click()
    page.wait_for_url("**after=*")
    assert ranks.first.inner_text() == "13"


def test_enter_opens_a_study_and_s_finds_similar_ones(visit: Open) -> None:
    page = visit()
    search(page, "左房拡大")
    page.keyboard.press("s")
    page.wait_for_selector("text=似た検査:")
    page.wait_for_load_state("load")  # the page's scripts hear keys from here on
    assert page.locator(".card .score").first.inner_text().startswith("類似")
    page.keyboard.press("Enter")
    page.wait_for_url("**/studies/*")


def test_letters_can_be_switched_off(visit: Open) -> None:
    page = visit(settings="ja.dark.off")
    page.locator("body").press("?")
    assert page.locator("dialog[open]").count() == 0


def test_reduced_motion_plays_nothing(visit: Open, watch: Watch) -> None:
    page = visit(reduced_motion="reduce")
    search(page, "左房拡大", group="video")
    page.wait_for_timeout(1500)
    assert page.evaluate(PLAYING) == 0
    assert not [one for one in watch.requests if one.endswith(".mp4")]
    assert [one for one in watch.requests if one.endswith("poster.jpg")]


def drop(page: Page, file: bytes) -> None:
    page.evaluate(
        """bytes => {
          const given = new DataTransfer();
          given.items.add(new File([Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0))], 'cine'));
          document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: given, bubbles: true, cancelable: true}));
        }""",
        base64.b64encode(file).decode(),
    )


def test_a_dropped_file_that_cannot_be_sent_or_read_says_so(visit: Open, watch: Watch) -> None:
    page = visit()
    page.route("**/searches/file", lambda route: route.abort())
    drop(page, b"no cine")
    expect(page.locator("main .problem")).to_have_text(words_in("ja").for_script["unsent"])
    page.unroute("**/searches/file")
    drop(page, b"no cine")
    expect(page.locator("main .problem")).to_contain_text(words_in("ja").for_script["refused"])
    assert page.locator("main .problem").count() == 1
    watch.complaints.clear()  # the two answers, as the browser logs them


def test_a_dropped_file_is_searched_by(visit: Open, site: Site) -> None:
    page = visit()
    file = next(path for path in sorted(site.archive.settings.home.parent.rglob("DICOM/**/*")) if path.is_file())
    drop(page, file.read_bytes())
    page.wait_for_url("**/searches/*-*")
    expect(page.locator(".understood")).to_contain_text("あなたのファイル")
    assert page.locator(".card").count() > 0


def test_nothing_that_was_typed_is_in_an_address_or_the_log(
    visit: Open, watch: Watch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "echosearch.access"):
        page = visit()
        search(page, "左房拡大", where="age >= 23")
        page.keyboard.press("Enter")
        page.wait_for_url("**/studies/*")
    assert "左房" not in json.dumps(watch.requests, ensure_ascii=False) + caplog.text
    assert "23" not in " ".join(
        one.rpartition("/")[0] for one in caplog.messages if "/searches" in one and "{" not in one
    )
