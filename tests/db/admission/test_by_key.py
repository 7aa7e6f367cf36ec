"""Transactions with locks by key, at one time, write what the same ones do one after the other."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier, Lock
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from echosearch.db.admission.admit import Admitted, admit
from echosearch.db.files.claims import claim_next, register
from echosearch.db.files.jobs import begin_job
from echosearch.db.files.key_locks import Concerned, write_alone, write_by_key
from echosearch.db.files.leases import start_leased_run
from echosearch.db.upkeep.comparison import ledger_faults
from echosearch.db.vectors import outbox
from echosearch.db.vectors.write import put_video_vectors
from echosearch.source_file import Claimed, FoundFile
from echosearch.video import VideoHeader
from tests.conftest import empty_tables
from tests.db.conftest import KEYRING, Ledger, header, vector_of

FILES = 16
ROWS = {
    "core.source_file": "id, state, reason, detail, video_key, claimed_by, attempts",
    "core.patient": "patient_key, settled",
    "core.study": "study_key, patient_key, month, sex, age, contradicts, conflict, number",
    "core.video": "video_key, study_key, content_digest, pixel_digest, sex, age, device, view",
    "core.embedding": "encoder_id, video_key, vector, gen, indexed_gen",
    "core.study_embedding": "encoder_id, study_key, vector, gen, indexed_gen, n_videos, embedded_videos",
    "core.outbox": "encoder_id, collection, key, op, gen",
    "core.index_count": "encoder_id, collection, points",
    "phi.patient": "patient_key, issuer, patient_id, name",
    "phi.study": "study_key, patient_key, study_uid, birth_date",
    "phi.video": "video_key, sop_uid, birth_date",
}
Body = Callable[[Connection], Any]


def drawn(chance: random.Random) -> VideoHeader:
    """A file of few SOP instances, studies and patients; some are in another study, of another patient, or changed."""
    sop = chance.randrange(7)
    study = chance.randrange(4) if chance.random() < 0.15 else sop % 4
    patient = chance.randrange(3) if chance.random() < 0.08 else study % 3
    pixels = b"other" if chance.random() < 0.15 else b""
    sex, age = ("M", 70) if chance.random() < 0.1 else ("F", 71)
    return header(f"1.{sop}", study=f"1.2.{study}", patient=f"000{patient}", pixels=pixels, sex=sex, age_years=age)


@dataclass
class Site:
    """An archive whose files are read, and then changed and read again."""

    engine: Engine
    seed: int
    stamps: dict[Path, tuple[int, int] | None]
    headers: dict[Path, VideoHeader] = field(default_factory=dict)

    def __post_init__(self) -> None:
        empty_tables(self.engine)
        self.chance = random.Random(self.seed)
        self.encoder_id = Ledger(self.engine).encoder_id
        with self.engine.begin() as connection:
            self.job = begin_job(connection, self.encoder_id, {}, Path("/root"), [])
        self.runs = [self.start_run() for _ in range(3)]

    def start_run(self) -> int:
        with self.engine.begin() as connection:
            return start_leased_run(connection, self.encoder_id, self.job, 600.0, "here")

    def write_files(self, turn: int) -> None:
        """Write the files; at the second turn change some, move some away, and call the vectors indexed."""
        paths = [Path(f"/root/IM_{number:04d}") for number in range(FILES)]
        for path in paths if turn == 1 else self.chance.sample(paths, FILES * 2 // 3):
            self.headers[path], self.stamps[path] = drawn(self.chance), (1, turn)
        gone = [] if turn == 1 else self.chance.sample(paths, 2)
        self.stamps.update(dict.fromkeys(gone))
        found = [FoundFile(path, *stamp) for path, stamp in sorted(self.stamps.items()) if stamp is not None]
        with self.engine.begin() as connection:
            for collection in ("videos", "studies"):
                outbox.done(
                    connection,
                    self.encoder_id,
                    collection,
                    outbox.take_due(connection, self.encoder_id, collection, 100),
                )
            register(connection, KEYRING, self.job, [one for one in found if one.mtime_ns == turn])

    def claim(self, run: int) -> Callable[[Connection], list[Claimed]]:
        return lambda connection: claim_next(connection, run, self.job, 2)

    def admission(self, claims: list[Claimed]) -> tuple[Concerned, Body]:
        inspected = [(claim, self.headers[claim.file.path]) for claim in claims]
        concerned = Concerned(
            [claim.id for claim in claims],
            {KEYRING.video(read.sop_uid) for _, read in inspected},
            {KEYRING.study(read.study_uid) for _, read in inspected},
        )
        return concerned, lambda connection: admit(connection, KEYRING, self.encoder_id, inspected)[0]

    def writing(self, run: int, videos: list[Admitted]) -> tuple[Concerned, Body]:
        rows = [
            (video.claimed.id, video.video_key, video.study_key, vector_of(f"{video.video_key} {video.claimed.id}"))
            for video in videos
            if video.needs_decoding
        ]
        concerned = Concerned([row[0] for row in rows], {row[1] for row in rows}, {row[2] for row in rows})
        return concerned, lambda connection: put_video_vectors(connection, self.encoder_id, run, rows)

    def contents(self) -> dict[str, list[Any]]:
        with self.engine.connect() as connection:
            assert ledger_faults(connection, self.encoder_id) == []
            return {
                table: [*connection.execute(text(f"select {columns} from {table} order by {columns}"))]
                for table, columns in ROWS.items()
            }


@dataclass
class History:
    """The transactions of several workers in the order in which they held their locks."""

    steps: list[tuple[int, Body, Any]] = field(default_factory=list)
    most: int = 0  # at one time
    _open: int = 0
    _lock: Lock = field(default_factory=Lock)

    def kept(self, run: int, body: Body, again: Callable[[Any], Body]) -> Body:
        """Return ``body``, noted at its end with what it returned, and how it is done again."""

        def watched(connection: Connection) -> Any:
            with self._lock:
                self._open += 1
                self.most = max(self.most, self._open)
            try:
                returned = body(connection)
                with self._lock:
                    self.steps.append((run, again(returned), returned))
            finally:
                with self._lock:
                    self._open -= 1
            return returned

        return watched


def claim_these(claims: list[Claimed], run: int) -> Body:
    def claim(connection: Connection) -> list[Claimed]:
        done = connection.execute(
            text(
                "update core.source_file set claimed_by = :run, attempts = attempts + 1 where id = any(:ids)"
                " and claimed_by is null and state in ('registered', 'admitted')"
            ),
            {"run": run, "ids": [one.id for one in claims]},
        )
        assert done.rowcount == len(claims)
        return claims

    return claim


def work_at_once(site: Site, workers: int) -> History:
    """Take in what is due, by so many workers with locks by key."""
    history, together = History(), Barrier(workers)

    def work(run: int) -> None:
        def write(concerned: Concerned, body: Body, again: Callable[[Any], Body] | None = None) -> Any:
            return write_by_key(site.engine, run, concerned, history.kept(run, body, again or (lambda _: body)))

        together.wait()
        while claims := write(Concerned(), site.claim(run), lambda claimed: claim_these(claimed, run)):
            videos = write(*site.admission(claims))
            write(*site.writing(run, videos))

    with ThreadPoolExecutor(workers) as threads:
        for done in [threads.submit(work, run) for run in site.runs[:workers]]:
            done.result()
    return history


@pytest.mark.parametrize(
    "seeds", [pytest.param(range(4), id="quick"), pytest.param(range(300), id="full", marks=pytest.mark.slow)]
)
def test_transactions_at_one_time_are_those_one_after_the_other(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seeds: range
) -> None:
    stamps: dict[Path, tuple[int, int] | None] = {}
    for module in ("backing", "sight"):
        monkeypatch.setattr(f"echosearch.db.files.{module}.stamp_of", lambda path: stamps[path])
    most = 0
    for seed in seeds:
        site = Site(engine, seed, stamps)
        histories, expected = [], []
        for turn in (1, 2):
            site.write_files(turn)
            histories.append(work_at_once(site, 2 + seed % 2))
            expected.append(site.contents())
            most = max(most, histories[-1].most)
        stamps.clear()
        site = Site(engine, seed, stamps)
        for turn, history in enumerate(histories, 1):
            site.write_files(turn)
            for run, body, returned in history.steps:
                assert write_alone(engine, run, body) == returned, f"seed {seed}, turn {turn}"
            assert site.contents() == expected[turn - 1], f"seed {seed}, turn {turn}"
        stamps.clear()
    assert most > 1
