"""An archive whose studies, reports and dates the test chooses: real PostgreSQL, real facts, a fake encoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Engine, text

from echosearch.archive import Archive
from echosearch.cohort.definition import Definition, define
from echosearch.cohort.run import CohortRun, reading, run_definition
from echosearch.cohort.store import save_definition
from echosearch.db.studies.facts import due_reports, put_facts, withdraw_facts
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.db.vectors.write import put_video_vectors
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.vector import Vectors
from tests.search.conftest import DIMENSION, open_empty


@dataclass
class Ward:
    """An archive to which a test adds studies, by names of its own."""

    archive: Archive
    encoder_id: int
    keys: dict[str, str] = field(default_factory=dict)  # the test's name -> study key

    def patient(self, name: str) -> str:
        return self.archive.keyring.patient("", name)

    def add(
        self,
        name: str,
        patient: str,
        day: date | None,
        report: str | None,
        *,
        age: int | None = 70,
        sex: str | None = "F",
        videos: int = 2,
        view: str = "4CH",
        device: str = "Vivid E95",
        vector: Vectors | None = None,
    ) -> str:
        """A study that is indexed; its report is read for facts by ``read``."""
        key = self.keys[name] = self.archive.keyring.study(name)
        month = None if day is None else day.year * 100 + day.month
        given = {
            "study": key,
            "patient": self.patient(patient),
            "month": month,
            "age": age,
            "sex": sex,
            "day": day,
            "uid": key,
        }
        with self.archive.engine.begin() as connection:
            for statement in (
                "insert into core.patient (patient_key) values (:patient) on conflict do nothing",
                "insert into core.study (study_key, patient_key, month, age, sex)"
                " values (:study, :patient, :month, :age, :sex)",
                "insert into phi.study (study_key, patient_key, study_uid, accession_number, study_date)"
                " values (:study, :patient, :uid, 'CANARYACC', :day)",
            ):
                connection.execute(text(statement), given)
            rows = []
            for number in range(videos):
                video = self.archive.keyring.video(f"{name}.{number}")
                connection.execute(
                    text(
                        "insert into core.video (video_key, study_key, content_digest, pixel_digest, n_frames, rows,"
                        " columns, transfer_syntax_uid, photometric, mode, mode_source, view, view_prob, device)"
                        " values (:video, :study, '', '', 30, 1, 1, '', '', 'bmode', 'regions', :view, 0.99, :device)"
                    ),
                    {"video": video, "study": key, "view": view, "device": device},
                )
                file_id = connection.scalar(
                    text(
                        "insert into core.source_file (path_key, size, mtime_ns, state, video_key, claimed_by)"
                        " values (:video, 1, 1, 'admitted', :video, 1) returning id"
                    ),
                    {"video": video},
                )
                made = np.ones(DIMENSION, np.float32) if vector is None else vector
                rows.append((file_id, video, key, made))
            put_video_vectors(connection, self.encoder_id, 1, rows)
            for table in ("embedding", "study_embedding"):
                connection.execute(text(f"update core.{table} set indexed_gen = gen"))
            connection.execute(text("delete from core.outbox"))
        if report is not None:
            self.report(name, report)
        return key

    def report(self, name: str, words: str) -> str:
        """A newer report of a study, not read yet."""
        key = self.archive.keyring.report(name, words)
        with self.archive.engine.begin() as connection:
            connection.execute(
                text("insert into core.report (report_key, study_key, link_method) values (:key, :study, 'study_uid')"),
                {"key": key, "study": self.keys[name]},
            )
            connection.execute(
                text(
                    "insert into phi.report (report_key, text, study_uid, accession_number, patient_id)"
                    " values (:key, :words, '', '', '')"
                ),
                {"key": key, "words": words},
            )
        return key

    def measured(self, name: str, concept: str, value: float, unit: str) -> None:
        """A structured report of a study, believed."""
        with self.archive.engine.begin() as connection:
            path = self.archive.keyring.key("sr", name, concept, str(value))
            connection.execute(
                text(
                    "with f as (insert into core.source_file (path_key, size, mtime_ns, state, reason)"
                    " values (:path, 1, 1, 'skipped', 'report') returning id) insert into core.sr_value (file_id,"
                    " study_key, concept, value, unit, trusted) select id, :study, :concept, :value, :unit, true from f"
                ),
                {"path": path, "study": self.keys[name], "concept": concept, "value": value, "unit": unit},
            )

    def read(self, lexicon: str | None = None) -> None:
        """Read what is due for facts, as an ingest does; ``lexicon``: as if by that version."""
        shipped = load_lexicon(self.archive.settings.lexicon)
        version = lexicon or shipped.version
        with self.archive.engine.begin() as connection:
            withdraw_facts(connection)
            due = due_reports(connection, version, None, 10_000)
            put_facts(connection, version, [(one, read_facts(one.text, shipped)) for one in due])

    def sql(self, statement: str, **given: object) -> None:
        with self.archive.engine.begin() as connection:
            connection.execute(text(statement), given)

    def define(self, name: str, words: str, **how: object) -> Definition:
        """A saved definition."""
        with reading(self.archive) as connection:
            made = define(name, words, load_lexicon(self.archive.settings.lexicon), **how)  # type: ignore[arg-type]
            return save_definition(self.archive, connection, made)

    def members(self, definition: Definition) -> set[str]:
        """The test's names of the members that a definition has now."""
        with reading(self.archive) as connection:
            run = run_definition(self.archive, connection, definition)
            return self.members_of(run)

    def members_of(self, run: CohortRun) -> set[str]:
        keys = run.connection.scalars(
            text(f"select cast(study_key as text) from {run.prefix}_run where step = :steps"), {"steps": run.steps}
        )
        names: Mapping[str, str] = {key: name for name, key in self.keys.items()}
        return {names[key] for key in keys}


@contextmanager
def open_ward(database: Engine, home: Path) -> Iterator[Ward]:
    archive = open_empty(database, home)
    with database.begin() as connection:
        encoder_id = register_encoder(connection, archive.encoder.id)
        activate(connection, encoder_id)
    yield Ward(archive, encoder_id)
    archive.index.close()


@pytest.fixture
def ward(database: Engine, tmp_path: Path) -> Iterator[Ward]:
    with open_ward(database, tmp_path / "home") as ward:
        yield ward


@pytest.fixture
def small(ward: Ward) -> Ward:
    """Nine studies of six patients: what the tests of definitions ask for."""
    ward.add("severe", "A", date(2019, 3, 1), "重度の僧帽弁逆流あり。左室拡大なし。EF 35%。", age=71)
    ward.add("severe later", "A", date(2021, 3, 1), "重度の僧帽弁逆流あり。EF 30%。人工弁なし。", age=73, videos=3)
    ward.add("mild", "B", date(2020, 6, 2), "軽度のMRあり。左室拡大あり。LVEF 62%。", age=64, sex="M")
    ward.add("none", "C", date(2017, 1, 9), "MRなし。心嚢液貯留を認める。", age=80, sex="M")
    ward.add("valve", "D", date(2020, 2, 3), "中等度のMRあり。EF 30〜35%。人工弁あり。", age=66)
    ward.add("silent", "E", date(2020, 5, 5), "左房拡大あり。", age=50)
    ward.add("no report", "E", date(2020, 5, 20), None, age=50, videos=1)
    ward.add("as", "F", date(2020, 1, 10), "高度の大動脈弁狭窄あり。EF 55%。", age=77)
    ward.add("tavi", "F", date(2020, 3, 1), "TAVI後。人工弁あり。EF 60%。", age=77)
    ward.read()
    return ward
