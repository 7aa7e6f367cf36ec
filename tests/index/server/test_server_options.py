"""What a server is asked for when a collection is made, filled and ordered, by each setting."""

from __future__ import annotations

import threading
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from qdrant_client import QdrantClient, models

from echosearch.index.base import Collection, Payload, Point
from echosearch.index.server.index import ServerIndex
from echosearch.index.server.options import ServerOptions, SmallVectors
from echosearch.settings import load_settings

pytestmark = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
]
VIDEOS = Collection("videos", "ab" * 32, 4)


class Recording(QdrantClient):
    """qdrant-client's in-process collections; remembers how collections are made and changed, and how points come."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.made: dict[str, Any] = {}
        self.changes: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self.together = threading.Barrier(2, timeout=30)
        self.wait_for_another = False

    def create_collection(self, *args: Any, **kwargs: Any) -> Any:
        self.made = kwargs
        return super().create_collection(*args, **kwargs)

    def update_collection(self, *args: Any, **kwargs: Any) -> Any:
        self.changes.append(kwargs)
        return super().update_collection(*args, **kwargs)

    def get_collection(self, *args: Any, **kwargs: Any) -> Any:
        info = super().get_collection(*args, **kwargs)
        graph = [change["hnsw_config"] for change in self.changes if "hnsw_config" in change]
        info.config.hnsw_config.m = (graph[-1] if graph else self.made["hnsw_config"]).m
        info.config.quantization_config = self.made["quantization_config"]
        return info

    def upsert(self, collection_name: str, points: Any, *args: Any, **kwargs: Any) -> Any:
        if self.wait_for_another:
            self.together.wait()  # as long as no second request is under way, none ends
        self.batches.append(len(points.ids))
        return super().upsert(collection_name, points, *args, **kwargs)


def points(count: int) -> list[Point]:
    rows = np.random.default_rng(1).standard_normal((count, 4)).astype(np.float32)
    return [Point(UUID(int=i + 1), row, Payload(str(i), "s", "p", 1, "h")) for i, row in enumerate(rows)]


def test_without_settings_the_layout_is_the_servers_own() -> None:
    client = Recording()
    ServerIndex(client).ensure(VIDEOS)
    made = client.made
    assert (made["shard_number"], made["replication_factor"], made["write_consistency_factor"]) == (None, 1, None)
    assert made["hnsw_config"].m == 32
    assert isinstance(made["quantization_config"], models.TurboQuantization)


def test_shards_replicas_and_consistency_are_asked_for() -> None:
    client = Recording()
    ServerIndex(client, ServerOptions(shards=6, replicas=2, write_consistency=2)).ensure(VIDEOS)
    made = client.made
    assert (made["shard_number"], made["replication_factor"], made["write_consistency_factor"]) == (6, 2, 2)


@pytest.mark.parametrize(
    ("chosen", "kind"),
    [
        ("4-bit", models.TurboQuantization),
        ("8-bit", models.ScalarQuantization),
        ("binary", models.BinaryQuantization),
        ("none", type(None)),
    ],
)
def test_the_small_vectors_are_the_chosen_ones_and_are_kept_in_memory(chosen: SmallVectors, kind: type) -> None:
    client = Recording()
    index = ServerIndex(client, ServerOptions(small_vectors=chosen))
    index.ensure(VIDEOS)
    index.ensure(VIDEOS)
    assert chosen == "none" or '"always_ram":true' in client.made["quantization_config"].model_dump_json()
    assert isinstance(client.made["quantization_config"], kind)
    assert client.changes == []  # none are added where none are wanted


def test_a_graph_that_waits_is_built_once_after_the_first_fill() -> None:
    client = Recording()
    index = ServerIndex(client, ServerOptions(graph_later=True))
    index.ensure(VIDEOS)
    assert client.made["hnsw_config"].m == 0
    index.upsert(VIDEOS, points(10))
    assert client.changes == []
    for _ in range(2):
        assert index.optimize(VIDEOS)
    assert [change["hnsw_config"].m for change in client.changes] == [32]
    assert ServerIndex(QdrantClient(":memory:")).optimize(VIDEOS)  # of a collection that is not there


def test_points_go_in_requests_of_the_size_that_was_asked_for() -> None:
    client = Recording()
    index = ServerIndex(client, ServerOptions(request_points=64))
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, points(150))
    assert client.batches == [64, 64, 22]


def test_several_requests_are_under_way_at_one_time() -> None:
    client = Recording()
    index = ServerIndex(client, ServerOptions(request_points=50, streams=2))
    index.ensure(VIDEOS)
    client.wait_for_another = True
    index.upsert(VIDEOS, points(200))
    assert client.batches == [50, 50, 50, 50]
    assert index.count(VIDEOS) == 200


def test_settings_name_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHOSEARCH_QDRANT_REPLICAS", "2")
    monkeypatch.setenv("ECHOSEARCH_QDRANT_SMALL_VECTORS", "8-bit")
    settings = load_settings()
    assert (settings.qdrant_replicas, settings.qdrant_small_vectors, settings.qdrant_shards) == (2, "8-bit", None)
    for name, value in (("REPLICAS", "0"), ("SMALL_VECTORS", "2-bit"), ("STREAMS", "many")):
        with monkeypatch.context() as changed:
            changed.setenv(f"ECHOSEARCH_QDRANT_{name}", value)
            with pytest.raises(Exception, match=f"ECHOSEARCH_QDRANT_{name}"):
                load_settings()
