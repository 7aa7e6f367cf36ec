"""Programs forked from one process that has imported what they import: a start costs 0.1 s of the processor and not 5.

`python()` is given in place of sys.executable: ["-c", code], ["-m", module] and [script] run as Python runs them, each
in a process of its own, with the caller's arguments, folder, environment and streams. Signals reach it; killed with
SIGKILL, it takes the fork along. Flags (-W), the locale and PYTHON... variables are those of the first start: what
tests these, or imports, starts sys.executable.

Decode workers of all forks come from one fork server, whose imports are done too.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from multiprocessing import util
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["fork_what_is_spawned", "install", "python"]

APART, MOST_FILES = 500, 250  # descriptors from here on are this process's, below are a caller's
CONSOLE = ("-c", "from echosearch.cli import main; main()")
CLIENT = """\
#!{python} -IS
import json, os, signal, socket, sys
handed_on = {{signal.SIGTERM, signal.SIGINT, signal.SIGHUP}}
signal.pthread_sigmask(signal.SIG_BLOCK, handed_on)
def is_open(number):
    try:
        return os.fstat(number) is not None
    except OSError:
        return False
handed = [number for number in map(int, os.listdir("/proc/self/fd")) if is_open(number)]
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({path!r})
    said = json.dumps([{first!r} + sys.argv[1:], os.getcwd(), dict(os.environ), handed]).encode()
    socket.send_fds(asked, [len(said).to_bytes(8, "big")], handed)
    asked.sendall(said)
    with asked.makefile() as answers:
        pid = int(answers.readline())
        for number in handed_on:
            signal.signal(number, lambda number, _: os.kill(pid, number))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, handed_on)
        code = int(answers.readline() or 1)
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@cache
def python() -> str:
    """Return the program to start in place of sys.executable."""
    return str(_write_client(Path(_socket()).with_name("python"), ()))


def install(folder: Path) -> None:
    """Put a program `echosearch` into ``folder``."""
    _write_client(folder / "echosearch", CONSOLE)


def _write_client(place: Path, first: Sequence[str]) -> Path:
    place.write_text(CLIENT.format(python=sys.executable, path=_socket(), first=[*first]))
    place.chmod(0o755)
    return place


@cache
def _socket() -> str:
    """Start the process that others fork from, which ends with this one; return where it listens."""
    folder = tempfile.TemporaryDirectory(prefix="echosearch-forks-")
    path = f"{folder.name}/socket"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ECHOSEARCH_")}
    server = subprocess.Popen(
        [sys.executable, __file__, path],
        env=kept | {"PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,  # nothing is sent: it closes when this process ends
        stdout=subprocess.PIPE,
        text=True,
    )

    def end() -> None:
        server.kill()
        server.communicate()
        folder.cleanup()

    atexit.register(end)
    assert server.stdout is not None
    assert server.stdout.readline() == "ready\n"
    return path


def wait_for_a_call(path: str) -> list[str]:
    """Return in a fork for each call, with the caller's streams, folder and environment; return the arguments."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            call, _ = listening.accept()
            if not os.fork():
                break
            call.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with call:
        head, files, _, _ = socket.recv_fds(call, 8, MOST_FILES)
        with call.makefile("rb") as stream:
            arguments, folder, environment, numbers = json.loads(stream.read(int.from_bytes(head, "big")))
        child = os.fork()
        if child:
            _watch(child, call)
    above = [fcntl.fcntl(one, fcntl.F_DUPFD, APART + MOST_FILES) for one in files]
    os.closerange(3, APART)  # this process's own
    for number, one in zip(numbers, above, strict=True):
        os.dup2(one, number)
        os.close(one)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", 1)  # noqa: SIM115 - as Python opens them
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    tempfile.tempdir = None  # the caller may have another
    return list(arguments)


def _watch(child: int, call: socket.socket) -> None:
    """Tell the caller the child's number, then how it ended; kill it if the caller dies."""
    with suppress(BrokenPipeError):  # the caller has died; the child then dies too
        call.sendall(f"{child}\n".encode())
        ended, _, _ = select.select([os.pidfd_open(child), call.fileno()], [], [])
        if call.fileno() not in ended:
            _, status = os.waitpid(child, 0)
            call.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os._exit(0)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os._exit(0)


def run(arguments: Sequence[str]) -> None:
    """Run what Python would run with these arguments."""
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path not in sys.path]
    sys.path[:1] = paths  # in place of this file's folder
    first = next(at for at, word in enumerate(arguments) if word in ("-c", "-m") or word[0] != "-")
    what, *rest = arguments[first:]  # behind flags: torchrun and multiprocessing give some
    if what == "-c":
        sys.argv = ["-c", *rest[1:]]
        sys.path.insert(0, "")
        main = sys.modules["__main__"] = ModuleType("__main__")
        exec(compile(rest[0], "<string>", "exec"), main.__dict__)
    elif what == "-m":
        sys.argv = [rest[0], *rest[1:]]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = [what, *rest]
        sys.path.insert(0, str(Path(what).resolve().parent))
        runpy.run_path(what, run_name="__main__")


def end_as_python(arguments: Sequence[str]) -> None:
    """Run it, and end as Python does, but for taking its modules apart, which costs a second."""
    code: object = 0
    try:
        run(arguments)
    except SystemExit as exc:
        code = exc.code
        if code is not None and not isinstance(code, int):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(code or 0) & 0xFF)  # type: ignore[call-overload]


def fork_what_is_spawned(program: Callable[[], str]) -> None:
    """Start multiprocessing's "spawn" by ``program``: what reads reports imports as much as a command."""
    start = util.spawnv_passfds

    def spawnv_passfds(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> Any:
        forked = "--multiprocessing-fork" in args
        return start(program().encode(), [program(), *args[1:]], passfds) if forked else start(path, args, passfds)

    util.spawnv_passfds = spawnv_passfds


def share_fork_server() -> None:
    """Start the server of decode workers; forks use it, and do not wait for it, as it is not their child."""
    from multiprocessing import forkserver, resource_tracker

    from echosearch.workers.server import start_fork_server
    from echosearch.workers.worker import PRELOAD

    start_fork_server(PRELOAD)
    server, tracker = forkserver._forkserver, resource_tracker._resource_tracker
    for holder, name in ((server, "_forkserver_alive_fd"), (tracker, "_fd")):
        setattr(holder, name, fcntl.fcntl(getattr(holder, name), fcntl.F_DUPFD_CLOEXEC, APART))
    server.ensure_running = forkserver.ensure_running = lambda: None  # type: ignore[method-assign]


if __name__ == "__main__":
    import alembic.command
    import alembic.context
    import timm.models.convnext

    from echosearch.cli.main import main
    from echosearch.encoder import torch_encoder
    from echosearch.encoder.text import mecab
    from echosearch.locks import die_with
    from echosearch.phantom.files import archive
    from echosearch.report.facts import load_lexicon
    from echosearch.search import query
    from ingest import pipeline

    loaded = (alembic, timm, main, torch_encoder, mecab, archive, query, pipeline, load_lexicon())
    die_with(0)
    share_fork_server()
    client = str(Path(sys.argv[1]).with_name("python"))
    fork_what_is_spawned(lambda: client)
    gc.freeze()
    end_as_python(wait_for_a_call(sys.argv[1]))
