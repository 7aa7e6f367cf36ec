"""Previews are made once, kept for as long as their video can be found, and never shown after that."""

from __future__ import annotations

import os
import re
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from sqlalchemy import text

from echosearch.archive import Archive
from echosearch.errors import InputError
from echosearch.preview.folder import FOLDERS, PreviewFolder
from echosearch.preview.job import make_previews
from echosearch.preview.store import Previews
from echosearch.preview.values import MadePreview, NoPreview, Preview, Refusal
from tests.preview.conftest import FRAMES, Shown


def one(shown: Shown, number: int = 0) -> Preview:
    found = shown.previews.find(shown.keys[number])
    assert isinstance(found, Preview), found
    return found


def kept(shown: Shown) -> list[Path]:
    return sorted(path for path in (shown.archive.settings.home / "previews").rglob("*") if path.is_file())


def refusal(found: Preview | NoPreview) -> Refusal:
    assert isinstance(found, NoPreview), found
    return found.reason


def test_a_preview_is_made_when_asked_and_kept(shown: Shown) -> None:
    assert kept(shown) == []
    first = one(shown)
    assert (len(first.samples), first.time_known) == (FRAMES, True)
    assert len(first.times) == FRAMES + 1
    assert first.frames_per_second == pytest.approx(FRAMES / first.times[-1])
    made = {path: path.stat().st_mtime_ns for path in kept(shown)}
    assert len(made) == 3
    assert one(shown) == first
    assert {path: path.stat().st_mtime_ns for path in kept(shown)} == made
    with Previews(shown.archive) as another:
        assert another.find(shown.keys[0]) == first
        assert another._pool is None  # nothing was decoded


def test_names_are_a_pseudonym_and_a_hash_and_only_the_owner_may_read(shown: Shown) -> None:
    first = one(shown)
    assert re.fullmatch(rf"{shown.keys[0]}\.[0-9a-f]{{12}}\.card\.mp4", first.mp4.name)
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept(shown)} == {0o600}
    root = shown.archive.settings.home / "previews"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, first.mp4.parent)} == {0o700}


def test_many_who_ask_at_once_get_the_same_one_made_once(shown: Shown) -> None:
    written = []
    write = shown.previews.folder.write
    shown.previews.folder.write = lambda *given: (written.append(given[0]), write(*given))[1]  # type: ignore[assignment,method-assign,func-returns-value]
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(shown.previews.find, [*shown.keys] * 4))
    assert sorted(written) == sorted(shown.keys)
    assert all(isinstance(one, Preview) for one in found)
    assert found[:3] == found[3:6] == found[9:]
    assert shown.previews._flights == {}


def test_the_two_sizes_are_two_previews(shown: Shown) -> None:
    card = one(shown)
    study = shown.previews.find(shown.keys[0], "study")
    assert isinstance(study, Preview)
    assert study.mp4 != card.mp4
    with pytest.raises(InputError, match="size 'poster': it is one of card, study"):
        shown.previews.find(shown.keys[0], "poster")  # type: ignore[arg-type]


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "0" * 32, "00000000-0000-0000-0000-000000000000", "%s"])
def test_a_key_that_no_search_can_find_has_none(key: str, shown: Shown) -> None:
    assert refusal(shown.previews.find(key)) == Refusal.UNKNOWN


@pytest.mark.parametrize(
    "withdrawal",
    [
        "update core.study set conflict = true",
        "update core.embedding set indexed_gen = null",
        "delete from core.embedding",
        "update core.generation set state = 'retired'",
    ],
)
def test_a_video_that_is_not_found_any_more_is_not_shown_and_its_files_go(withdrawal: str, shown: Shown) -> None:
    for number in range(3):
        one(shown, number)
    with shown.archive.engine.begin() as connection:
        connection.execute(text(withdrawal))
    assert refusal(shown.previews.find(shown.keys[0])) == Refusal.UNKNOWN
    assert {path.name[:36] for path in kept(shown)} == set(shown.keys[1:])
    counts = make_previews(shown.previews)
    assert (counts.videos, counts.swept) == (0, 6)
    assert kept(shown) == []


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


@pytest.mark.parametrize("suffix", [".mp4", ".jpg", ".json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"reason": "x", "detail": ""}', b"[1]"])
def test_what_is_damaged_is_made_again(suffix: str, content: bytes | None, shown: Shown) -> None:
    first = one(shown)
    broken = first.mp4.with_suffix(suffix)
    broken.unlink()
    if content is not None:
        broken.write_bytes(content)
    assert one(shown) == first
    assert first.mp4.stat().st_size > 1000
    assert first.poster.stat().st_size > 1000


def test_the_job_makes_what_is_lacking_and_can_be_run_again(shown: Shown) -> None:
    one(shown)
    moments: list[tuple[int, int]] = []
    counts = make_previews(shown.previews, on_progress=lambda done, total: moments.append((done, total)))
    assert (counts.videos, counts.present, counts.made, counts.refused, counts.no_room) == (3, 1, 2, {}, 0)
    assert moments == [(1, 3), (2, 3), (3, 3)]
    again = make_previews(shown.previews)
    assert (again.present, again.made, again.swept) == (3, 0, 0)


def test_the_job_stops_at_the_bound_instead_of_making_room(shown: Shown) -> None:
    shown.previews.folder.share = 0
    counts = make_previews(shown.previews)
    assert (counts.made, counts.no_room) == (0, 3)


def test_a_full_disk_is_said(shown: Shown) -> None:
    shown.previews.folder._free_bytes = 2**62
    assert refusal(shown.previews.find(shown.keys[0])) == Refusal.NO_ROOM
    assert make_previews(shown.previews).no_room == 3
    assert kept(shown) == []


def test_unfinished_files_are_swept_when_nobody_can_be_writing_them(shown: Shown) -> None:
    folder = one(shown).mp4.parent
    old, young = folder / f".{shown.keys[0]}.x.card.mp4.12", folder / f".{shown.keys[0]}.x.card.mp4.13"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    assert make_previews(shown.previews).swept == 1
    assert (old.exists(), young.exists()) == (False, True)


# the folder alone

KEY = "3f000000-0000-0000-0000-0000000000{:02x}"
MADE = MadePreview(b"m" * 40_000, b"p" * 4000, 4, 2, (), 9, True)


def test_what_was_not_asked_for_longest_makes_room(tmp_path: Path) -> None:
    folder = PreviewFolder(tmp_path, 200_000 * FOLDERS, 0)
    for number in range(3):
        folder.write(KEY.format(number), b"d", "card", MADE)
        about = next((tmp_path / "previews" / "3f").glob(f"{KEY.format(number)}*.json"))
        os.utime(about, (time.time() - 10_000 + number,) * 2)
    assert folder.read(KEY.format(0), b"d", "card") is not None  # now it is the one that was used last
    for number in range(3, 5):
        folder.write(KEY.format(number), b"d", "card", MADE)
    there = [number for number in range(5) if folder.read(KEY.format(number), b"d", "card") is not None]
    assert 0 in there
    assert 1 not in there
    assert 4 in there
    used = sum(path.stat().st_blocks * 512 for path in (tmp_path / "previews" / "3f").iterdir())
    assert used <= folder.share
    assert not folder.has_room("3f") or used < 0.9 * folder.share


def test_the_newest_is_kept_though_it_is_above_the_bound(tmp_path: Path) -> None:
    folder = PreviewFolder(tmp_path, FOLDERS, 0)
    for number in range(3):
        folder.write(KEY.format(number), b"d", "card", MADE)
    assert [folder.read(KEY.format(number), b"d", "card") is not None for number in range(3)] == [False, False, True]


def test_another_digest_or_size_is_another_preview(tmp_path: Path) -> None:
    folder = PreviewFolder(tmp_path, 2**40, 0)
    folder.write(KEY.format(0), b"d", "card", MADE)
    assert folder.read(KEY.format(0), b"e", "card") is None
    assert folder.read(KEY.format(0), b"d", "study") is None
    folder.write(KEY.format(0), b"d", "card", replace(MADE, width=8))
    found = folder.read(KEY.format(0), b"d", "card")
    assert isinstance(found, Preview)
    assert found.width == 8
