"""What workers of a job write in PostgreSQL, without reading, decoding or encoding: is the writer lock the limit?

    python tests/benchmarks/bench_writers.py [--files 6400] [--workers 1 2 4] [--batch 64]

Each worker is a process with the loop of ingest/jobs/worker.py: claim 64 files, admit them, write their vectors (512
numbers) a batch at a time; 15 files of a study. Once one transaction of all workers writes at a time, once with locks
by key. Printed for each: files a second by the clock; for each file milliseconds of processor time of a worker, of that
under locks, and of PostgreSQL (all its processes). Under one lock the last two follow each other, and no number of
machines writes more than 1000 / (their sum) files a second; locks by key are limited by PostgreSQL's time alone, on as
many processors as its machine has.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, text

from echosearch.archive import open_archive
from echosearch.db.admission.admit import admit
from echosearch.db.files.claims import claim_next, register
from echosearch.db.files.jobs import begin_job
from echosearch.db.files.key_locks import Concerned, write_alone, write_by_key
from echosearch.db.files.leases import start_leased_run
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.db.vectors.write import put_video_vectors
from echosearch.encoder.fake import FakeEncoder
from echosearch.pseudonyms import Keyring
from echosearch.settings import Settings
from echosearch.source_file import FoundFile
from echosearch.video import Mode, VideoHeader

GROUP, PER_STUDY = 64, 15
KEYRING = Keyring(bytes(32))
TABLES = "core.patient, core.study, core.video, core.source_file, core.outbox, phi.video, phi.study, phi.patient"


@dataclass(frozen=True)
class Work:
    """One worker's part."""

    settings: Settings
    encoder_id: int
    job: int
    batch: int
    by_key: bool


@dataclass(frozen=True)
class Spent:
    """What one worker took."""

    files: int
    processor: float  # seconds, of its own process
    locked: float  # of these, seconds under locks


def header(number: int) -> VideoHeader:
    study = number // PER_STUDY
    return VideoHeader(
        sop_uid=f"1.2.9.{number}",
        study_uid=f"1.2.9.{study}.0",
        patient_id=f"{study * 3 // 5:07d}",
        issuer="",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.3.1",
        transfer_syntax_uid="1.2.840.10008.1.2.4.50",
        photometric="YBR_FULL_422",
        rows=480,
        columns=640,
        n_frames=60,
        content_digest=hashlib.sha256(b"c%d" % number).digest(),
        pixel_digest=hashlib.sha256(b"p%d" % number).digest(),
        study_date=date(2024, 3, 14),
        age_years=71,
        sex="F",
        mode=Mode.BMODE,
        patient_name="A^B",
    )


def work(given: Work) -> Spent:
    """Claim, admit and write until nothing is free."""
    locked, files = 0.0, 0
    vector = np.random.default_rng(0).standard_normal(512, dtype=np.float32)
    with open_archive(given.settings, FakeEncoder(dimension=512)) as archive:
        with archive.engine.begin() as connection:
            run = start_leased_run(connection, given.encoder_id, given.job, 600.0, "here")

        def write(concerned: Concerned, body: Any) -> Any:
            nonlocal locked
            began = 0.0

            def timed(connection: Connection) -> Any:
                nonlocal began
                began = time.process_time()
                return body(connection)

            if given.by_key:
                made = write_by_key(archive.engine, run, concerned, timed)
            else:
                made = write_alone(archive.engine, run, timed)
            locked += time.process_time() - began
            return made

        before = time.process_time()
        while claims := write(Concerned(), lambda connection: claim_next(connection, run, given.job, GROUP)):
            inspected = [(claim, header(int(claim.file.path.name))) for claim in claims]
            videos = {KEYRING.video(read.sop_uid) for _, read in inspected}
            studies = {KEYRING.study(read.study_uid) for _, read in inspected}
            named = Concerned([claim.id for claim in claims], videos, studies)
            admitted, _ = write(named, lambda connection: admit(connection, KEYRING, given.encoder_id, inspected))  # noqa: B023
            for first in range(0, len(admitted), given.batch):
                part = admitted[first : first + given.batch]
                rows = [(one.claimed.id, one.video_key, one.study_key, vector) for one in part]
                ids, keys = [row[0] for row in rows], [row[1] for row in rows]
                write(
                    Concerned(ids, keys, {row[2] for row in rows}),
                    lambda connection: put_video_vectors(connection, given.encoder_id, run, rows),  # noqa: B023
                )
            files += len(claims)
        return Spent(files, time.process_time() - before, locked)


def of_postgresql(postmaster: int) -> float:
    """Return the processor seconds of PostgreSQL: its processes, and those that have ended."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat.parent.name) == postmaster:
            total += sum(map(int, fields[11:15]))
        elif int(fields[1]) == postmaster:
            total += sum(map(int, fields[11:13]))
    return total / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--files", type=int, default=6400)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, default=64, help="vectors a transaction: 64 with a GPU, 8 without")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = Settings(home=Path(folder))
        with open_archive(settings, FakeEncoder(dimension=512)) as archive:
            with archive.engine.begin() as connection:
                encoder_id = register_encoder(connection, archive.encoder_info)
                activate(connection, encoder_id)
                data = Path(str(connection.scalar(text("show data_directory"))))
            postmaster = int((data / "postmaster.pid").read_text().split()[0])
            for workers in chosen.workers:
                for by_key in (False, True):
                    with archive.engine.begin() as connection:
                        connection.execute(text(f"truncate {TABLES} cascade"))
                        connection.execute(text("update core.job set finished_at = now()"))
                        job = begin_job(connection, encoder_id, {}, Path("/root"), [])
                        for first in range(0, chosen.files, 1000):
                            numbers = range(first, min(first + 1000, chosen.files))
                            found = [FoundFile(Path(f"/root/{number:07d}"), 1, 1) for number in numbers]
                            register(connection, KEYRING, job, found)
                    given = Work(settings, encoder_id, job, chosen.batch, by_key)
                    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
                        before = of_postgresql(postmaster)
                        done = list(pool.map(work, [given] * workers))
                    spent = of_postgresql(postmaster) - before  # their sessions have ended
                    with archive.engine.connect() as connection:
                        began, ended, made = connection.execute(
                            text(
                                "select (select min(started_at) from core.ingest_run where job = :job),"
                                " (select max(updated_at) from core.source_file),"
                                " (select count(*) from core.embedding)"
                            ),
                            {"job": job},
                        ).one()
                    assert made == sum(one.files for one in done) == chosen.files
                    rate = chosen.files / (ended - began).total_seconds()
                    worker, locked = (
                        1000 * sum(each) / chosen.files
                        for each in ([one.processor for one in done], [one.locked for one in done])
                    )
                    print(
                        f"{workers} workers, {'locks by key' if by_key else 'one writer'}: {rate:.0f} files/s; ms a"
                        f" file: worker {worker:.2f}, of these under locks {locked:.2f}, PostgreSQL"
                        f" {1000 * spent / chosen.files:.2f}; load {os.getloadavg()[0]:.1f}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
