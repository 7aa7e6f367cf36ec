"""Workers of a job as actors of a Ray cluster: Ray places them, sees a lost node, and starts others.

All that goes through Ray is a job's number, counts, and one line from an actor that cannot work. What a file is called,
and what became of it, PostgreSQL alone knows.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import redirect_stdout
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # before ray is imported: it would report to its makers

import ray
from ray.exceptions import RayError

from echosearch.errors import ArchiveLocked, EchosearchError, InputError
from echosearch.settings import Settings

__all__ = ["RayWorkers", "WorkerActor"]

RESTARTS = 10  # of one worker, on whichever node has room
ADDRESS = "auto"
STOP_SECONDS = 30.0


class WorkerActor:
    """Run one worker, with the settings of its node, and ``cpus`` decoding processes."""

    def __init__(self, cpus: int) -> None:
        self._cpus = cpus

    def work(self, job: int) -> tuple[int, str]:
        """Return an exit code and, unless that is 0, one line that names no patient and no path."""
        from echosearch.archive import open_archive
        from echosearch.settings import load_settings
        from ingest.jobs.worker import work

        try:
            with open_archive(load_settings(workers=self._cpus)) as archive:
                work(archive, job)
        except EchosearchError as exc:
            return exc.exit_code, str(exc)
        except Exception as exc:  # its message may name a file
            at = exc.__traceback__
            while at is not None and at.tb_next is not None:
                at = at.tb_next
            where = f"{at.tb_frame.f_code.co_name}, line {at.tb_lineno}" if at is not None else "?"
            return 1, f"{type(exc).__name__} in {where}"
        return 0, ""


class RayWorkers:
    """Run workers as actors of the Ray cluster that this machine is a node of.

    ``workers``: None for one a GPU, or one a node where no node has a GPU. Raises InputError without a cluster.
    """

    def __init__(self, settings: Settings, workers: int | None) -> None:
        address = os.environ.get("RAY_ADDRESS", ADDRESS)
        if address.startswith("ray://"):
            raise InputError(
                "RAY_ADDRESS is that of Ray's client, which is for a person at work: run this on a node of the cluster"
                " with the address host:6379, or unset it"
            )
        self._aside = redirect_stdout(sys.stderr)  # Ray prints there of dead workers and nodes; stdout is the summary's
        self._own = not ray.is_initialized()
        try:
            if self._own:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, RayError, RuntimeError) as exc:
            raise InputError(
                "--on ray finds no Ray cluster here: run ray start --head on one node, ray start --address HOST:6379 on"
                " the others, and this command on one of them (docs/scale.md)"
            ) from exc
        alive: list[dict[str, Any]] = ray.nodes()
        nodes = [node["Resources"] for node in alive if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        gpus = int(sum(node.get("GPU", 0) for node in nodes))
        self._workers = workers or gpus or len(nodes)
        a_node = -(-self._workers // max(1, len(nodes)))
        cpus = max(1, min((int(node["CPU"]) for node in nodes), default=1) // a_node)
        on_gpu = 1 if gpus >= self._workers and settings.device != "cpu" else 0
        self._cpus = cpus
        self._options: dict[str, Any] = {
            "num_cpus": cpus,
            "num_gpus": on_gpu,
            "scheduling_strategy": "SPREAD",
            "max_restarts": 0,  # check() starts another one: an actor of Ray's would begin without its task
        }
        self._crew: list[Any] = []
        self._tasks: dict[Any, int] = {}  # under way -> its place in the crew
        self._restarts: dict[int, int] = {}
        self._last = ""
        self._started = False

    def start(self, job: int) -> None:
        self._aside.__enter__()
        self._started = True
        self._job = job
        self._crew = [None] * self._workers
        for place in range(self._workers):
            self._begin(place)

    def check(self) -> None:
        ended, _ = ray.wait([*self._tasks], num_returns=max(1, len(self._tasks)), timeout=0) if self._tasks else ([], 0)
        for task in ended:
            place = self._tasks.pop(task)
            try:
                code, said = ray.get(task)
            except RayError as exc:  # the actor or its node is gone; its claims come back when its lease is over
                code, said = ArchiveLocked.exit_code, f"the worker has died ({type(exc).__name__})"
            if code == ArchiveLocked.exit_code and self._restarts.get(place, 0) < RESTARTS:
                self._restarts[place] = self._restarts.get(place, 0) + 1
                self._begin(place)
            elif code:
                self._last = said
        if self._last and not self._tasks:
            raise EchosearchError(f"no worker can work at the job; the last one said: {self._last}")

    def stop(self, done: bool) -> None:
        if done and self._tasks:  # each is about to end by itself, and says then what it has done
            ray.wait([*self._tasks], num_returns=len(self._tasks), timeout=STOP_SECONDS)
        for actor in self._crew:
            if actor is not None:
                ray.kill(actor)
        self._crew, self._tasks = [], {}
        if self._own:
            ray.shutdown()
        if self._started:
            self._aside.__exit__(None, None, None)

    def _begin(self, place: int) -> None:
        made: Any = ray.remote(WorkerActor)
        actor = made.options(**self._options).remote(self._cpus)
        self._crew[place] = actor
        self._tasks[actor.work.remote(self._job)] = place
