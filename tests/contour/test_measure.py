"""The head that ships on files of a phantom: the EF it finds, and every reason why it finds none."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from echosearch.contour.head import ContourHead, load_head
from echosearch.contour.manifest import shipped_head
from echosearch.contour.measure import biplane, measure
from echosearch.contour.store import contours_of_file
from echosearch.contour.task import GreyTask, PictureTask, load_grey, load_pictures
from echosearch.contour.values import SIDE, Box, Contours, Discs, Figure, GreyCine, NoFigure
from echosearch.errors import BundleError, FileRefused, InputError
from echosearch.outcome import Quarantined, Reason
from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.ventricle import lv_volume
from echosearch.reading.dicom import read_frames
from echosearch.video import Mode, View
from echosearch.workers.pool import DecodePool
from tests.cli.material import write_avi
from tests.contour.conftest import COLUMNS, PLANS, ROWS, Heart
from trainer.contour.samples import drawn_cine
from trainer.contour.score import true_beats


@pytest.fixture(scope="module")
def both(heart: Heart, head: ContourHead, pool: DecodePool) -> dict[str, Contours]:
    return {name: contours_of_file(heart[name], head, pool, View(name)) for name in ("4CH", "2CH")}


def test_a_worker_sees_what_the_head_was_trained_on(heart: Heart, both: dict[str, Contours], head: ContourHead) -> None:
    """JPEG and the declared box move the edges of the fan a little, and the EF hardly."""
    seen, drawn = load_grey(GreyTask(heart["4CH"])), drawn_cine(heart.study, PLANS["4CH"])
    assert isinstance(seen, GreyCine)
    assert drawn is not None
    assert seen.masked
    assert [seen.box.width, seen.box.height] == pytest.approx([drawn.cine.box.width, drawn.cine.box.height], rel=0.05)
    assert seen.mm_per_pixel == pytest.approx(drawn.cine.mm_per_pixel, rel=1e-3)
    assert seen.frame_seconds == pytest.approx(drawn.cine.frame_seconds, rel=1e-2)
    trained, found = measure(head, drawn.cine, View.CH4).figure, both["4CH"].figure
    assert trained is not None
    assert found is not None
    assert found.ef == pytest.approx(trained.ef, abs=3)


@pytest.mark.parametrize("view", ["4CH", "2CH"])
def test_ef_volumes_and_frames_are_near_the_truth(view: str, both: dict[str, Contours], heart: Heart) -> None:
    found = both[view]
    assert found.figure is not None
    assert found.figure.ef == pytest.approx(heart.study.findings.ef, abs=12)
    size = heart_size(heart.study.anatomy, heart.study.findings)
    (volume,) = lv_volume(size, heart.study.findings, np.zeros(1))
    assert found.figure.edv_ml == pytest.approx(volume, rel=0.25)
    drawn = drawn_cine(heart.study, PLANS[view])
    assert drawn is not None
    true = true_beats(drawn)
    assert all(min(abs(beat.ed - one.ed) for one in true) <= 4 for beat in found.beats)
    assert all(min(abs(beat.es - one.es) for one in true) <= 4 for beat in found.beats)


def test_two_planes_give_a_biplane_ef(both: dict[str, Contours], heart: Heart) -> None:
    four, two = both["4CH"].figure, both["2CH"].figure
    assert four is not None
    assert two is not None
    found = biplane(four, two)
    assert found is not None
    assert found.ef == pytest.approx(heart.study.findings.ef, abs=10)
    assert not found.foreshortened
    assert biplane(replace(four, ed=None, es=None), two) is None


def test_discs_of_known_width_give_their_volume_and_a_short_plane_is_said() -> None:
    """A cylinder of 80 mm and a width of 40 in one plane, 50 in the other."""

    def figure(length: float, width: float) -> Figure:
        end = Discs(length, (width,) * 20)
        return Figure(50.0, 1, 1.0, 0.5, end, Discs(length, (width * 0.5**0.5,) * 20))

    found = biplane(figure(80, 40), figure(80, 50))
    assert found is not None
    assert found.edv_ml == pytest.approx(np.pi / 4 * 40 * 50 * 80 / 1000)
    assert found.ef == pytest.approx(50)
    short = biplane(figure(80, 40), figure(70, 50))
    assert short is not None
    assert short.foreshortened


@pytest.mark.parametrize(
    ("name", "view", "reason"),
    [("SAX", View.SAX, NoFigure.VIEW), ("colour", View.CH4, NoFigure.COLOUR), ("4CH", View.OTHER, NoFigure.VIEW)],
)
def test_a_cine_that_cannot_be_measured_says_why(
    name: str, view: View, reason: NoFigure, heart: Heart, head: ContourHead, pool: DecodePool
) -> None:
    found = contours_of_file(heart[name], head, pool, view)
    assert (found.no_figure, found.figure, found.outlines) == (reason, None, None)
    assert found.why


def test_a_cine_too_short_for_a_beat_has_contours_and_no_ef(heart: Heart, head: ContourHead, pool: DecodePool) -> None:
    found = contours_of_file(heart.folder.parent / "short" / "short", head, pool, View.CH4)
    assert found.no_figure == NoFigure.BEATS
    assert found.outlines is not None
    assert np.isfinite(found.outlines).all()


def test_pictures_without_a_cavity_have_no_ef(head: ContourHead) -> None:
    empty = GreyCine(np.zeros((20, SIDE, SIDE), np.uint8), Box(0, 0, SIDE, SIDE), True)
    found = measure(head, empty, View.CH4, Mode.BMODE)
    assert found.no_figure == NoFigure.CAVITY
    assert found.why == "a cavity is found on 0 of 20 frames, 9 of 10 are needed"


def test_a_file_without_a_view_needs_one_and_a_text_is_no_cine(
    heart: Heart, head: ContourHead, pool: DecodePool, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="give --view 4CH or 2CH"):
        contours_of_file(heart["4CH"], head, pool)
    text = tmp_path / "text"
    text.write_text("no cine")
    with pytest.raises(FileRefused):
        contours_of_file(text, head, pool, View.CH4)


def test_a_film_declares_no_box_so_it_is_measured_and_not_drawn(
    heart: Heart, head: ContourHead, tmp_path: Path
) -> None:
    """As EchoNet-Dynamic's videos are: the fan fills the picture, and nothing says how large a pixel is."""
    seen = load_grey(GreyTask(heart["4CH"]))
    assert isinstance(seen, GreyCine)
    film = tmp_path / "film.avi"
    write_avi(film, np.repeat(seen.frames[..., None], 3, axis=3))
    found = load_grey(GreyTask(film))
    assert isinstance(found, GreyCine)
    assert not found.masked
    assert found.mm is None
    measured = measure(head, found, View.CH4)
    assert measured.figure is not None
    assert measured.figure.edv_ml is None
    refused = load_pictures(PictureTask(film, frames=(0,)))
    assert isinstance(refused, Quarantined)
    assert refused.reason == Reason.MASK_FAILED


def test_contours_have_a_figure_or_a_reason(head: ContourHead) -> None:
    with pytest.raises(ValueError, match="figure or the reason"):
        Contours(head.info, View.CH4, 3, None, None)


def test_a_head_whose_weights_were_exchanged_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "head"
    shutil.copytree(shipped_head(), folder)
    weights = folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(BundleError, match=r"is not the file that contour\.toml names"):
        load_head(folder)
    (folder / "contour.toml").write_text("format = 1\n")
    with pytest.raises(BundleError, match=r"contour\.toml: name: Field required"):
        load_head(folder)


def test_a_cine_of_pixels_that_are_not_square_gives_the_same_figures(
    heart: Heart, both: dict[str, Contours], head: ContourHead, pool: DecodePool, tmp_path: Path
) -> None:
    dataset = dcmread(heart["4CH"])
    frames = read_frames(heart["4CH"]).pixels
    rows = ROWS * 4 // 5
    squeezed = np.stack([cv2.resize(frame, (COLUMNS, rows), interpolation=cv2.INTER_AREA) for frame in frames])
    dataset.Rows, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = rows, "RGB", 0
    for box in dataset.SequenceOfUltrasoundRegions:
        box.PhysicalDeltaY *= 1.25
        box.RegionLocationMinY0, box.RegionLocationMaxY1 = (
            box.RegionLocationMinY0 * 4 // 5,
            box.RegionLocationMaxY1 * 4 // 5,
        )
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.PixelData = squeezed.tobytes()
    dataset["PixelData"].is_undefined_length = False
    dataset["PixelData"].VR = "OB"
    dataset.save_as(tmp_path / "squeezed", enforce_file_format=True)
    found, true = contours_of_file(tmp_path / "squeezed", head, pool, View.CH4).figure, both["4CH"].figure
    assert found is not None
    assert true is not None
    assert found.ef == pytest.approx(true.ef, abs=2)
    assert found.edv_ml == pytest.approx(true.edv_ml, rel=0.05)
