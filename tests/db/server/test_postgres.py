"""The embedded server's life, on real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, text

from echosearch.db.server.embedded import DATABASE, EmbeddedServer, make_database
from echosearch.db.server.engine import open_engine
from echosearch.db.server.postmaster import PROGRAMS, program_folder
from echosearch.errors import StoreUnreachable

Start = Callable[[str, Path], subprocess.Popen[str]]


@pytest.fixture
def blank() -> Iterator[Path]:
    """A HOME that does not exist yet; no server outlives its test.

    Outside pytest's own folder, which the server's user may not enter.
    """
    with tempfile.TemporaryDirectory(prefix="echosearch-tests-") as folder:
        home = Path(folder, "its owner's")  # pg_ctl goes through a shell
        yield home
        for data in home.parent.rglob("postgres"):
            if (data / "postmaster.pid").exists():
                os.kill(server_pid(data.parent), signal.SIGKILL)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A cluster made once: initdb is the slow part."""
    with tempfile.TemporaryDirectory(prefix="echosearch-tests-") as folder:
        server = EmbeddedServer(Path(folder))
        server.acquire()
        server.release()
        yield Path(folder)


@pytest.fixture
def home(blank: Path, made: Path) -> Path:
    """A HOME with a cluster in it."""
    subprocess.run(["cp", "-a", made, blank], check=True)
    return blank


@pytest.fixture
def child() -> Iterator[Start]:
    """Starts other users of the archive; none outlives its test."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, home: Path) -> subprocess.Popen[str]:
        prelude = (
            "import sys, time\nfrom pathlib import Path\nfrom sqlalchemy import text\n"
            "from echosearch.db.server.engine import open_engine\nengine = open_engine(None, Path(sys.argv[1]))\n"
        )
        command = [sys.executable, "-c", prelude + textwrap.dedent(script), str(home)]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def server_pid(home: Path) -> int:
    return int((home / "postgres/postmaster.pid").read_text().split()[0])


def runs(home: Path) -> bool:
    return (home / "postgres/postmaster.pid").exists()


def one(engine: Engine, statements: str) -> object:
    """Run them; the first value of the last."""
    with engine.begin() as connection:
        for statement in statements.split(";"):
            result = connection.execute(text(statement))
        return result.scalar()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_programs_are_where_the_package_has_them() -> None:
    for version in PROGRAMS:
        said = subprocess.check_output([program_folder(version) / "postgres", "--version"], text=True)
        assert f" {version}." in said
    with pytest.raises(StoreUnreachable, match="PostgreSQL 12"):
        program_folder(12)


def test_starts_at_the_first_connection_and_stops_at_dispose(blank: Path) -> None:
    engine = open_engine(None, blank)
    assert not blank.exists()
    assert one(engine, "create table t as select 7 as x; select x from t") == 7
    assert runs(blank)
    engine.dispose()
    assert not runs(blank)
    assert one(engine, "select x from t") == 7  # starts again by itself
    engine.dispose()
    assert not runs(blank)


def test_settings_of_a_connection(home: Path) -> None:
    engine = open_engine(None, home)
    shown = {
        name: one(engine, f"show {name}")
        for name in (
            "synchronous_commit",
            "application_name",
            "fsync",
            "listen_addresses",
            "server_encoding",
            "TimeZone",
        )
    }
    assert shown == {
        "synchronous_commit": "on",
        "application_name": "echosearch",
        "fsync": "on",
        "listen_addresses": "",
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
    }
    assert one(engine, "select lower('ÄΣ') || '僧帽弁'") == "äσ僧帽弁"
    engine.dispose()


def test_only_its_owner_can_enter_the_data_folder(home: Path) -> None:
    engine = open_engine(None, home)
    one(engine, "select 1")
    assert (home / "postgres").stat().st_mode & 0o077 == 0
    engine.dispose()


def test_an_error_leaves_no_value_in_the_servers_log_nor_in_the_message(home: Path) -> None:
    engine = open_engine(None, home)
    one(engine, "create table t (name text primary key); insert into t values ('Yamada^Tarou') returning 1")
    with pytest.raises(Exception, match="duplicate key") as caught, engine.begin() as connection:
        connection.execute(text("insert into t values (:name)"), {"name": "Yamada^Tarou"})
    engine.dispose()
    log = (home / "postgres/log").read_text()
    assert "duplicate key" in log
    assert "Yamada" not in log
    assert "[parameters" not in str(caught.value)
    assert "SQL parameters hidden" in str(caught.value)


def test_several_processes_share_one_server_and_the_last_stops_it(home: Path, child: Start) -> None:
    engine = open_engine(None, home)
    one(engine, "create table t (x int); select 1")
    script = """
    with engine.begin() as connection:
        connection.execute(text("insert into t values (1)"))
    print("in", flush=True)
    sys.stdin.readline()
    """
    others = [child(script, home) for _ in range(2)]
    assert [line(process) for process in others] == ["in", "in"]
    assert one(engine, "select count(*) from t") == 2
    engine.dispose()
    # the two children may have ended (their stdin is empty); whoever was last has stopped it
    for process in others:
        process.wait()
    assert not runs(home)


def test_a_server_that_another_process_will_stop_is_no_warning(home: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom echosearch.db.server.engine import open_engine\n"
        "engine = open_engine(None, Path(sys.argv[1]))\nengine.connect().close()\n"
        "print('open', flush=True)\nsys.stdin.read()\nengine.dispose()"
    )
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", code, str(home)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "open\n"
        here = open_engine(None, home)
        here.connect().close()
        assert first.communicate() == ("", "")
    assert runs(home)
    here.dispose()
    assert not runs(home)


def test_two_that_start_at_the_same_moment(blank: Path, child: Start) -> None:
    script = """
    with engine.connect() as connection:
        print(connection.scalar(text("select pg_postmaster_start_time()")), flush=True)
    engine.dispose()
    """
    others = [child(script, blank) for _ in range(3)]
    assert all(line(process) for process in others)
    assert [process.wait() for process in others] == [0, 0, 0]
    assert not runs(blank)


def test_a_killed_user_leaves_a_server_that_the_next_one_uses_and_stops(home: Path, child: Start) -> None:
    script = """
    with engine.begin() as connection:
        connection.execute(text("create table t as select 5 as x"))
    print("in", flush=True)
    time.sleep(600)
    """
    user = child(script, home)
    assert line(user) == "in"
    pid = server_pid(home)
    user.kill()
    user.wait()
    engine = open_engine(None, home)
    assert one(engine, "select x from t") == 5
    assert server_pid(home) == pid
    engine.dispose()
    assert not runs(home)


def test_a_killed_server_recovers_what_was_committed(home: Path) -> None:
    engine = open_engine(None, home)
    backend = one(engine, "create table t as select generate_series(1, 1000) as x; select pg_backend_pid()")
    os.kill(server_pid(home), signal.SIGKILL)
    while os.path.exists(f"/proc/{backend}"):  # it sees the death of its server by itself
        time.sleep(0.02)
    with pytest.raises(StoreUnreachable, match="PostgreSQL"):
        one(engine, "select 1")  # the pooled connection is gone
    assert one(engine, "select count(*) from t") == 1000  # the next one starts it again
    engine.dispose()
    assert not runs(home)


@pytest.mark.parametrize("milliseconds", [50, 200, 400, 700])
def test_killed_while_it_makes_the_cluster(blank: Path, child: Start, milliseconds: int) -> None:
    maker = child('print("ready", flush=True)\nengine.connect()\n', blank)
    assert line(maker) == "ready"
    time.sleep(milliseconds / 1000)
    maker.kill()
    maker.wait()
    engine = open_engine(None, blank)
    assert one(engine, "select 1") == 1
    engine.dispose()
    assert not runs(blank)
    assert one(engine, "select 1") == 1
    assert not list(blank.glob(".postgres-new-*"))
    engine.dispose()


def test_a_server_that_stops_before_it_is_asked_is_started_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens when the process that made the cluster is killed, and its server stops by itself."""
    first, second = EmbeddedServer(home), EmbeddedServer(home)
    first.acquire()
    stopped = server_pid(home)

    def connect(*given: str, **options: Any) -> psycopg.Connection:
        if runs(home) and server_pid(home) == stopped:  # it has just been seen listening
            os.kill(stopped, signal.SIGINT)
            while runs(home):
                time.sleep(0.02)
        return EmbeddedServer.connect(second, *given, **options)

    monkeypatch.setattr(second, "connect", connect)
    second.acquire()
    assert server_pid(home) != stopped
    with closing(EmbeddedServer.connect(second)) as connection:
        assert connection.execute("select 1").fetchone() == (1,)
    second.release()
    first.release()
    assert not runs(home)


def test_several_backends_make_the_database_at_the_same_moment(home: Path) -> None:
    """What happens when a process is killed in the middle of ``create database`` and the next one starts."""
    server = EmbeddedServer(home)
    server.acquire()
    try:
        connections = [server.connect("postgres", autocommit=True) for _ in range(4)]
        for _ in range(5):
            connections[0].execute(f'drop database "{DATABASE}"')
            with ThreadPoolExecutor(4) as threads:
                list(threads.map(make_database, connections))
            with closing(server.connect()) as connection:
                assert connection.execute("select 1").fetchone() == (1,)
        for connection in connections:
            connection.close()
    finally:
        server.release()


def test_a_pid_file_of_another_program_does_not_keep_it_from_starting(home: Path) -> None:
    engine = open_engine(None, home)
    one(engine, "select 1")
    pid_file = (home / "postgres/postmaster.pid").read_text()
    engine.dispose()
    (home / "postgres/postmaster.pid").write_text(pid_file.replace(pid_file.split()[0], str(os.getpid()), 1))
    assert one(engine, "select 1") == 1
    engine.dispose()


def test_a_path_too_long_for_a_socket(blank: Path) -> None:
    deep = blank / ("long " * 12) / ("名前" * 20)
    engine = open_engine(None, deep)
    assert one(engine, "select 1") == 1
    second = open_engine(None, deep)
    assert one(second, "select 2") == 2  # finds the socket too
    second.dispose()
    engine.dispose()
    assert not runs(deep)


def test_a_forked_child_does_not_stop_the_server(home: Path, child: Start) -> None:
    script = """
    import os
    engine.connect().close()
    if (pid := os.fork()) == 0:
        engine.dispose(close=False)
        os._exit(0)
    os.waitpid(pid, 0)
    with engine.connect() as connection:
        print(connection.scalar(text("select 3")), flush=True)
    engine.dispose()
    """
    user = child(script, home)
    assert line(user) == "3"
    assert user.wait() == 0
    assert not runs(home)
