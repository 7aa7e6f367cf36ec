"""Transactions of several machines at one time, each with a lock on every video and study that it may change.

By default one transaction of all machines writes at a time (leases.py). With locks by key two may, if they concern
other videos and studies:

    the writer lock, shared     whoever takes it alone (claims taken back, the relay, the driver) waits for all of these
    a lock for each key         in the order of the keys, so that no two transactions wait for each other

The keys are those of the videos and studies that the files name, of the videos that the files were before, and of the
studies that all these videos belong to now. Whoever changes a video, or a file of it, holds the locks of the video and
of its study, so that what is read under them does not change until the commit. The keys themselves are read before, and
again under the locks. If they have changed, or PostgreSQL reports a deadlock (on rows that many studies share: of
patients, devices, counts), the transaction is done again alone, under the writer lock: two attempts at the most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from echosearch.db.files.leases import check_lease, share_writer

__all__ = ["Concerned", "write_alone", "write_by_key"]

DEADLOCK = "40P01"  # SQLSTATE
T = TypeVar("T")


@dataclass(frozen=True)
class Concerned:
    """The claimed files of a transaction, and the videos and studies that their headers name, by key."""

    file_ids: Collection[int] = ()
    videos: Collection[str] = ()
    studies: Collection[str] = ()

    def __repr__(self) -> str:
        return f"Concerned({len(self.file_ids)} files, {len(self.videos)} videos, {len(self.studies)} studies)"


class _KeysChanged(Exception):
    """Another transaction has changed which keys a transaction concerns, while it waited for its locks."""


def write_alone(engine: Engine, run_id: int, body: Callable[[Connection], T]) -> T:
    """Run ``body`` in a transaction, under the writer lock. Raises LeaseLost if the lease of the run is over."""
    with engine.begin() as connection:
        check_lease(connection, run_id)
        return body(connection)


def write_by_key(engine: Engine, run_id: int, concerned: Concerned, body: Callable[[Connection], T]) -> T:
    """Run ``body`` in a transaction beside those that concern other keys. Raises LeaseLost.

    ``body`` may be called twice: what the first call wrote is rolled back.
    """
    try:
        with engine.begin() as connection:
            check_lease(connection, run_id, lambda waiting: _lock_keys(waiting, concerned))
            return body(connection)
    except _KeysChanged:
        pass
    except OperationalError as exc:
        if getattr(exc.orig, "sqlstate", None) != DEADLOCK:
            raise
    return write_alone(engine, run_id, body)


def _lock_keys(connection: Connection, concerned: Concerned) -> None:
    share_writer(connection)
    keys = _keys(connection, concerned)
    if not keys:
        return
    connection.execute(
        text("select pg_advisory_xact_lock(key) from unnest(cast(:keys as bigint[])) as k(key)"),
        {"keys": sorted({_lock_of(key) for key in keys})},
    )
    if not _keys(connection, concerned) <= keys:
        raise _KeysChanged


def _keys(connection: Connection, concerned: Concerned) -> set[str]:
    """Return the keys of all videos and studies that a transaction may change, as of now."""
    rows = connection.scalars(
        text(
            "with videos as (select unnest(cast(:videos as uuid[])) as key union"
            " select video_key from core.source_file where id = any(cast(:files as bigint[])))"
            " select cast(key as text) from videos where key is not null"
            " union select cast(study_key as text) from core.video where video_key in (select key from videos)"
        ),
        {"videos": list(concerned.videos), "files": list(concerned.file_ids)},
    )
    return {*rows, *concerned.studies}


def _lock_of(key: str) -> int:
    """Return the number of a key's lock: half of its bits. Two keys with one number wait for each other, no more."""
    return int.from_bytes(UUID(key).bytes[:8], "big", signed=True)
