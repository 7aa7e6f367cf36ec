"""One folder, several processes: who holds the index answers the others, and whoever is left takes over."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid5

import numpy as np
import pytest

from echosearch.errors import ArchiveLocked, StoreUnreachable
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point
from echosearch.index.edge.index import EdgeIndex
from echosearch.index.shared.holder import connect_holder
from echosearch.index.shared.index import SharedIndex
from echosearch.index.shared.wire import Message, PeerGone, receive, send

VIDEOS = Collection("videos", "ab" * 32, 8)
HOLDER = """
    import sys, time
    from pathlib import Path
    from echosearch.index.base import Collection
    from echosearch.index.shared.index import SharedIndex
    index = SharedIndex(Path(sys.argv[1]), 5.0)
    index.ensure(Collection("videos", "ab" * 32, 8))
    print("holds", flush=True)
    sys.stdin.readline()
    index.close()
"""


def point(i: int) -> Point:
    key = str(uuid5(POINT_NAMESPACE, str(i)))
    vector = np.random.default_rng(i).standard_normal(8).astype(np.float32)
    return Point(UUID(key), vector, Payload(key, key, key, 1, f"{i:016x}", device="Vivid E95", age=i % 90))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "qdrant"


@pytest.fixture
def holder(folder: Path) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(HOLDER), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "holds\n"
        return child

    yield start
    for child in started:
        child.kill()
        child.communicate()


@pytest.fixture
def index(folder: Path) -> Iterator[SharedIndex]:
    opened = SharedIndex(folder, 10.0)
    yield opened
    opened.close()


def test_two_processes_use_one_index(holder: Callable[[], subprocess.Popen[str]], index: SharedIndex) -> None:
    holder()
    index.upsert(VIDEOS, [point(i) for i in range(30)])
    assert repr(index) == "SharedIndex(held by another process)"
    assert index.count(VIDEOS) == index.tally(VIDEOS) == 30
    assert index.search(VIDEOS, point(7).vector, 1)[0].key == point(7).payload.key
    index.delete(VIDEOS, [point(7).id])
    assert {one.id for one in index.scroll(VIDEOS, batch=7)} == {point(i).id for i in range(30) if i != 7}


@pytest.mark.parametrize("how", ["ends", "killed"])
def test_whoever_is_left_takes_over(holder: Callable[[], subprocess.Popen[str]], index: SharedIndex, how: str) -> None:
    child = holder()
    index.upsert(VIDEOS, [point(i) for i in range(30)])
    if how == "ends":
        child.communicate("\n")
    else:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    assert index.count(VIDEOS) == 30
    assert repr(index) == "SharedIndex(held here)"
    index.upsert(VIDEOS, [point(i) for i in range(25, 35)])
    assert index.count(VIDEOS) == 35


def test_a_scroll_goes_on_with_the_next_holder(folder: Path) -> None:
    first, second = SharedIndex(folder, 5.0), SharedIndex(folder, 5.0)
    first.ensure(VIDEOS)
    first.upsert(VIDEOS, [point(i) for i in range(3000)])
    points = second.scroll(VIDEOS, whole=True)
    seen = [next(points).id for _ in range(1500)]
    first.close()
    seen += [one.id for one in points]
    assert seen == sorted(point(i).id for i in range(3000))
    second.close()


def test_a_holder_that_ends_answers_what_is_under_way(folder: Path) -> None:
    first = SharedIndex(folder, 5.0)
    first.ensure(VIDEOS)
    first.upsert(VIDEOS, [point(i) for i in range(200)])
    others = [SharedIndex(folder, 5.0) for _ in range(3)]

    def ask(other: SharedIndex) -> int:
        for i in range(200):
            other.upsert(VIDEOS, [point(i), point(200 + i)])
        return len(other.search(VIDEOS, point(1).vector, 50))

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(ask, other) for other in others]
        first.close()
        assert [each.result() for each in running] == [50, 50, 50]
    assert others[0].count(VIDEOS) == 400
    for other in others:
        other.close()


def test_errors_come_back_as_they_are(folder: Path, index: SharedIndex) -> None:
    raw = EdgeIndex(folder, 0.1)
    raw.ensure(VIDEOS)
    patient = SharedIndex(folder, 0.1)
    with pytest.raises(ArchiveLocked, match="another process"):
        patient.count(VIDEOS)  # a holder that answers nobody: an earlier version
    raw.close()
    first = SharedIndex(folder, 0.1)
    first.ensure(VIDEOS)
    with pytest.raises(ValueError, match="zero or not finite"):
        index.upsert(VIDEOS, [Point(UUID(int=1), np.zeros(8, dtype=np.float32), point(1).payload)])
    with pytest.raises(ValueError, match="zero"):
        index.search(VIDEOS, np.zeros(8, dtype=np.float32), 3)
    assert index.count(VIDEOS) == 0
    first.close()


def test_the_socket_is_for_its_owner_only_and_goes_with_the_holder(folder: Path, index: SharedIndex) -> None:
    index.ensure(VIDEOS)
    assert (folder / "socket").stat().st_mode & 0o777 == 0o600
    index.close()
    assert not (folder / "socket").exists()
    assert connect_holder(folder) is None


@pytest.mark.parametrize(
    "sent",
    [
        b"\xff" * 64,  # a length of 16 EiB
        b"\0" * 7 + b"\2" + b"\0" * 8 + b"{]",
        b"\0" * 7 + b"\2" + b"\0" * 8 + b"[]",
    ],
    ids=["a length of 16 EiB", "not JSON", "no object"],
)
def test_what_is_no_message_ends_its_connection_alone(folder: Path, index: SharedIndex, sent: bytes) -> None:
    index.ensure(VIDEOS)
    connection = connect_holder(folder)
    assert connection is not None
    with connection:
        connection.sendall(sent)
        with pytest.raises(PeerGone):
            receive(connection)
    assert index.count(VIDEOS) == 0


@pytest.mark.parametrize("head", [{}, {"call": "close"}, {"call": "__class__", "collection": vars(VIDEOS)}])
def test_only_the_calls_of_an_index_are_answered(folder: Path, index: SharedIndex, head: dict[str, object]) -> None:
    index.ensure(VIDEOS)
    connection: socket.socket | None = connect_holder(folder)
    assert connection is not None
    with connection:
        send(connection, Message(head))
        assert receive(connection).head["error"] == StoreUnreachable.__name__
    with pytest.raises(PeerGone):
        receive(connection)
