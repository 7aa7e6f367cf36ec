"""An SQLAlchemy engine on the configured server, or on the embedded one; its errors become ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg.pq import Format
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import ArgumentError, OperationalError

from echosearch.db.server.embedded import EmbeddedServer
from echosearch.db.server.migrate import upgrade
from echosearch.db.server.no_answer import first_line, no_answer
from echosearch.errors import ConfigError, StoreUnreachable

__all__ = ["LOCK_SECONDS", "STATEMENT_SECONDS", "open_engine", "upgrade"]

REMOTE = {"connect_timeout": 10, "keepalives_idle": 30}  # seconds; the URL may say otherwise
STATEMENT_SECONDS = 300  # a statement that takes longer is a mistake, not work
LOCK_SECONDS = 60
OLDEST = 15  # major version of PostgreSQL
LIFO = True  # the connection that was used last has the statements prepared that the next search sends
# the server's own look whether this machine is there: what it held is free two minutes after it is not
ALIVE = "-c tcp_keepalives_idle=60 -c tcp_keepalives_interval=15 -c tcp_keepalives_count=4 "
LOOPBACK = frozenset({"", "localhost", "127.0.0.1", "::1"})
INSUFFICIENT_PRIVILEGE = "42501"  # SQLSTATE
STALLED = "25P03"  # idle_in_transaction_session_timeout
OUT_OF_RESOURCES = "53"  # class: disk full, out of memory, too many connections


def open_engine(url: str | None, home: Path) -> Engine:
    """Return an engine on ``url``, or on PostgreSQL under ``home`` if it is None. The first connection starts that.

    Connections commit synchronously and are named echosearch. The execution option ``binary`` asks for rows in
    PostgreSQL's binary format. ``engine.dispose()`` stops the embedded server when
    no other process uses it. What is raised through the engine when the server cannot be reached is StoreUnreachable.
    Raises ConfigError when ``url`` is not a PostgreSQL URL.
    """
    engine = _embedded(home) if url is None else _remote(url)

    @event.listens_for(engine, "handle_error")
    def map_error(context: ExceptionContext) -> None:
        _map_error(context, home if url is None else None)

    event.listen(engine, "before_cursor_execute", _ask_for_binary)
    if url is not None:
        event.listen(engine, "connect", _check_version)
    return engine


def _embedded(home: Path) -> Engine:
    server = EmbeddedServer(home)

    def connect() -> Any:
        server.acquire()
        return server.connect(**_options({}))

    engine = create_engine("postgresql+psycopg://", creator=connect, hide_parameters=True, pool_use_lifo=LIFO)

    @event.listens_for(engine, "engine_disposed")
    def stop(_: Engine) -> None:
        server.release()

    return engine


def _remote(url: str) -> Engine:
    place = _normalised(url)
    try:
        return create_engine(
            place,
            connect_args=_options(place.query)
            | {name: value for name, value in REMOTE.items() if name not in place.query},
            pool_pre_ping=True,  # a firewall drops idle connections without a word
            pool_recycle=1800,
            pool_use_lifo=LIFO,
            hide_parameters=True,  # values can name a patient
        )
    except ArgumentError as exc:  # hosts and ports of its query are looked at here
        raise ConfigError(f"ECHOSEARCH_DATABASE_URL: {first_line(exc)}") from exc


def _normalised(url: str) -> URL:
    """Return the URL with psycopg 3 as driver, and TLS unless the URL says otherwise or the server is this machine."""
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        place = None
    if place is None or place.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigError("ECHOSEARCH_DATABASE_URL must look like postgresql://user:password@host:5432/echosearch")
    place = place.set(drivername="postgresql+psycopg")
    host = place.host or ""
    if "@" in host:  # the rest of a password, which a message about the host would show
        raise ConfigError("ECHOSEARCH_DATABASE_URL has more than one @: write one in a password as %40")
    if host not in LOOPBACK and not host.startswith("/") and not {"sslmode", "host"} & place.query.keys():
        place = place.update_query_dict({"sslmode": "require"})
    return place


def _options(query: Mapping[str, tuple[str, ...] | str]) -> dict[str, Any]:
    given = query.get("options", "")
    ours = (
        "-c synchronous_commit=on "  # an acknowledged commit survives a crash, whatever the server's default
        # no spinning disk: by the default of 4, a few hundred look-ups of keys become a scan of all studies
        "-c random_page_cost=1.1 "
        f"{ALIVE}-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={LOCK_SECONDS}s"
    )
    return {"application_name": "echosearch", "options": f"{ours} {given if isinstance(given, str) else given[-1]}"}


def _check_version(connection: Any, _record: object) -> None:
    """Refuse a server that is too old. Raises ConfigError."""
    version = connection.info.server_version // 10_000
    if version < OLDEST:
        raise ConfigError(
            f"ECHOSEARCH_DATABASE_URL: the server is PostgreSQL {version}, it has to be {OLDEST} or later: upgrade it"
        )


def _ask_for_binary(
    connection: object, cursor: Any, statement: object, parameters: object, context: Any, many: object
) -> None:
    """Ask for binary rows: as text a bytea is sent in hexadecimal; a vector takes half the time in binary."""
    if context is not None and context.execution_options.get("binary"):
        cursor.format = Format.BINARY


def _map_error(context: ExceptionContext, home: Path | None) -> None:
    """Turn a driver's error into ours if it means that the server is gone or full; SQLAlchemy calls it with each.

    ``home``: the embedded server's.
    """
    error = context.original_exception
    if getattr(error, "sqlstate", None) == INSUFFICIENT_PRIVILEGE:
        said = first_line(error).partition(" LINE ")[0]
        raise ConfigError(f"PostgreSQL says {said}: this needs a role that may (docs/operations.md)") from error
    if getattr(error, "sqlstate", None) == STALLED:
        raise StoreUnreachable(
            "PostgreSQL has ended a transaction that held up all others and said nothing: this process was stopped or"
            " cut off; start it again"
        ) from error
    if context.is_pre_ping or not isinstance(context.sqlalchemy_exception, OperationalError):
        return
    connecting = context.connection is None
    full = (getattr(error, "sqlstate", None) or "").startswith(OUT_OF_RESOURCES)
    if connecting or context.is_disconnect or full:
        raise no_answer(error, home) from error
