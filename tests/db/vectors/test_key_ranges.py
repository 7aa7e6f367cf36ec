"""What goes over all vectors goes range by range: every key once, and the same result whatever the size of a range."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from echosearch.db.upkeep import comparison
from echosearch.db.upkeep.comparison import SeenPoint
from echosearch.db.vectors import outbox
from echosearch.db.vectors.generation import activate, delete_generation, register_encoder
from echosearch.db.vectors.points import key_ranges
from echosearch.encoder_info import EncoderInfo
from tests.db.conftest import Ledger, header

OTHER = EncoderInfo("other", "1", "cd" * 32, 8, "", "", trained=False)


@pytest.fixture
def filled(ledger: Ledger) -> Ledger:
    ledger.store(*(header(f"1.{n}", study=str(n // 3)) for n in range(11)))
    return ledger


@pytest.mark.parametrize("size", [1, 3, 11, 12])
def test_ranges_hold_every_key_once(engine: Engine, filled: Ledger, size: int) -> None:
    with engine.connect() as connection:
        ranges = list(key_ranges(connection, filled.encoder_id, "videos", size))
        counts = [
            connection.scalar(
                text("select count(*) from core.embedding where video_key > cast(:after as uuid)"
                     " and video_key <= cast(:last as uuid)"), bounds,
            )
            for bounds in ranges
        ]  # fmt: skip
    assert sum(count or 0 for count in counts) == 11
    assert max(count or 0 for count in counts) <= size
    assert [one["after"] for one in ranges[1:]] == [one["last"] for one in ranges[:-1]]


def test_everything_is_queued_and_an_encoder_deleted_range_by_range(
    engine: Engine, filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echosearch.db.vectors.points.heap_ranges.__defaults__", (1,))
    with engine.begin() as connection:
        connection.execute(text("delete from core.outbox"))
        # holes between the rows: a page each
        connection.execute(text("alter table core.embedding set (fillfactor = 10)"))
        connection.execute(text("update core.embedding set vector = decode(repeat('ab', 1500), 'hex')"))
        assert connection.scalar(text("select pg_relation_size('core.embedding')")) > 3 * 8192
        assert outbox.enqueue_everything(connection, filled.encoder_id) == 11 + 4
        assert outbox.enqueue_everything(connection, filled.encoder_id) == 15  # again: replaced, not doubled
        assert connection.scalar(text("select count(*) from core.outbox")) == 15
        activate(connection, register_encoder(connection, OTHER))
        assert delete_generation(connection, filled.encoder_id) == 11
        for table in ("outbox", "embedding", "study_embedding"):
            assert connection.scalar(text(f"select count(*) from core.{table}")) == 0


def test_all_differences_are_counted_and_repaired_and_the_first_are_named(
    engine: Engine, filled: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echosearch.db.vectors.points.key_ranges.__defaults__", (2,))
    monkeypatch.setattr("echosearch.db.upkeep.comparison.LISTED", 2)
    monkeypatch.setattr("echosearch.db.upkeep.comparison.REPAIRED", 2)
    with engine.begin() as connection:
        connection.execute(text("delete from core.outbox"))
        keys = list(connection.scalars(text("select cast(video_key as text) from core.embedding order by video_key")))
        strangers = [f"ffffffff-0000-0000-0000-00000000000{n}" for n in range(3)]
        seen = [SeenPoint(key, fits=number % 2 == 0) for number, key in enumerate(keys[:6])]
        comparison.start_comparison(connection)
        comparison.add_seen(connection, [*seen, *(SeenPoint(key, fits=True) for key in strangers)])
        found = comparison.compare(connection, filled.encoder_id, "videos")
        assert found.counts == {"missing": 5, "stale": 3, "orphans": 3, "strangers": 0}
        assert (found.count, found.points) == (11, 9)
        assert (found.missing, found.orphans) == (tuple(keys[6:8]), tuple(strangers[:2]))
        comparison.repair(connection, filled.encoder_id, "videos")
        due = {
            row.key: row.op for row in connection.execute(text("select cast(key as text) as key, op from core.outbox"))
        }
    assert due == dict.fromkeys([*keys[6:], keys[1], keys[3], keys[5]], "upsert") | dict.fromkeys(strangers, "delete")


def test_vectors_are_kept_out_of_line_and_uncompressed(engine: Engine) -> None:
    query = (
        "select count(*) from pg_attribute where attname = 'vector' and attstorage = 'e' and attrelid in"
        " ('core.embedding'::regclass, 'core.study_embedding'::regclass, 'core.report_embedding'::regclass)"
    )
    with engine.connect() as connection:
        assert connection.scalar(text(query)) == 3
