"""Worker processes with resource limits, for untrusted files: a bad file ends a worker, not the run.

    tasks --> [window] --> worker 1 (limits: memory, CPU, wall) --> (task, result | WorkerDied | TimedOut)
                       \\-> worker 2 ...

One pipe for each worker: one that is killed half-way through an answer spoils its own pipe and no other (with
pebble's shared channel such a death hangs the pool for good; measured, see docs/decisions/decode-pool.md). Workers
fork from a server process that has the heavy imports done, so a new one costs milliseconds; they die with their
parent.
"""

from __future__ import annotations

import atexit
import multiprocessing
import pickle
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from echosearch.memory import memory_advice
from echosearch.workers.answers import receive
from echosearch.workers.exits import how_it_ended
from echosearch.workers.handing import send_file
from echosearch.workers.jobs import Answers, Inbox, Job, PoolBroken, Raised, TimedOut, WorkerDied
from echosearch.workers.server import WORKER_NAME, start_fork_server
from echosearch.workers.worker import PRELOAD, run_worker

if TYPE_CHECKING:
    from echosearch.settings import Settings

__all__ = ["DecodePool"]

T = TypeVar("T")
R = TypeVar("R")

MAX_FAILED_STARTS = 5
READY_SECONDS = 120.0  # the first worker waits for the server's imports


@dataclass(eq=False)
class _Worker:
    process: BaseProcess
    pipe: Connection
    deadline: float
    ready: bool = False
    job: Job[Any] | None = None


class DecodePool:
    """A context manager; ``map`` and ``run`` may be used by several stages and threads at once.

    memory_mb    what a worker may allocate beyond its imports (RLIMIT_DATA: torch maps far more than it uses)
    cpu_seconds  of one task; wall_seconds: of one task
    """

    def __init__(self, workers: int, memory_mb: int, cpu_seconds: int, wall_seconds: float) -> None:
        self.workers = workers
        self.wall_seconds = wall_seconds
        self._limits = (memory_mb, cpu_seconds)
        self._context = multiprocessing.get_context("forkserver")
        self._crew: list[_Worker] = []
        self._inbox = Inbox()
        self._failed_starts = 0
        self._broken: PoolBroken | None = None
        self._closing = False
        self._bell, self._bell_end = multiprocessing.Pipe(duplex=False)
        self._lifeline, self._lifeline_end = multiprocessing.Pipe(duplex=False)  # nothing is ever sent
        self._bell_lock = threading.Lock()
        self._pump = threading.Thread(target=self._run, name="decode-pool", daemon=True)

    @classmethod
    def of(cls, settings: Settings, workers: int | None = None) -> Self:
        """Return a pool with the limits of the settings, and so many workers as they say if none is given."""
        return cls(
            settings.workers if workers is None else workers,
            memory_mb=settings.worker_memory_mb,
            cpu_seconds=settings.worker_cpu_seconds,
            wall_seconds=settings.worker_wall_seconds,
        )

    def __enter__(self) -> Self:
        self._pump.start()
        # of a program that ends inside: multiprocessing's own exit would end the workers beside the pump
        atexit.register(self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        atexit.unregister(self._stop)
        for end in (self._bell, self._bell_end, self._lifeline, self._lifeline_end):
            end.close()

    def _stop(self) -> None:
        self._closing = True
        self._ring()
        self._pump.join()

    def map(
        self,
        function: Callable[[T], R],
        tasks: Iterable[T],
        window: int | None = None,
        ordered: bool = False,
        first: bool = False,
    ) -> Iterator[tuple[T, R | WorkerDied | TimedOut]]:
        """Yield (task, result) as they finish, or in the tasks' order; at most ``window`` tasks are under way.

        Tasks of a map with ``first`` go before those of the other maps.

        ``tasks`` is drawn from in the caller's thread, one at a time, as room appears: committing "attempt + 1" in
        that generator happens before the decode. An exception of ``function`` is raised here; a death or a
        timeout is a value. ``function`` must be importable (not from __main__). Results waiting to be taken are
        part of the window, so memory stays bounded.
        """
        window = window or 4 * self.workers
        answers: Answers[T] = queue.SimpleQueue()
        source = iter(tasks)
        number = under_way = expected = 0
        exhausted = False
        early: dict[int, tuple[T, Any]] = {}
        try:
            while True:
                while not exhausted and under_way < window:
                    try:
                        task = next(source)
                    except StopIteration:
                        exhausted = True
                        break
                    self._submit(Job(number, task, pickle.dumps((function, task)), answers, first))
                    number += 1
                    under_way += 1
                if not under_way:
                    return
                job, result = self._next_answer(answers)
                if isinstance(result, Raised):
                    raise result.error
                if not ordered:
                    under_way -= 1
                    yield job.task, result
                    continue
                early[job.number] = (job.task, result)
                while expected in early:
                    under_way -= 1
                    yield early.pop(expected)
                    expected += 1
        finally:
            # an abandoned map: what has not started is dropped, what runs is finished and thrown away
            self._inbox.drop(answers)

    def run(self, function: Callable[[T], R], task: T) -> R | WorkerDied | TimedOut:
        """Run one task and wait for it; as ``map``, and from any thread."""
        ((_, result),) = self.map(function, (task,))
        return result

    def _next_answer(self, answers: Answers[T]) -> tuple[Job[T], Any]:
        while self._broken is None:
            with suppress(queue.Empty):
                return answers.get(timeout=0.5)
        raise PoolBroken(str(self._broken))

    def _submit(self, job: Job[Any]) -> None:
        self._inbox.put(job)
        self._ring()

    def _ring(self) -> None:
        with self._bell_lock:
            self._bell_end.send_bytes(b"!")

    # the pump: one thread that owns the workers

    def _run(self) -> None:
        try:
            while not self._closing:
                self._hand_out()
                self._take_in()
        except PoolBroken as broken:
            self._broken = broken
        finally:
            self._broken = self._broken or PoolBroken("the decode pool's own thread has ended")
            for worker in list(self._crew):
                self._end(worker)

    def _hand_out(self) -> None:
        while len(self._crew) < self.workers:
            self._crew.append(self._start())
        for worker in list(self._crew):
            if not worker.ready or worker.job is not None:
                continue
            job = self._inbox.take()
            if job is None:
                return
            worker.job, worker.deadline = job, time.monotonic() + self.wall_seconds
            try:
                worker.pipe.send_bytes(job.message)
                send_file(worker.pipe, getattr(job.task, "path", None), worker.process.pid or 0)
            except OSError:  # it died idle: the task was not begun, another worker takes it
                self._inbox.put_back(job)
                worker.job = None
                self._end(worker)

    def _take_in(self) -> None:
        busy = [worker for worker in self._crew if worker.job is not None or not worker.ready]
        timeout = min((worker.deadline for worker in busy), default=time.monotonic() + 3600) - time.monotonic()
        by_pipe: dict[Any, _Worker] = {worker.pipe: worker for worker in self._crew}
        for pipe in wait([self._bell, *by_pipe], max(timeout, 0.0)):
            if pipe is self._bell:
                while self._bell.poll():
                    self._bell.recv_bytes()
                continue
            self._hear(by_pipe[pipe])
        now = time.monotonic()
        for worker in [worker for worker in self._crew if worker.deadline < now]:
            if worker.job is not None:
                self._answer(worker, TimedOut("wall"))
                self._end(worker)
            elif not worker.ready:
                self._end(worker)
                self._count_failed_start("it did not answer in time")

    def _hear(self, worker: _Worker) -> None:
        try:
            message = receive(worker.pipe)
        except pickle.UnpicklingError:  # not its words: a worker that a file took over chose them
            self._bury(worker, "an answer that cannot be read")
            return
        except (EOFError, OSError):
            self._bury(worker, "unknown")
            return
        if not worker.ready and message[0]:
            worker.ready, self._failed_starts = True, 0
            worker.deadline = float("inf")
            return
        succeeded, value = message
        if not worker.ready:
            self._end(worker)
            self._count_failed_start(str(value))
            return
        self._answer(worker, value if succeeded else Raised(value))

    def _answer(self, worker: _Worker, result: Any) -> None:
        if worker.job is not None:
            worker.job.answers.put((worker.job, result))
        worker.job, worker.deadline = None, float("inf")

    def _bury(self, worker: _Worker, unless_ended: str) -> None:
        """End a worker that gave no answer; ``unless_ended`` says why, where it had not ended by itself."""
        exitcode = self._end(worker)
        how = unless_ended if exitcode is None else how_it_ended(exitcode)
        if not worker.ready:
            self._count_failed_start(how)
        elif exitcode == -signal.SIGXCPU:
            self._answer(worker, TimedOut("cpu"))
        else:
            self._answer(worker, WorkerDied(how))

    def _count_failed_start(self, how: str) -> None:
        self._failed_starts += 1
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise PoolBroken(
                f"decode workers cannot start: {self._failed_starts} ended before their first task ({how});"
                f" if memory is short: {memory_advice()}"
            )

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe(duplex=True)
        process = self._context.Process(
            target=run_worker, args=(theirs, self._lifeline, *self._limits), name=WORKER_NAME, daemon=True
        )
        try:
            start_fork_server(PRELOAD)
            process.start()
        except (OSError, EOFError) as exc:
            ours.close()
            raise PoolBroken(f"decode workers cannot start ({exc}); if memory is short: {memory_advice()}") from exc
        finally:
            theirs.close()
        return _Worker(process, ours, time.monotonic() + READY_SECONDS)

    def _end(self, worker: _Worker) -> int | None:
        """Kill the process if it runs; return the exit code if it had ended by itself, else None."""
        self._crew.remove(worker)
        worker.process.join(0.2 if worker.ready and not self._closing else 0)  # a closed pipe precedes the exit status
        ran = worker.process.is_alive()
        worker.process.kill()
        worker.process.join()
        exitcode = worker.process.exitcode
        worker.process.close()
        worker.pipe.close()
        return None if ran and exitcode == -signal.SIGKILL else exitcode
