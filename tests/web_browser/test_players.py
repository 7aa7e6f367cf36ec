"""Cines at the right frame, on the pages of a study and of a comparison: a barcode in every frame says which."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.preview.barcode import BITS, BLOCK
from tests.web_browser.conftest import BARCODES, Open, Site, search

pytestmark = pytest.mark.browser

READ = f"""selector => [...document.querySelectorAll(selector)].map(canvas => {{
  const pixels = canvas.getContext('2d');
  let number = 0;
  for (let bit = 0; bit < {BITS}; bit++)
    if (pixels.getImageData(bit * {BLOCK} + {BLOCK // 2}, {BLOCK // 2}, 1, 1).data[0] > 128) number |= 1 << bit;
  return number;
}})"""


def shown(page: Page) -> list[int]:
    """The frames that are seen on the canvases."""
    return list(page.evaluate(READ, "canvas"))


def frame(page: Page) -> int:
    """The frame that the page says is shown."""
    return int(page.locator("[data-show=frame]").inner_text().partition("/")[0]) - 1


@pytest.fixture
def studies(site: Site, visit: Open) -> list[str]:
    """The first studies of a search."""
    page = visit()
    search(page, "左房拡大")
    return [
        str(one) for one in page.evaluate("[...document.querySelectorAll('.card')].map(card => card.dataset.study)")
    ]


@pytest.mark.parametrize("way", ["", "&sought"], ids=["WebCodecs", "a sought video"])
def test_every_frame_is_the_one_that_was_asked_for(way: str, site: Site, visit: Open, studies: list[str]) -> None:
    video = site.videos(studies[0])[0]
    site.put_barcodes(video, 1 / 30)
    page = visit(f"/studies/{studies[0]}?video={video}{way}")
    page.wait_for_selector("canvas[data-ready]")
    page.keyboard.press(",")  # stops
    page.eval_on_selector("[data-do=seek]", "field => { field.value = '0'; field.dispatchEvent(new Event('input')); }")
    page.wait_for_timeout(200)
    seen = []
    for _ in range(BARCODES + 1):
        expect(page.locator("canvas")).to_have_attribute("data-frame", str(frame(page)))
        seen.append((frame(page), shown(page)[0]))
        page.keyboard.press(".")
    assert seen == [(number % BARCODES, number % BARCODES) for number in range(BARCODES + 1)]
    for _ in range(5):
        page.keyboard.press(",")
    expect(page.locator("canvas")).to_have_attribute("data-frame", str(frame(page)))
    assert shown(page) == [frame(page)]


def test_speed_and_the_true_rate_are_shown(site: Site, visit: Open, studies: list[str]) -> None:
    known, unknown = site.videos(studies[0])[:2]
    site.put_barcodes(known, 0.05)
    site.put_barcodes(unknown, 1 / 30)
    page = visit(f"/studies/{studies[0]}?video={known}")
    page.wait_for_selector("canvas[data-ready]")
    expect(page.locator("[data-show=rate]")).to_have_text("20.0 fps")
    for key, speed in (("]", "2×"), ("[", "1×"), ("[", "0.5×")):
        page.keyboard.press(key)
        expect(page.locator("[data-show=speed]")).to_have_text(speed)
    page.locator(f".films [data-video='{unknown}']").click()
    expect(page.locator("[data-show=rate]")).to_have_text("時間不明: 30 fps と仮定")


def test_cines_run_in_step_on_one_clock(site: Site, visit: Open, studies: list[str]) -> None:
    first, second = site.videos(studies[0])[0], site.videos(studies[1])[0]
    site.put_barcodes(first, 0.05)
    site.put_barcodes(second, 0.05)
    address = f"/compare?v={first}&v={second}"
    page = visit(address)
    page.wait_for_selector("main[data-ready]")
    seen = set()
    for _ in range(12):  # while they run, each is at the same frame: both are read in one turn of the browser
        page.wait_for_timeout(130)
        one, other = shown(page)
        assert one == other
        seen.add(one)
    assert len(seen) > 3
    site.put_barcodes(second, 0.04)  # another rate: the same moment, not the same frame
    page = visit(address)
    page.wait_for_selector("main[data-ready]")
    page.keyboard.press(".")
    for _ in range(BARCODES):
        at = frame(page)
        assert shown(page) == [at, int((at + 0.5) * 0.05 % (BARCODES * 0.04) / 0.04)]
        page.keyboard.press(".")
    page.keyboard.press("b")
    expect(page.locator("[data-do=beat]")).to_have_attribute("aria-pressed", "true")


def test_one_beat_of_each_is_stretched_to_the_first(site: Site, visit: Open, studies: list[str]) -> None:
    first, second = site.videos(studies[0])[0], site.videos(studies[1])[0]
    site.put_barcodes(first, 0.05)
    site.put_barcodes(second, 0.05)
    page = visit(f"/compare?v={first}&v={second}")
    page.wait_for_selector("main[data-ready]")
    rates = [float(one) for one in page.eval_on_selector_all("figure", "all => all.map(one => one.dataset.heartRate)")]
    page.keyboard.press("b")
    page.keyboard.press(".")
    beats = [60 / rate for rate in rates]
    for _ in range(8):
        at = frame(page)
        share = (at + 0.5) * 0.05 / beats[0]
        assert shown(page) == [at, int(share % 1 * beats[1] / 0.05)]
        page.keyboard.press(".")


def test_a_still_page_where_motion_is_not_wanted(site: Site, visit: Open, studies: list[str]) -> None:
    video = site.videos(studies[0])[0]
    site.put_barcodes(video)
    page = visit(f"/studies/{studies[0]}?video={video}", reduced_motion="reduce")
    page.wait_for_selector("canvas[data-ready]")
    before = shown(page)
    page.wait_for_timeout(700)
    assert shown(page) == before == [0]


def test_the_list_of_cines_goes_by_keys(visit: Open, studies: list[str]) -> None:
    page = visit(f"/studies/{studies[0]}")
    page.wait_for_selector("canvas[data-ready]")
    labels = page.eval_on_selector_all(".films a", "all => all.map(one => one.dataset.label)")
    page.keyboard.press("j")
    expect(page.locator("#now")).to_have_text(labels[1])
    page.wait_for_selector("canvas[data-ready]")
    page.keyboard.press("k")
    expect(page.locator("#now")).to_have_text(labels[0])
