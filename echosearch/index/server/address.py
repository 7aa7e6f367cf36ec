"""The address of a Qdrant server: REST, the port of gRPC if there is one, and the authority of its certificate.

https://host:6333                      gRPC on port 6334, which belongs to 6333
https://host:7333                      REST alone: port 6334 of that host may be anything
https://host:7333?grpc=7334            gRPC on port 7334
https://host:6333?grpc=off             REST alone
https://host:6333?cafile=/etc/ca.pem   as ECHOSEARCH_QDRANT_CA: the hospital's own authority
http://qdrant:6333?tls=off             a private network between two containers
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from echosearch.errors import ConfigError
from echosearch.index.server.call import checked_url

__all__ = ["Address", "read_address"]

REST_PORT, GRPC_PORT = 6333, 6334  # Qdrant's own; qdrant-client takes 6333 where a URL names no port
NAME = "ECHOSEARCH_QDRANT_URL"
CA_NAME = "ECHOSEARCH_QDRANT_CA"


@dataclass(frozen=True)
class Address:
    """A server's two ends. ``grpc_port`` is None if nothing says that one belongs to the URL."""

    url: str
    grpc_port: int | None
    ca: Path | None  # None: the authorities that this machine trusts

    def ca_bytes(self) -> bytes | None:
        """Return the authority's certificates. Raises ConfigError for a file without one."""
        if self.ca is None:
            return None
        try:
            ssl.create_default_context(cafile=self.ca)
            return self.ca.read_bytes()
        except ssl.SSLError as exc:
            raise ConfigError(f"{CA_NAME}: {self.ca} holds no certificate in PEM form") from exc
        except OSError as exc:
            raise ConfigError(f"{CA_NAME}: {self.ca}: {exc.strerror}") from exc


def read_address(url: str, ca: Path | None = None) -> Address:
    """Return what ``url`` and the setting ``ca`` say. Raises ConfigError."""
    address = checked_url(url)
    parts = urlsplit(address)
    options = _options(urlsplit(url).query)
    signer = Path(options["cafile"]) if "cafile" in options else ca
    if signer is not None and parts.scheme == "http":
        raise ConfigError(f"{NAME} begins with http, which no certificate protects: use https with {CA_NAME}")
    own = (parts.port or REST_PORT) == REST_PORT and parts.path in ("", "/")
    grpc_port = _grpc_port(options["grpc"]) if "grpc" in options else GRPC_PORT if own else None
    return Address(address, grpc_port, signer)


def _options(query: str) -> dict[str, str]:
    found = parse_qs(query, keep_blank_values=True)
    for name, values in found.items():
        if name not in ("tls", "grpc", "cafile") or len(values) != 1 or (name == "tls" and values != ["off"]):
            raise ConfigError(
                f"{NAME}: ?{name}= is none of tls=off, grpc=PORT, grpc=off and cafile=PATH, each at most once"
            )
    return {name: values[0] for name, values in found.items()}


def _grpc_port(value: str) -> int | None:
    if value == "off":
        return None
    if not (value.isascii() and value.isdecimal() and 0 < int(value) < 65536):
        raise ConfigError(f"{NAME}: ?grpc= is a port from 1 to 65535 or off, not {value!r}")
    return int(value)
