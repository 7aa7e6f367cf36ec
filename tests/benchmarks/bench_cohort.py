"""How long a cohort takes: synthetic rows written by COPY, definitions run on them. Run by hand; not a test.

    python tests/benchmarks/bench_cohort.py [--studies 100000] [--times 4] [--seed 1]

Prints, for N and 4N studies (8 videos and 10 facts each, 5 studies to 3 patients), the seconds of each definition on
the clock and of the processors (this process, PostgreSQL's backend and its workers), the peak memory of this process,
and the ratio of 4N to N in processor seconds. The rows have no vectors: a cohort by reports reads none.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sqlalchemy import Connection, text

from echosearch.archive import Archive
from echosearch.cohort.definition import Definition, define, window_of
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.snapshot import difference, freeze
from echosearch.cohort.store import save_definition
from echosearch.db.server.copying import copy_rows
from echosearch.db.server.engine import open_engine, upgrade
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.edge.index import EdgeIndex
from echosearch.report.facts import load_lexicon
from echosearch.settings import Settings

LEXICON = load_lexicon()
CONCEPTS = ("mr", "ar", "tr", "as", "lv_dilation", "la_dilation", "pericardial_effusion", "rwma", "prosthetic_valve")
VIDEOS = 8


def definitions() -> dict[str, Definition]:
    window = window_of("24 months: 人工弁", LEXICON, "after", False)
    days = window_of("365 days: 軽度以下のMR", LEXICON, "before", True)
    given: dict[str, tuple[str, dict[str, object]]] = {
        "one finding": ("中等度以上のMR", {}),
        "three, filter, first": (
            "中等度以上のMR、EF 40%未満、人工弁を除く",
            {"where": "age >= 65 and date >= 2018", "per_patient": "first"},
        ),
        "any of, random": ("重度のMRまたはARまたはTR", {"per_patient": "random"}),
        "absent, view": ("左室拡大なし", {"where": "view = 4CH"}),
        "values": ("EF 30%から50%、左房拡大", {"per_patient": "last"}),
        "windows": ("中等度以上のAS", {"windows": [window, days], "per_patient": "first"}),
    }
    return {name: define("b", words, LEXICON, **how) for name, (words, how) in given.items()}  # type: ignore[arg-type]


def fill(connection: Connection, studies: int, seed: int) -> None:
    """Rows of an archive as an ingest leaves them, without vectors."""
    rng = np.random.default_rng(seed)
    connection.execute(text("set local session_replication_role = replica"))  # foreign keys hold by construction
    encoder_id = register_encoder(connection, FakeEncoder().id)
    activate(connection, encoder_id)
    patients = studies * 3 // 5
    of_patient = rng.integers(patients, size=studies)
    months, ages = 2010 + rng.integers(14, size=studies), rng.integers(20, 91, size=studies)
    copy_rows(
        connection,
        "b",
        "n int, p int, y int, m int, a int, x text, ef float8",
        zip(
            range(studies),
            of_patient.tolist(),
            months.tolist(),
            (1 + rng.integers(12, size=studies)).tolist(),
            ages.tolist(),
            rng.choice(["F", "M"], size=studies).tolist(),
            np.round(rng.normal(55, 14, size=studies).clip(8, 85)).tolist(),
            strict=True,
        ),
    )
    grades = rng.choice(5, size=(studies, len(CONCEPTS)), p=[0.6, 0.15, 0.13, 0.08, 0.04])
    rows = (
        (n, place, concept, int(grade), grade > 0)
        for n in range(studies)
        for place, (concept, grade) in enumerate(zip(CONCEPTS, grades[n], strict=True))
    )
    copy_rows(connection, "f", "n int, place int, concept text, grade int, there bool", rows)
    key = "cast(md5('{}' || {}) as uuid)"
    study, patient, report = key.format("s", "n"), key.format("p", "p"), key.format("r", "n")
    video = key.format("v", "n || '.' || i")
    for statement in (
        f"insert into core.patient (patient_key) select distinct {patient} from b",
        f"insert into core.study (study_key, patient_key, month, age, sex) select {study}, {patient}, y * 100 + m, a, x"
        " from b",
        "insert into phi.study (study_key, patient_key, study_uid, accession_number, study_date)"
        f" select {study}, {patient}, n::text, '', make_date(y, m, 1 + n % 28) from b",
        "insert into core.video (video_key, study_key, content_digest, pixel_digest, n_frames, rows, columns,"
        " transfer_syntax_uid, photometric, mode, mode_source, view, view_prob, device)"
        f" select {video}, {study}, '', '', 40, 480, 640, '1.2', 'RGB', (array['bmode','color'])[1 + i % 2], 'regions',"
        " (array['LAX','SAX','2CH','3CH','4CH'])[1 + i % 5], 0.95, 'GE Vivid E95'"
        f" from b, generate_series(1, {VIDEOS}) i",
        f"insert into core.embedding (encoder_id, video_key, vector, gen, indexed_gen) select {encoder_id}, video_key,"
        " '', 1, 1 from core.video",
        "insert into core.study_embedding (encoder_id, study_key, vector, n_videos, embedded_videos, gated, gen,"
        " indexed_gen)"
        f" select {encoder_id}, study_key, '', {VIDEOS}, {VIDEOS}, true, 1, 1 from core.study",
        f"insert into core.report (report_key, study_key) select {report}, {study} from b",
        f"insert into core.fact_reading (study_key, report_key, lexicon) select {study}, {report}, '{LEXICON.version}'"
        " from b",
        "insert into core.fact (study_key, place, concept, polarity, severity_lo, severity_hi, start, stop, rule)"
        f" select {study}, place, concept, case when there then 'present' else 'absent' end, grade, grade, 0, 1, 'r'"
        " from f",
        "insert into core.fact (study_key, place, concept, polarity, value, unit, start, stop, rule)"
        f" select {study}, 99, 'lvef', 'present', ef, '%', 0, 1, 'r' from b",
    ):
        connection.execute(text(statement))


def used(connection: Connection) -> float:
    """Processor seconds of this process, of the connection's backend and of the workers that have ended."""
    backend = connection.scalar(text("select pg_backend_pid()"))
    own = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()
    server = Path(f"/proc/{own[1]}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + sum(map(int, [*own[11:13], *server[13:15]])) / os.sysconf("SC_CLK_TCK")


def measure(studies: int, seed: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as folder:
        home = Path(folder)
        engine = open_engine(None, home)
        upgrade(engine)
        with engine.begin() as connection:
            began = time.monotonic()
            fill(connection, studies, seed)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("set statement_timeout = 0"))
            connection.execute(text("vacuum analyze"))
        sys.stderr.write(f"{studies} studies written in {time.monotonic() - began:.0f} s\n")
        archive = Archive(
            Settings(home=home, workers=1), engine, EdgeIndex(home / "qdrant", lock_wait_seconds=1.0), FakeEncoder()
        )
        made: dict[str, float] = {}
        for name, definition in definitions().items():
            with reading(archive) as connection:
                before, began = used(connection), time.monotonic()
                steps = run_definition(archive, connection, definition).attrition
                seconds, made[name] = time.monotonic() - began, used(connection) - before
            kept = steps[-1].kept
            print(
                f"{studies:9d}  {name:22s} {seconds:7.2f} s  {made[name]:7.2f} cpu s"
                f"  {kept.patients} patients, {kept.studies} studies, {kept.videos} videos"
            )
        definition = definitions()["one finding"]
        for name, work in (
            ("freeze", lambda connection: freeze(archive, connection, "b")),
            ("diff", lambda connection: difference(archive, connection, "b")),
        ):
            with reading(archive) as connection:
                save_definition(archive, connection, definition, replace=True)
            with reading(archive) as connection:
                before, began = used(connection), time.monotonic()
                work(connection)
                seconds, made[name] = time.monotonic() - began, used(connection) - before
            print(f"{studies:9d}  {name:22s} {seconds:7.2f} s  {made[name]:7.2f} cpu s")
        archive.index.close()
        engine.dispose()
        return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--times", type=int, default=4, help="the second size, in multiples of the first; 1: only one")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    load = Path("/proc/loadavg").read_text().split()[0]
    print(f"load before: {load}")
    few = measure(chosen.studies, chosen.seed)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of the program: {memory} MB")
    if chosen.times > 1:
        many = measure(chosen.studies * chosen.times, chosen.seed)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(f"peak memory of the program: {memory} MB (its making of rows among it)")
        for name, seconds in few.items():
            print(f"{name:22s} x{many[name] / seconds:.1f} for x{chosen.times}")


if __name__ == "__main__":
    main()
