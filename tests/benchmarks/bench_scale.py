"""How each statement grows with the archive: N videos and 4N, written by COPY. Run by hand; not a test.

    python tests/benchmarks/bench_scale.py --videos 60000 [--home FOLDER] [--only NAME ...] [--plans] [--index STEP ...]

Makes an archive of N videos (15 of a study, 58 reports to 65 studies, raw vectors of 2,048 bytes), takes the time of
each statement, adds 3N videos and takes it again. ``steady`` runs with every batch of an ingest, for every search, or
once an ingest: it may not grow (1.3 at the most). ``all`` reads the whole archive: it may grow four times as long.
Times are processor time of PostgreSQL's backend and of this process, the least of nine runs, of three where it is above
100 ms. Pages are those of tables and indexes that the statement looked at, in memory or not: they do not depend on what
else the machine does, and a statement that grows in them grows. Where it looks keys up at random, it looks at fewer in
a small archive: keys share pages, and an index of less than 40,000 rows has two levels. So it is held to the pages of
three levels for each key, which are enough for 8 million rows.
``--plans`` prints the plan of each statement, ``--index``
also runs rebuild, verify or drop with the embedded index, without the graph. 8 GB at a million: two generations.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, event, text

from echosearch.archive import Archive, open_archive
from echosearch.db.vectors.generation import activate, begin_generation, register_encoder
from echosearch.encoder.fake import FakeEncoder
from echosearch.encoder_info import EncoderInfo
from echosearch.pseudonyms import Keyring
from echosearch.settings import Settings
from ingest.reembed import drop
from ingest.verify import rebuild, verify

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.scale_statements import ALL, STEADY, Statement, Subject

PER_STUDY = 15  # videos
ROOT = Path("/pacs/export")
BATCH = 20_000  # videos written in one transaction
MOST_GROWTH = 1.3
NEW = EncoderInfo("new", "1", "ef" * 32, 512, "Apache-2.0", "a benchmark", trained=False)
OTHER = EncoderInfo("other", "1", "cd" * 32, 512, "Apache-2.0", "a benchmark", trained=False)
STUDY = "cast(md5('s' || n) as uuid)"
VIDEO = "cast(md5('v' || n || '.' || i) as uuid)"
# :first to :last are studies
ROWS = (
    "insert into core.patient (patient_key, settled) select distinct cast(md5('p' || n * 3 / 5) as uuid), true from"
    " generate_series(cast(:first as int), cast(:last as int)) n on conflict do nothing",
    "insert into phi.patient (patient_key, issuer, patient_id, name) select distinct on (n * 3 / 5)"
    " cast(md5('p' || n * 3 / 5) as uuid), '', cast(n * 3 / 5 as text), 'A^B' from"
    " generate_series(cast(:first as int), cast(:last as int)) n on conflict do nothing",
    f"insert into core.study (study_key, patient_key, month, age, sex, number) select {STUDY},"
    " cast(md5('p' || n * 3 / 5) as uuid), 201001 + n % 14 * 100 + n % 12, 20 + n % 71, case n % 2 when 0 then 'F'"
    " else 'M' end, n from generate_series(cast(:first as int), cast(:last as int)) n",
    "insert into phi.study (study_key, patient_key, study_uid, accession_number, study_date)"
    f" select {STUDY}, cast(md5('p' || n * 3 / 5) as uuid), '1.2.392.' || n, 'A' || n,"
    " make_date(2010 + n % 14, 1 + n % 12, 1 + n % 28)"
    " from generate_series(cast(:first as int), cast(:last as int)) n",
    "insert into core.video (video_key, study_key, content_digest, pixel_digest, n_frames, rows, columns,"
    " transfer_syntax_uid, photometric, mode, mode_source, view, view_prob, device)"
    f" select {VIDEO}, {STUDY}, sha256(cast('c' || n || '.' || i as bytea)), sha256(cast('p' || n || '.' || i as"
    " bytea)), 60, 480, 640, '1.2.840.10008.1.2.4.50', 'YBR_FULL_422', 'bmode', 'regions',"
    " (array['LAX', 'SAX', '2CH', '3CH', '4CH'])[1 + i % 5], 0.95, 'GE Vivid E95'"
    " from generate_series(cast(:first as int), cast(:last as int)) n, generate_series(1, :per_study) i",
    "insert into phi.video (video_key, sop_uid, series_uid)"
    f" select {VIDEO}, '1.2.392.' || n || '.' || i, '1.2.392.' || n || '.0'"
    " from generate_series(cast(:first as int), cast(:last as int)) n, generate_series(1, :per_study) i",
    "with new as (insert into core.source_file (path_key, size, mtime_ns, state, video_key)"
    f" select {VIDEO}, 5000000, 1, 'indexed', {VIDEO}"
    " from generate_series(cast(:first as int), cast(:last as int)) n, generate_series(1, :per_study) i"
    " returning id, video_key) insert into phi.source_path (file_id, path) select id,"
    f" cast(:root || '/' || 2010 + n % 14 || '/' || n || '/IM_' || to_char(i, 'FM0000') as bytea) from new join"
    f" (select n, i, {VIDEO} as video_key from generate_series(cast(:first as int), cast(:last as int)) n,"
    " generate_series(1, :per_study) i) named using (video_key)",
    "insert into core.report (report_key, study_key, link_method, link_due)"
    f" select cast(md5('r' || n) as uuid), {STUDY}, case n % 3 when 0 then 'accession_patient' else 'study_uid' end,"
    " false"
    " from generate_series(cast(:first as int), cast(:last as int)) n where n % 10 > 0",
    "insert into phi.report (report_key, text, study_uid, accession_number, patient_id, study_date)"
    " select cast(md5('r' || n) as uuid), repeat('左室拡大なし。軽度のMR。', 10), case n % 3 when 0 then '' else"
    " '1.2.392.' || n end, 'A' || n, cast(n * 3 / 5 as text), make_date(2010 + n % 14, 1 + n % 12, 1 + n % 28)"
    " from generate_series(cast(:first as int), cast(:last as int)) n where n % 10 > 0",
    "insert into core.fact_reading (study_key, report_key, lexicon)"
    f" select {STUDY}, cast(md5('r' || n) as uuid), 'a'"
    " from generate_series(cast(:first as int), cast(:last as int)) n where n % 10 > 0",
)


def grow(connection: Connection, encoders: list[int], first: int, last: int) -> None:
    """Write the studies ``first`` to ``last`` as an ingest leaves them, indexed by each of ``encoders``."""
    connection.execute(text("set local session_replication_role = replica"))  # keys hold by construction
    given = {"first": first, "last": last, "per_study": PER_STUDY, "root": str(ROOT)}
    for statement in ROWS:
        kept = {name: value for name, value in given.items() if f":{name}" in statement}
        connection.execute(text(statement), kept)
    studies = range(first, last + 1)
    names = {
        "embedding": ("video_key", "", [f"v{n}.{i}" for n in studies for i in range(1, PER_STUDY + 1)]),
        "study_embedding": ("study_key", f", {PER_STUDY}, {PER_STUDY}, true", [f"s{n}" for n in studies]),
        "report_embedding": ("report_key", "", [f"r{n}" for n in studies if n % 10 > 0]),
    }
    rng = np.random.default_rng(first)
    driver = connection.connection.driver_connection
    assert driver is not None
    for table, (key, values, keys) in names.items():
        more = ", n_videos, embedded_videos, gated" if values else ""
        with driver.cursor() as cursor:
            cursor.execute("create temporary table made (name text, vector bytea) on commit drop")
            cursor.execute("alter table made alter column vector set storage external")
            with cursor.copy("copy made from stdin (format binary)") as copy:
                copy.set_types(["text", "bytea"])
                for name in keys:
                    copy.write_row((name, rng.standard_normal(512, dtype=np.float32).tobytes()))
        for encoder in encoders:
            connection.execute(
                text(
                    f"insert into core.{table} (encoder_id, {key}, vector, gen, indexed_gen{more})"
                    f" select :encoder, cast(md5(name) as uuid), vector, 1, 1{values} from made"
                ),
                {"encoder": encoder},
            )
        connection.execute(text("drop table made"))


def count_points(connection: Connection) -> None:
    """Write what the triggers would have: how many points the index was given."""
    connection.execute(text("delete from core.index_count"))
    for collection, table in (("videos", "embedding"), ("studies", "study_embedding"), ("reports", "report_embedding")):
        connection.execute(
            text(
                "insert into core.index_count (encoder_id, collection, points) select encoder_id, :collection, count(*)"
                f" from core.{table} group by encoder_id"
            ),
            {"collection": collection},
        )


def spent(backend: int) -> float:
    """Return the processor seconds of a backend of PostgreSQL and of this process."""
    return time.process_time() + of_process(backend)


def of_process(process: int) -> float:
    """Return the processor seconds of another process."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9


def pages(connection: Connection) -> int:
    """Return how many pages of the archive's own tables and indexes this transaction has looked at."""
    of_archive = "from pg_class where oid >= 16384"
    return int(connection.scalar(text(f"select sum(pg_stat_get_xact_blocks_fetched(oid)) {of_archive}")) or 0)


def timed(subject: Subject, statement: Statement, long_runs: int) -> tuple[float, int]:
    """Return the least milliseconds and pages of nine runs, each rolled back; of ``long_runs`` where they are long."""
    least, looked_at = float("inf"), 2**63
    for run in range(9):
        if run >= long_runs and least > 100:
            break
        with subject.archive.engine.connect() as connection:
            connection.execute(text("set statement_timeout = 0"))
            connection.execute(text("set max_parallel_workers_per_gather = 0"))  # its time would not be counted
            connection.commit()
            prepared = statement.prepare(subject, connection)
            backend = connection.execute(text("select pg_backend_pid()")).scalar_one()
            first = pages(connection)
            before = spent(backend)
            statement.run(subject, connection, prepared)
            least = min(least, (spent(backend) - before) * 1000)
            looked_at = min(looked_at, pages(connection) - first)
            connection.rollback()
    return least, looked_at


@contextmanager
def plans_of(connection: Connection) -> Iterator[list[str]]:
    """Collect the plan of each statement that is executed inside."""
    found: list[str] = []

    def explain(
        conn: Connection, cursor: object, statement: str, parameters: object, context: object, many: bool
    ) -> None:
        if many or statement.lower().startswith(("explain", "set", "drop", "create", "analyze", "select pg_")):
            return
        driver = conn.connection.driver_connection
        assert driver is not None
        with driver.cursor() as own:
            own.execute(f"explain (costs off) {statement}", parameters)
            found.append("\n".join(row[0] for row in own.fetchall()))

    event.listen(connection, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", explain)


def explained(subject: Subject, statement: Statement) -> list[str]:
    with subject.archive.engine.connect() as connection:
        prepared = statement.prepare(subject, connection)
        with plans_of(connection) as found:
            statement.run(subject, connection, prepared)
        connection.rollback()
    return found


def fill(archive: Archive, encoders: list[int], studies: int) -> None:
    with archive.engine.connect() as connection:
        there = connection.execute(text("select count(*) from core.study")).scalar_one()
    step = BATCH // PER_STUDY
    for first in range(there, studies, step):
        with archive.engine.begin() as connection:
            connection.execute(text("set local statement_timeout = 0"))
            grow(connection, encoders, first, min(first + step, studies) - 1)
    with archive.engine.begin() as connection:
        connection.execute(text("set local statement_timeout = 0"))
        count_points(connection)
    with archive.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("set statement_timeout = 0"))
        connection.execute(text("vacuum analyze"))
        connection.execute(text("checkpoint"))


def maintain(archive: Archive, console: Console, chosen: list[str]) -> None:
    """Run those of rebuild, verify and drop that are chosen; print times, longest statements and peak memory."""
    longest = {"clock": (0.0, ""), "processor": (0.0, "")}

    def backend(conn: Connection) -> float:
        driver = conn.connection.driver_connection
        assert driver is not None
        return of_process(driver.info.backend_pid)

    def begin(conn: Connection, *_: object) -> None:
        conn.info["began"] = time.perf_counter(), backend(conn)

    def end(conn: Connection, cursor: object, statement: str, *_: object) -> None:
        clock, processor = conn.info["began"]
        for name, seconds in (("clock", time.perf_counter() - clock), ("processor", backend(conn) - processor)):
            longest[name] = max(longest[name], (seconds, " ".join(statement.split())[:60]))

    event.listen(archive.engine, "before_cursor_execute", begin)
    event.listen(archive.engine, "after_cursor_execute", end)
    archive.index.optimize = lambda collection: True  # type: ignore[method-assign] # its graph is not the database's
    steps: tuple[tuple[str, Callable[[], object]], ...] = (
        ("rebuild", lambda: rebuild(archive).points),
        ("verify", lambda: verify(archive).differences),
        ("drop", lambda: drop(archive, OTHER.name)[1]),
    )
    for name, run in (step for step in steps if step[0] in chosen):
        longest.update(clock=(0.0, ""), processor=(0.0, ""))
        began = time.perf_counter()
        told = run()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        statements = "; ".join(f"{seconds:.1f} s of {which} ({sql})" for which, (seconds, sql) in longest.items())
        console.print(
            f"{name}: {told} in {time.perf_counter() - began:.0f} s, longest statements {statements}, peak memory so"
            f" far {peak:.0f} MB; load {os.getloadavg()[0]:.0f}",
            markup=False,
        )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--videos", type=int, default=60_000)
    parser.add_argument("--home", type=Path, help="where the archive is made, and kept")
    parser.add_argument("--only", action="append", help="statements whose names contain this, or one of these")
    parser.add_argument("--plans", action="store_true")
    parser.add_argument("--index", choices=("rebuild", "verify", "drop"), action="append")
    parser.add_argument("--long-runs", type=int, default=3, help="of a statement of more than 100 ms")
    parser.add_argument("--keep", type=Path, help="a JSON file of what was measured, here and in earlier runs")
    parser.add_argument("--once", action="store_true", help="at N only")
    chosen = parser.parse_args()
    console = Console(width=160)
    statements = [one for one in (*STEADY, *ALL) if not chosen.only or any(part in one.name for part in chosen.only)]
    measured: dict[int, dict[str, tuple[float, int]]] = {}
    if chosen.keep and chosen.keep.exists():
        measured = {int(size): figures for size, figures in json.loads(chosen.keep.read_text()).items()}
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as folder:
        settings = Settings(home=chosen.home or Path(folder))
        with open_archive(settings, FakeEncoder(dimension=512)) as archive:
            with archive.engine.begin() as connection:
                encoder_id = register_encoder(connection, archive.encoder_info)
                activate(connection, encoder_id)
                other_id = register_encoder(connection, OTHER)
                begin_generation(connection, other_id)
                new_id = register_encoder(connection, NEW)
            for size in (chosen.videos,) if chosen.once else (chosen.videos, 4 * chosen.videos):
                began = time.monotonic()
                fill(archive, [encoder_id, other_id], size // PER_STUDY)
                console.print(
                    f"{size:,} videos written in {time.monotonic() - began:.0f} s; load {os.getloadavg()[0]:.0f}"
                )
                ids = (encoder_id, other_id, new_id)
                subject = Subject(archive, Keyring(bytes(32)), *ids, size // PER_STUDY, PER_STUDY, ROOT)
                measured[size] = {one.name: timed(subject, one, chosen.long_runs) for one in statements}
                if chosen.keep:
                    chosen.keep.write_text(json.dumps(measured))
                for one in statements if chosen.plans else ():
                    console.print(f"-- {one.name}, {size:,} videos", *explained(subject, one), sep="\n", markup=False)
            met = show(measured, console, [*statements])
            if chosen.index:
                maintain(archive, console, chosen.index)
    return met


def show(measured: dict[int, dict[str, tuple[float, int]]], console: Console, statements: list[Statement]) -> int:
    """Print times, pages and their growth; return 1 if a statement grows more than it may."""
    small, large = min(measured), max(measured)
    table = Table("statement", "kind", f"ms, {small:,}", f"ms, {large:,}", "growth", "pages", "pages", "growth", "may")
    met = True
    for one in statements:
        (ms, looked_at), (ms_then, looked_at_then) = measured[small][one.name], measured[large][one.name]
        in_time, in_pages = ms_then / ms, looked_at_then / max(1, looked_at)
        may = MOST_GROWTH if one in STEADY else MOST_GROWTH * large / small
        in_bounds = in_pages <= may or looked_at_then < max(100, one.most_pages)  # less than 100 is noise
        fine = (in_time <= may or ms_then < 1.0) and in_bounds
        met &= fine
        table.add_row(
            *(one.name, "steady" if one in STEADY else "all", f"{ms:,.1f}", f"{ms_then:,.1f}", f"{in_time:.2f}"),
            *(f"{looked_at:,}", f"{looked_at_then:,}", f"{in_pages:.2f}", "" if fine else f"> {may:.1f}"),
        )
    console.print(table)
    console.print(f"load {os.getloadavg()[0]:.1f}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
