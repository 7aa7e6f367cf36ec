"""Previews of an archive's videos: kept ones from HOME/previews, others made in the decode workers when first asked."""

from __future__ import annotations

import uuid
from concurrent.futures import Future
from threading import Lock
from types import TracebackType
from typing import Self

from echosearch.archive import Archive
from echosearch.db.files.backing import files_holding
from echosearch.db.files.shown import shown_digests
from echosearch.errors import InputError
from echosearch.preview.folder import preview_folder
from echosearch.preview.task import PreviewTask, make_preview
from echosearch.preview.values import SIZES, MadePreview, NoPreview, Preview, PreviewSize, Refusal
from echosearch.workers.jobs import PoolBroken, TimedOut, WorkerDied
from echosearch.workers.pool import DecodePool

__all__ = ["Previews", "canonical_key"]

NOT_FOUND = NoPreview(Refusal.UNKNOWN, "no video of this key can be found by a search")
TRIES = 2  # at a file whose worker dies

Flight = tuple[str, bytes, PreviewSize]


class Previews:
    """The previews of an archive; a context manager, which any number of threads may ask.

    A video that no search can find has no preview, whatever is kept of it.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.folder = preview_folder(archive.settings)
        self._pool: DecodePool | None = None
        self._closed = False
        self._flights: dict[Flight, Future[Preview | NoPreview]] = {}
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers. What is kept stays."""
        with self._lock:
            pool, self._pool, self._closed = self._pool, None, True
        if pool is not None:
            pool.__exit__(None, None, None)

    def find(self, video_key: str, size: PreviewSize = "card") -> Preview | NoPreview:
        """Return the preview of a video, made now if it is not kept: that takes a second or less, 120 at most.

        ``size``: "card" is at most 368 x 300, "study" 700 x 570. Callers who ask for the same one at the same time
        wait for one making of it. Raises InputError for another size, PoolBroken, StoreUnreachable.
        """
        key = canonical_key(video_key)
        if key is None:
            return NOT_FOUND
        digest = self._digest(key)
        if digest is None:
            self.folder.forget([key])
            return NOT_FOUND
        return self.of_file(key, digest, size)

    def of_file(self, key: str, digest: bytes, size: PreviewSize = "card") -> Preview | NoPreview:
        """Return the preview of a video whose content was just looked up (db/files/shown.py), as ``find`` does."""
        if size not in SIZES:
            raise InputError(f"size {size!r}: it is one of {', '.join(SIZES)}")
        return self.folder.read(key, digest, size) or self._made_once((key, digest, size))

    def _digest(self, key: str) -> bytes | None:
        with self.archive.engine.connect() as connection:
            return shown_digests(connection, [key]).get(key)

    def _made_once(self, flight: Flight) -> Preview | NoPreview:
        with self._lock:
            under_way = self._flights.get(flight)
            mine: Future[Preview | NoPreview] = under_way or Future()
            self._flights[flight] = mine
        if under_way is not None:
            return under_way.result()
        try:
            found = self.folder.read(*flight) or self._make(*flight)  # another may just have made it
            mine.set_result(found)
            return found
        except BaseException as exc:
            mine.set_exception(exc)
            raise
        finally:
            with self._lock:
                del self._flights[flight]

    def _make(self, key: str, digest: bytes, size: PreviewSize) -> Preview | NoPreview:
        made = self._decoded(key, size)
        if isinstance(made, NoPreview) and not made.lasting:
            return made
        try:
            self.folder.write(key, digest, size, made)
        except OSError:
            return made if isinstance(made, NoPreview) else NoPreview(Refusal.NO_ROOM, "the disk has no room for it")
        if self._digest(key) != digest:  # withdrawn meanwhile
            self.folder.forget([key])
            return NOT_FOUND
        kept = self.folder.read(key, digest, size)
        return kept or NoPreview(Refusal.NO_ROOM, "it was removed as soon as it was made")

    def _decoded(self, key: str, size: PreviewSize) -> MadePreview | NoPreview:
        """Ask the workers, file after file that holds the video, until one of them is as it was ingested."""
        with self.archive.engine.connect() as connection:
            holding = files_holding(connection, [key])[key]
        found: MadePreview | NoPreview = NoPreview(Refusal.MISSING, "no file of it is there as it was ingested")
        for claimed in holding:
            file = claimed.file
            found = self._in_worker(PreviewTask(file.path, file.size, file.mtime_ns, size))
            if not isinstance(found, NoPreview) or found.reason != Refusal.MISSING:
                break
        return found

    def _in_worker(self, task: PreviewTask) -> MadePreview | NoPreview:
        for _ in range(TRIES):
            try:
                result = self.workers().run(make_preview, task)
            except PoolBroken:
                self._drop_workers()
                raise
            if isinstance(result, TimedOut):
                return NoPreview(Refusal.TOO_SLOW, f"its file met the {result.limit} limit of a worker")
            if not isinstance(result, WorkerDied):
                return result
        return NoPreview(Refusal.CRASHED, f"its file ended {TRIES} workers")

    def workers(self) -> DecodePool:
        """Return the decode workers, started now if they do not run. Raises PoolBroken if this is closed."""
        with self._lock:
            if self._closed:
                raise PoolBroken("the previews are closed")
            if self._pool is None:
                self._pool = DecodePool.of(self.archive.settings).__enter__()
            return self._pool

    def _drop_workers(self) -> None:
        """Let the next asker start new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.__exit__(None, None, None)


def canonical_key(video_key: str) -> str | None:
    """Return a key as it is written in names; None if it is none."""
    try:
        return str(uuid.UUID(video_key))
    except ValueError:
        return None
