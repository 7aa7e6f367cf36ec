"""Admissions that overlap on several machines end as those of one machine do, in whatever order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from echosearch.db.admission.admit import admit
from echosearch.db.files.claims import claim_next, register
from echosearch.db.files.jobs import begin_job
from echosearch.db.files.key_locks import Concerned, write_alone, write_by_key
from echosearch.db.files.leases import start_leased_run
from echosearch.db.upkeep.comparison import ledger_faults
from echosearch.db.vectors.write import put_video_vectors
from echosearch.source_file import FoundFile
from echosearch.video import VideoHeader
from tests.conftest import empty_tables
from tests.db.conftest import KEYRING, Ledger, header, vector_of


def headers_of(seed: int) -> list[VideoHeader]:
    """A dozen files of few SOP instances, studies and patients: copies, two contents, two patients of a study."""
    chance = random.Random(seed)
    made = []
    for _ in range(12):
        sop = chance.randrange(6)
        pixels = b"other" if chance.random() < 0.15 else b""
        patient = "0008" if chance.random() < 0.1 else "0007"
        made.append(header(f"1.{sop}", study=f"1.2.{sop % 3}", patient=patient, pixels=pixels))
    return made


def ingested(
    engine: Engine, seed: int, workers: int, by_key: bool = False, order: random.Random | None = None
) -> dict[str, Any]:
    """What the archive holds when so many workers have taken in the files of a seed, two at a time."""
    empty_tables(engine)
    headers, encoder_id = headers_of(seed), Ledger(engine).encoder_id
    if order is not None:
        order.shuffle(headers)
    files = [FoundFile(Path(f"/root/IM_{number:04d}"), 1, 1) for number in range(len(headers))]
    with engine.begin() as connection:
        job = begin_job(connection, encoder_id, {}, Path("/root"), [])
        register(connection, KEYRING, job, files)
        runs = [start_leased_run(connection, encoder_id, job, 600.0, "here") for _ in range(workers)]
    by_path = dict(zip((found.path for found in files), headers, strict=True))
    together = Barrier(workers)

    def work(run: int) -> None:
        def write(concerned: Concerned, body: Callable[[Connection], Any]) -> Any:
            if by_key:
                return write_by_key(engine, run, concerned, body)
            return write_alone(engine, run, body)

        together.wait()
        while claims := write(Concerned(), lambda connection: claim_next(connection, run, job, 2)):
            candidates = [(claim, by_path[claim.file.path]) for claim in claims]
            named = Concerned(
                [claim.id for claim in claims],
                {KEYRING.video(read.sop_uid) for _, read in candidates},
                {KEYRING.study(read.study_uid) for _, read in candidates},
            )
            videos, _ = write(named, partial(admit, keyring=KEYRING, encoder_id=encoder_id, inspected=candidates))
            rows = [
                (video.claimed.id, video.video_key, video.study_key, vector_of(str(video.video_key)))
                for video in videos
                if video.needs_decoding
            ]
            named = Concerned([row[0] for row in rows], {row[1] for row in rows}, {row[2] for row in rows})
            write(named, partial(put_video_vectors, encoder_id=encoder_id, run_id=run, vectors=rows))

    with ThreadPoolExecutor(workers) as threads:
        for done in [threads.submit(work, run) for run in runs]:
            done.result()
    with engine.connect() as connection:
        assert ledger_faults(connection, encoder_id) == []
        assert connection.scalar(text("select count(*) from core.source_file where claimed_by is not null")) == 0
        states = connection.execute(text("select state, reason from core.source_file"))
        vectors = connection.execute(text("select cast(video_key as text), vector from core.embedding"))
        means = connection.execute(text("select cast(study_key as text), vector, n_videos from core.study_embedding"))
        conflicts = connection.scalars(text("select cast(study_key as text) from core.study where conflict"))
        return {
            "states": Counter(tuple(row) for row in states),
            "vectors": {row[0]: bytes(row[1]) for row in vectors},
            "means": {row[0]: tuple(row[1:]) for row in means},
            "conflicts": set(conflicts),
        }


def is_disputed(seed: int) -> bool:
    """Whether the order decides how a file is refused, in one process too: it is a side of two kinds of conflict."""
    made = headers_of(seed)
    studies = {(one.study_uid, one.patient_id) for one in made}
    videos = {(one.sop_uid, one.pixel_digest) for one in made}
    return len({study for study, _ in studies}) < len(studies) and len({sop for sop, _ in videos}) < len(videos)


@pytest.mark.usefixtures("ledger")  # its files are as they were
@pytest.mark.parametrize(("workers", "by_key"), [(3, False), pytest.param(2, True, marks=pytest.mark.slow), (3, True)])
@pytest.mark.parametrize(
    "seeds", [pytest.param(range(8), id="quick"), pytest.param(range(300), id="full", marks=pytest.mark.slow)]
)
def test_overlapping_admissions_are_those_of_one_process(
    engine: Engine, seeds: range, workers: int, by_key: bool
) -> None:
    for seed in seeds:
        one, several = ingested(engine, seed, 1), ingested(engine, seed, workers, by_key)
        if is_disputed(seed):  # how it is refused may differ, what is found may not
            one, several = found(one), found(several)
        assert several == one, f"seed {seed}"


def found(made: dict[str, Any]) -> dict[str, Any]:
    """What an archive holds, whatever files were refused for."""
    states = Counter(state for state, _ in made["states"].elements())
    return {"states": states, "vectors": made["vectors"], "means": made["means"]}


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize(
    "seeds", [pytest.param([*range(4), 36], id="quick"), pytest.param(range(300), id="full", marks=pytest.mark.slow)]
)
def test_the_order_of_files_decides_nothing(engine: Engine, seeds: Sequence[int]) -> None:
    for seed in seeds:
        for shuffled in (random.Random(seed), random.Random(seed + 1000)):
            made = ingested(engine, seed, 1, order=shuffled)
            assert found(made) == found(ingested(engine, seed, 1)), f"seed {seed}"
