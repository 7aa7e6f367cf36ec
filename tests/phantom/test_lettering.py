"""Lettering is written where lettering.csv says, in every frame, and nowhere else."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pydicom
import pytest

from echosearch.phantom.files.archive import phantom_studies, write_archive
from echosearch.phantom.imaging.cine import render_cine
from echosearch.phantom.imaging.lettering import PLACES, burn, lettering_pixels, plan_lettering
from echosearch.phantom.imaging.ultrasound import sector_frame


@pytest.mark.parametrize(("rows", "columns"), [(240, 320), (600, 800)])
def test_each_kind_of_place_is_written_to_and_nothing_else(rows: int, columns: int) -> None:
    study = next(phantom_studies(1, seed=1))
    lines = plan_lettering(study, rows, columns)
    assert {line.place for line in lines} == set(PLACES)
    before = np.zeros((2, rows, columns, 3), np.uint8)
    after = before.copy()
    burn(after, lines)
    inside = np.zeros((rows, columns), bool)
    for line in lines:
        inside[line.y0 : line.y1, line.x0 : line.x1] = True
    changed = (after != before).any(axis=3)
    assert changed[0].any()
    assert not (changed & ~inside).any()
    assert ((lettering_pixels(lines, rows, columns) > 127) <= changed[0]).all()
    assert (changed[0] == changed[1]).all()


def test_corners_leave_the_fan_free_and_above_is_above_it() -> None:
    study = next(phantom_studies(1, seed=1))
    lines = plan_lettering(study, 240, 320)
    fan = render_cine(study, "4CH", frames=4).max(axis=(0, 3)) > 12
    _, apex, _ = sector_frame(240, 320, study.look.half_angle)
    fan[round(240 * 0.89) :] = False  # the ECG, which is drawn over everything
    fan[:, :66] &= np.arange(240)[:, None] > 20  # the maker's name
    corner = lettering_pixels([line for line in lines if line.place == "corner"], 240, 320) > 0
    assert not (corner & fan).any()
    assert all(line.y1 <= round(apex) for line in lines if line.place == "above")


def test_the_table_lists_what_is_written_and_without_the_switch_nothing_changes(tmp_path: Path) -> None:
    plain = write_archive(tmp_path / "plain", 1, 3, frames=2, rows=96, columns=128)
    written = write_archive(tmp_path / "lettered", 1, 3, frames=2, rows=96, columns=128, lettering=True)
    with (tmp_path / "lettered" / "lettering.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert (plain.lettering, written.lettering) == (0, len(rows))
    assert not (tmp_path / "plain" / "lettering.csv").exists()
    first = rows[0]["path"]
    lettered = pydicom.dcmread(tmp_path / "lettered" / first)
    assert lettered.SOPInstanceUID == rows[0]["sop_uid"]
    assert lettered.BurnedInAnnotation == "YES"
    names = {row["text"] for row in rows if row["path"] == first and row["place"] == "fan"}
    assert {part for text in names for part in text.split()} >= {str(lettered.PatientID)}
    assert pydicom.dcmread(tmp_path / "plain" / first).BurnedInAnnotation == "NO"
