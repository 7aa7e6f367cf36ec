"""Call a Qdrant server: where it may be, how often a call is tried, and how its errors are mapped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from ipaddress import ip_address
from json import JSONDecodeError
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

import grpc
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from echosearch.errors import ArchiveError, ConfigError, StoreUnreachable

__all__ = ["NO_QDRANT", "NotFound", "call", "checked_url"]

T = TypeVar("T")
NO_QDRANT = "something else than Qdrant answers: check the address and path of ECHOSEARCH_QDRANT_URL"
WAITS = (0.2, 0.4, 0.8, 1.6, 3.2)  # seconds between the tries: a restart of the server takes about that long
PASSING_HTTP = frozenset({408, 425, 429, 500, 502, 503, 504})
PASSING_GRPC = frozenset(
    {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
)
# What Qdrant, and the network between, call INTERNAL or UNKNOWN: it is an outage if the text says so
VAGUE_GRPC = frozenset(
    {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.ABORTED, grpc.StatusCode.CANCELLED}
)
OUTAGE = re.compile(
    r"unavailable|not available|operations? failed|time(?:d[ -]?)?out|deadline|replica|connect|transport"
    r"|rst_stream|stream removed|goaway|shutting down|not ready|cancell?ed",
    re.IGNORECASE,
)
REFUSED = frozenset({401, 403, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})


class NotFound(Exception):
    """The server has no such collection. Never leaves the index package."""


def checked_url(url: str) -> str:
    """Return the server's address, without the part that is ours. Raises ConfigError.

    Payloads and vectors are personal data, and the API key opens all of them: to another machine they go through
    TLS, unless the URL ends in ``?tls=off`` (a private network between two containers).
    """
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port in (-1, 0) or parts.username is not None:
        raise ConfigError("ECHOSEARCH_QDRANT_URL must look like https://host:6333, without a user or password")
    allowed = parse_qs(parts.query).get("tls") == ["off"]
    if parts.scheme == "http" and not allowed and not _is_loopback(parts.hostname):
        raise ConfigError(
            f"ECHOSEARCH_QDRANT_URL: {parts.hostname} is another machine and http is readable on the way: "
            "use https, or add ?tls=off if that network is private"
        )
    return parts._replace(query="", fragment="").geturl()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def call(function: Callable[[], T], waits: tuple[float, ...] = WAITS) -> T:
    """Call the server, again after ``waits`` while it does not answer; every call here may safely be repeated.

    Raises NotFound, StoreUnreachable, or ArchiveError where the server says that the request itself is wrong.
    """
    for wait in (*waits, None):
        try:
            return function()
        except (ResponseHandlingException, UnexpectedResponse, ResourceExhaustedResponse, grpc.RpcError) as exc:
            if (refusal := _refusal(exc)) is not None:
                raise refusal from exc
            if wait is None:
                raise StoreUnreachable(
                    f"Qdrant does not answer: {_reason(exc)}; check ECHOSEARCH_QDRANT_URL and the server"
                ) from exc
            time.sleep(wait)
        except JSONDecodeError as exc:
            raise StoreUnreachable(NO_QDRANT) from exc
        except ValueError as exc:
            # qdrant-client's in-process replacement, which the tests use, has no status codes
            if str(exc).startswith("Collection ") and str(exc).endswith(" not found"):
                raise NotFound from exc
            raise
    raise AssertionError("the last try either returns or raises")


def _refusal(exc: Exception) -> NotFound | StoreUnreachable | ArchiveError | None:
    """Return the error that no further try would change, None if the server may answer the next one."""
    status = _status(exc)
    if status in (404, grpc.StatusCode.NOT_FOUND):
        return NotFound()
    if status in REFUSED:
        return StoreUnreachable("Qdrant refused the API key: check ECHOSEARCH_QDRANT_API_KEY")
    if "CERTIFICATE_VERIFY_FAILED" in str(exc):
        return StoreUnreachable(
            f"the certificate of Qdrant is not trusted ({_reason(exc)}): name the file of the authority that "
            "signed it with ECHOSEARCH_QDRANT_CA"
        )
    passing = status is None or status in PASSING_HTTP or status in PASSING_GRPC
    if passing or (status in VAGUE_GRPC and OUTAGE.search(_reason(exc))):
        return None
    return ArchiveError(f"Qdrant refused a request: {_reason(exc)}")


def _status(exc: Exception) -> int | grpc.StatusCode | None:
    """Return the status of an answer, None if no answer came."""
    if isinstance(exc, UnexpectedResponse):
        return exc.status_code
    if isinstance(exc, ResourceExhaustedResponse):
        return grpc.StatusCode.RESOURCE_EXHAUSTED
    return exc.code() if isinstance(exc, grpc.Call) else None


def _reason(exc: Exception) -> str:
    said = exc.details() if isinstance(exc, grpc.Call) else str(exc)
    return " ".join((said or type(exc).__name__).split())[:200]
