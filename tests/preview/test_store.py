"""Previews are made once, kept for as long as their video can be found, and never shown after that."""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from echosearch.errors import InputError
from echosearch.preview.folder import FOLDERS, PreviewFolder, preview_folder
from echosearch.preview.job import make_previews
from echosearch.preview.store import Previews
from echosearch.preview.values import MadePreview, Preview, Refusal
from tests.preview.conftest import FRAMES, Shown
from tests.preview.kept import kept, one, refusal


@pytest.fixture(autouse=True)
def _nothing_kept(request: pytest.FixtureRequest) -> None:
    if "shared" in request.fixturenames:
        shared: Shown = request.getfixturevalue("shared")
        shutil.rmtree(shared.archive.settings.home / "previews", ignore_errors=True)
        shared.previews.folder = preview_folder(shared.archive.settings)


def test_a_preview_is_made_when_asked_and_kept(shared: Shown) -> None:
    assert kept(shared) == []
    first = one(shared)
    assert (len(first.samples), first.time_known) == (FRAMES, True)
    assert len(first.times) == FRAMES + 1
    assert first.frames_per_second == pytest.approx(FRAMES / first.times[-1])
    made = {path: path.stat().st_mtime_ns for path in kept(shared)}
    assert len(made) == 3
    assert one(shared) == first
    assert {path: path.stat().st_mtime_ns for path in kept(shared)} == made
    with Previews(shared.archive) as another:
        assert another.find(shared.keys[0]) == first
        assert another._pool is None  # nothing was decoded


def test_names_are_a_pseudonym_and_a_hash_and_only_the_owner_may_read(shared: Shown) -> None:
    first = one(shared)
    assert re.fullmatch(rf"{shared.keys[0]}\.[0-9a-f]{{12}}\.card\.mp4", first.mp4.name)
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept(shared)} == {0o600}
    root = shared.archive.settings.home / "previews"
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, first.mp4.parent)} == {0o700}


def test_what_is_damaged_is_made_again(shared: Shown) -> None:
    first = one(shared)
    for suffix in (".mp4", ".jpg", ".json"):
        first.mp4.with_suffix(suffix).write_bytes(b"")
        assert one(shared) == first
        assert first.mp4.stat().st_size > 1000
        assert first.poster.stat().st_size > 1000


def test_many_who_ask_at_once_get_the_same_one_made_once(shared: Shown) -> None:
    written = []
    write = shared.previews.folder.write
    shared.previews.folder.write = lambda *given: (written.append(given[0]), write(*given))[1]  # type: ignore[method-assign,func-returns-value]
    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(shared.previews.find, [*shared.keys] * 4))
    assert sorted(written) == sorted(shared.keys)
    assert all(isinstance(one, Preview) for one in found)
    assert found[:3] == found[3:6] == found[9:]
    assert shared.previews._flights == {}


def test_the_two_sizes_are_two_previews(shared: Shown) -> None:
    card = one(shared)
    study = shared.previews.find(shared.keys[0], "study")
    assert isinstance(study, Preview)
    assert study.mp4 != card.mp4
    with pytest.raises(InputError, match="size 'poster': it is one of card, study"):
        shared.previews.find(shared.keys[0], "poster")  # type: ignore[arg-type]


def test_a_key_that_no_search_can_find_has_none(shared: Shown) -> None:
    for key in ("", "../../etc/passwd", "0" * 32, "00000000-0000-0000-0000-000000000000", "%s"):
        assert refusal(shared.previews.find(key)) == Refusal.UNKNOWN


def test_a_video_that_is_not_found_any_more_is_not_shown_and_its_files_go(shared: Shown) -> None:
    for withdrawal, undo in (
        ("update core.study set conflict = true", "update core.study set conflict = false"),
        ("update core.embedding set indexed_gen = null", "update core.embedding set indexed_gen = gen"),
        ("update core.generation set state = 'retired'", "update core.generation set state = 'active'"),
    ):
        for number in range(3):
            one(shared, number)
        with shared.archive.engine.begin() as connection:
            connection.execute(text(withdrawal))
        assert refusal(shared.previews.find(shared.keys[0])) == Refusal.UNKNOWN
        assert {path.name[:36] for path in kept(shared)} == set(shared.keys[1:])
        counts = make_previews(shared.previews)
        assert (counts.videos, counts.swept) == (0, 6)
        assert kept(shared) == []
        with shared.archive.engine.begin() as connection:
            connection.execute(text(undo))


def test_the_job_makes_what_is_lacking_and_can_be_run_again(shared: Shown) -> None:
    one(shared)
    moments: list[tuple[int, int]] = []
    counts = make_previews(shared.previews, on_progress=lambda done, total: moments.append((done, total)))
    assert (counts.videos, counts.present, counts.made, counts.refused, counts.no_room) == (3, 1, 2, {}, 0)
    assert moments == [(1, 3), (2, 3), (3, 3)]
    again = make_previews(shared.previews)
    assert (again.present, again.made, again.swept) == (3, 0, 0)


def test_the_job_stops_at_the_bound_instead_of_making_room(shared: Shown) -> None:
    shared.previews.folder.share = 0
    counts = make_previews(shared.previews)
    assert (counts.made, counts.no_room) == (0, 3)


def test_a_full_disk_is_said(shared: Shown) -> None:
    shared.previews.folder._free_bytes = 2**62
    assert refusal(shared.previews.find(shared.keys[0])) == Refusal.NO_ROOM
    assert make_previews(shared.previews).no_room == 3
    assert kept(shared) == []


def test_unfinished_files_are_swept_when_nobody_can_be_writing_them(shared: Shown) -> None:
    folder = one(shared).mp4.parent
    old, young = folder / f".{shared.keys[0]}.x.card.mp4.12", folder / f".{shared.keys[0]}.x.card.mp4.13"
    for path in (old, young):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 7200,) * 2)
    assert make_previews(shared.previews).swept == 1
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


@pytest.mark.parametrize("suffix", [".mp4", ".jpg", ".json"])
@pytest.mark.parametrize("content", [None, b"", b"{}", b'{"reason": "x", "detail": ""}', b"[1]", b"\xff"])
def test_what_is_damaged_is_not_read(suffix: str, content: bytes | None, tmp_path: Path) -> None:
    folder = PreviewFolder(tmp_path, 2**40, 0)
    folder.write(KEY.format(0), b"d", "card", MADE)
    found = folder.read(KEY.format(0), b"d", "card")
    assert isinstance(found, Preview)
    broken = found.mp4.with_suffix(suffix)
    broken.unlink()
    if content is not None:
        broken.write_bytes(content)
    assert folder.read(KEY.format(0), b"d", "card") is None


def test_another_digest_or_size_is_another_preview(tmp_path: Path) -> None:
    folder = PreviewFolder(tmp_path, 2**40, 0)
    folder.write(KEY.format(0), b"d", "card", MADE)
    assert folder.read(KEY.format(0), b"e", "card") is None
    assert folder.read(KEY.format(0), b"d", "study") is None
    folder.write(KEY.format(0), b"d", "card", replace(MADE, width=8))
    found = folder.read(KEY.format(0), b"d", "card")
    assert isinstance(found, Preview)
    assert found.width == 8
