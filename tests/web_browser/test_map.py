"""A point of the map is chosen by a click, or by keys, and its study can be opened."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web_browser.conftest import Open, Site

pytestmark = pytest.mark.browser


def place_of_first(page: Page) -> tuple[float, float, str]:
    """Where the first point is, in CSS pixels of the canvas (as map.js places it), and its study."""
    x, y, study = page.evaluate(
        """async () => {
          const data = await (await fetch('/map/points')).json(), pad = 24;
          const { width, height } = document.getElementById('map').getBoundingClientRect();
          const scale = (all, size) => pad + (size - 2 * pad) * (all[0] - Math.min(...all))
            / (Math.max(...all) - Math.min(...all));
          return [scale(data.x, width), height - scale(data.y, height), data.studies[0]];
        }"""
    )
    return float(x), float(y), str(study)


def test_a_click_on_a_point_chooses_its_study(visit: Open, site: Site) -> None:
    page = visit("/map")
    page.wait_for_selector("#map[data-ready]")
    link = page.locator("#open-study")
    expect(link).to_be_hidden()
    x, y, study = place_of_first(page)
    page.locator("#map").click(position={"x": x + 1, "y": y + 1})
    expect(link).to_have_attribute("href", f"/studies/{study}")
    assert page.input_value("#lasso [name=studies]") == study
    page.locator("#map").press("Escape")
    expect(link).to_be_hidden()
    page.locator("#map").click(position={"x": x, "y": y})
    link.click()
    page.wait_for_url(f"**/studies/{study}")


def test_keys_choose_the_point_at_the_cross(visit: Open, site: Site) -> None:
    page = visit("/map")
    page.wait_for_selector("#map[data-ready]")
    x, y, study = place_of_first(page)
    box = page.locator("#map").bounding_box()
    assert box is not None
    page.focus("#map")
    for from_middle, back, on in (
        (x - box["width"] / 2, "ArrowLeft", "ArrowRight"),
        (y - box["height"] / 2, "ArrowUp", "ArrowDown"),
    ):
        key = back if from_middle < 0 else on
        steps, rest = divmod(abs(from_middle), 12)
        for _ in range(int(steps)):
            page.keyboard.press(key)
        for _ in range(int(rest / 2)):
            page.keyboard.press(f"Shift+{key}")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator("#open-study")).to_have_attribute("href", f"/studies/{study}")
