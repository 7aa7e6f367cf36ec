"""How fast a question is answered: 100,000 studies with their facts, the encoder's time apart. Run by ``make bench``.

    OPENBLAS_NUM_THREADS=1 python tests/benchmarks/bench_questions.py [--studies 100000] [--rounds 20]

An archive of a quarter of the studies is made, asked, grown to all of them, and asked again: each figure has its
growth, from the same run. Rows are written as an ingest leaves them: 24 findings and 6 values a study, most of them
mentioned, two videos, vectors at random, the shipped encoder's text tower. Each question is asked ``--rounds`` times by
a process that has been asked it before. More threads of OpenBLAS only wait for one another: the matrices are small.

Processor time is that of this process and of PostgreSQL, which runs in others. Exits 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, text

from echosearch.archive import Archive, open_archive
from echosearch.db.questions.study_bits import fold
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.report.facts import load_lexicon
from echosearch.search.ask import ask
from echosearch.search.filter_parser import parse_where
from echosearch.search.results import SearchOptions
from echosearch.settings import Settings
from echosearch.video import View
from ingest.relay import relay

MOST_P50, MOST_P95 = 20.0, 60.0  # ms, wall, of every question that has been asked before
VIDEOS = 2  # of a study
BLOCK = 5000
# the examples of `echosearch query --help`, ten of other kinds, two that few reports state or none
QUESTIONS: tuple[tuple[str, SearchOptions], ...] = (
    ("65歳以上の女性で中等度以上のMR、左室拡大なし、EF 40%未満", SearchOptions()),
    ("重度僧帽弁逆流", SearchOptions(top_k=20, view=View.CH4)),
    ("人工弁を除く中等度以上のTR", SearchOptions(where=parse_where("date >= 2020-01"))),
    ("重度僧帽弁逆流", SearchOptions(sort="date")),
    ("重度僧帽弁逆流", SearchOptions(group="patient")),
    ("左室拡大", SearchOptions()),
    ("MRなし", SearchOptions()),
    ("軽度以下のAR", SearchOptions()),
    ("EF 40%未満", SearchOptions()),
    ("EF 50%以上", SearchOptions()),
    ("EFが30〜40%、左房拡大あり", SearchOptions()),
    ("MRまたはTR", SearchOptions()),
    ("70歳以上の男性で大動脈弁狭窄", SearchOptions()),
    ("局所壁運動異常", SearchOptions(where=parse_where("date >= 2021 and age < 60 and sex = M"))),
    ("左房拡大あり、MRなし、左室肥大なし", SearchOptions(include_denied=True)),
    ("80歳以上の女性で重度のMR、左室拡大なし、EF 35%未満", SearchOptions()),
    ("大動脈解離", SearchOptions()),
)
FINDINGS = (
    *("mr", "ar", "tr", "as", "ms", "pr"),
    *("lv_dilation", "la_dilation", "ra_dilation", "rv_dilation", "lv_hypertrophy", "pericardial_effusion"),
    *("prosthetic_valve", "rwma", "akinesis", "hypokinesis", "lvef_low", "thrombus"),
    *("asd", "vsd", "mvp", "pacemaker", "vegetation", "pleural_effusion"),
)
GRADED = ("mr", "ar", "tr", "as", "ms", "pr")
VALUES = {"lvef": (10, 80), "lvdd": (35, 70), "lad": (25, 60), "trpg": (10, 80), "ea_ratio": (0, 3), "ivs": (6, 18)}
SPAN = "generate_series(cast(:first as int), cast(:last as int))"
STATEMENTS = (
    "insert into core.patient (patient_key) select cast(md5('p' || n) as uuid)"
    " from generate_series(cast(:first as int) / 2, cast(:last as int) / 2) n on conflict do nothing",
    "insert into core.study (study_key, patient_key, month, age, sex)"
    " select cast(md5('s' || n) as uuid), cast(md5('p' || n / 2) as uuid), 201401 + n % 10 * 100 + n / 10 % 12,"
    f" 20 + n % 71, case n / 2 % 2 when 0 then 'F' else 'M' end from {SPAN} n",
    "insert into core.video (video_key, study_key, content_digest, pixel_digest, n_frames, rows, columns, device,"
    " transfer_syntax_uid, photometric, mode, mode_source, view, view_prob)"
    " select cast(md5('v' || n || '.' || v) as uuid), cast(md5('s' || n) as uuid), sha256(cast('f' || n as bytea)),"
    " sha256(cast('x' || n || v as bytea)), 60, 480, 640, 'GE Vivid E95', '1.2.840.10008.1.2.4.50', 'YBR_FULL_422',"
    " 'bmode', 'regions', (array['LAX', 'SAX', '2CH', '4CH'])[1 + (n + v) % 4], 0.95"
    f" from {SPAN} n, generate_series(1, {VIDEOS}) v",
    "insert into core.report (report_key, study_key, link_method)"
    f" select cast(md5('r' || n) as uuid), cast(md5('s' || n) as uuid), 'study_uid' from {SPAN} n",
    "insert into core.fact_reading (study_key, report_key, lexicon)"
    f" select cast(md5('s' || n) as uuid), cast(md5('r' || n) as uuid), :lexicon from {SPAN} n",
    "insert into core.fact (study_key, place, concept, polarity, severity_lo, severity_hi, start, stop, rule)"
    " select cast(md5('s' || n) as uuid), place - 1, concept, case when r < :mild then 'absent' else 'present' end,"
    " case when r >= :mild and concept = any(:graded) then cast(1 + 4 * (r - :mild) / (1 - :mild) as int) end,"
    " case when r >= :mild and concept = any(:graded) then cast(1 + 4 * (r - :mild) / (1 - :mild) as int) end,"
    " 0, 1, 'r'"
    f" from (select n, concept, place, random() as r from {SPAN} n,"
    " unnest(cast(:findings as text[])) with ordinality as c(concept, place) where random() < 0.7) facts",
    "insert into core.fact (study_key, place, concept, polarity, value, unit, start, stop, rule)"
    " select cast(md5('s' || n) as uuid), 99 + place, concept, 'present',"
    " case when high < 10 then round(cast(low + random() * (high - low) as numeric), 2)"
    " else round(low + random() * (high - low)) end, 'mm', 0, 1, 'r'"
    f" from {SPAN} n, unnest(cast(:measures as text[]), cast(:lows as float8[]),"
    " cast(:highs as float8[])) with ordinality as c(concept, low, high, place) where random() < 0.8",
)


def grow(archive: Archive, encoder_id: int, first: int, last: int) -> None:
    """Write the studies ``first`` to ``last``, with their facts and vectors, and relay them to the index."""
    given = {
        "lexicon": load_lexicon().version,
        "mild": 0.5,  # this share of what is mentioned is absent
        "findings": list(FINDINGS),
        "graded": list(GRADED),
        "measures": list(VALUES),
        "lows": [float(low) for low, _ in VALUES.values()],
        "highs": [float(high) for _, high in VALUES.values()],
    }
    with archive.engine.begin() as connection:
        connection.execute(text("set local statement_timeout = 0"))
        for statement in STATEMENTS:
            kept = {name: value for name, value in given.items() if f":{name}" in statement}
            connection.execute(text(statement), kept | {"first": first, "last": last})
        write_vectors(connection, encoder_id, first, last, archive.encoder.id.dimension)
    relay(archive, archive.encoder.id, encoder_id)
    for kind in ("studies", "videos"):
        archive.index.optimize(archive.collection(kind))
    with archive.engine.connect() as connection:
        fold(connection)
    with archive.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("set statement_timeout = 0"))
        connection.execute(text("vacuum analyze"))


def write_vectors(connection: Connection, encoder_id: int, first: int, last: int, dimension: int) -> None:
    """Vectors of the videos, and of the studies as their means; each with the outbox row of its point."""
    rng = np.random.default_rng(first)
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor:
        cursor.execute("create temporary table made (name text, kind text, vector bytea) on commit drop")
        with cursor.copy("copy made from stdin") as copy:
            for study in range(first, last + 1):
                videos = rng.standard_normal((VIDEOS, dimension)).astype("<f4")
                copy.write_row((f"s{study}", "studies", videos.mean(axis=0).tobytes()))
                for number, vector in enumerate(videos, 1):
                    copy.write_row((f"v{study}.{number}", "videos", vector.tobytes()))
    owners = {"studies": ("study_embedding", "study_key", ", n_videos, gated", f", {VIDEOS}, true")}
    owners["videos"] = ("embedding", "video_key", "", "")
    for kind, (table, key, more, values) in owners.items():
        connection.execute(
            text(
                f"with new as (insert into core.{table} (encoder_id, {key}, vector{more})"
                f" select :encoder, cast(md5(name) as uuid), vector{values} from made where kind = :kind"
                f" returning {key} as key) insert into core.outbox (encoder_id, collection, key, op, gen)"
                " select :encoder, :kind, key, 'upsert', 1 from new"
            ),
            {"encoder": encoder_id, "kind": kind},
        )


def processor_ms(folder: str) -> float:
    """Of this process, and of the PostgreSQL whose data are in ``folder``: in steps of 10 ms."""
    ticks = os.sysconf("SC_CLK_TCK")
    spent = time.process_time() * 1000
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() != "postgres" or os.readlink(entry / "cwd") != folder:
                continue
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        spent += (int(fields[11]) + int(fields[12])) * 1000 / ticks
    return spent


@dataclass(frozen=True)
class Measured:
    """One question at one size."""

    total: int | None
    p50: float  # ms
    p95: float
    processor: float  # ms an answer


def measure(archive: Archive, rounds: int) -> list[Measured]:
    folder = str(archive.settings.home.resolve() / "postgres")
    found = []
    for asked, options in QUESTIONS:
        total = ask(archive, asked, options).total  # its prompts are embedded, its scale is measured
        seconds = []
        spent = processor_ms(folder)
        for _ in range(rounds):
            began = time.perf_counter()
            ask(archive, asked, options)
            seconds.append(time.perf_counter() - began)
        spent = processor_ms(folder) - spent
        p50, p95 = np.percentile(np.array(seconds) * 1000, [50, 95])
        found.append(Measured(total, float(p50), float(p95), spent / rounds))
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--home", type=Path, help="keep the archive here, or take the one that is kept here")
    chosen = parser.parse_args()
    measured: dict[int, list[Measured]] = {}
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as folder:
        encoder = load_encoder(find_bundle(Path("phantom-tiny")), "cpu", parts=())
        with open_archive(Settings(home=chosen.home or Path(folder) / "home"), encoder) as archive:
            with archive.engine.begin() as connection:
                encoder_id = register_encoder(connection, encoder.id)
                activate(connection, encoder_id)
                there = connection.execute(text("select count(*) from core.study")).scalar_one()
            for size in (chosen.studies // 4, chosen.studies):
                if there < size:
                    grow(archive, encoder_id, there, size - 1)
                if there <= size:
                    measured[size] = measure(archive, chosen.rounds)
                    there = size
    return show(measured)


def show(measured: dict[int, list[Measured]]) -> int:
    small, large = min(measured), max(measured)
    columns = ("question", "state it", "p50 ms", "p95 ms", "processor ms", "growth")
    table = Table(*columns, title=f"{large:,} studies")
    met = True
    for (asked, _), before, now in zip(QUESTIONS, measured[small], measured[large], strict=True):
        met &= now.p50 < MOST_P50 and now.p95 < MOST_P95
        figures = (
            f"{now.p50:.1f}",
            f"{now.p95:.1f}",
            f"{now.processor:.1f}",
            f"{now.processor / before.processor:.2f}",
        )
        table.add_row(asked, "-" if now.total is None else f"{now.total:,}", *figures)
    console = Console(width=150)
    console.print(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(f"growth: processor time at {large:,} studies over that at {small:,}")
    console.print(f"peak memory {peak:.0f} MB, torch's included; load {os.getloadavg()[0]:.1f}")
    console.print(f"targets: p50 < {MOST_P50:g} ms, p95 < {MOST_P95:g} ms:", "met" if met else "missed")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
