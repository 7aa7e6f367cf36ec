"""The statements that bench_scale.py times: what an ingest, a search and the upkeep of an archive ask of PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, text

from echosearch.archive import Archive
from echosearch.db.access.viewer import LOCAL
from echosearch.db.admission.admit import admit
from echosearch.db.files import backing, ledger, status
from echosearch.db.files.description import note_contradictions
from echosearch.db.files.measurements import trust_measurements
from echosearch.db.lookup import reports_about, resolve_study, videos_about, videos_of
from echosearch.db.questions.study_bits import fold
from echosearch.db.studies.facts import due_reports, withdraw_facts
from echosearch.db.studies.hospitals import keep_hospitals_apart
from echosearch.db.studies.report_attempts import report_counts
from echosearch.db.studies.reports import (
    IncomingReport,
    link_due_reports,
    reports_to_encode,
    stage_reports,
    superseded,
    texts_to_encode,
)
from echosearch.db.studies.visits import unsettled_patients
from echosearch.db.upkeep import comparison
from echosearch.db.upkeep.reembedding import count_unembedded, unembedded
from echosearch.db.vectors import outbox
from echosearch.db.vectors.generation import contents, delete_generation, generations, has_vectors
from echosearch.db.vectors.write import put_video_vectors
from echosearch.pseudonyms import Keyring
from echosearch.source_file import FoundFile
from echosearch.video import Mode, VideoHeader
from ingest.work import HALF_A_BLOCK

__all__ = ["ALL", "STEADY", "Statement", "Subject"]

FILES = 16  # of a batch of the ingest
LEVELS = 3  # of an index of up to 8 million rows


@dataclass(frozen=True)
class Subject:
    """The archive that is asked. Its studies have the numbers from 0."""

    archive: Archive
    keyring: Keyring
    encoder_id: int
    other_id: int  # of an encoder that does not answer
    new_id: int  # of one that has embedded nothing yet
    studies: int
    per_study: int
    root: Path

    def keys(self, what: str, count: int) -> list[str]:
        """Return the keys of the first ``count`` studies, or of a video or report of each."""
        tail = ".1" if what == "v" else ""
        step = max(1, self.studies // count)
        made = (hashlib.md5(f"{what}{step * n + 1}{tail}".encode(), usedforsecurity=False) for n in range(count))
        return [f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}" for h in (one.hexdigest() for one in made)]

    @property
    def tree(self) -> Path:
        """A folder of one study: what a small ingest adds to a large archive."""
        return self.root / str(2010 + 7) / "7"


def nothing(_subject: Subject, _connection: Connection) -> None:
    return


@dataclass(frozen=True)
class Statement:
    """``prepare`` is not timed; what it returns is given to ``run``. Both are rolled back.

    ``most_pages``: of a statement that looks keys up at random, however large the archive is.
    """

    name: str
    run: Callable[[Subject, Connection, Any], object]
    prepare: Callable[[Subject, Connection], Any] = nothing
    most_pages: int = 0


def found(count: int) -> list[FoundFile]:
    return [FoundFile(Path(f"/new/IM_{n:04d}"), 1000, 1) for n in range(count)]


def header(number: int) -> VideoHeader:
    return VideoHeader(
        sop_uid=f"1.2.840.{number}",
        study_uid="1.2.840.99",
        patient_id="new",
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


def claims(subject: Subject, connection: Connection) -> list[Any]:
    run = ledger.start_run(connection, subject.encoder_id, subject.root)
    return ledger.claim(connection, subject.keyring, run, found(FILES))


def admitted(subject: Subject, connection: Connection) -> tuple[int, list[tuple[int, str, str, Any]]]:
    run = ledger.start_run(connection, subject.encoder_id, subject.root)
    made = ledger.claim(connection, subject.keyring, run, found(FILES))
    inspected = [(claim, header(n)) for n, claim in enumerate(made)]
    videos, _ = admit(connection, subject.keyring, subject.encoder_id, inspected)
    vector = np.ones(512, np.float32)
    return run, [(one.claimed.id, one.video_key, one.study_key, vector) for one in videos]


def take(subject: Subject, connection: Connection) -> list[Any]:
    return outbox.take_due(connection, subject.encoder_id, "videos", 1000)


def enqueue_some(subject: Subject, connection: Connection) -> None:
    connection.execute(
        text(
            "insert into core.outbox (encoder_id, collection, key, op, gen) select encoder_id, 'videos', video_key,"
            " 'upsert', gen from core.embedding where encoder_id = :encoder order by video_key limit 1000"
        ),
        {"encoder": subject.encoder_id},
    )


def due(subject: Subject, connection: Connection) -> list[Any]:
    enqueue_some(subject, connection)
    return take(subject, connection)


def some_stale(subject: Subject, connection: Connection) -> None:
    """As an ingest of new studies notes them, a few of which are not enough to fold their block."""
    connection.execute(
        text("insert into core.stale_study (study_key) select study_key from core.study order by study_key limit 1000")
    )


def some_unsettled(_subject: Subject, connection: Connection) -> None:
    connection.execute(
        text(
            "update core.patient set settled = false where patient_key in"
            " (select patient_key from core.patient order by patient_key limit 2000)"
        )
    )


def new_reports(subject: Subject, connection: Connection) -> None:
    incoming = [IncomingReport(f"軽度のMR {n}", f"1.2.392.{n * 10}", "", "", None) for n in range(FILES)]
    stage_reports(connection, subject.keyring, incoming)


def all_seen(subject: Subject, connection: Connection) -> None:
    comparison.start_comparison(connection)
    connection.execute(
        text("insert into seen select video_key, true from core.embedding where encoder_id = :encoder"),
        {"encoder": subject.encoder_id},
    )


STEADY = (
    Statement(
        "states of 1000 files", lambda s, c, _: ledger.states(c, s.keyring, found(1000)), most_pages=1000 * LEVELS + 20
    ),
    Statement(
        "claim of 16 files",
        lambda s, c, run: ledger.claim(c, s.keyring, run, found(FILES)),
        lambda s, c: ledger.start_run(c, s.encoder_id, s.root),
    ),
    Statement(
        "admit 16 files",
        lambda s, c, made: admit(c, s.keyring, s.encoder_id, [(one, header(n)) for n, one in enumerate(made)]),
        claims,
    ),
    Statement("put 16 vectors", lambda s, c, made: put_video_vectors(c, s.encoder_id, *made), admitted),
    Statement("take 1000 due", lambda s, c, _: take(s, c), enqueue_some),
    Statement("mark 1000 done", lambda s, c, made: outbox.done(c, s.encoder_id, "videos", made), due),
    Statement("start a run", lambda s, c, _: ledger.start_run(c, s.encoder_id, s.root)),
    Statement("files that wait", lambda s, c, _: backing.waiting_files(c, s.tree)),
    Statement("counts of a small tree", lambda s, c, _: status.tree_counts(c, s.tree)),
    Statement("link 16 new reports", lambda s, c, _: link_due_reports(c), new_reports),
    Statement(
        "texts of 64 reports",
        lambda s, c, keys: texts_to_encode(c, s.encoder_id, keys),
        lambda s, _: [UUID(key) for key in s.keys("r", 64)],
    ),
    Statement("patients to settle", lambda s, c, _: unsettled_patients(c, 500), some_unsettled),
    Statement("has vectors", lambda s, c, _: has_vectors(c)),
    Statement("fold nothing", lambda s, c, _: fold(c)),
    Statement("fold not yet", lambda s, c, _: fold(c, HALF_A_BLOCK), some_stale),
    Statement(
        "about 100 videos", lambda s, c, keys: videos_about(c, s.encoder_id, keys), lambda s, _: s.keys("v", 100)
    ),
    Statement(
        "videos of 10 studies", lambda s, c, keys: videos_of(c, s.encoder_id, keys), lambda s, _: s.keys("s", 10)
    ),
    Statement(
        "about 100 reports",
        lambda s, c, keys: reports_about(c, s.encoder_id, keys),
        lambda s, _: s.keys("r", 100),
        most_pages=100 * 3 * (LEVELS + 1),  # of reports, vectors and studies
    ),
    Statement("resolve a study", lambda s, c, _: resolve_study(c, "1.2.392.7", LOCAL)),
    Statement("1000 videos to embed again", lambda s, c, _: unembedded(c, s.new_id, s.encoder_id, None, 1000)),
    Statement(
        "1000 points to compare",
        lambda s, c, keys: comparison.points_of(c, s.encoder_id, "videos", keys),
        lambda s, _: s.keys("v", 1000),
    ),
)

ALL = (
    Statement("mend backing", lambda s, c, _: backing.mend_backing(c)),
    Statement("withdraw unbacked", lambda s, c, _: backing.withdraw_unbacked(c)),
    Statement("reports superseded", lambda s, c, _: superseded(c, s.encoder_id)),
    Statement("reports to encode", lambda s, c, _: reports_to_encode(c, s.encoder_id)),
    Statement("facts to withdraw", lambda s, c, _: withdraw_facts(c)),
    Statement("reports to read for facts", lambda s, c, _: due_reports(c, "a", None, 500)),
    Statement("hospitals apart", lambda s, c, _: keep_hospitals_apart(c, s.keyring)),
    Statement("trust measurements", lambda s, c, _: trust_measurements(c)),
    Statement("note contradictions", lambda s, c, _: note_contradictions(c)),
    Statement("counts of reports", lambda s, c, _: report_counts(c, s.encoder_id)),
    Statement("ungated studies", lambda s, c, _: status.ungated_studies(c, s.encoder_id)),
    Statement("counts of all files", lambda s, c, _: status.archive_counts(c)),
    Statement("generations", lambda s, c, _: generations(c)),
    Statement("contents", lambda s, c, _: contents(c, s.encoder_id)),
    Statement("no video to embed again", lambda s, c, _: unembedded(c, s.other_id, s.encoder_id, None, 1000)),
    Statement("videos to embed again", lambda s, c, _: count_unembedded(c, s.other_id, s.encoder_id)),
    Statement("queue a rebuild", lambda s, c, _: outbox.enqueue_everything(c, s.encoder_id)),
    Statement("compare the index", lambda s, c, _: comparison.compare(c, s.encoder_id, "videos"), all_seen),
    Statement("delete a generation", lambda s, c, _: delete_generation(c, s.other_id)),
    Statement("faults of the ledger", lambda s, c, _: comparison.ledger_faults(c, s.encoder_id)),
)
