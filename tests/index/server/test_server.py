"""How a server is reached and what its failures become, with real sockets; the contract is in test_contract.py."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import pytest
from qdrant_client import QdrantClient

from echosearch.errors import ArchiveError, ConfigError, StoreUnreachable
from echosearch.index.base import Collection
from echosearch.index.server.call import NotFound, call, checked_url
from echosearch.index.server.index import ServerIndex, connect_server

VIDEOS = Collection("videos", "cd" * 32, 4)
NO_COLLECTIONS = {"result": {"collections": []}, "status": "ok", "time": 0.0}


class Canned(ThreadingHTTPServer):
    """Answers each request with the next of ``answers`` (the last again and again), and remembers the paths."""

    daemon_threads = True

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Canned

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        answers = self.server.answers
        self.server.seen.append((self.path, self.headers.get("api-key")))
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def serve() -> Iterator[object]:
    running: list[Canned] = []

    def start(*answers: tuple[int, object]) -> Canned:
        server = Canned(*answers)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return server

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def rest(server: Canned) -> ServerIndex:
    return ServerIndex(QdrantClient(url=server.url, check_compatibility=False, timeout=5))


@pytest.mark.parametrize(
    "url", ["", "localhost:6333", "ftp://h", "http://", "https://user:pw@h:6333", "http://127.0.0.1:notaport"]
)
def test_not_an_address(url: str) -> None:
    with pytest.raises(ConfigError, match="ECHOSEARCH_QDRANT_URL") as caught:
        checked_url(url)
    assert "pw" not in str(caught.value).replace("password", "")


def test_another_machine_needs_tls() -> None:
    for url in ("http://qdrant:6333", "http://10.0.0.5:6333", "http://vectors.example"):
        with pytest.raises(ConfigError, match=r"https.*tls=off"):
            checked_url(url)
        assert checked_url(f"{url}?tls=off") == url
        assert checked_url(url.replace("http:", "https:")) == url.replace("http:", "https:")
    for url in ("http://localhost:6333", "http://127.0.0.1:6333", "http://[::1]:6333", "http://127.1.2.3"):
        assert checked_url(url) == url


def test_nothing_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = QdrantClient(port=taken.getsockname()[1], host="127.0.0.1", check_compatibility=False, timeout=1)
        with pytest.raises(StoreUnreachable, match="ECHOSEARCH_QDRANT_URL") as caught:
            call(client.get_collections, waits=(0.01, 0.01))
        assert caught.value.exit_code == 10
        assert "\n" not in str(caught.value)
        client.close()


def test_a_passing_failure_is_tried_again(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve((503, {}), (500, {}), (200, NO_COLLECTIONS))
    index = rest(server)
    assert index.collections() == []
    assert len(server.seen) == 3
    index.close()


def test_a_lasting_failure_is_one_line(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve((503, {"status": {"error": "disk full"}}))
    client = QdrantClient(url=server.url, check_compatibility=False, timeout=5)
    with pytest.raises(StoreUnreachable, match="503") as caught:
        call(client.get_collections, waits=(0.01,))
    assert "\n" not in str(caught.value)
    assert len(server.seen) == 2
    client.close()


def test_a_request_that_is_wrong_is_not_tried_again(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve((400, {"status": {"error": "Wrong input"}}))
    index = rest(server)
    with pytest.raises(ArchiveError, match="Wrong input"):
        index.search(VIDEOS, np.ones(4, np.float32), 3)
    assert len(server.seen) == 1
    index.close()


def test_no_such_collection(serve) -> None:  # type: ignore[no-untyped-def]
    index = rest(serve((404, {"status": {"error": "Not found"}})))
    assert index.search(VIDEOS, np.ones(4, np.float32), 3) == []
    assert index.count(VIDEOS) == 0
    assert list(index.scroll(VIDEOS)) == []
    index.close()


@pytest.mark.parametrize("status", [401, 403])
def test_the_key_is_refused(serve, status: int) -> None:  # type: ignore[no-untyped-def]
    server = serve((status, "Must provide an API key"))
    with pytest.raises(StoreUnreachable, match="ECHOSEARCH_QDRANT_API_KEY") as caught:
        connect_server(server.url, "s3cret")
    assert "s3cret" not in str(caught.value)


def test_connect_falls_back_to_rest_and_sends_the_key(serve) -> None:  # type: ignore[no-untyped-def]
    server = serve((200, NO_COLLECTIONS))
    index = connect_server(server.url, "s3cret")
    assert index.collections() == []
    assert server.seen[-1] == ("/collections", "s3cret")
    assert "s3cret" not in repr(index)
    index.close()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, StoreUnreachable),
        (grpc.StatusCode.DEADLINE_EXCEEDED, StoreUnreachable),
        (grpc.StatusCode.UNAUTHENTICATED, StoreUnreachable),
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.INVALID_ARGUMENT, ArchiveError),
        (grpc.StatusCode.INTERNAL, ArchiveError),
    ],
)
def test_grpc_failures_become_ours(code: grpc.StatusCode, error: type[Exception]) -> None:
    assert tries_of_grpc(code, "because", error) == (
        2 if error is StoreUnreachable and "UNAUTH" not in code.name else 1
    )


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN])
@pytest.mark.parametrize(
    "text",
    [
        "Service internal error: 1 of 1 read operations failed",
        "Service internal error: The service is currently unavailable",
        "Timeout error: Operation 'Search' timed out after 60 seconds",
        "Failed to apply operation to at least one `Active` replica",
        "error trying to connect: tcp connect error: Connection refused (os error 111)",
        "Received RST_STREAM with error code 2",
    ],
)
def test_an_outage_is_no_refusal_whatever_it_is_called(code: grpc.StatusCode, text: str) -> None:
    assert tries_of_grpc(code, text, StoreUnreachable) == 2


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (grpc.StatusCode.INTERNAL, "Wrong input: Vector dimension error: expected dim: 4, got 5"),
        (grpc.StatusCode.INVALID_ARGUMENT, "Wrong input: timeout must be above 0"),
        (grpc.StatusCode.INVALID_ARGUMENT, "Forbidden: limit exceeded, replica count must be above 0"),
    ],
)
def test_a_refusal_stays_one(code: grpc.StatusCode, text: str) -> None:
    assert tries_of_grpc(code, text, ArchiveError) == 1


def tries_of_grpc(code: grpc.StatusCode, text: str, error: type[Exception]) -> int:
    """How often a call is made to a server that answers so, until ``error`` is raised."""
    tries: list[object] = []

    class Refuses(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
        def service(self, _: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            def refuse(request: object, context: grpc.ServicerContext) -> None:
                tries.append(request)
                context.abort(code, text)

            return grpc.unary_unary_rpc_method_handler(refuse)

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Refuses()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    client = QdrantClient(host="127.0.0.1", grpc_port=port, prefer_grpc=True, check_compatibility=False, timeout=5)
    with pytest.raises(error) as caught:
        call(client.get_collections, waits=(0.01,))
    client.close()
    server.stop(0).wait()
    assert "\n" not in str(caught.value)
    assert getattr(caught.value, "exit_code", 0) == (
        10 if error is StoreUnreachable else 1 if error is ArchiveError else 0
    )
    return len(tries)


@pytest.mark.parametrize("answer", [(404, {"error": "no such page"}), (200, b"<html>hello</html>")])
def test_another_server_behind_the_address_is_a_line(serve: Callable[..., Canned], answer: tuple[int, object]) -> None:
    with pytest.raises(StoreUnreachable, match="something else than Qdrant answers: check"):
        connect_server(serve(answer).url, None)
