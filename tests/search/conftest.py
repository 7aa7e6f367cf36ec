"""A small archive whose rows and vectors the test knows: real PostgreSQL, the real embedded index, a fake encoder."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, insert, select

from echosearch.archive import Archive
from echosearch.db.schema.tables import (
    Patient,
    PhiPatient,
    PhiReport,
    PhiStudy,
    PhiVideo,
    Report,
    SourceFile,
    Study,
    Video,
)
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.db.vectors.write import put_report_vectors, put_video_vectors
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.edge.index import EdgeIndex
from echosearch.settings import Settings
from echosearch.vector import Vectors
from ingest.relay import relay
from tests.conftest import empty_tables

DIMENSION = 24
VIEWS = ("4CH", "2CH", "LAX", "Other", None)
WORDS = ("左室拡大あり。", "軽度の僧帽弁逆流あり。", "大動脈弁狭窄なし。", "心嚢液貯留あり。", "EF低下。")


@dataclass(frozen=True)
class KnownStudy:
    key: str
    patient: str
    uid: str
    accession: str
    patient_id: str
    day: date | None
    age: int | None
    sex: str | None


@dataclass(frozen=True)
class KnownVideo:
    key: str
    sop: str
    study: KnownStudy
    view: str | None
    view_prob: float | None
    mode: str
    device: str | None
    vector: Vectors


@dataclass
class Corpus:
    archive: Archive
    encoder_id: int
    studies: list[KnownStudy] = field(default_factory=list)
    videos: list[KnownVideo] = field(default_factory=list)
    reports: dict[str, tuple[KnownStudy, str, Vectors]] = field(default_factory=dict)

    def of(self, study: KnownStudy) -> list[KnownVideo]:
        return [video for video in self.videos if video.study == study]

    def mean(self, study: KnownStudy) -> Vectors:
        """Algorithm 1, said once more: over the gated views where there are any, else over all."""
        videos = self.of(study)
        five = ("LAX", "SAX", "2CH", "3CH", "4CH")
        gated = [video for video in videos if video.view in five and (video.view_prob or 0) >= 0.9]
        mean: Vectors = np.mean([video.vector for video in gated or videos], axis=0)
        return mean


KEY = "5a" * 32


def open_empty(database: Engine, home: Path) -> Archive:
    empty_tables(database)
    home.mkdir(mode=stat.S_IRWXU)
    # one key for all runs: folds of patients follow from it, and with them what a fit finds in few studies
    key = home / "key"
    key.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    key.write_text(f"v1 {KEY}\n", encoding="ascii")
    index = EdgeIndex(home / "qdrant", lock_wait_seconds=1.0)
    return Archive(Settings(home=home, workers=1), database, index, FakeEncoder(dimension=DIMENSION))


@pytest.fixture
def empty(database: Engine, tmp_path: Path) -> Iterator[Archive]:
    archive = open_empty(database, tmp_path / "home")
    yield archive
    archive.index.close()


@pytest.fixture(scope="module")
def corpus(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    """14 patients, 32 studies, some 130 videos: one patient crowds a direction, some values are unknown."""
    archive = open_empty(database, tmp_path_factory.mktemp("search") / "home")
    with database.begin() as connection:
        encoder_id = register_encoder(connection, archive.encoder.id)
        activate(connection, encoder_id)
    made = Corpus(archive, encoder_id)
    fill(made, np.random.default_rng(3))
    relay(archive, archive.encoder.id, encoder_id)
    yield made
    archive.index.close()


def fill(corpus: Corpus, random: np.random.Generator) -> None:
    keyring = corpus.archive.keyring
    crowd = random.standard_normal(DIMENSION)
    for number in range(32):
        patient_id = f"{number % 14:07d}"
        uid = f"1.2.392.{number}"
        study = KnownStudy(
            key=keyring.study(uid),
            patient=keyring.patient("", patient_id),
            uid=uid,
            accession=f"ACC{number // 2 if number > 29 else number:04d}",  # three studies share ACC0015
            patient_id=patient_id,
            day=date(2018 + number % 5, 1 + number % 12, 3) if number % 9 else None,
            age=None if number % 7 == 0 else 40 + 5 * (number % 11),
            sex=("F", "M", None)[number % 14 % 3],
        )
        corpus.studies.append(study)
        for video in range(12 if number == 0 else 1 + number % 7):
            vector = random.standard_normal(DIMENSION) + (4 * crowd if number == 0 else 0)
            view = VIEWS[int(random.integers(len(VIEWS)))]
            corpus.videos.append(
                KnownVideo(
                    key=keyring.video(f"{uid}.{video}"),
                    sop=f"{uid}.{video}",
                    study=study,
                    view=view,
                    view_prob=None if view is None else float(random.choice([0.3, 0.89, 0.9, 0.99])),
                    mode=str(random.choice(["bmode", "color"])),
                    device=str(random.choice(["Vivid E95", "EPIQ 7C"])),
                    vector=vector.astype(np.float32),
                )
            )
        if number % 3 != 2:
            words = "".join(random.choice(WORDS, size=3, replace=False))
            vector = corpus.archive.encoder.encode_texts([words])[0] + random.standard_normal(DIMENSION) / 10
            corpus.reports[keyring.report(uid, words)] = (study, words, vector.astype(np.float32))
    write(corpus)


def write(corpus: Corpus) -> None:
    patients = {study.patient: study for study in corpus.studies}
    with corpus.archive.engine.begin() as connection:
        connection.execute(insert(Patient), [{"patient_key": key} for key in patients])
        connection.execute(
            insert(PhiPatient),
            [
                {"patient_key": k, "issuer": "", "patient_id": s.patient_id, "name": "CANARY^Name"}
                for k, s in patients.items()
            ],
        )
        for study in corpus.studies:
            month = study.day.year * 100 + study.day.month if study.day else None
            row = {"study_key": study.key, "patient_key": study.patient}
            connection.execute(insert(Study), row | {"month": month, "age": study.age, "sex": study.sex})
            phi = {"study_uid": study.uid, "accession_number": study.accession, "study_date": study.day}
            connection.execute(insert(PhiStudy), row | phi)
        for video in corpus.videos:
            add_video(connection, video)
        for key, (study, words, _) in corpus.reports.items():
            row = {"report_key": key, "study_key": study.key, "link_method": "study_uid"}
            connection.execute(insert(Report), row)
            phi = {"study_uid": study.uid, "accession_number": "", "patient_id": "", "text": words}
            connection.execute(insert(PhiReport), {"report_key": key} | phi)
        files = [
            {
                "path_key": video.key,
                "size": 1,
                "mtime_ns": 1,
                "state": "admitted",
                "video_key": video.key,
                "claimed_by": 1,
            }
            for video in corpus.videos
        ]
        connection.execute(insert(SourceFile), files)
        ids = {row.video_key: row.id for row in connection.execute(select(SourceFile.video_key, SourceFile.id))}
        put_video_vectors(
            connection,
            corpus.encoder_id,
            1,
            [(ids[video.key], video.key, video.study.key, video.vector) for video in corpus.videos],
        )
        put_report_vectors(
            connection, corpus.encoder_id, [(key, vector) for key, (_, _, vector) in corpus.reports.items()]
        )


def add_video(connection: Connection, video: KnownVideo) -> None:
    connection.execute(
        insert(Video),
        {
            "video_key": video.key,
            "study_key": video.study.key,
            "content_digest": video.key.encode(),
            "pixel_digest": video.key.encode(),
            "n_frames": 30,
            "rows": 240,
            "columns": 320,
            "transfer_syntax_uid": "1.2.840.10008.1.2.4.50",
            "photometric": "YBR_FULL_422",
            "mode": video.mode,
            "mode_source": "regions",
            "view": video.view,
            "view_prob": video.view_prob,
            "device": video.device,
        },
    )
    phi = {"video_key": video.key, "sop_uid": video.sop, "series_uid": ""}
    connection.execute(insert(PhiVideo), phi)
