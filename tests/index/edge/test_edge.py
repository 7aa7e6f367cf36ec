"""The embedded index on disk: persistence, payload indexes, the graph, what is broken."""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pytest
import qdrant_edge as engine

from echosearch.errors import ArchiveError, ArchiveLocked, StoreUnreachable
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point
from echosearch.index.edge.index import EdgeIndex
from echosearch.index.fields import PAYLOAD_INDEXES

VIDEOS = Collection("videos", "ab" * 32, 8)


def point(i: int) -> Point:
    key = str(uuid5(POINT_NAMESPACE, str(i)))
    vector = np.random.default_rng(i).standard_normal(8).astype(np.float32)
    return Point(UUID(key), vector, Payload(key, key, key, 1, f"{i:016x}"))


def is_quantized(place: Path) -> bool:
    return json.loads((place / "edge_config.json").read_bytes()).get("quantization_config") is not None


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
    assert not is_quantized(tmp_path / wide.name)  # a first ingest does not pay for that
    index.optimize(wide)
    index.close()
    shard = engine.EdgeShard.load(str(tmp_path / wide.name))
    assert shard.info().indexed_vectors_count == 5000
    shard.close()
    assert is_quantized(tmp_path / wide.name)
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
    assert set(record.payload or {}) == {"ref", "words"}
    shard.close()


def test_shard_of_another_dimension_on_disk(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.close()
    with pytest.raises(ArchiveError, match="index rebuild"):
        index.search(Collection("videos", VIDEOS.fingerprint, 9), np.ones(9, np.float32), 1)
    index.close()


def test_a_disk_that_is_nearly_full_is_not_filled(tmp_path: Path) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, [point(0)])
    index.close()
    careful = EdgeIndex(tmp_path, 0.1, min_free_mb=10**9)
    with pytest.raises(StoreUnreachable, match="MB left"):
        careful.upsert(VIDEOS, [point(1)])
    assert not careful.optimize(VIDEOS)
    assert careful.count(VIDEOS) == 1
    careful.close()


def test_room_for_a_write_stays_free_whatever_is_asked_for(tmp_path: Path) -> None:
    """Else the kernel would kill the process in the midst of a write (SIGBUS)."""
    index = EdgeIndex(tmp_path, 0.1, min_free_mb=0)
    assert index.folder.free() <= shutil.disk_usage(tmp_path).free - (100 << 20)
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
    with pytest.raises(StoreUnreachable, match="check its lock_holder"):
        EdgeIndex(tmp_path / "edge", 0.1).collections()


WIDE = Collection("videos", "cd" * 32, 64)


def wide_points(count: int) -> list[Point]:
    vectors = np.random.default_rng(3).standard_normal((count, 64)).astype(np.float32)
    keys = [str(uuid5(POINT_NAMESPACE, f"wide {i}")) for i in range(count)]
    return [
        Point(UUID(key), vector, Payload(key, key, key, 1, f"{i:016x}"))
        for i, (key, vector) in enumerate(zip(keys, vectors, strict=True))
    ]


def test_a_large_shard_answers_and_waits_with_writes_while_it_is_optimised(tmp_path: Path) -> None:
    index, points = EdgeIndex(tmp_path, 0.1), wide_points(12_000)
    index.ensure(WIDE)
    index.upsert(WIDE, points[1:])
    with ThreadPoolExecutor(2) as threads:
        optimised = threads.submit(index.optimize, WIDE)
        while not [*tmp_path.glob(".new-*")]:
            time.sleep(0.001)
        written = threads.submit(index.upsert, WIDE, points[:1])
        answers = 0
        while not optimised.done():
            assert index.search(WIDE, points[answers + 1].vector, 1)[0].key == points[answers + 1].payload.key
            answers += 1
        assert optimised.result()
        written.result()
    assert answers > 3  # the engine's own optimize() stops every thread of its process
    assert is_quantized(tmp_path / WIDE.name)
    assert index.count(WIDE) == len(points)
    assert index.search(WIDE, points[0].vector, 1)[0].key == points[0].payload.key
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["lock", WIDE.name]
    index.close()


@pytest.mark.parametrize("moved", [False, True])
def test_a_kill_while_the_copy_takes_its_place(tmp_path: Path, moved: bool) -> None:
    index = EdgeIndex(tmp_path, 0.1)
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, [point(i) for i in range(20)])
    index.close()
    shard = tmp_path / VIDEOS.name
    shutil.copytree(shard, tmp_path / f".ready-{VIDEOS.name}")
    if moved:
        shard.rename(tmp_path / f".drop-{VIDEOS.name}")
    assert index.count(VIDEOS) == 20
    index.close()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["lock", VIDEOS.name]


def test_an_optimiser_that_dies_leaves_the_shard_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index, points = EdgeIndex(tmp_path, 0.1), wide_points(3000)
    index.ensure(WIDE)
    index.upsert(WIDE, points)
    monkeypatch.setattr("sys.executable", "/bin/false")
    with pytest.raises(StoreUnreachable, match="could not be optimised"):
        index.optimize(WIDE)
    assert index.count(WIDE) == 3000
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["lock", WIDE.name]
    index.close()
