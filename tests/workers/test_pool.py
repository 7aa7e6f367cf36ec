"""The decode pool: what a worker does to itself is a value, and the rest goes on."""

from __future__ import annotations

import operator
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from echosearch.clip import Clip, ClipSpec
from echosearch.outcome import Quarantined, Reason
from echosearch.video import VideoHeader
from echosearch.workers.jobs import TimedOut, WorkerDied
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import ClipTask, InspectTask, inspect, load_clip

# A worker cannot import this file, so tasks are expressions for the built-in eval.
KILL = "__import__('os').kill(__import__('os').getpid(), {})"


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(workers=2, memory_mb=300, cpu_seconds=1, wall_seconds=60.0) as opened:
        yield opened


def real_cine() -> Path:
    return Path(str(get_testdata_file("examples_ybr_color.dcm", download=False)))


def test_results_come_with_their_tasks(pool: DecodePool) -> None:
    assert sorted(pool.map(operator.neg, range(50))) == [(i, -i) for i in range(50)]
    assert list(pool.map(operator.neg, range(50), ordered=True)) == [(i, -i) for i in range(50)]


@pytest.mark.parametrize(
    ("task", "end"),
    [
        (KILL.format(11), WorkerDied("SIGSEGV")),
        (KILL.format(9), WorkerDied("SIGKILL")),
        ("__import__('os').abort()", WorkerDied("SIGABRT")),
        ("__import__('os')._exit(3)", WorkerDied("exit status 3")),
        ("__import__('os')._exit(0)", WorkerDied("exit status 0")),
        ("[bytes(1 << 20) for _ in iter(int, 1)]", WorkerDied("memory limit")),
        ("bytearray(1 << 40)", WorkerDied("memory limit")),
        ("__import__('numpy').ones(1 << 29)", WorkerDied("memory limit")),
        ("sum(0 for _ in iter(int, 1))", TimedOut("cpu")),
    ],
)
def test_the_end_of_a_worker_is_a_value_and_the_rest_goes_on(
    pool: DecodePool, task: str, end: WorkerDied | TimedOut
) -> None:
    tasks = ["1 + 1", task, "2 + 2", "3 + 3"]
    assert list(pool.map(eval, tasks, ordered=True)) == [
        ("1 + 1", 2), (task, end), ("2 + 2", 4), ("3 + 3", 6)
    ]  # fmt: skip


def test_a_hanging_worker_is_ended() -> None:
    with DecodePool(workers=1, memory_mb=300, cpu_seconds=60, wall_seconds=2.0) as pool:  # and "1" takes none
        sleep = "__import__('time').sleep(60)"
        assert list(pool.map(eval, [sleep, "1"])) == [(sleep, TimedOut("wall")), ("1", 1)]


def test_a_worker_killed_half_way_through_a_large_answer(pool: DecodePool) -> None:
    """With one channel for all workers (pebble's) this hung the pool for good."""
    bomb = (
        "(__import__('threading').Timer(0.05, lambda: __import__('os').kill(__import__('os').getpid(), 9)).start(), "
        "__import__('numpy').ones(200_000_000, 'u1'))[1]"
    )
    results = dict(pool.map(eval, [bomb, "1", "2", "3"]))
    assert results[bomb] == WorkerDied("SIGKILL") or isinstance(results[bomb], np.ndarray)
    assert [results[task] for task in ("1", "2", "3")] == [1, 2, 3]


def test_a_new_worker_is_a_fork_of_a_server_that_has_the_imports_done(pool: DecodePool) -> None:
    """So it costs milliseconds: what starts anew imports for seconds."""
    born = "[__import__('os').getppid(), 'numpy' in __import__('sys').modules, __import__('os').getpid()]"
    tasks = [born, "__import__('os')._exit(3)"] * 6
    results: list[Any] = [result for _, result in pool.map(eval, tasks, ordered=True)]
    assert results[1::2] == [WorkerDied("exit status 3")] * 6
    assert {(parent, imported) for parent, imported, _ in results[::2]} == {(results[0][0], True)}
    assert results[0][0] != os.getpid()
    assert len({worker for _, _, worker in results[::2]}) > 1


def test_an_exception_of_the_function_is_raised_here(pool: DecodePool) -> None:
    with pytest.raises(ZeroDivisionError):
        list(pool.map(eval, ["1 / 0"]))
    assert list(pool.map(eval, ["1"])) == [("1", 1)]


def test_the_window_bounds_what_is_under_way(pool: DecodePool) -> None:
    drawn = 0

    def tasks() -> Iterator[int]:
        nonlocal drawn
        for i in range(100):
            drawn += 1
            yield i

    for taken, _ in enumerate(pool.map(operator.neg, tasks(), window=5)):
        assert drawn <= taken + 1 + 5


def test_two_stages_share_the_pool(pool: DecodePool) -> None:
    first = (result for _, result in pool.map(operator.neg, range(30), ordered=True) if isinstance(result, int))
    assert [result for _, result in pool.map(abs, first, window=3, ordered=True)] == list(range(30))


def test_a_map_that_goes_first_waits_for_no_queue() -> None:
    """The header stage must not wait for the clips'. Each task says when it began, on the clock of all processes."""
    began = "(__import__('time').monotonic_ns(), __import__('time').sleep({}))[0]"
    with DecodePool(1, 2000, 10, 60) as one:
        queued = one.map(eval, [began.format(0.0)] + [began.format(0.2)] * 6, window=7)
        next(queued)
        submitted = 0

        def tasks() -> Iterator[str]:
            nonlocal submitted
            yield from [began.format(0.0)] * 3
            submitted = time.monotonic_ns()

        mine: list[Any] = [at for _, at in one.map(eval, tasks(), first=True)]
        rest: list[Any] = [at for _, at in queued]
    assert (len(mine), len(rest)) == (3, 6)
    assert sum(submitted < at < max(mine) for at in rest) <= 1  # the one that was on its way to the worker


def test_an_abandoned_map_leaves_the_pool_usable(pool: DecodePool) -> None:
    """What has not started is dropped. Each worker counts what it ran."""
    count = "__import__('builtins').__dict__.setdefault('ran', [])"
    walk = pool.map(eval, [f"({count}.append(1), __import__('time').sleep(0.2))"] * 50, window=50)
    next(walk)
    assert isinstance(walk, Generator)
    walk.close()
    assert list(pool.map(operator.neg, [1])) == [(1, -1)]
    counted = f"[__import__('os').getpid(), len({count}), __import__('time').sleep(0.01)]"
    results: list[Any] = [result for _, result in pool.map(eval, [counted] * 8)]
    ran = {result[0]: result[1] for result in results}
    assert 1 <= sum(ran.values()) < 50


def test_memory_of_the_parent_stays_flat(pool: DecodePool) -> None:
    task = "__import__('numpy').zeros((16, 224, 224, 3), 'u1')"
    list(pool.map(eval, [task] * 10))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _, result in pool.map(eval, [task] * 200):
        assert isinstance(result, np.ndarray)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB; 480 MB went through


def test_headers_and_clips(pool: DecodePool, tmp_path: Path) -> None:
    [(_, header)] = pool.map(inspect, [InspectTask(real_cine())])
    assert isinstance(header, VideoHeader)
    assert header.n_frames == 30
    copy = tmp_path / "IM"
    copy.write_bytes(real_cine().read_bytes())
    info = copy.stat()
    task = ClipTask(copy, "key", ClipSpec(size=64), info.st_size, info.st_mtime_ns)
    [(_, clip)] = pool.map(load_clip, [task])
    assert isinstance(clip, Clip)
    assert clip.pixels.shape == (16, 64, 64, 3)
    assert clip.pixels.flags.writeable
    os.utime(copy, ns=(info.st_atime_ns, info.st_mtime_ns + 1))
    [(_, changed)] = pool.map(load_clip, [task])
    assert isinstance(changed, Quarantined)
    assert changed.reason == Reason.CHANGED
    [(_, gone)] = pool.map(load_clip, [ClipTask(tmp_path / "gone", "key", ClipSpec(), 1, 1)])
    assert isinstance(gone, Quarantined)
    assert gone.reason == Reason.UNREADABLE
    assert str(tmp_path) not in repr(task) + repr(InspectTask(tmp_path))


PARENT = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in a shell's background inherit that it is ignored
print("main runs", flush=True)
from echosearch.workers.pool import DecodePool
with DecodePool(2, 300, 60, 60.0) as pool:
    for task, pid in pool.map(eval, ["__import__('os').getpid()"] * 8):
        print("worker", pid, flush=True)
    sleep = "[__import__('time').sleep(0.1) for _ in range(3000)]"
    for _ in pool.map(eval, [sleep] * 2):
        pass
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_children_end_with_their_parent(tmp_path: Path, how: signal.Signals) -> None:
    """A plain script without a __main__ guard: nothing in it may run twice."""
    script = tmp_path / "script.py"
    script.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    lines = [parent.stdout.readline() for _ in range(9)]
    assert lines[0] == "main runs\n"
    assert "main runs\n" not in lines[1:]
    workers = {int(line.split()[1]) for line in lines[1:]}
    assert all(_alive(pid) for pid in workers)
    time.sleep(0.3)  # a worker that has begun its task, or not yet: both end
    parent.send_signal(how)
    parent.communicate(timeout=120)  # a task takes 300 s
    deadline = time.monotonic() + 60
    while any(_alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in workers if _alive(pid)]


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_that_ends_inside_a_pool_ends_in_silence() -> None:
    """Without its own end, multiprocessing's would wait for workers that the pump closes: a ValueError, or for ever."""
    code = (
        "import os; from echosearch.workers.pool import DecodePool;"
        " pool = DecodePool(6, 300, 5, 60.0).__enter__(); print(pool.run(os.path.basename, 'a/b'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "b\n", "")
