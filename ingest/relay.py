"""The relay: takes what Postgres says is due to the index, sends it, marks it. Replaying it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from echosearch.archive import Archive
from echosearch.db import outbox
from echosearch.encoder.base import EncoderId
from echosearch.index.base import KINDS, Collection, Payload, Point, point_id
from echosearch.vector import from_bytes, vector_hash

__all__ = ["RELAY_BATCH", "relay"]

RELAY_BATCH = 2000  # points a transaction: 1 MB of float16


def relay(
    archive: Archive, encoder: EncoderId, encoder_id: int, on_batch: Callable[[int], None] = lambda sent: None
) -> int:
    """Drain the outbox of one encoder; how many points were sent or deleted.

    Raises StoreUnreachable; what was not sent stays due.
    """
    total = 0
    for kind in KINDS:
        collection = archive.collection(kind, encoder)
        ready = False
        while True:
            with archive.engine.begin() as connection:
                due = outbox.take(connection, encoder_id, kind, RELAY_BATCH)
                if not due:
                    break
                if not ready:
                    archive.index.ensure(collection)
                    ready = True
                _send(archive, collection, due)
                outbox.done(connection, encoder_id, kind, due)
            total += len(due)
            on_batch(len(due))
    return total


def _send(archive: Archive, collection: Collection, due: Sequence[outbox.Due]) -> None:
    points = [_point(collection, item, item.vector) for item in due if item.vector is not None]
    gone: list[UUID] = [point_id(collection.fingerprint, item.key) for item in due if item.vector is None]
    if points:
        archive.index.upsert(collection, points)
    if gone:
        archive.index.delete(collection, gone)


def _point(collection: Collection, due: outbox.Due, vector: bytes) -> Point:
    payload = Payload(
        key=due.key,
        study=due.study,
        patient=due.patient,
        gen=due.gen,
        vector_hash=vector_hash(vector),
        view=due.view,
        view_prob=due.view_prob,
        mode=due.mode,
        sex=due.sex,
        age=due.age,
        month=due.month,
        device=due.device,
    )
    return Point(point_id(collection.fingerprint, due.key), from_bytes(vector), payload)
