"""Homes that were copied, moved, linked or named by somebody with a strange keyboard, on real servers."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from echosearch.db.server.embedded import EmbeddedServer
from echosearch.db.server.engine import open_engine
from echosearch.errors import StoreUnreachable
from echosearch.home import private_home

# opens the archive in argv[1], says so, and is killed: its server goes on
KILLED = """
import sys, time
from pathlib import Path
from sqlalchemy import text
from echosearch.db.server.engine import open_engine
engine = open_engine(None, Path(sys.argv[1]))
with engine.begin() as connection:
    connection.execute(text("create table t as select 'original' as x"))
print("in", flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """No server under it outlives its test. Outside pytest's own folder, which the server's user may not enter."""
    with tempfile.TemporaryDirectory(prefix="echosearch-homes-") as name:
        yield Path(name)
        for place in Path(name).rglob("postmaster.pid"):
            pid = int(place.read_text().split()[0])
            if os.path.exists(f"/proc/{pid}"):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A cluster made once: initdb is the slow part."""
    with tempfile.TemporaryDirectory(prefix="echosearch-homes-") as name:
        server = EmbeddedServer(Path(name))
        server.acquire()
        server.release()
        yield Path(name)


@pytest.fixture
def original(folder: Path, made: Path) -> Path:
    """A home whose only user was killed, with its server running."""
    home = folder / "original"
    subprocess.run(["cp", "-a", made, home], check=True)
    user = subprocess.Popen([sys.executable, "-c", KILLED, home], stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    assert user.stdout.readline() == "in\n"
    user.kill()
    user.communicate()
    return home


def pid_of(home: Path) -> int:
    return int((home / "postgres/postmaster.pid").read_text().split()[0])


def value(engine: Engine, statement: str) -> object:
    with engine.begin() as connection:
        return connection.execute(text(statement)).scalar()


def test_a_copy_has_its_own_server_and_leaves_the_originals_alone(folder: Path, original: Path) -> None:
    running = pid_of(original)
    copy = folder / "copy"
    subprocess.run(["cp", "-a", original, copy], check=True)
    assert pid_of(copy) == running  # which is what misleads
    there = open_engine(None, copy)
    assert value(there, "update t set x = 'copy' returning x") == "copy"
    assert pid_of(copy) != running
    assert Path(str(value(there, "show data_directory"))).samefile(copy / "postgres")
    here = open_engine(None, original)
    assert value(here, "select x from t") == "original"  # with both running
    there.dispose()
    assert pid_of(original) == running
    assert value(here, "select x from t") == "original"
    here.dispose()
    assert not (original / "postgres/postmaster.pid").exists()
    assert value(there, "select x from t") == "copy"
    there.dispose()


def test_a_copy_of_the_original_at_rest_finds_its_server_running(folder: Path, original: Path, made: Path) -> None:
    """A stale postmaster.pid and socket lock whose process is PostgreSQL, but another folder's."""
    copy = folder / "copy"
    subprocess.run(["cp", "-a", made, copy], check=True)
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        shutil.copy2(original / "postgres" / name, copy / "postgres" / name)
        shutil.chown(copy / "postgres" / name, (copy / "postgres").stat().st_uid, (copy / "postgres").stat().st_gid)
    engine = open_engine(None, copy)
    assert value(engine, "select to_regclass('t') is null")
    engine.dispose()
    assert os.path.exists(f"/proc/{pid_of(original)}")


def test_hard_links_to_the_originals_socket_are_refused(folder: Path, original: Path) -> None:
    running = pid_of(original)
    copy = folder / "copy"
    subprocess.run(["cp", "-al", original, copy], check=True)
    engine = open_engine(None, copy)
    with pytest.raises(StoreUnreachable, match="another folder") as refused:
        value(engine, "select 1")
    engine.dispose()
    assert "\n" not in str(refused.value)
    assert os.path.exists(f"/proc/{running}")
    here = open_engine(None, original)
    assert value(here, "select x from t") == "original"
    here.dispose()


@pytest.mark.parametrize("how", ["linked", "moved"])
def test_a_home_under_another_name_is_the_same_home(folder: Path, original: Path, how: str) -> None:
    running = pid_of(original)
    other = folder / "other"
    if how == "linked":
        other.symlink_to(original)
    else:
        original.rename(other)
    engine = open_engine(None, other)
    assert value(engine, "select x from t") == "original"
    assert pid_of(other) == running
    engine.dispose()
    assert not (other / "postgres/postmaster.pid").exists()


@pytest.mark.parametrize("content", ["", "not a number\n", "OWN\n", "999999999\n"])
def test_lock_files_that_a_power_loss_has_left(folder: Path, made: Path, content: str) -> None:
    home = folder / "home"
    subprocess.run(["cp", "-a", made, home], check=True)
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        place = home / "postgres" / name
        place.write_text(content)
        shutil.chown(place, (home / "postgres").stat().st_uid, (home / "postgres").stat().st_gid)
    engine = open_engine(None, home)
    assert value(engine, "select 1") == 1
    engine.dispose()


@pytest.mark.parametrize(
    "name",
    [
        "price$5 a\"b'c",
        "$(touch ran)`touch ran`; touch ran & touch ran | touch ran",
        "a,b",
        "心エコー ―",
        "-D",
        "@name",
        "back\\slash %s %%",
        "*?[a-z]{1,2}~!#",
    ],
)
def test_no_shell_reads_the_name_of_a_home(folder: Path, made: Path, name: str) -> None:
    home = folder / name
    subprocess.run(["cp", "-a", "--", made, home], check=True)
    engine = open_engine(None, home)
    assert value(engine, "select 1") == 1
    engine.dispose()
    assert not list(folder.rglob("ran"))


def test_a_cluster_is_made_under_a_hostile_name(folder: Path) -> None:
    home = folder / '$(touch ran) `touch ran` "; touch ran'
    engine = open_engine(None, home)
    assert value(engine, "select 1") == 1
    engine.dispose()
    assert not list(folder.rglob("ran"))


def test_no_program_of_postgresql_is_started_through_a_shell() -> None:
    """pg_ctl is what hands a folder's name to one."""
    for module in ("embedded", "postmaster"):
        source = (Path(__file__).parents[3] / f"echosearch/db/server/{module}.py").read_text()
        assert '"pg_ctl"' not in source
        assert "shell=" not in source


@pytest.mark.parametrize("mode", [0o755, 0o777, 0o750])
def test_others_lose_their_rights_to_a_home(folder: Path, made: Path, mode: int) -> None:
    home = folder / "home"
    subprocess.run(["cp", "-a", made, home], check=True)
    home.chmod(mode)
    engine = open_engine(None, home)
    assert value(engine, "select 1") == 1  # also where this is root: the server's user must get in
    engine.dispose()
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_new_home_is_private_and_a_folder_of_everybodys_stays_as_it_is(folder: Path) -> None:
    private_home(folder / "above" / "new")
    assert stat.S_IMODE((folder / "above" / "new").stat().st_mode) == 0o700
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o1777)
    private_home(folder / "shared")
    assert stat.S_IMODE((folder / "shared").stat().st_mode) == 0o1777
