"""Where the words of reports are kept: three stores of the same words. Not a test.

    python tests/benchmarks/bench_words.py [--reports 50000]

Reports are twelve texts of tests/report/facts/labelled_ja.jsonl each, one in a hundred with a word of its own. Stores:
PostgreSQL's text search (tsvector with places, GIN), a PostgreSQL table of postings (word, report, times), and sparse
vectors of hashed words in the embedded engine, with its IDF. Processor seconds are this process's and, of PostgreSQL,
not its own: there the wall clock stands.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from zlib import crc32

import qdrant_edge as edge
from sqlalchemy import Connection, TextClause, text

from echosearch.db.server.engine import open_engine
from echosearch.db.studies.words import _asked, _vector
from echosearch.encoder.text.report_words import ReportWord, Term, report_words
from echosearch.report.facts import load_lexicon

LABELLED = Path(__file__).parents[1] / "report/facts/labelled_ja.jsonl"
BATCH = 500
# what is asked: a rare word, two words side by side, a word of most reports with a rare one
ASKED = (Term("癒着7", ("癒着7",)), Term("呼吸困難", ("呼吸", "困難")), Term("左室", ("左室",)))


def reports(count: int) -> Iterator[list[ReportWord]]:
    """Words of ``count`` reports, always the same ones."""
    lexicon, rng = load_lexicon(), random.Random(7)
    known = [report_words(json.loads(line)["text"], lexicon) for line in LABELLED.open(encoding="utf-8")]
    for number in range(count):
        words, place = [], 0
        for said in rng.sample(known, 12):
            words += [ReportWord(w.form, place + w.place, w.denied, 0, 0, w.tells) for w in said]
            place = words[-1].place + 1 if words else 0
        if number % 100 == 0:
            for word in ("呼吸", "困難", f"癒着{number // 100 % 20}"):
                place += 1
                words.append(ReportWord(word, place, False, 0, 0, True))
        yield words


def batches(count: int) -> Iterator[list[list[ReportWord]]]:
    batch = []
    for words in reports(count):
        batch.append(words)
        if len(batch) == BATCH:
            yield batch
            batch = []


def count_rows(connection: Connection, query: TextClause, given: dict[str, object]) -> int:
    return len(connection.execute(query, given).all())


def hits(shard: edge.EdgeShard, query: edge.Query) -> int:
    return len(shard.query(edge.QueryRequest(limit=400, query=query)))


def timed(name: str, ask: Callable[[], int]) -> None:
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        found = ask()
        taken.append(1000 * (time.perf_counter() - began))
    print(f"  {name}: {found} found, {median(taken):.1f} ms")


def in_postgres(connection: Connection, count: int, postings: bool) -> None:
    if postings:
        connection.execute(text("create table p (word text, report int, times smallint, primary key (word, report))"))
    else:
        connection.execute(
            text("create table v (report int primary key, words tsvector); create index on v using gin (words)")
        )
    began = time.perf_counter()
    for n, batch in enumerate(batches(count)):
        if postings:
            rows = [
                {"w": word, "r": n * BATCH + i, "t": times}
                for i, words in enumerate(batch)
                for word, times in Counter(w.form for w in words).items()
            ]
            given = {name: [row[name] for row in rows] for name in "wrt"}
            connection.execute(
                text(
                    "insert into p select * from unnest(cast(:w as text[]), cast(:r as int[]), cast(:t as smallint[]))"
                ),
                given,
            )
        else:
            given = {"r": [n * BATCH + i for i in range(len(batch))], "v": [_vector(words) for words in batch]}
            connection.execute(
                text(
                    "insert into v select r, cast(v as tsvector)"
                    " from unnest(cast(:r as int[]), cast(:v as text[])) as d(r, v)"
                ),
                given,
            )
        connection.commit()
    written = time.perf_counter() - began
    connection.execute(text("analyze"))
    connection.commit()
    size = connection.scalar(text(f"select pg_total_relation_size('{'p' if postings else 'v'}')"))
    print(f"{'postings' if postings else 'tsvector'}: {written:.1f} s, {size / count:.0f} bytes a report")
    for term in ASKED:
        if postings:
            words = list(term.words)
            query = text(
                "select report, sum(times) from p where word = any(cast(:w as text[])) group by report"
                " having count(*) = :n order by 2 desc limit 400"
            )
            timed(term.text, partial(count_rows, connection, query, {"w": words, "n": len(words)}))
        else:
            query = text("select report, words from v where words @@ cast(:q as tsquery) limit 400")
            timed(term.text, partial(count_rows, connection, query, {"q": _asked(term)}))


def in_engine(folder: Path, count: int) -> None:
    config = edge.EdgeConfig(
        vectors={}, sparse_vectors={"words": edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf, on_disk=True)}
    )
    shard = edge.EdgeShard.create(str(folder), config)
    began = time.perf_counter()
    for n, batch in enumerate(batches(count)):
        points = []
        for i, words in enumerate(batch):
            times = Counter(crc32(w.form.encode()) for w in words)
            vector = edge.SparseVector([*times], [t / (t + 1.2) for t in times.values()])
            points.append(edge.Point(n * BATCH + i, {"words": vector}, {}))
        shard.update(edge.UpdateOperation.upsert_points(points))
    shard.flush()
    shard.optimize()
    written = time.perf_counter() - began
    size = sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
    print(f"engine: {written:.1f} s, {size / count:.0f} bytes a report")
    for term in ASKED:
        vector = edge.SparseVector([crc32(word.encode()) for word in term.words], [1.0] * len(term.words))
        query = edge.Query.Nearest(vector, using="words")
        timed(term.text, partial(hits, shard, query))
    shard.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--reports", type=int, default=50_000)
    count = parser.parse_args().reports
    words = [len(one) for one in reports(1000)]
    print(f"{count} reports, {sum(words) / len(words):.0f} words each")
    with tempfile.TemporaryDirectory(prefix="echosearch-words-") as home:
        engine = open_engine(None, Path(home) / "home")
        with engine.connect() as connection:
            in_postgres(connection, count, postings=False)
            in_postgres(connection, count, postings=True)
        engine.dispose()
        (Path(home) / "shard").mkdir()
        in_engine(Path(home) / "shard", count)


if __name__ == "__main__":
    main()
