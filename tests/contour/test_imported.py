"""DICOM SEG of cines: imported as contours with an EF, shown before the head's, and refused if in doubt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread
from pydicom.dataset import FileDataset
from sqlalchemy import text

import echosearch
from echosearch.archive import Archive
from echosearch.cli.main import cli
from echosearch.clip import Uint8
from echosearch.contour.as_json import document, import_json, planes_of
from echosearch.contour.head import ContourHead
from echosearch.contour.imported import SegmentationImport, forget_imported, import_segmentations
from echosearch.contour.measure import measure_marked
from echosearch.contour.outline import cavity_of_mask
from echosearch.contour.picture import draw_ends
from echosearch.contour.store import contours_of_file, contours_of_video
from echosearch.contour.task import GreyTask, load_grey
from echosearch.contour.values import Box, Contours, FoundBeat, GreyCine, NoFigure, Source
from echosearch.errors import InputError
from echosearch.video import Mode, View
from echosearch.workers.pool import DecodePool
from tests.cli.json_schema import validator
from tests.contour.conftest import COLUMNS, FRAMES, ROWS, Heart, key_of
from tests.support.segmentation import LA, LV, Mark, seg_dataset, write_seg

SECRETS = ("4711", "山田", "1.2.3.4")


@pytest.fixture(scope="module")
def grey(heart: Heart) -> GreyCine:
    loaded = load_grey(GreyTask(heart["4CH"]))
    assert isinstance(loaded, GreyCine)
    return loaded


@pytest.fixture(scope="module")
def drawn(heart: Heart, head: ContourHead, pool: DecodePool) -> Contours:
    """What the head draws: here it plays the site's reader, so that both EFs should agree."""
    return contours_of_file(heart["4CH"], head, pool, View.CH4)


@pytest.fixture(scope="module")
def masks(drawn: Contours, grey: GreyCine) -> list[Uint8]:
    """(ROWS, COLUMNS) of each frame: the head's outlines, filled in the pixels of the picture."""
    assert drawn.outlines is not None
    made = []
    for outline in drawn.outlines:
        corners = outline * (grey.box.width, grey.box.height) + (grey.box.x, grey.box.y) - 0.5
        mask = np.zeros((ROWS, COLUMNS), np.uint8)
        cv2.fillPoly(mask, [np.round(corners * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
        made.append(mask)
    return made


@pytest.fixture(autouse=True)
def _forget(filled: Archive) -> Iterator[None]:
    yield
    with filled.engine.begin() as connection:
        connection.execute(text("delete from core.contour"))


def stored(archive: Archive) -> int:
    with archive.engine.connect() as connection:
        return int(connection.scalar(text("select count(*) from core.contour where head = 'seg'")) or 0)


def marks(
    heart: Heart, masks: Sequence[Uint8], frames: Sequence[int], cine: str = "4CH", segment: int = 1
) -> list[Mark]:
    """Marks of these frames, from 0."""
    return [Mark(heart.uids[cine], frame + 1, masks[frame], segment) for frame in frames]


def imported(archive: Archive, pool: DecodePool, *paths: Path, name_files: bool = False) -> SegmentationImport:
    made = import_segmentations(archive, paths, pool, name_files)
    said = import_json(made)
    validator("contour-import").validate(json.loads(json.dumps(said)))
    assert not any(secret in json.dumps(said, ensure_ascii=False) for secret in SECRETS)
    return made


@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
def test_masks_on_every_frame_give_the_outlines_and_the_ef_of_who_drew_them(
    kind: str,
    filled: Archive,
    heart: Heart,
    head: ContourHead,
    pool: DecodePool,
    masks: list[Uint8],
    drawn: Contours,
    tmp_path: Path,
) -> None:
    backwards = marks(heart, masks, range(FRAMES))[::-1]
    path = write_seg(tmp_path / "seg.dcm", seg_dataset(backwards, kind))
    (one,) = imported(filled, pool, path).imported
    assert (one.masks, one.drawn, one.replaced) == (FRAMES, FRAMES, False)
    found = contours_of_video(filled, key_of(filled, "4CH"), head, None)  # type: ignore[arg-type]  # no worker is asked
    assert (found.source, found.head, found.view) == (Source.SEG, None, View.CH4)
    assert found.outlines is not None
    assert drawn.outlines is not None
    assert found.figure is not None
    assert drawn.figure is not None
    assert found.figure.ef == pytest.approx(drawn.figure.ef, abs=1.5)
    assert found.figure.edv_ml == pytest.approx(drawn.figure.edv_ml, rel=0.04)
    assert found.areas == pytest.approx(drawn.areas, rel=0.03)  # frame by frame, so none is on another's
    assert contours_of_video(filled, one.video, head, pool, imported=False).source == Source.HEAD


def test_two_frames_are_end_diastole_and_end_systole(
    filled: Archive,
    heart: Heart,
    head: ContourHead,
    pool: DecodePool,
    masks: list[Uint8],
    drawn: Contours,
    tmp_path: Path,
) -> None:
    """In two files, as some programs write one for each; the frames are told by their areas."""
    ed, es = drawn.beats[0].ed, drawn.beats[0].es
    for name, frame in (("b", ed), ("a", es)):
        write_seg(tmp_path / name, seg_dataset(marks(heart, masks, [frame])))
    (one,) = imported(filled, pool, tmp_path).imported
    assert one.contours.beats == (FoundBeat(ed, es),)
    assert drawn.figure is not None
    assert one.contours.figure is not None
    assert one.contours.figure.ef == pytest.approx(drawn.figure.ef, abs=3)
    outlines = contours_of_video(filled, one.video, head, pool).outlines
    assert outlines is not None
    drawn_on = np.flatnonzero(np.isfinite(outlines[:, 0, 0]))
    assert drawn_on.tolist() == sorted((ed, es))


def test_two_frames_of_one_size_and_three_frames_have_no_ef(
    filled: Archive, heart: Heart, pool: DecodePool, masks: list[Uint8], drawn: Contours, tmp_path: Path
) -> None:
    ed = drawn.beats[0].ed
    still = [Mark(heart.uids["4CH"], frame, masks[ed]) for frame in (1, 9)]
    (one,) = imported(filled, pool, write_seg(tmp_path / "still", seg_dataset(still))).imported
    assert one.contours.no_figure == NoFigure.BEATS
    (one,) = imported(
        filled, pool, write_seg(tmp_path / "three", seg_dataset(marks(heart, masks, [1, 9, 20])))
    ).imported
    assert (one.contours.no_figure, one.replaced) == (NoFigure.CAVITY, True)
    assert one.contours.why.startswith("a cavity is found on 3 of 48 frames, 9 of 10 are needed, or two alone")
    assert stored(filled) == 1


@pytest.mark.parametrize(("name", "reason"), [("SAX", NoFigure.VIEW), ("colour", NoFigure.COLOUR)])
def test_other_views_and_colour_are_drawn_without_an_ef(
    name: str,
    reason: NoFigure,
    filled: Archive,
    heart: Heart,
    head: ContourHead,
    pool: DecodePool,
    masks: list[Uint8],
    drawn: Contours,
    tmp_path: Path,
) -> None:
    beat = drawn.beats[0]
    path = write_seg(tmp_path / "seg", seg_dataset(marks(heart, masks, [beat.ed, beat.es], name)))
    (one,) = imported(filled, pool, path).imported
    assert (one.contours.no_figure, one.contours.figure, one.drawn) == (reason, None, 2)
    outlines = contours_of_video(filled, one.video, head, pool).outlines
    assert outlines is not None
    assert np.isfinite(outlines[[beat.ed, beat.es]]).all()


def test_other_segments_are_counted_and_a_mask_that_is_no_cavity_is_not_drawn(
    filled: Archive, heart: Heart, pool: DecodePool, masks: list[Uint8], tmp_path: Path
) -> None:
    pieces, outside = masks[5].copy(), np.zeros_like(masks[0])
    pieces[:, ::9] = 0
    pieces[::9] = 0
    outside[:60, :60] = 1
    drawn = [*marks(heart, masks, [1]), Mark(heart.uids["4CH"], 6, pieces), Mark(heart.uids["4CH"], 9, outside)]
    atrium = marks(heart, masks, [1, 2], segment=2)
    path = write_seg(tmp_path / "seg", seg_dataset([*atrium, *drawn], segments=[("LV", LV), ("LA", LA)]))
    made = imported(filled, pool, path)
    assert (made.other_segments, made.imported[0].masks, made.imported[0].drawn) == (1, 3, 1)


def test_two_files_that_mark_a_frame_otherwise_are_a_conflict_and_copies_are_none(
    filled: Archive, heart: Heart, pool: DecodePool, masks: list[Uint8], tmp_path: Path
) -> None:
    one = write_seg(tmp_path / "one", seg_dataset(marks(heart, masks, [3, 20])))
    smaller = np.asarray(cv2.erode(masks[20], np.ones((3, 3), np.uint8)), np.uint8)
    other = write_seg(tmp_path / "other", seg_dataset([Mark(heart.uids["4CH"], 21, smaller)]))
    made = imported(filled, pool, one, other)
    assert not made.imported
    (refused,) = made.refused
    assert refused.why == "two files mark frame 21 of it otherwise: a conflict, import one of them"
    assert refused.files == (str(one), str(other))
    assert stored(filled) == 0
    assert len(imported(filled, pool, one, one).imported) == 1


Change = Callable[[FileDataset], object]


def _rename(made: FileDataset) -> None:
    for group in made.PerFrameFunctionalGroupsSequence:
        group.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"


def _frame(number: int) -> Change:
    def change(made: FileDataset) -> None:
        source = made.PerFrameFunctionalGroupsSequence[0].DerivationImageSequence[0].SourceImageSequence[0]
        source.ReferencedFrameNumber = number

    return change


def _turned(made: FileDataset) -> None:
    made.Rows, made.Columns = COLUMNS, ROWS


def _cut(made: FileDataset) -> None:
    made.PixelData = made.PixelData[:-100]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_rename, "is none that a search of this archive can find: ingest it first"),
        (_frame(0), "mask 1 is for frame 0: DICOM counts frames from 1"),
        (_frame(FRAMES + 1), "a mask for frame 49, and its cine has 48 frames"),
        (_turned, "masks of 320 rows x 240 columns, and its cine has 240 x 320"),
        (_cut, "bytes of masks are declared, the file has fewer"),
    ],
)
def test_what_does_not_fit_the_cine_is_refused_and_changes_nothing(
    change: Change, says: str, filled: Archive, heart: Heart, pool: DecodePool, masks: list[Uint8], tmp_path: Path
) -> None:
    path = write_seg(tmp_path / "seg", seg_dataset(marks(heart, masks, [3, 20])), change)
    made = imported(filled, pool, path)
    assert not made.imported
    assert says in made.refused[0].why
    assert made.refused[0].files == (str(path),)
    assert stored(filled) == 0


def test_a_video_that_may_not_be_shown_takes_no_masks(
    filled: Archive, heart: Heart, pool: DecodePool, masks: list[Uint8], tmp_path: Path
) -> None:
    path = write_seg(tmp_path / "seg", seg_dataset(marks(heart, masks, [3, 20])))
    with filled.engine.begin() as connection:
        connection.execute(text("update core.study set conflict = true"))
    try:
        assert not imported(filled, pool, path).imported
    finally:
        with filled.engine.begin() as connection:
            connection.execute(text("update core.study set conflict = false"))


def test_a_folder_names_its_files_only_when_asked(
    filled: Archive, heart: Heart, pool: DecodePool, masks: list[Uint8], tmp_path: Path
) -> None:
    write_seg(tmp_path / "山田" / "seg", seg_dataset(marks(heart, masks, [3])), _frame(0))
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "link").symlink_to(tmp_path / "notes.txt")
    made = imported(filled, pool, tmp_path)
    assert (made.other_files, made.refused[0].files) == (1, ())
    named = import_segmentations(filled, [tmp_path], pool, name_files=True)
    assert named.refused[0].files == (str(tmp_path / "山田" / "seg"),)
    (alone,) = imported(filled, pool, tmp_path / "notes.txt").refused
    assert alone.why == "it is no Segmentation object (DICOM SEG)"
    with pytest.raises(InputError, match="does not exist"):
        imported(filled, pool, tmp_path / "none")


def test_an_import_can_be_taken_back(
    filled: Archive, heart: Heart, head: ContourHead, pool: DecodePool, masks: list[Uint8], tmp_path: Path
) -> None:
    imported(filled, pool, write_seg(tmp_path / "seg", seg_dataset(marks(heart, masks, [3, 20]))))
    key, other = key_of(filled, "4CH"), key_of(filled, "2CH")
    contours_of_video(filled, key, head, pool, imported=False)
    with pytest.raises(InputError, match="has no imported contour"):
        forget_imported(filled, [key, other])
    assert stored(filled) == 1
    assert forget_imported(filled, [key.upper()]) == [key]
    assert stored(filled) == 0
    assert contours_of_video(filled, key, head, None).source == Source.HEAD  # type: ignore[arg-type]  # still stored


def test_other_content_of_the_video_has_no_imported_contour(
    filled: Archive, heart: Heart, head: ContourHead, pool: DecodePool, masks: list[Uint8], tmp_path: Path
) -> None:
    imported(filled, pool, write_seg(tmp_path / "seg", seg_dataset(marks(heart, masks, [3, 20]))))
    key = key_of(filled, "4CH")
    assert contours_of_video(filled, key, head, pool).source == Source.SEG
    with filled.engine.begin() as connection:
        connection.execute(text("update core.contour set content_digest = 'x'"))
    assert contours_of_video(filled, key, head, pool).source == Source.HEAD


def test_an_imported_and_a_drawn_plane_give_no_biplane_ef(drawn: Contours) -> None:
    two = replace(drawn, view=View.CH2)
    assert planes_of([drawn, two]) is not None
    assert planes_of([replace(drawn, head=None), replace(two, head=None)]) is not None
    assert planes_of([replace(drawn, head=None), two]) is None
    mixed = document([("a", replace(drawn, head=None)), ("b", two)])
    validator("contour").validate(json.loads(json.dumps(mixed)))
    assert [cine["source"] for cine in mixed["cines"]] == ["seg", "head"]
    alone = document([("a", replace(drawn, head=None))])
    validator("contour").validate(json.loads(json.dumps(alone)))
    assert (alone["head"], alone["warning"]) == (None, None)


def test_a_picture_of_an_imported_contour_has_no_warning_of_phantoms(drawn: Contours) -> None:
    frames = np.zeros((2, 200, 300, 3), np.uint8)
    head, site = (
        cv2.imdecode(np.frombuffer(draw_ends(frames, one), np.uint8), cv2.IMREAD_COLOR)
        for one in (drawn, replace(drawn, head=None))
    )
    assert head is not None
    assert site is not None
    assert head.shape[0] > site.shape[0]


@pytest.mark.parametrize("side", [224, 448, 1200])
def test_a_disc_has_its_area_and_place_at_any_size_of_the_picture(side: int) -> None:
    box = Box(side // 8, side // 16, side // 2, side // 3)
    rows, columns = np.mgrid[:side, :side]
    centre = np.array([box.x + 0.45 * box.width, box.y + 0.55 * box.height])
    radius = box.height / 4
    mask = ((columns - centre[0]) ** 2 + (rows - centre[1]) ** 2 <= radius**2).astype(np.uint8)
    cavity = cavity_of_mask(mask, box)
    assert cavity is not None
    assert cavity.area == pytest.approx(np.pi * (radius * box.shrink) ** 2, rel=0.03)
    assert cavity.outline.mean(axis=0) == pytest.approx(box.to_square(centre), abs=0.3)
    assert cavity_of_mask(np.zeros_like(mask), box) is None


def test_a_mode_that_is_not_known_is_measured(grey: GreyCine, masks: list[Uint8]) -> None:
    cavities = {frame: cavity for frame in (3, 20) if (cavity := cavity_of_mask(masks[frame], grey.box)) is not None}
    assert measure_marked(cavities, grey, View.CH4, Mode.UNKNOWN).no_figure != NoFigure.COLOUR
    assert measure_marked(cavities, grey, View.CH4, Mode.COLOR).no_figure == NoFigure.COLOUR


# --- the command and the Python API, on an archive of their own ------------------------------------------------------


@pytest.fixture(scope="module")
def home(heart: Heart, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an embedded archive of the 4CH cine."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "export").mkdir()
    (folder / "export" / "cine").write_bytes(heart["4CH"].read_bytes())
    (folder / "views.csv").write_text(f"sop_uid,view,view_prob\n{heart.uids['4CH']},4CH,0.95\n", encoding="utf-8")
    asked(folder, "encoder", "use", "phantom-tiny")
    asked(folder, "ingest", str(folder / "export"), "--views", str(folder / "views.csv"))
    return folder


def asked(home: Path, *args: str, code: int = 0) -> Result:
    done = CliRunner().invoke(cli, args, env={"ECHOSEARCH_HOME": str(home / "home")}, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done


def test_the_command_imports_and_contour_shows_it_with_its_source(
    home: Path, heart: Heart, masks: list[Uint8], drawn: Contours, tmp_path: Path
) -> None:
    good = write_seg(tmp_path / "good", seg_dataset(marks(heart, masks, range(FRAMES))))
    bad = write_seg(tmp_path / "bad", seg_dataset(marks(heart, masks, [1])), _frame(99))
    said = asked(home, "contour", "import", str(good)).stdout.splitlines()
    assert said[0].split("\t") == ["video", "view", "masks_drawn", "ef", "import", "why_not"]
    video = said[1].split("\t")[0]
    assert said[1].split("\t")[1:3] == ["4CH", f"{FRAMES} of {FRAMES}"]
    again = json.loads(asked(home, "contour", "import", str(good), "--json").stdout)
    validator("contour-import").validate(again)
    assert again["imported"][0]["replaced"]
    shown = asked(home, "contour", video)
    assert shown.stdout.splitlines()[1].split("\t")[-1] == "seg"
    assert "ファントム" not in shown.stderr
    found = json.loads(asked(home, "contour", "draw", video, "--json").stdout)
    validator("contour").validate(found)
    assert (found["head"], found["cines"][0]["source"]) == (None, "seg")
    heads = json.loads(asked(home, "contour", video, "--head", _shipped(), "--json").stdout)
    assert heads["cines"][0]["source"] == "head"
    forgotten = json.loads(asked(home, "contour", "forget", video, "--json").stdout)
    validator("contour-forget").validate(forgotten)
    assert forgotten == {"forgotten": [video]}
    refused = asked(home, "contour", "import", str(bad), code=3)
    assert f"{bad}: a mask for frame 99, and its cine has 48 frames" in refused.stderr
    assert not any(secret in refused.output for secret in (*SECRETS, heart.uids["4CH"]))
    assert dcmread(good).PatientID == "4711"  # so that there was something to tell


def _shipped() -> str:
    from echosearch.contour.manifest import shipped_head

    return str(shipped_head())


def test_python_imports_too(home: Path, heart: Heart, masks: list[Uint8], tmp_path: Path) -> None:
    good = write_seg(tmp_path / "good", seg_dataset(marks(heart, masks, range(FRAMES))))
    with echosearch.open_archive(home / "home") as archive:
        made = archive.import_contours(good)
        (one,) = made["imported"]
        assert archive.contours(one["video"])["cines"][0]["source"] == "seg"
        assert archive.forget_contours(one["video"]) == [one["video"]]
