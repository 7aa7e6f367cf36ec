"""The two ends of a Qdrant server: REST, and gRPC only once it is shown to be the same server.

A URL names one port. The other may be another instance's, a test server's, a tunnel's: points written there would be
in somebody else's index. So three things are shown, each before more is sent:

    the same release      the health check of both, without the API key
    the same collections  both list the same, and a mark in one's metadata reads the same by both: searches use gRPC
    the same server       a fresh mark, written by REST, is read by gRPC: writes use gRPC

Where one of them fails, REST does everything: slower, and right.
"""

from __future__ import annotations

import os
import ssl
import warnings
from collections.abc import Callable
from secrets import token_hex
from typing import Any, TypeVar

from qdrant_client import QdrantClient

from echosearch.errors import ArchiveError, StoreUnreachable
from echosearch.index.base import KINDS
from echosearch.index.server.address import Address
from echosearch.index.server.call import NO_QDRANT, NotFound, call

__all__ = ["Ends", "open_ends"]

T = TypeVar("T")
TIMEOUT_SECONDS = 30
HELLO_SECONDS = 5
MARK = "echosearch_mark"


class Ends:
    """``reads`` and ``writes``: the client to use for each, REST until gRPC is shown to be the same server."""

    def __init__(self, rest: QdrantClient, fast: QdrantClient | None = None) -> None:
        self.reads = self.writes = self._rest = rest
        self._fast = fast

    def check_reads(self) -> None:
        """Read by gRPC from now on if both ends hold the same marked collection."""
        if self._fast is not None and _agree(self._rest, self._fast):
            self.reads = self._fast

    def check_writes(self, name: str) -> None:
        """Use gRPC for everything from now on if a fresh mark of the collection ``name`` reaches it, and else never."""
        if self._fast is None or self.writes is self._fast:
            return
        mark = token_hex(16)
        written = _tried(lambda: self._rest.update_collection(name, metadata={MARK: mark}))
        if written and _mark(self._fast, name) == mark:
            self.reads = self.writes = self._fast
        else:
            self.reads = self._rest
            self._fast.close()
            self._fast = None

    def close(self) -> None:
        for client in (self._rest, self._fast):
            if client is not None:
                client.close()


def open_ends(address: Address, api_key: str | None) -> Ends:
    """Connect to both ends. Raises ConfigError for an unreadable CA, StoreUnreachable if REST does not answer."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # else a failed handshake is a line of C++ on stderr
    rest = _client(address, api_key)
    try:
        call(rest.get_collections)
    except NotFound as exc:
        rest.close()
        raise StoreUnreachable(NO_QDRANT) from exc
    except (StoreUnreachable, ArchiveError):
        rest.close()
        raise
    fast = None
    if address.grpc_port is not None and _same_release(rest, address):
        fast = _client(address, api_key, address.grpc_port)
    ends = Ends(rest, fast)
    ends.check_reads()
    return ends


def _client(
    address: Address, api_key: str | None, grpc_port: int | None = None, seconds: int = TIMEOUT_SECONDS
) -> QdrantClient:
    ca = address.ca_bytes()
    trust: dict[str, Any] = {"verify": ssl.create_default_context(cafile=address.ca)} if ca is not None else {}
    with warnings.catch_warnings():
        # read_address has decided where a key may go without TLS
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
        return QdrantClient(
            url=address.url,
            api_key=api_key,
            prefer_grpc=grpc_port is not None,
            grpc_port=grpc_port or 0,  # 0: unused, and no port that anything listens on
            grpc_options={"root_certificates": ca} if ca is not None else None,
            timeout=seconds,
            check_compatibility=False,  # would warn from a thread; docs/operations.md names the versions
            **trust,
        )


def _same_release(rest: QdrantClient, address: Address) -> bool:
    """Ask both ends what they are. The health check needs no key, so none is sent to what may be a stranger."""
    stranger = _client(address, None, address.grpc_port, HELLO_SECONDS)
    try:
        ours, theirs = _tried(rest.info), _tried(stranger.info)
    finally:
        stranger.close()
    return ours is not None and theirs is not None and (ours.version, ours.commit) == (theirs.version, theirs.commit)


def _agree(rest: QdrantClient, fast: QdrantClient) -> bool:
    ours, theirs = _tried(lambda: _names(rest)), _tried(lambda: _names(fast))
    if ours is None or ours != theirs:
        return False
    marks = ((_mark(rest, name), name) for name in ours if name.startswith(KINDS))
    marked = next(((mark, name) for mark, name in marks if mark is not None), None)
    return marked is not None and _mark(fast, marked[1]) == marked[0]


def _names(client: QdrantClient) -> list[str]:
    return sorted(entry.name for entry in client.get_collections().collections)


def _mark(client: QdrantClient, name: str) -> str | None:
    info = _tried(lambda: client.get_collection(name))
    found = (info.config.metadata or {}).get(MARK) if info is not None else None
    return found if isinstance(found, str) else None


def _tried(ask: Callable[[], T]) -> T | None:
    """Ask once; return None if the call is refused or nothing answers."""
    try:
        return call(ask, waits=())
    except (StoreUnreachable, ArchiveError, NotFound):
        return None
