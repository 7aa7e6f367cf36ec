"""No point, key or mark goes to a port that is not shown to be the same server's; both ends trust one authority."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from echosearch.errors import ConfigError
from echosearch.index.base import Collection, Payload, Point
from echosearch.index.server.address import read_address
from echosearch.index.server.ends import MARK
from echosearch.index.server.index import ServerIndex, connect_server
from tests.index.server.standin import Qdrant

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
VIDEOS = Collection("videos", "ab" * 32, 4)
POINT = Point(UUID(int=7), np.ones(4, np.float32), Payload("k", "s", "p", 1, "h"))
_hosts = (f"127.{os.getpid() % 200 + 20}.7.{i}" for i in itertools.count(2))  # each a loopback address of its own


@pytest.fixture
def host() -> str:
    return next(_hosts)


@pytest.fixture
def start() -> Iterator[Callable[[], Qdrant]]:
    running: list[Qdrant] = []

    def one() -> Qdrant:
        running.append(Qdrant())
        return running[-1]

    yield one
    for server in running:
        server.close()


def write(url: str, key: str | None = None, ca: Path | None = None) -> None:
    """What an ingest does: ensure, then points."""
    index = connect_server(url, key, ca)
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, [POINT])
    index.close()


def calls(end: list[tuple[str, str | None]]) -> list[str]:
    return [what for what, _ in end]


def test_another_instance_on_the_usual_ports_hears_nothing(start: Callable[[], Qdrant], host: str) -> None:
    ours, other = start(), start()
    other.serve_rest(host, 6333)
    other.serve_grpc(host, 6334)
    ours.serve_rest(host, 7333)
    ours.serve_grpc(host, 7334)
    for url in (f"http://{host}:7333", f"http://{host}:7333?grpc=off", f"http://{host}:7333?grpc=7334"):
        write(url, "s3cret")
    assert ours.points(VIDEOS.name) == 1
    assert other.rest == []
    assert other.fast == []
    assert "upsert" in calls(ours.fast)  # by the port that was named


def test_grpc_of_the_same_server_carries_the_points(start: Callable[[], Qdrant], host: str) -> None:
    ours = start()
    ours.serve_rest(host, 6333)
    ours.serve_grpc(host, 6334)
    write(f"http://{host}:6333", "s3cret")
    assert calls(ours.fast).count("upsert") == 1
    assert not any("points" in what for what in calls(ours.rest))
    reader = connect_server(f"http://{host}:6333", "s3cret")
    reads = len(ours.fast)
    reader.collections()
    assert len(ours.fast) == reads + 1
    reader.close()


@pytest.mark.parametrize("path", ["", "?grpc=7334"])
def test_a_stranger_behind_the_grpc_port_gets_no_point(start: Callable[[], Qdrant], host: str, path: str) -> None:
    """REST of one, gRPC of another: a tunnel for one port only, a second instance, a mistyped port."""
    ours, other = start(), start()
    ours.serve_rest(host, 6333)
    other.serve_grpc(host, 7334 if path else 6334)
    write(f"http://{host}:6333{path}")
    assert ours.points(VIDEOS.name) == 1
    assert other.points(VIDEOS.name) == 0
    assert "upsert" not in calls(other.fast)


def test_a_copy_of_the_same_volume_is_a_stranger_too(start: Callable[[], Qdrant], host: str) -> None:
    """It has the collections and the marks of the original, and not the mark of this moment."""
    ours, copy = start(), start()
    ours.serve_rest(host, 6333)
    copy.serve_grpc(host, 6334)
    write(f"http://{host}:6333")
    copy.store.create_collection(VIDEOS.name, ours.store.get_collection(VIDEOS.name).config.params.vectors)
    copy.store.update_collection(VIDEOS.name, metadata=ours.store.get_collection(VIDEOS.name).config.metadata)
    write(f"http://{host}:6333")
    assert "upsert" not in calls(copy.fast)
    assert copy.points(VIDEOS.name) == 0
    assert ours.points(VIDEOS.name) == 1


def test_the_key_is_not_shown_to_another_release(start: Callable[[], Qdrant], host: str) -> None:
    ours, other = start(), Qdrant({"title": "qdrant", "version": "1.19.0", "commit": "def"})
    ours.serve_rest(host, 6333)
    other.serve_grpc(host, 6334)
    write(f"http://{host}:6333", "s3cret")
    other.close()
    assert other.fast == [("health", None)]
    assert ours.points(VIDEOS.name) == 1


def test_a_path_is_a_proxy_and_has_no_grpc_port(start: Callable[[], Qdrant], host: str) -> None:
    ours, other = start(), start()
    ours.serve_rest(host, 6333)
    other.serve_grpc(host, 6334)
    write(f"http://{host}:6333/qdrant")
    assert other.fast == []
    assert ours.points(VIDEOS.name) == 1


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("https://h:6333", 6334),
        ("https://h", 6334),
        ("https://h:6333/", 6334),
        ("https://h:443", None),
        ("https://h:7333", None),
        ("https://h:6334", None),
        ("https://h:6333/qdrant", None),
        ("https://h:6333?grpc=off", None),
        ("https://h:7333?grpc=7334", 7334),
        ("https://h/qdrant?grpc=6334", 6334),
        ("http://h:6333?tls=off&grpc=7334", 7334),
    ],
)
def test_which_grpc_port_belongs_to_a_url(url: str, port: int | None) -> None:
    address = read_address(url)
    assert address.grpc_port == port
    assert "?" not in address.url


@pytest.mark.parametrize(
    "query",
    ["grpc=0", "grpc=65536", "grpc=x", "grpc=", "grpc=1&grpc=2", "grcp=7334", "tls=on", "cafile=/a&cafile=/b", "tls="],
)
def test_what_stands_behind_the_question_mark_is_read_or_refused(query: str) -> None:
    with pytest.raises(ConfigError, match="ECHOSEARCH_QDRANT_URL"):
        read_address(f"https://h:6333?{query}")


def test_a_certificate_does_not_go_with_http(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ECHOSEARCH_QDRANT_CA"):
        read_address("http://127.0.0.1:6333", tmp_path / "ca.pem")


def test_a_ca_that_is_none_is_a_line(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    with pytest.raises(ConfigError, match="No such file"):
        connect_server("https://127.0.0.1:9", None, empty)
    empty.write_text("no certificate\n")
    with pytest.raises(ConfigError, match="PEM"):
        connect_server("https://127.0.0.1:9", None, empty)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[Path, Path]]:
    """(the hospital's own CA, a server's certificate and key that it has signed for localhost)."""
    folder = tmp_path_factory.mktemp("ca")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    (folder / "names").write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=Hospital CA")
    openssl("req", *key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
    sign = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2")
    openssl("x509", "-req", "-in", "server.csr", *sign, "-out", "server.pem")
    return folder / "ca.pem", (folder / "server.pem", folder / "server.key")


@pytest.mark.parametrize("setting", [True, False])
def test_one_setting_makes_both_ends_trust_a_private_ca(
    start: Callable[[], Qdrant], authority: tuple[Path, tuple[Path, Path]], setting: bool
) -> None:
    ca, pair = authority
    ours = start()
    rest, fast = ours.serve_rest("127.0.0.1", tls=pair), ours.serve_grpc("127.0.0.1", tls=pair)
    url = f"https://localhost:{rest}?grpc={fast}"
    write(url if setting else f"{url}&cafile={ca}", "s3cret", ca if setting else None)
    assert "upsert" in calls(ours.fast)
    assert ours.points(VIDEOS.name) == 1


def test_an_untrusted_certificate_is_one_line_and_nothing_of_grpc(
    start: Callable[[], Qdrant], authority: tuple[Path, tuple[Path, Path]], tmp_path: Path
) -> None:
    """In a process of its own: gRPC's library writes to the file descriptor."""
    _, pair = authority
    ours = start()
    rest, fast = ours.serve_rest("127.0.0.1", tls=pair), ours.serve_grpc("127.0.0.1", tls=pair)
    plain = start()
    plain_rest = plain.serve_rest("127.0.0.1")
    script = (
        "import sys\n"
        "from echosearch.errors import StoreUnreachable\n"
        "from echosearch.index.server.index import connect_server\n"
        "try:\n    connect_server(sys.argv[1], None)\n"
        "except StoreUnreachable as exc:\n    print(exc)\n"
        "connect_server(sys.argv[2], None).close()\n"
    )
    # the second: REST in the clear, and a port for gRPC on which TLS is spoken
    urls = [f"https://localhost:{rest}?grpc={fast}", f"http://127.0.0.1:{plain_rest}?grpc={fast}"]
    done = subprocess.run([sys.executable, "-c", script, *urls], capture_output=True, text=True, check=True)
    assert done.stdout.count("\n") == 1
    assert "ECHOSEARCH_QDRANT_CA" in done.stdout
    assert done.stderr == ""
    assert ours.fast == []


def test_the_mark_is_new_for_each_process(start: Callable[[], Qdrant], host: str) -> None:
    ours = start()
    ours.serve_rest(host, 6333)
    ours.serve_grpc(host, 6334)
    marks = set()
    for _ in range(2):
        write(f"http://{host}:6333")
        marks.add((ours.store.get_collection(VIDEOS.name).config.metadata or {})[MARK])
    assert len(marks) == 2


def test_one_client_is_enough(start: Callable[[], Qdrant]) -> None:
    ours = start()
    index = ServerIndex(ours.store)
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, [POINT])
    assert index.count(VIDEOS) == 1
