"""The embedded index on disk: persistence, the lock, death at any moment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pytest
import qdrant_edge as engine

from echosearch.errors import ArchiveError, ArchiveLocked, StoreUnreachable
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point
from echosearch.index.edge import EdgeIndex
from echosearch.index.fields import PAYLOAD_INDEXES
from echosearch.where import Comparison

VIDEOS = Collection("videos", "ab" * 32, 8)

Start = Callable[[str, Path], subprocess.Popen[str]]

# What every child process below begins with.
PRELUDE = """
import sys
from pathlib import Path
from uuid import uuid5
import numpy as np
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point
from echosearch.index.edge import EdgeIndex

VIDEOS = Collection("videos", "ab" * 32, 8)
index = EdgeIndex(Path(sys.argv[1]), 5.0)

def points(start, n):
    for i in range(start, start + n):
        key = str(uuid5(POINT_NAMESPACE, str(i)))
        vector = np.random.default_rng(i).standard_normal(8).astype(np.float32)
        yield Point(uuid5(POINT_NAMESPACE, str(i)), vector, Payload(key, key, key, 1, f"{i:016x}", view="4CH"))
"""


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


def point(i: int) -> Point:
    key = str(uuid5(POINT_NAMESPACE, str(i)))
    vector = np.random.default_rng(i).standard_normal(8).astype(np.float32)
    return Point(UUID(key), vector, Payload(key, key, key, 1, f"{i:016x}"))


def test_opening_is_lazy(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path / "edge", 0.1)
    index.close()
    assert not (tmp_path / "edge").exists()


def test_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path / "edge", 0.1)
    index.ensure(VIDEOS)
    assert (tmp_path / "edge").stat().st_mode & 0o077 == 0
    index.close()


def test_reopening_finds_everything(tmp_path: Path) -> None:
    first = EdgeIndex(tmp_path, 0.1)
    first.ensure(VIDEOS)
    first.upsert(VIDEOS, [point(i) for i in range(20)])
    first.close()
    first.upsert(VIDEOS, [point(20)])  # a closed index opens again by itself
    first.close()
    second = EdgeIndex(tmp_path, 0.1)
    assert second.collections() == [VIDEOS.name]
    assert {stored.id for stored in second.scroll(VIDEOS)} == {point(i).id for i in range(21)}
    assert second.search(VIDEOS, point(7).vector, 1)[0].key == point(7).payload.key
    second.close()


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
        stored = {entry.id: entry for entry in index.scroll(VIDEOS, with_vectors=True)}
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


def test_killed_while_it_builds_the_graph(child: Start, tmp_path: Path) -> None:
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
    time.sleep(0.2)
    builder.kill()
    builder.wait()
    list(output)
    index = EdgeIndex(tmp_path, 1.0)
    assert index.count(VIDEOS) == 3000
    index.optimize(VIDEOS)
    assert index.search(VIDEOS, point(11).vector, 1)[0].key == point(11).payload.key
    index.close()


def test_a_second_process_is_told_who_holds_it(child: Start, tmp_path: Path) -> None:
    holder = child('index.ensure(VIDEOS); print("ready", flush=True); import time; time.sleep(60)', tmp_path)
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


def test_two_in_one_process_exclude_each_other(tmp_path: Path) -> None:
    first, second = EdgeIndex(tmp_path, 0.1), EdgeIndex(tmp_path, 0.1)
    first.ensure(VIDEOS)
    with pytest.raises(ArchiveLocked):
        second.count(VIDEOS)
    first.close()
    assert second.count(VIDEOS) == 0
    second.close()


def test_the_graph_finds_what_a_full_comparison_finds(tmp_path: Path) -> None:
    """Above the size where a scan is used: same neighbours, and the scores of the float16 vectors."""
    wide = Collection("videos", "ef" * 32, 512)
    rng = np.random.default_rng(3)
    rows = (rng.standard_normal((100, 512))[rng.integers(100, size=5000)] + rng.standard_normal((5000, 512))).astype(
        "f4"
    )
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(wide)
    index.upsert(wide, [replace(point(i), vector=row) for i, row in enumerate(rows)])
    index.optimize(wide)
    index.close()
    shard = engine.EdgeShard.load(str(tmp_path / wide.name))
    assert shard.info().indexed_vectors_count == 5000
    shard.close()
    hits = 0
    for query in rows[:50] + rng.standard_normal((50, 512)).astype("f4"):
        fast, full = index.search(wide, query, 10), index.search(wide, query, 10, exact=True)
        hits += len({hit.key for hit in fast} & {hit.key for hit in full})
        assert [hit.score for hit in fast] == pytest.approx([hit.score for hit in full], abs=1e-2)
        assert fast[0].score == pytest.approx(full[0].score, abs=1e-6)
    assert hits >= 0.99 * 500
    index.close()


def test_payload_indexes_are_made_and_a_missing_one_is_made_again(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.close()
    shard = engine.EdgeShard.load(str(tmp_path / VIDEOS.name))
    assert set(shard.info().payload_schema) == set(PAYLOAD_INDEXES)
    shard.update(engine.UpdateOperation.delete_field_index("age"))
    shard.close()
    index.ensure(VIDEOS)
    index.close()
    shard = engine.EdgeShard.load(str(tmp_path / VIDEOS.name))
    assert set(shard.info().payload_schema) == set(PAYLOAD_INDEXES)
    shard.close()


def test_payload_index_of_another_type_is_an_error(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.close()
    shard = engine.EdgeShard.load(str(tmp_path / VIDEOS.name))
    shard.update(engine.UpdateOperation.delete_field_index("age"))
    shard.update(engine.UpdateOperation.create_field_index("age", engine.PayloadSchemaType.Keyword))
    shard.close()
    with pytest.raises(ArchiveError, match=r"age.*index rebuild"):
        index.ensure(VIDEOS)
    index.close()


def test_stored_payload_is_the_known_fields_and_nothing_else(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, [point(0)])
    index.close()
    shard = engine.EdgeShard.load(str(tmp_path / VIDEOS.name))
    (record,) = shard.retrieve([point(0).id], with_payload=True, with_vector=False)
    assert set(record.payload or {}) == {"key", "study", "patient", "gen", "vector_hash"}
    shard.close()


def test_shard_of_another_dimension_on_disk(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.close()
    with pytest.raises(ArchiveError, match="index rebuild"):
        index.search(Collection("videos", VIDEOS.fingerprint, 9), np.ones(9, np.float32), 1)
    index.close()


def test_a_broken_shard_is_one_clear_line(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.close()
    (tmp_path / VIDEOS.name / "edge_config.json").write_text("{")
    with pytest.raises(StoreUnreachable, match=VIDEOS.name) as caught:
        index.count(VIDEOS)
    assert "\n" not in str(caught.value)
    index.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreUnreachable, match="check its owner"):
        EdgeIndex(tmp_path / "edge", 0.1).collections()
