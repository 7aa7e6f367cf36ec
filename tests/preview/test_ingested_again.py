"""What becomes of a preview when its file changes, moves, or turns out to be another patient's."""

from __future__ import annotations

import os

import pydicom

from echosearch.archive import Archive
from echosearch.preview.job import make_previews
from echosearch.preview.store import Previews
from echosearch.preview.values import Refusal
from tests.preview.conftest import FRAMES, Shown
from tests.preview.kept import kept, one, refusal


def test_an_ingest_that_withdraws_a_video_removes_its_preview(shown: Shown) -> None:
    """A file that is another patient's now puts its whole study in conflict."""
    for number in range(3):
        one(shown, number)
    path = shown.folder / "IM_1"
    dataset = pydicom.dcmread(path)
    dataset.PatientID = "ANOTHER"
    dataset.save_as(path)
    shown.ingest()
    assert kept(shown) == []
    assert {refusal(shown.previews.find(key)) for key in shown.keys} == {Refusal.UNKNOWN}


def test_a_video_with_other_content_gets_another_preview(shown: Shown) -> None:
    before = {key: one(shown, number).mp4 for number, key in enumerate(shown.keys)}
    path = shown.folder / "IM_1"
    dataset = pydicom.dcmread(path)
    dataset.FrameTime = 50
    dataset.save_as(path)
    shown.ingest()
    after = {key: one(shown, number) for number, key in enumerate(shown.keys)}
    changed = [key for key in shown.keys if after[key].mp4 != before[key]]
    assert len(changed) == 1
    assert after[changed[0]].samples[1].ticks == 4500
    make_previews(shown.previews)
    assert not before[changed[0]].exists()  # swept


def test_a_file_that_is_not_as_it_was_ingested_gives_none_and_is_asked_again(shown: Shown) -> None:
    for path in shown.folder.iterdir():
        os.utime(path, ns=(1, 1))
    assert refusal(shown.previews.find(shown.keys[0])) == Refusal.MISSING
    for path in shown.folder.iterdir():
        path.rename(path.with_suffix(".moved"))
    assert refusal(shown.previews.find(shown.keys[0])) == Refusal.MISSING
    assert kept(shown) == []


def test_a_copy_serves_where_the_file_is_gone(shown: Shown) -> None:
    for path in sorted(shown.folder.iterdir()):
        (shown.folder / f"{path.name}_COPY").write_bytes(path.read_bytes())
    shown.ingest()
    for path in shown.folder.glob("IM_?"):
        path.unlink()
    assert len(one(shown).samples) == FRAMES


def test_a_refusal_is_kept_with_its_reason(archive: Archive, shown: Shown) -> None:
    for path in shown.folder.iterdir():
        dataset = pydicom.dcmread(path)
        del dataset.SequenceOfUltrasoundRegions
        dataset.save_as(path)
    shown.ingest()
    first = shown.previews.find(shown.keys[0])
    assert refusal(first) == Refusal.NO_BOX
    assert [path.suffix for path in kept(shown)] == [".json"]
    with Previews(archive) as another:
        assert another.find(shown.keys[0]) == first
        assert another._pool is None
