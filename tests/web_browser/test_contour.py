"""The contour on the page of a study: off at first, drawn over the cine when it is asked for, with its warning."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from tests.web_browser.conftest import Open, Site

pytestmark = pytest.mark.browser

YELLOW = """() => {
  const canvas = document.querySelector('#player canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let at = 0; at < data.length; at += 4) count += data[at] > 220 && data[at + 1] > 170 && data[at + 2] < 110;
  return count;
}"""


def yellow(page: Page) -> int:
    return int(page.evaluate(YELLOW))


def test_it_is_drawn_when_asked_for_and_goes_again(site: Site, visit: Open) -> None:
    with site.archive.engine.connect() as connection:
        study, video = connection.execute(
            text(
                "select cast(study_key as text), cast(video_key as text) from core.video"
                " where view = '4CH' and mode = 'bmode' and view_prob >= 0.9 order by 2 limit 1"
            )
        ).one()
    page = visit(f"/studies/{study}?video={video}")
    page.wait_for_selector("canvas[data-ready]")
    page.keyboard.press(",")
    button = page.locator("#contour")
    expect(button).to_have_attribute("aria-pressed", "false")
    before = yellow(page)
    button.click()
    expect(page.locator("#contour-told")).to_contain_text("ファントムのみで学習")
    page.wait_for_timeout(300)
    assert yellow(page) > before + 100
    button.click()
    page.wait_for_timeout(300)
    assert yellow(page) == before
