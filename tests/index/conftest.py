"""Both adapters under one set of tests, and the demand for a real server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from echosearch.index.base import KINDS, Collection, VectorIndex
from echosearch.index.edge.index import EdgeIndex
from echosearch.index.server.index import ServerIndex, connect_server
from echosearch.index.shared.index import SharedIndex

TEST_COLLECTIONS = [Collection(kind, "0123456789abcdef" * 4, 16) for kind in KINDS]
SERVER_URL = "ECHOSEARCH_QDRANT_URL"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A test marked qdrant_server is skipped without a server, and fails where one is demanded."""
    if item.get_closest_marker("qdrant_server") is None or os.environ.get(SERVER_URL):
        return
    if "qdrant-server" in os.environ.get("ECHOSEARCH_REQUIRE", "").split(","):
        pytest.fail(f"ECHOSEARCH_REQUIRE names qdrant-server, and {SERVER_URL} is not set")
    pytest.skip(f"no Qdrant server: {SERVER_URL} is not set")


def make_edge(folder: Path) -> VectorIndex:
    return EdgeIndex(folder / "edge", lock_wait_seconds=0.2)


def make_shared(folder: Path) -> VectorIndex:
    """Held by another index object, asked by way of its socket."""
    holder = SharedIndex(folder / "edge", lock_wait_seconds=0.2)
    assert holder.collections() == []
    asking = SharedIndex(folder / "edge", lock_wait_seconds=0.2)
    asking.holder_of_the_test = holder  # type: ignore[attr-defined] # it must live as long
    return asking


def make_server(_folder: Path) -> VectorIndex:
    """On qdrant-client's in-process stand-in for a server."""
    return ServerIndex(QdrantClient(":memory:"))


def make_real_server(_folder: Path) -> VectorIndex:
    """On the server that ECHOSEARCH_QDRANT_URL names; the tests' collections are dropped before and after."""
    return connect_server(os.environ[SERVER_URL], os.environ.get("ECHOSEARCH_QDRANT_API_KEY"))


ADAPTERS: dict[str, Callable[[Path], VectorIndex]] = {
    "edge": make_edge,
    "shared": make_shared,
    "server": make_server,
    "real-server": make_real_server,
}


@pytest.fixture(params=["edge", "shared", "server", pytest.param("real-server", marks=pytest.mark.qdrant_server)])
def index(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorIndex]:
    opened = ADAPTERS[request.param](tmp_path)
    for collection in TEST_COLLECTIONS:
        opened.drop(collection)
    yield opened
    for collection in TEST_COLLECTIONS:
        opened.drop(collection)
    opened.close()
