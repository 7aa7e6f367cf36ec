"""A damaged index: whatever file of a shard is cut, emptied, lost or overwritten, one line says what helps."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pytest

from echosearch.errors import StoreUnreachable
from echosearch.filters import Comparison
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point
from echosearch.index.edge.index import EdgeIndex
from echosearch.index.panic import EnginePanic, panics_caught

VIDEOS = Collection("videos", "ab" * 32, 8)


def points(n: int) -> Iterator[Point]:
    for i in range(n):
        key = str(uuid5(POINT_NAMESPACE, str(i)))
        payload = Payload(
            key, key, key, 1, f"{i:016x}", view="4CH", view_prob=0.9, mode="bmode", sex="F", age=50 + i % 40
        )
        yield Point(UUID(key), np.random.default_rng(i).standard_normal(8).astype(np.float32), payload)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an index with 4-bit vectors too."""
    folder = tmp_path_factory.mktemp("whole") / "qdrant"
    index = EdgeIndex(folder, 0.1)
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, list(points(300)))
    assert index.optimize(VIDEOS)
    index.close()
    return folder


def kinds_of_files(folder: Path) -> list[Path]:
    """One file of each kind: the segments' and the fields' own names left out."""
    kinds: dict[str, Path] = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.name != "lock":
            name = str(file.relative_to(folder))
            kinds.setdefault(re.sub(r"segments/[^/]+|payload_index/[^/]*-(?=\w+/)", "", name), file.relative_to(folder))
    return list(kinds.values())


def overwrite(file: Path) -> None:
    file.write_bytes(np.random.default_rng(1).bytes(min(file.stat().st_size, 1 << 20)))


DAMAGE: dict[str, Callable[[Path], None]] = {
    "emptied": lambda file: os.truncate(file, 0),
    "cut in half": lambda file: os.truncate(file, file.stat().st_size // 2),
    "overwritten": overwrite,
    "lost": Path.unlink,
}


def refusal(ask: Callable[..., object], *args: object) -> str | None:
    """What the index says where it cannot answer."""
    try:
        ask(*args)
    except StoreUnreachable as exc:
        return str(exc)
    return None


@pytest.mark.parametrize("how", DAMAGE)
def test_every_damaged_file_is_one_line_or_none(
    whole: Path, tmp_path: Path, how: str, capfd: pytest.CaptureFixture[str]
) -> None:
    files = kinds_of_files(whole)
    assert len(files) > 20
    told = set()
    for number, file in enumerate(files):
        folder = tmp_path / str(number)
        subprocess.run(["cp", "-a", whole, folder], check=True)
        DAMAGE[how](folder / file)
        index = EdgeIndex(folder, 0.1)
        said = [
            refusal(index.tally, VIDEOS),
            refusal(index.search, VIDEOS, np.ones(8, np.float32), 5),
            refusal(index.search, VIDEOS, np.ones(8, np.float32), 5, Comparison("age", ">=", 60)),
            refusal(list, index.scroll(VIDEOS, whole=True)),
            refusal(index.upsert, VIDEOS, list(points(5))),
        ]
        assert all("index rebuild" in line and "\n" not in line for line in said if line is not None), (file, said)
        if any(said) and file.name not in told:
            told.add(file.name)
            if len(told) % 5 == 1:  # making one takes its time
                index.drop(VIDEOS)  # as index rebuild begins
                index.ensure(VIDEOS)
                index.upsert(VIDEOS, list(points(3)))
                assert index.count(VIDEOS) == 3
        index.close()
        subprocess.run(["rm", "-r", folder], check=True)
    assert told
    assert capfd.readouterr().err == ""


def test_the_tally_is_the_count(whole: Path, tmp_path: Path) -> None:
    subprocess.run(["cp", "-a", whole, tmp_path / "qdrant"], check=True)
    index = EdgeIndex(tmp_path / "qdrant", 0.1)
    assert index.tally(VIDEOS) == index.count(VIDEOS) == 300
    index.delete(VIDEOS, [point.id for point in points(40)])
    index.upsert(VIDEOS, list(points(10)))
    index.upsert(VIDEOS, list(points(10)))
    assert index.tally(VIDEOS) == index.count(VIDEOS) == 270
    index.optimize(VIDEOS)
    assert index.tally(VIDEOS) == 270
    assert index.tally(Collection("reports", VIDEOS.fingerprint, 8)) == 0
    index.close()


class PanicException(BaseException):
    """Named as pyo3 names its own, which cannot be imported."""


def panic() -> None:
    os.write(2, b"thread '<unnamed>' panicked at lib.rs:1:\nof\ntwo lines\n")
    raise PanicException("of\ntwo lines")


def test_only_the_text_of_a_panic_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with panics_caught():
        os.write(2, b"a library's word\n")
    with pytest.raises(EnginePanic, match="of two lines"), panics_caught():
        panic()
    with pytest.raises(KeyboardInterrupt), panics_caught():
        raise KeyboardInterrupt
    os.write(2, b"and another\n")
    assert capfd.readouterr().err == "a library's word\nand another\n"


def test_several_threads_may_be_inside(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Barrier(2), threading.Event()

    def other() -> None:
        with panics_caught():
            inside.wait()
            leave.wait()
            os.write(2, b"the other's\n")

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait()
    with panics_caught():
        os.write(2, b"mine\n")
    leave.set()
    thread.join()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "mine\nthe other's\nafter\n"
