"""The relay: every row that is due ends in the index, once it is marked, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event

import pytest
from sqlalchemy import Connection, text

from echosearch.archive import Archive
from echosearch.db.vectors import outbox
from echosearch.db.vectors.generation import register_encoder
from echosearch.db.vectors.points import PointRow
from echosearch.errors import StoreUnreachable
from echosearch.index.base import Collection, Point
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.relay import RelayThread, relay
from ingest.verify import verify
from tests.ingest.conftest import Export


@pytest.fixture
def due(archive: Archive, export: Export, monkeypatch: pytest.MonkeyPatch) -> int:
    """Three videos and their three studies are due again, in batches of one; the encoder's id."""
    for number in range(3):
        export.cine(f"IM_{number}", f"1.2.{number + 1}", study=f"1.{number}", seed=number)
    ingest(archive, export.root, IngestOptions())
    monkeypatch.setattr("ingest.relay.RELAY_BATCH", 1)
    with archive.engine.begin() as connection:
        encoder_id = register_encoder(connection, archive.encoder_info)
        assert outbox.enqueue_everything(connection, encoder_id) == 6
    return encoder_id


def rows_due(archive: Archive) -> int:
    with archive.engine.connect() as connection:
        return int(connection.execute(text("select count(*) from core.outbox")).scalar_one())


def test_what_is_told_to_stop_leaves_the_rest_due(archive: Archive, due: int) -> None:
    told: list[int] = []
    assert relay(archive, archive.encoder_info, due, told.append, stopping=lambda: len(told) == 2) == 2
    assert rows_due(archive) == 4
    assert relay(archive, archive.encoder_info, due) == 4
    assert verify(archive).clean


def test_a_nudge_starts_no_second_relay_beside_one_that_runs(archive: Archive, due: int) -> None:
    begun, go_on, checks = Event(), Event(), list[int]()

    def check() -> None:
        begun.set()
        assert go_on.wait(60)
        checks.append(rows_due(archive))

    with RelayThread(archive, archive.encoder_info, due, archive.engine.begin, check) as thread:
        assert begun.wait(60)
        thread.nudge()
        go_on.set()
        thread.drain()
        thread.drain()  # nothing runs, and nothing is due
    assert len(checks) == thread.sent == 6  # once a row
    assert rows_due(archive) == 0


def test_what_is_told_to_stop_before_it_begins_sends_nothing(archive: Archive, due: int) -> None:
    assert relay(archive, archive.encoder_info, due, stopping=lambda: True) == 0
    assert rows_due(archive) == 6


def test_a_row_that_becomes_visible_behind_a_younger_one_is_sent(archive: Archive, due: int) -> None:
    """Numbers are given out before the commit: a slow transaction's row can appear when the next has been sent."""
    row = text("delete from core.outbox where id = (select min(id) from core.outbox) returning *")
    with archive.engine.begin() as connection:
        slow = connection.execute(row).mappings().one()
    told: list[int] = []

    def appear(sent: int) -> None:
        if not told:
            with archive.engine.begin() as connection:
                connection.execute(
                    text(
                        "insert into core.outbox (id, encoder_id, collection, key, op, gen) overriding system value"
                        " values (:id, :encoder_id, :collection, :key, :op, :gen)"
                    ),
                    dict(slow),
                )
        told.append(sent)

    assert relay(archive, archive.encoder_info, due, appear) == 6
    assert rows_due(archive) == 0
    assert verify(archive).clean


def test_what_could_not_be_marked_stays_due_and_is_said(
    archive: Archive, due: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL goes away behind the first batch, while the index writes the second."""
    real, calls = outbox.done, [0]

    def fail(connection: Connection, encoder_id: int, collection: str, sent: Sequence[PointRow]) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise StoreUnreachable("PostgreSQL does not answer")
        real(connection, encoder_id, collection, sent)

    monkeypatch.setattr(outbox, "done", fail)
    with pytest.raises(StoreUnreachable):
        relay(archive, archive.encoder_info, due)
    assert rows_due(archive) == 5
    assert relay(archive, archive.encoder_info, due) == 5
    assert verify(archive).clean


def test_what_the_index_did_not_take_stays_due_and_is_said(
    archive: Archive, due: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = archive.index.upsert, [0]

    def fail(collection: Collection, points: Sequence[Point]) -> None:
        calls[0] += 1
        if calls[0] == 2:
            raise StoreUnreachable("the disk is full")
        real(collection, points)

    monkeypatch.setattr(archive.index, "upsert", fail)
    with pytest.raises(StoreUnreachable, match="the disk is full"):
        relay(archive, archive.encoder_info, due)
    assert rows_due(archive) == 5
    assert relay(archive, archive.encoder_info, due) == 5
    assert verify(archive).clean
