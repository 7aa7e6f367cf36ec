"""What a decode worker may not do: each right is tried from inside a worker, and a listener or a file tells."""

from __future__ import annotations

import operator
import os
import pickle
import socket
import subprocess
import sys
from collections.abc import Iterator
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from echosearch.clip import ClipSpec
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.video import VideoHeader
from echosearch.workers.answers import receive
from echosearch.workers.jobs import WorkerDied
from echosearch.workers.pool import DecodePool
from echosearch.workers.sandbox import protections
from echosearch.workers.syscalls import ARCHITECTURES, seccomp_program
from echosearch.workers.tasks import ClipTask, InspectTask, inspect, load_clip

HAS = " ".join(protections())
landlock = pytest.mark.skipif("Landlock" not in HAS, reason="this kernel has no Landlock")
seccomp = pytest.mark.skipif("seccomp" not in HAS, reason="this kernel has no seccomp")


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    secrets = {
        "ECHOSEARCH_DATABASE_URL": "postgresql://u:hunter2@h/d",
        "PGPASSWORD": "hunter2",
        "SOME_TOKEN": "hunter2",
    }
    os.environ.update(secrets)
    try:
        with DecodePool(workers=1, memory_mb=1000, cpu_seconds=20, wall_seconds=60.0) as opened:
            list(opened.map(operator.neg, [1]))
            yield opened
    finally:
        for name in secrets:
            del os.environ[name]


def ask(pool: DecodePool, expression: str) -> object:
    [(_, answer)] = pool.map(eval, [expression])
    return answer


def test_the_environment_holds_no_secret(pool: DecodePool) -> None:
    environment = ask(pool, "dict(__import__('os').environ)")
    assert isinstance(environment, dict)
    assert "PATH" in environment
    assert "hunter2" not in repr(environment)
    assert not [name for name in environment if name.startswith(("ECHOSEARCH_", "PG", "SOME_"))]
    assert ask(pool, "__import__('sys').argv") == ["decode-worker"]


def test_descriptors_are_dropped(pool: DecodePool, tmp_path: Path) -> None:
    """What stays is three to nowhere, the pipe and the lifeline."""
    with (tmp_path / "open").open("w"):
        listed = ask(pool, "[n for n in range(1024) if __import__('os').path.exists(f'/dev/fd/{n}')]")
    assert isinstance(listed, list)
    assert len(listed) == 5


@landlock
def test_no_file_can_be_read_or_written(pool: DecodePool, tmp_path: Path) -> None:
    canary = tmp_path / "key"
    canary.write_text("secret")
    for place in (canary, Path.home() / ".profile", Path("/etc/passwd"), Path("/proc/self/environ")):
        with pytest.raises((PermissionError, FileNotFoundError)):
            ask(pool, f"open({str(place)!r}).read()")
    for expression in (
        f"open({str(tmp_path / 'new')!r}, 'w')",
        f"__import__('os').unlink({str(canary)!r})",
        f"__import__('os').rename({str(canary)!r}, {str(tmp_path / 'moved')!r})",
        f"__import__('os').truncate({str(canary)!r}, 0)",
        f"__import__('os').listdir({str(tmp_path)!r})",
        f"__import__('os').mkdir({str(tmp_path / 'folder')!r})",
    ):
        with pytest.raises(PermissionError):
            ask(pool, expression)
    assert canary.read_text() == "secret"
    assert list(tmp_path.iterdir()) == [canary]


@seccomp
def test_no_network(pool: DecodePool, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        for kind in ("socket(2, 1)", "socket(2, 2)", "socket(1, 1)", f"create_connection(('127.0.0.1', {port}))"):
            with pytest.raises(PermissionError):
                ask(pool, f"__import__('socket').{kind}")
        with pytest.raises(BlockingIOError):
            server.accept()


@seccomp
def test_no_program_no_process_no_signal_no_mode(pool: DecodePool, tmp_path: Path) -> None:
    canary = tmp_path / "key"
    canary.write_text("secret")
    before = canary.stat()
    for expression in (
        "__import__('os').execv('/bin/true', ['true'])",
        "__import__('os').fork()",
        f"__import__('os').kill({os.getpid()}, 0)",
        f"__import__('os').chmod({str(canary)!r}, 0o777)",
        f"__import__('os').utime({str(canary)!r}, (1, 1))",
    ):
        with pytest.raises(PermissionError):
            ask(pool, expression)
    assert canary.stat() == before
    thread = "(lambda t: (t.start(), t.join(), 'ran')[2])(__import__('threading').Thread(target=int))"
    assert ask(pool, thread) == "ran"  # codecs may have threads


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to lose")
def test_a_worker_of_root_has_no_capability(pool: DecodePool) -> None:
    with pytest.raises(PermissionError):
        ask(pool, "__import__('os').setuid(1)")


def test_a_worker_reads_the_file_it_is_handed_and_no_other(pool: DecodePool, tmp_path: Path) -> None:
    source = Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))
    one, link, pipe, name = (tmp_path / name for name in ("one", "link", "pipe", "nul\0"))
    one.write_bytes(source.read_bytes())
    link.symlink_to(one)
    os.mkfifo(pipe)
    results = dict(
        pool.map(inspect, [InspectTask(path) for path in (one, link, pipe, tmp_path, tmp_path / "gone", name)])
    )
    outcome = {task.path: result for task, result in results.items()}
    assert isinstance(outcome[one], VideoHeader)
    assert outcome[link] == Skipped(Reason.NOT_AN_IMAGE, "a symbolic link")
    assert outcome[pipe] == outcome[tmp_path] == Skipped(Reason.NOT_AN_IMAGE, "not a regular file")
    assert outcome[tmp_path / "gone"] == Quarantined(Reason.UNREADABLE, "cannot be opened: ENOENT")
    assert outcome[name] == Quarantined(Reason.UNREADABLE, "the file name cannot be opened")
    held = len(os.listdir("/proc/self/fd"))
    for _ in pool.map(load_clip, [ClipTask(one, "key", ClipSpec(size=32))] * 20):
        pass
    assert len(os.listdir("/proc/self/fd")) <= held


class Evil:
    """Unpickled, it would run a program."""

    def __init__(self, where: Path) -> None:
        self.where = where

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.where}",)


def test_an_answer_runs_nothing_in_the_parent(tmp_path: Path) -> None:
    ours, theirs = Pipe()
    evil = pickle.dumps((True, Evil(tmp_path / "ran")))
    for message in (
        evil,
        pickle.dumps((True, operator.neg)),
        pickle.dumps("no pair"),
        b"\x80garbage",
        pickle.dumps((False, 1)),
    ):
        theirs.send_bytes(message)
        theirs.send_bytes(pickle.dumps([]))
        with pytest.raises(pickle.UnpicklingError):
            receive(ours)
    theirs.send_bytes(pickle.dumps((True, 1)))
    theirs.send_bytes(pickle.dumps([1 << 60]))
    with pytest.raises(pickle.UnpicklingError):
        receive(ours)
    assert not (tmp_path / "ran").exists()


def test_a_worker_that_answers_with_code_counts_as_dead(pool: DecodePool) -> None:
    answers = list(pool.map(eval, ["__import__('operator').neg", "1 + 1"], ordered=True))
    assert answers[0][1] == WorkerDied("an answer that cannot be read")
    assert answers[1][1] == 2
    assert isinstance(ask(pool, "__import__('numpy').float32(2)"), np.float32)


SCRIPT = """
import threading
from echosearch.workers.pool import DecodePool
missing = []
def watch():
    while not done.is_set():
        if "__file__" not in globals() or "__spec__" not in globals():
            missing.append(1)
done = threading.Event()
watcher = threading.Thread(target=watch)
watcher.start()
with DecodePool(2, 1000, 60, 60.0) as one, DecodePool(2, 1000, 60, 60.0) as two:
    for pool in (one, two):
        list(pool.map(eval, ["__import__('os')._exit(3)"] * 6))
done.set()
watcher.join()
print(len(missing), __file__)
"""


def test_a_workers_start_leaves_the_callers_main_alone(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout == f"0 {script}\n"


def test_little_memory_is_one_line(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = 'echosearch ingest --dry-run .'.split(); from echosearch.cli.main import main; main()"
    )
    (tmp_path / "a").write_text("no video")
    command = ["bash", "-c", 'ulimit -v 1600000; exec "$0" -c "$1"', sys.executable, program]
    environment = os.environ | {"ECHOSEARCH_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=environment)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    assert "ulimit -v" in done.stderr
    assert done.returncode == 1


@pytest.mark.parametrize("machine", ARCHITECTURES)
def test_every_jump_of_the_filter_stays_within_it(machine: str) -> None:
    program = seccomp_program(machine, 4242)
    steps = [program[i : i + 8] for i in range(0, len(program), 8)]
    assert len(steps) < 4096  # the kernel's limit
    for number, step in enumerate(steps):
        if step[0] in (0x15, 0x35, 0x45):
            assert number + 1 + max(step[2], step[3]) < len(steps)
    assert steps[-1][0] == 0x06
