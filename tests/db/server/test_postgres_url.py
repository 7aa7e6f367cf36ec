"""A PostgreSQL given by its URL, and its failures as ours."""

from __future__ import annotations

import socket
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event, text

from echosearch.db.server.engine import open_engine
from echosearch.errors import ConfigError, StoreUnreachable


def one(engine: Engine, statements: str) -> object:
    """Run them; the first value of the last."""
    with engine.begin() as connection:
        for statement in statements.split(";"):
            result = connection.execute(text(statement))
        return result.scalar()


@pytest.fixture
def url(database: Engine) -> str:
    """The session's server as if it were someone else's."""
    folder = one(database, "show data_directory")
    return f"postgresql://postgres:s3cret@/echosearch?host={folder}"


def test_a_server_by_url(url: str, tmp_path: Path) -> None:
    engine = open_engine(url.replace("postgresql:", "postgres:"), tmp_path)
    assert one(engine, "select current_database()") == "echosearch"
    assert one(engine, "show synchronous_commit") == "on"
    assert one(engine, "show statement_timeout") == "5min"
    assert "s3cret" not in repr(engine)
    engine.dispose()
    again = open_engine(url, tmp_path)
    assert one(again, "select 1") == 1  # it is not ours to stop
    again.dispose()


def test_a_server_that_is_too_old_is_refused(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echosearch.db.server.engine.OLDEST", 99)
    engine = open_engine(url, tmp_path)
    with pytest.raises(ConfigError, match=r"the server is PostgreSQL \d\d, it has to be 99 or later"):
        one(engine, "select 1")
    engine.dispose()


def test_options_of_the_url_are_kept(url: str, tmp_path: Path) -> None:
    engine = open_engine(f"{url}&options=-c%20work_mem%3D7MB", tmp_path)
    assert one(engine, "show work_mem") == "7MB"
    assert one(engine, "show synchronous_commit") == "on"
    engine.dispose()


def test_a_connection_that_the_server_ended(url: str, tmp_path: Path) -> None:
    engine = open_engine(url, tmp_path)
    with engine.connect() as connection:
        pid = connection.scalar(text("select pg_backend_pid()"))
        with psycopg.connect(url) as other:
            other.execute("select pg_terminate_backend(%s)", (pid,))
        with pytest.raises(StoreUnreachable) as caught:
            connection.scalar(text("select 1"))
    assert caught.value.exit_code == 10
    assert one(engine, "select 1") == 1  # a new connection
    engine.dispose()


def test_an_ordinary_mistake_stays_what_it_is(url: str, tmp_path: Path) -> None:
    engine = open_engine(url, tmp_path)
    with pytest.raises(Exception, match="statement timeout") as caught:
        one(engine, "set local statement_timeout = '10ms'; select pg_sleep(1)")
    assert not isinstance(caught.value, StoreUnreachable)
    engine.dispose()


def test_nothing_listens(tmp_path: Path) -> None:
    with socket.socket() as taken:  # bound, not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        engine = open_engine(f"postgresql://u:s3cret@127.0.0.1:{port}/echosearch", tmp_path)
        with pytest.raises(StoreUnreachable, match="ECHOSEARCH_DATABASE_URL") as caught:
            engine.connect()
    message = str(caught.value)
    assert "s3cret" not in message
    assert "\n" not in message
    assert str(port) in message


def test_a_server_that_accepts_and_says_nothing_sensible(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        engine = open_engine(
            f"postgresql://u@127.0.0.1:{server.getsockname()[1]}/echosearch?connect_timeout=2", tmp_path
        )
        given: list[object] = []
        event.listen(engine, "do_connect", lambda *arguments: given.append(arguments[3]["connect_timeout"]))
        with pytest.raises(StoreUnreachable):
            engine.connect()
        assert given == ["2"]  # the URL's own timeout, not ours


@pytest.mark.parametrize(
    "url",
    [
        *("", "nonsense", "mysql://h/d", "sqlite:///x", "postgresql://h:port/d", "http://h"),
        *("postgresql://h/d?port=x", "postgresql://u:s3@cret@127.0.0.1:9/d"),
    ],
)
def test_not_a_postgresql_url(url: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="ECHOSEARCH_DATABASE_URL"):
        open_engine(url, tmp_path)


@pytest.mark.parametrize(
    ("url", "sslmode"),
    [
        ("postgresql://u@db.example/echosearch", "require"),
        ("postgresql://u@db.example/echosearch?sslmode=disable", "disable"),
        ("postgresql://u@db.example/echosearch?sslmode=verify-full", "verify-full"),
        ("postgresql://u@127.0.0.1/echosearch", None),
        ("postgresql://u@localhost/echosearch", None),
        ("postgresql:///echosearch", None),
    ],
)
def test_another_machine_is_reached_through_tls_unless_the_url_says_otherwise(
    url: str, sslmode: str | None, tmp_path: Path
) -> None:
    assert open_engine(url, tmp_path).url.query.get("sslmode") == sslmode
