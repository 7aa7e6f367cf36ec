"""One ingest by one process against the same by a driver and workers: what ``bench_ingest.py --on`` measures.

Both are commands with the encoder phantom-tiny, a PostgreSQL on a socket and the embedded index; rounds alternate. A
rate is of the run's own row, from its begin to its end: of workers, from the first one's begin to the last one's end,
without the start of Python and Ray, which is once a job. Processor time is of all processes: command, decoding,
PostgreSQL, Ray.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text

from echosearch.archive import open_archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.settings import Settings

__all__ = ["compare"]

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Figures:
    """What one ingest took, for each cine."""

    a_second: float  # while it ran
    whole: float  # a second of the command's summary, starts included
    processor: float  # seconds


def compare(root: Path, cines: int, place: str, workers: int, decoders: int, rounds: int) -> None:
    """Print the figures of each round, and the medians of their ratios."""
    ratios: list[tuple[float, float, float]] = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, _database(Path(folder)) as (url, postmaster):
        environment = {
            **os.environ,
            "ECHOSEARCH_ENCODER": "phantom-tiny",
            "ECHOSEARCH_DATABASE_URL": url + "bench" + f"?host={postmaster.parent}",
            "ECHOSEARCH_QDRANT_URL": "embedded",
            "ECHOSEARCH_WORKERS": str(decoders),
            "ECHOSEARCH_HOME": f"{folder}/home",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "RAY_USAGE_STATS_ENABLED": "0",
        }
        others = [int(postmaster.read_text().split()[0])]
        with _cluster(Path(folder) / "ray", environment, decoders, place == "ray") as node:
            others += node
            for number in range(rounds):
                on = ("--on", place, "--workers", str(workers))
                plain, shared = (_ingest(root, cines, environment, more, others) for more in ((), on))
                ratios.append((shared.a_second / plain.a_second, shared.whole / plain.whole,
                               shared.processor / plain.processor))  # fmt: skip
                print(f"round {number + 1}: one process {plain}, {workers} workers {shared}")
    names = ("cines a second", "with starts", "processor time a cine")
    for name, values in zip(names, zip(*ratios, strict=True), strict=True):
        print(f"{place}, {workers} workers / one process, {name}: median {statistics.median(values):.3f} of {rounds}")
    print(f"load {os.getloadavg()[0]:.1f}")


def _ingest(root: Path, cines: int, environment: dict[str, str], more: tuple[str, ...], others: list[int]) -> Figures:
    url = environment["ECHOSEARCH_DATABASE_URL"]
    url = url.replace("postgresql://", "postgresql+psycopg://")
    admin = create_engine(url.replace("@/bench?", "@/postgres?"))
    with admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("drop database if exists bench with (force)"))
        connection.execute(text("create database bench"))
    command = [sys.executable, "-m", "echosearch", "ingest", str(root), "--batch-size", "8", "--json", *more]
    shutil.rmtree(Path(environment["ECHOSEARCH_HOME"]) / "qdrant", ignore_errors=True)  # of the round before
    before = _processor(others)
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    spent = _processor(others) - before
    summary = json.loads(done.stdout)
    assert summary["new_videos"] == cines, summary
    engine = create_engine(url)
    with engine.connect() as connection:
        seconds = connection.execute(
            text(
                "select extract(epoch from max(r.finished_at) - min(r.started_at)) from core.ingest_run r"
                " where drives = false"
            )
        ).scalar_one()
    engine.dispose()
    admin.dispose()
    return Figures(round(cines / float(seconds), 2), round(cines / summary["seconds"], 2), round(spent / cines, 4))


def _processor(others: list[int]) -> float:
    """Return the processor seconds of ended children, and of those processes with all that they have begun."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = {}
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
        seconds[int(stat.parent.name)] = sum(map(int, fields[11:15])) / TICKS

    def belongs(process: int) -> bool:
        return process in others or (process in parents and belongs(parents[process]))

    return ended.ru_utime + ended.ru_stime + sum(each for process, each in seconds.items() if belongs(process))


@contextmanager
def _database(folder: Path) -> Iterator[tuple[str, Path]]:
    """Run PostgreSQL under the folder; yield the begin of its URLs, and the file that names its process."""
    with open_archive(Settings(home=folder / "server"), FakeEncoder()) as archive:
        with archive.engine.connect() as connection:
            data = connection.scalar(text("show data_directory"))
        yield "postgresql://postgres@/", Path(str(data)) / "postmaster.pid"


@contextmanager
def _cluster(folder: Path, environment: dict[str, str], cpus: int, wanted: bool) -> Iterator[list[int]]:
    """Run a Ray node of so many cores, if one is wanted; yield its process."""
    if not wanted:
        yield []
        return
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("ray")
    given = ["--head", f"--port={port}", "--include-dashboard=false", f"--num-cpus={cpus}", "--num-gpus=0", "--block"]
    environment["RAY_AUTH_MODE"], environment["RAY_AUTH_TOKEN"] = "token", "ab" * 32
    node = subprocess.Popen(
        [str(program), "start", *given, f"--temp-dir={folder}", "--object-store-memory=80000000"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    environment["RAY_ADDRESS"] = f"127.0.0.1:{port}"
    try:
        for _ in range(180):
            with socket.socket() as asked:
                if asked.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(1.0)
        time.sleep(10.0)  # its node registers itself
        yield [node.pid]
    finally:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()
