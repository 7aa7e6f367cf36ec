"""Start the server: the rules of start, warming up, uvicorn."""

from __future__ import annotations

import gc
import ipaddress
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import uvicorn

from echosearch.access.trail import open_trail
from echosearch.archive import Archive
from echosearch.db.access.accounts import has_admin
from echosearch.errors import ConfigError, EchosearchError
from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions
from echosearch.web.app import create_app
from echosearch.web.serving import ServeOptions, Serving

__all__ = ["Listening", "check_address", "open_port", "open_serving", "run", "warm_up"]

BACKLOG = 2048  # connections that wait to be taken
TEST_QUERY = "重度僧帽弁逆流、EF 40%未満"  # a finding and a value: prompts of both kinds are embedded


@dataclass(frozen=True)
class Listening:
    """Where the server listens, and how others reach it."""

    host: str = "127.0.0.1"
    port: int = 8000
    names: tuple[str, ...] = ()  # under which it is reached, beside the address
    cert: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False
    demo: bool = False

    @property
    def is_loopback(self) -> bool:
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def url(self) -> str:
        scheme = "https" if self.cert is not None else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}:{self.port}"


def check_address(listening: Listening) -> None:
    """Raise ConfigError if the server may not listen there: beyond this machine it needs TLS and a name."""
    if (listening.cert is None) != (listening.key is None):
        raise ConfigError("--tls-cert and --tls-key belong together: give both")
    if listening.is_loopback:
        return
    if listening.demo:
        raise ConfigError("--demo listens on this machine alone: leave --host out")
    if listening.cert is None and not listening.behind_proxy:
        raise ConfigError(
            f"--host {listening.host} can be reached from other machines, so it needs TLS: give --tls-cert and"
            " --tls-key, or --behind-proxy if a proxy does TLS"
        )
    if not listening.names and is_any_address(listening.host):
        raise ConfigError("--host-name is missing: name the host that browsers ask for, such as echo.hospital.example")


def _check_certificate(cert: Path, key: Path) -> None:
    for option, file in (("--tls-cert", cert), ("--tls-key", key)):
        try:
            file.read_bytes()
        except OSError as exc:
            raise ConfigError(f"{option} {file}: {exc.strerror}") from exc
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, OSError, ValueError) as exc:
        raise ConfigError(
            f"--tls-cert {cert} is not a certificate in PEM, or --tls-key {key} is not its key, unencrypted"
        ) from exc


def check_accounts(archive: Archive, listening: Listening) -> None:
    """Raise ConfigError if other machines can reach the server and nobody can sign in."""
    if listening.is_loopback:
        return
    with archive.engine.connect() as connection:
        if not has_admin(connection):
            raise ConfigError(
                f"--host {listening.host} can be reached from other machines, and no account is an admin yet: run"
                " echosearch user add NAME --role admin, or echosearch serve on this machine first"
            )


def is_any_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def open_serving(archive: Archive, listening: Listening) -> Serving:
    """Check where it may listen, and open what the server holds. Raises ConfigError."""
    check_address(listening)
    check_accounts(archive, listening)
    names = {"127.0.0.1", "localhost", "[::1]"} if listening.is_loopback else {listening.host}
    secure = listening.cert is not None or listening.behind_proxy
    hosts = frozenset(name.lower() for name in {*names, *listening.names})
    return Serving(archive, open_trail(archive), ServeOptions(hosts, secure, listening.demo))


def open_port(listening: Listening) -> socket.socket:
    """Return the socket that listens: what is in its way is known before anybody is told to come.

    Raises ConfigError, also where the certificate cannot be used.
    """
    if listening.cert is not None and listening.key is not None:
        _check_certificate(listening.cert, listening.key)
    family = socket.AF_INET6 if ":" in listening.host else socket.AF_INET
    try:
        return socket.create_server((listening.host, listening.port), family=family, backlog=BACKLOG)
    except OSError as exc:
        why = (exc.strerror or type(exc).__name__).partition(" (while")[0]
        raise ConfigError(
            f"--host {listening.host} --port {listening.port} cannot be listened on: {why}; choose another, or"
            " end what listens there"
        ) from exc


def run(serving: Serving, listening: Listening, port: socket.socket) -> None:
    """Serve on a port that is open until SIGTERM or Ctrl-C; searches are answered once a test query was."""
    Thread(target=warm_up, args=(serving,), daemon=True).start()
    config = uvicorn.Config(
        create_app(serving),
        ssl_certfile=listening.cert,
        ssl_keyfile=listening.key,
        access_log=False,  # it would hold URLs; guard.py writes route templates
        log_level="warning",
        server_header=False,
        proxy_headers=listening.behind_proxy,
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=5,
        limit_concurrency=200,
        backlog=BACKLOG,
    )
    serving.trail.note_head()
    try:
        uvicorn.Server(config).run([port])
    finally:
        serving.previews.close()
    serving.trail.note_head()


def warm_up(serving: Serving) -> None:
    """Load the encoder and ask a test query; an archive without vectors is ready too, and says so to searches."""
    with suppress(EchosearchError):
        ask(serving.archive, TEST_QUERY, SearchOptions())
    gc.collect()
    gc.freeze()  # what is loaded stays: going through half a million objects again stopped every answer for 0.2 s
    serving.ready = True
