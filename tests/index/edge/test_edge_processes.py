"""The embedded index and other processes: the lock, and death at any moment."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pytest

from echosearch.errors import ArchiveLocked
from echosearch.filters import Comparison
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point
from echosearch.index.edge.index import EdgeIndex

VIDEOS = Collection("videos", "ab" * 32, 8)

Start = Callable[[str, Path], subprocess.Popen[str]]

# What every child process below begins with.
PRELUDE = """
import sys
from pathlib import Path
from uuid import uuid5
import numpy as np
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point
from echosearch.index.edge.index import EdgeIndex

VIDEOS = Collection("videos", "ab" * 32, 8)
index = EdgeIndex(Path(sys.argv[1]), 5.0)

def points(start, n):
    for i in range(start, start + n):
        key = str(uuid5(POINT_NAMESPACE, str(i)))
        vector = np.random.default_rng(i).standard_normal(8).astype(np.float32)
        yield Point(uuid5(POINT_NAMESPACE, str(i)), vector, Payload(key, key, key, 1, f"{i:016x}", view="4CH"))
"""


def point(i: int) -> Point:
    key = str(uuid5(POINT_NAMESPACE, str(i)))
    vector = np.random.default_rng(i).standard_normal(8).astype(np.float32)
    return Point(UUID(key), vector, Payload(key, key, key, 1, f"{i:016x}"))


@pytest.fixture
def child() -> Iterator[Start]:
    """Starts other processes; none outlives its test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, folder: Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PRELUDE + textwrap.dedent(script), str(folder)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            yield line.strip()


def test_points_of_a_killed_process_are_there(child: Start, tmp_path: Path) -> None:
    writer = child(
        """
        index.ensure(VIDEOS)
        for start in range(0, 100_000, 10):
            index.upsert(VIDEOS, list(points(start, 10)))
            print(start + 10, flush=True)
        """,
        tmp_path,
    )
    acknowledged = 0
    for line in lines(writer):
        acknowledged = int(line)
        if acknowledged >= 100:
            writer.send_signal(signal.SIGKILL)
    writer.wait()
    index = EdgeIndex(tmp_path, 1.0)
    found = {stored.id for stored in index.scroll(VIDEOS)}
    assert found >= {point(i).id for i in range(acknowledged)}
    index.upsert(VIDEOS, [point(i) for i in range(acknowledged + 10)])  # the relay sends them again
    assert index.count(VIDEOS) == max(acknowledged + 10, len(found))
    index.close()


@pytest.mark.slow
def test_forty_deaths_in_one_archive_lose_nothing(child: Start, tmp_path: Path) -> None:
    """Killed anywhere in an upsert, a flush, an overwrite, a delete or the building of the graph."""
    script = """
    index.ensure(VIDEOS)
    done = index.count(VIDEOS) // 50 * 50
    print("ready", done, flush=True)
    for start in range(done, 1_000_000, 50):
        index.upsert(VIDEOS, list(points(start, 50)))
        print("has", start + 50, flush=True)
        index.upsert(VIDEOS, list(points(start, 50)))
        index.delete(VIDEOS, [p.id for p in points(1_000_000_000 + start, 5)])
        if start % 1000 == 0:
            index.optimize(VIDEOS)
    """
    rng = np.random.default_rng(0)
    acknowledged = 0
    for _ in range(40):
        writer = child(script, tmp_path)
        output = lines(writer)
        assert next(output).startswith("ready"), "the archive of a killed process opens"
        time.sleep(rng.uniform(0, 0.5))
        writer.kill()
        writer.wait()
        acknowledged = max([acknowledged, *(int(line.split()[1]) for line in output)])
        index = EdgeIndex(tmp_path, 1.0)
        stored = {entry.id: entry for entry in index.scroll(VIDEOS, whole=True)}
        assert len(stored) == index.count(VIDEOS)
        for i in range(acknowledged):
            entry, sent = stored[point(i).id], point(i)
            assert (entry.key, entry.vector_hash) == (sent.payload.key, sent.payload.vector_hash)
            assert entry.vector is not None
            assert float(entry.vector @ sent.vector) > 0.999 * float(np.linalg.norm(sent.vector))
        for i in rng.integers(acknowledged, size=min(20, acknowledged)):
            where = Comparison("study", "=", point(int(i)).payload.key)
            assert len(index.search(VIDEOS, point(int(i)).vector, 5, where)) == 1
        index.close()
    assert acknowledged > 1000


@pytest.mark.parametrize("milliseconds", [1, 20, 60, 120])
def test_killed_while_it_makes_a_collection(child: Start, tmp_path: Path, milliseconds: int) -> None:
    maker = child(
        """
        print("ready", flush=True)
        for i in range(1000):
            index.ensure(VIDEOS)
            index.drop(VIDEOS)
        """,
        tmp_path,
    )
    output = lines(maker)
    assert next(output) == "ready"
    time.sleep(milliseconds / 1000)
    maker.kill()
    maker.wait()
    list(output)
    index = EdgeIndex(tmp_path, 1.0)
    assert index.collections() in ([], [VIDEOS.name])
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, [point(0)])
    assert index.count(VIDEOS) == 1
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]
    index.close()


@pytest.mark.parametrize("attempt", range(3))
def test_killed_while_it_builds_the_graph(child: Start, tmp_path: Path, attempt: int) -> None:
    builder = child(
        """
        index.ensure(VIDEOS)
        index.upsert(VIDEOS, list(points(0, 3000)))
        print("ready", flush=True)
        while True:
            index.upsert(VIDEOS, list(points(0, 3000)))
            index.optimize(VIDEOS)
        """,
        tmp_path,
    )
    output = lines(builder)
    assert next(output) == "ready"
    while not any(tmp_path.glob(".new-*/segments")):
        time.sleep(0.01)
    time.sleep(0.3 * attempt)  # while the copy is made, its process starts, or the graph grows
    builder.kill()
    builder.wait()
    index = EdgeIndex(tmp_path, 10.0)
    assert index.count(VIDEOS) == 3000
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]
    list(output)  # ends when the process that built the graph has ended too
    index.optimize(VIDEOS)
    assert index.search(VIDEOS, point(11).vector, 1)[0].key == point(11).payload.key
    index.close()


def test_a_second_process_is_told_who_holds_it(child: Start, tmp_path: Path) -> None:
    holder = child('index.ensure(VIDEOS); print("ready", flush=True); import time; time.sleep(600)', tmp_path)
    output = lines(holder)
    assert next(output) == "ready"
    index = EdgeIndex(tmp_path, 0.1)
    with pytest.raises(ArchiveLocked, match=rf"process \({holder.pid}\)") as caught:
        index.count(VIDEOS)
    assert caught.value.exit_code == 11
    assert "\n" not in str(caught.value)
    holder.kill()
    holder.wait()
    list(output)
    assert index.count(VIDEOS) == 0  # the lock ended with its process
    index.close()


def test_waiting_for_the_lock_succeeds_when_it_is_let_go(child: Start, tmp_path: Path) -> None:
    holder = child(
        'index.ensure(VIDEOS); print("ready", flush=True); import time; time.sleep(0.5); index.close()', tmp_path
    )
    output = lines(holder)
    assert next(output) == "ready"
    index = EdgeIndex(tmp_path, 20.0)
    assert index.collections() == [VIDEOS.name]
    holder.wait()
    list(output)
    index.close()
