"""The contour on the page of a study: off at first, drawn over the cine when it is asked for, with its warning."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect
from pydicom import dcmread
from sqlalchemy import text

from echosearch.contour.imported import import_segmentations
from echosearch.contour.store import file_of_video
from echosearch.workers.pool import DecodePool
from tests.support.segmentation import Mark, seg_dataset, write_seg
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


def apical(site: Site) -> tuple[str, str]:
    """A study and its 4CH cine."""
    with site.archive.engine.connect() as connection:
        study, video = connection.execute(
            text(
                "select cast(study_key as text), cast(video_key as text) from core.video"
                " where view = '4CH' and mode = 'bmode' and view_prob >= 0.9 order by 2 limit 1"
            )
        ).one()
    return study, video


def test_it_is_drawn_when_asked_for_and_goes_again(site: Site, visit: Open) -> None:
    study, video = apical(site)
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


def test_an_imported_contour_says_where_it_is_from(site: Site, visit: Open, tmp_path: Path) -> None:
    """Ellipses of two sizes on two frames, as a site's SEG."""
    study, video = apical(site)
    cine = dcmread(file_of_video(site.archive, video).path, stop_before_pixels=True)
    marks = []
    for frame, share in ((1, 0.16), (5, 0.11)):
        mask = np.zeros((cine.Rows, cine.Columns), np.uint8)
        axes = (round(share * cine.Rows / 1.6), round(share * cine.Rows))
        cv2.ellipse(mask, (cine.Columns // 2, cine.Rows // 2), axes, 0, 0, 360, 1, -1)
        marks.append(Mark(str(cine.SOPInstanceUID), frame, mask))
    with DecodePool(1, memory_mb=2048, cpu_seconds=60, wall_seconds=120) as pool:
        made = import_segmentations(site.archive, [write_seg(tmp_path / "seg", seg_dataset(marks))], pool)
    assert [(one.video, one.drawn) for one in made.imported] == [(video, 2)], made.refused
    try:
        page = visit(f"/studies/{study}?video={video}")
        page.wait_for_selector("canvas[data-ready]")
        page.locator("#contour").click()
        told = page.locator("#contour-told")
        expect(told).to_contain_text("DICOM SEG")
        expect(told).to_contain_text("EF ")
        expect(told).not_to_contain_text("ファントム")
    finally:
        with site.archive.engine.begin() as connection:
            connection.execute(text("delete from core.contour where head = 'seg'"))
