"""The relay: read the changes that are due to the index, send them, mark them. Replaying it changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Event
from types import TracebackType
from uuid import UUID

from echosearch.archive import Archive
from echosearch.db import Connection
from echosearch.db.vectors import outbox
from echosearch.db.vectors.points import PointRow
from echosearch.encoder_info import EncoderInfo
from echosearch.index.base import KINDS, Collection, Payload, Point, PointKind, point_id
from echosearch.preview.folder import preview_folder
from echosearch.vector import from_bytes, vector_hash

__all__ = ["RELAY_BATCH", "RelayThread", "point_of", "relay"]

# Points a transaction: 20 MB of raw vectors, and two of them are under way. To make few durable costs the index as much
# as to make many: it forces some 50 files to the disk, 0.2 s on a slow one.
RELAY_BATCH = 10_000


def relay(
    archive: Archive,
    encoder: EncoderInfo,
    encoder_id: int,
    on_batch: Callable[[int], None] = lambda sent: None,
    transaction: Callable[[], AbstractContextManager[Connection]] | None = None,
    stopping: Callable[[], bool] = lambda: False,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Drain the outbox of one encoder, or until ``stopping``; return how many points were sent or deleted.

    The caller holds the ingest lock alone, or the driver lock: then ``check`` raises where that is lost, before
    anything is sent. ``transaction`` begins one in which rows are marked, apart from the caller's other writers.
    Raises StoreUnreachable; what was not sent stays due.
    """
    total = 0

    def take(kind: PointKind, after: int) -> list[PointRow]:
        with archive.engine.connect() as connection:
            return outbox.take_due(connection, encoder_id, kind, RELAY_BATCH, after)

    def mark(kind: PointKind, sent: Sequence[PointRow]) -> None:
        with (transaction or archive.engine.begin)() as connection:
            outbox.done(connection, encoder_id, kind, sent)

    # While the index writes one batch, PostgreSQL marks the one before and reads the next, in this order.
    with ThreadPoolExecutor(1, thread_name_prefix="relay-rows") as rows:
        for kind in KINDS:
            collection = archive.collection(kind, encoder)
            due, marked = take(kind, 0), rows.submit(lambda: None)
            while due and not stopping():
                upcoming = rows.submit(take, kind, due[-1].due_id)
                check()
                archive.index.ensure(collection)
                _send(archive, collection, due)
                marked.result()
                marked = rows.submit(mark, kind, due)
                total += len(due)
                on_batch(len(due))
                due = upcoming.result() or rows.submit(take, kind, 0).result()
            marked.result()
    return total


def _send(archive: Archive, collection: Collection, due: Sequence[PointRow]) -> None:
    points = [point_of(collection, item, item.vector) for item in due if item.vector is not None]
    gone: list[UUID] = [point_id(collection.fingerprint, item.key) for item in due if item.vector is None]
    if points:
        archive.index.upsert(collection, points)
    if gone:
        archive.index.delete(collection, gone)
        if collection.kind == "videos":  # found no more, so it is not shown: now its files go
            preview_folder(archive.settings).forget([item.key for item in due if item.vector is None])


def point_of(collection: Collection, due: PointRow, vector: bytes) -> Point:
    """Return the index's point of a row that has a vector."""
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


class RelayThread:
    """Relays beside the pipeline, so that decoding does not wait for the index's disk. A context manager.

    ``nudge`` starts a relay unless one runs; what went wrong in it is raised at the next nudge or drain. Leaving
    waits for the batch that is being sent; the rest stays due. ``transaction`` and ``check`` are as for relay().
    """

    def __init__(
        self,
        archive: Archive,
        encoder: EncoderInfo,
        encoder_id: int,
        transaction: Callable[[], AbstractContextManager[Connection]],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.sent = 0
        self._archive, self._encoder, self._encoder_id = archive, encoder, encoder_id
        self._transaction, self._check = transaction, check
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="relay")
        self._running: Future[int] | None = None
        self._stopping = Event()

    def __enter__(self) -> RelayThread:
        self.nudge()  # what a run that died had left
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.shutdown(wait=True)

    def nudge(self) -> None:
        if self._running is None or self._running.done():
            self._collect()
            self._running = self._thread.submit(self._relay)

    def drain(self) -> None:
        """Send everything that is due now; all of it is in the index when this returns."""
        self._collect()
        self.sent += self._relay()

    def _relay(self) -> int:
        given = (self._archive, self._encoder, self._encoder_id)
        return relay(*given, transaction=self._transaction, stopping=self._stopping.is_set, check=self._check)

    def _collect(self) -> None:
        if self._running is not None:
            running, self._running = self._running, None
            self.sent += running.result()
