"""A small Qdrant server: REST and gRPC on real sockets before qdrant-client's in-process collections.

It remembers every call of each end, so that a test can show what was sent where.
"""

from __future__ import annotations

import json
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from qdrant_client import QdrantClient, models
from qdrant_client import grpc as api
from qdrant_client.conversions.conversion import GrpcToRest, RestToGrpc

VERSION = {"title": "qdrant - vector search engine", "version": "1.20.0", "commit": "abc"}


class Qdrant:
    """One instance. ``rest`` and ``fast`` list the calls of the two ends: (what, API key)."""

    def __init__(self, version: dict[str, str] = VERSION) -> None:
        self.store = QdrantClient(":memory:")
        self.guard = threading.RLock()
        self.version = version
        self.rest: list[tuple[str, str | None]] = []
        self.fast: list[tuple[str, str | None]] = []
        self._closing: list[Any] = []

    def serve_rest(self, host: str, port: int = 0, tls: tuple[Path, Path] | None = None) -> int:
        """Listen; ``tls`` is a certificate's file and its key's. Returns the port."""
        server = _Http((host, port), _Rest)
        server.qdrant = self
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self._closing += [server.shutdown, server.server_close]
        return int(server.server_address[1])

    def serve_grpc(self, host: str, port: int = 0, tls: tuple[Path, Path] | None = None) -> int:
        server = grpc.server(ThreadPoolExecutor(2))
        api.add_QdrantServicer_to_server(_Root(self), server)
        api.add_CollectionsServicer_to_server(_Collections(self), server)
        api.add_PointsServicer_to_server(_Points(self), server)
        if tls is not None:
            pair = (tls[1].read_bytes(), tls[0].read_bytes())
            port = server.add_secure_port(f"{host}:{port}", grpc.ssl_server_credentials([pair]))
        else:
            port = server.add_insecure_port(f"{host}:{port}")
        server.start()
        self._closing.append(lambda: server.stop(0).wait())
        return port

    def points(self, name: str) -> int:
        with self.guard:
            return self.store.count(name).count if self.store.collection_exists(name) else 0

    def close(self) -> None:
        for close in self._closing:
            close()


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    qdrant: Qdrant

    def handle_error(self, request: Any, client_address: Any) -> None:
        return  # a client that does not trust us ends the handshake


class _Rest(BaseHTTPRequestHandler):
    server: _Http

    def do_GET(self) -> None:
        qdrant = self.server.qdrant
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.partition("?")[0].removeprefix("/qdrant")  # as a proxy would
        with qdrant.guard:
            qdrant.rest.append((f"{self.command} {path}", self.headers.get("api-key")))
            status, answer = _answer(qdrant, self.command, path.strip("/").split("/"), json.loads(raw or b"{}"))
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the base class looks for these names

    def log_message(self, format: str, *args: object) -> None:
        return


def _answer(qdrant: Qdrant, command: str, path: list[str], body: dict[str, Any]) -> tuple[int, object]:
    store = qdrant.store
    if path == [""]:
        return 200, qdrant.version
    if path == ["collections"]:
        return _ok(store.get_collections().model_dump(mode="json"))
    name = path[1]
    if command == "PUT" and len(path) == 2:
        store.create_collection(name, vectors_config=models.VectorParams(**body["vectors"]))
        return _ok(True)
    if not store.collection_exists(name):
        return 404, {"status": {"error": "Not found"}, "time": 0.0}
    if command == "GET":
        return _ok(store.get_collection(name).model_dump(mode="json"))
    if command == "PATCH":
        store.update_collection(name, metadata=body.get("metadata"))
        return _ok(True)
    if path[2:] == ["points"]:
        store.upsert(name, models.Batch(**body["batch"]))
    return _ok({"operation_id": 0, "status": "completed"})


def _ok(result: object) -> tuple[int, object]:
    return 200, {"result": result, "status": "ok", "time": 0.0}


class _Servicer:
    def __init__(self, qdrant: Qdrant) -> None:
        self.qdrant = qdrant

    def note(self, what: str, context: grpc.ServicerContext) -> None:
        self.qdrant.fast.append((what, dict(context.invocation_metadata()).get("api-key")))


class _Root(_Servicer, api.QdrantServicer):
    def HealthCheck(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's own name
        self.note("health", context)
        return api.HealthCheckReply(**self.qdrant.version)


class _Collections(_Servicer, api.CollectionsServicer):
    def List(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's own name
        self.note("list", context)
        names = [entry.name for entry in self.qdrant.store.get_collections().collections]
        return api.ListCollectionsResponse(collections=[api.CollectionDescription(name=name) for name in names])

    def Get(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's own name
        self.note("get", context)
        if not self.qdrant.store.collection_exists(request.collection_name):
            context.abort(grpc.StatusCode.NOT_FOUND, "Not found")
        info = self.qdrant.store.get_collection(request.collection_name)
        return api.GetCollectionInfoResponse(result=RestToGrpc.convert_collection_info(info))


class _Points(_Servicer, api.PointsServicer):
    def Upsert(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802 - the service's own name
        self.note("upsert", context)
        points = [GrpcToRest.convert_point_struct(point) for point in request.points]
        self.qdrant.store.upsert(request.collection_name, points)
        return api.PointsOperationResponse(result=api.UpdateResult(operation_id=0, status=api.UpdateStatus.Completed))
