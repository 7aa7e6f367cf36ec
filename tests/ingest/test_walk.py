"""The walk and the clock: what is found, in which order, and where the time goes."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from echosearch.errors import InputError
from ingest.options import IngestSummary
from ingest.progress import Clock, Progress, every
from ingest.walk import count_files, walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("b/2", "b/10", "a/x", "z"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    (root / "a/loop").symlink_to(root, target_is_directory=True)
    (root / "link").symlink_to(root / "z")
    (root / "dead").symlink_to(root / "nowhere")
    return root


def test_regular_files_in_a_fixed_order_and_no_links(tree: Path) -> None:
    found = list(walk(tree, {}))
    assert [each.path.relative_to(tree).as_posix() for each in found] == ["z", "a/x", "b/10", "b/2"]
    assert [each.size for each in found] == [1, 3, 4, 3]
    assert count_files(tree) == 4


def test_a_root_may_be_a_link_or_a_file(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(tree)
    assert [each.path for each in walk(tmp_path / "here", {})] == [each.path for each in walk(tree, {})]
    assert [each.path.name for each in walk(tree / "z", {})] == ["z"]


def test_a_root_that_cannot_be_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot list"):
        list(walk(tmp_path / "not-mounted", {}))


def test_a_folder_that_vanishes_before_its_turn_was_not_there(tree: Path) -> None:
    """Folders are listed long before they are walked; an archive in use loses some meanwhile."""
    found = walk(tree, {})
    assert next(found).path.name == "z"
    shutil.rmtree(tree / "a")
    assert [each.path.name for each in found] == ["10", "2"]


def test_a_folder_that_cannot_be_entered_is_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with read permission alone: here the names of its files make paths longer than the system takes."""
    monkeypatch.chdir(tree)
    length = len(os.fsencode(tree))
    while length < 4000:
        name = "d" * min(250, 4090 - length)
        os.mkdir(name)
        os.chdir(name)
        length += 1 + len(name)
    Path("f" * 100).write_text("x")
    unread: dict[Path, str] = {}
    assert [each.path.name for each in walk(tree, unread)] == ["z", "x", "10", "2"]
    assert list(unread.values()) == ["File name too long"]
    assert IngestSummary(3, 3, 0, 0, 0, unread={"folder": "why"}).failed


def test_time_inside_a_stage_is_not_its_outer_stages() -> None:
    clock = Clock()
    began = time.monotonic()
    with clock.stage("walk"):
        with clock.stage("encode"):
            time.sleep(0.05)
        time.sleep(0.01)
    whole = time.monotonic() - began
    assert clock.seconds["encode"] >= 0.05
    assert 0.01 <= clock.seconds["walk"] <= whole - clock.seconds["encode"]
    assert clock.bottleneck == max(clock.seconds, key=lambda stage: clock.seconds[stage])


def test_progress_knows_what_is_left() -> None:
    assert Progress(None, 10, 5, 2.0, "decode").eta_seconds is None
    assert Progress(100, 10, 5, 2.0, "decode").eta_seconds == pytest.approx(18.0)
    assert Progress(5, 10, 5, 2.0, "decode").eta_seconds == 0.0  # files appeared after they were counted


def test_every_draws_all_and_yields_some() -> None:
    drawn = []

    def items() -> object:
        for i in range(5):
            drawn.append(i)
            yield i

    assert list(every(60.0, items())) == []  # type: ignore[arg-type]
    assert drawn == [0, 1, 2, 3, 4]
    assert list(every(0.0, iter([1, 2]))) == [1, 2]
