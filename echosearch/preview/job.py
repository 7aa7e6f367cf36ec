"""The quiet job: make the previews that are lacking, of every video that a search can find."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Literal

from echosearch.db.files.shown import count_shown, shown_after, shown_digests
from echosearch.preview.store import Previews
from echosearch.preview.values import NoPreview, PreviewSize, Refusal

__all__ = ["PreviewCounts", "make_previews"]

BATCH = 256  # videos looked up at a time

Outcome = Refusal | Literal["present", "made", "no_room_left"]


@dataclass(frozen=True)
class PreviewCounts:
    """Counts of one run: videos = present + made + no_room + the sum of refused."""

    videos: int  # that may be shown
    present: int  # whose preview was kept already
    made: int
    refused: dict[str, int]  # reason -> videos that have none, whichever run found out
    no_room: int  # left out, as the previews' share of the disk is used up
    swept: int  # files removed, of videos that are not found any more
    seconds: float


def make_previews(
    previews: Previews, size: PreviewSize = "card", on_progress: Callable[[int, int], None] = lambda done, total: None
) -> PreviewCounts:
    """Make what is lacking in ``size``, and remove what belongs to no video any more. Safe to stop and to run again.

    ``on_progress(done, total)`` is called as videos are done. Raises PoolBroken, StoreUnreachable.
    """
    began = time.monotonic()
    engine = previews.archive.engine

    def digests(keys: Sequence[str]) -> dict[str, bytes]:
        with engine.connect() as connection:
            return shown_digests(connection, keys)

    swept = previews.folder.sweep(digests)
    with engine.connect() as connection:
        total = count_shown(connection)
    outcomes: Counter[Outcome] = Counter()
    for outcome in _outcomes(previews, size):
        outcomes[outcome] += 1
        on_progress(outcomes.total(), total)
    return PreviewCounts(
        videos=outcomes.total(),
        present=outcomes["present"],
        made=outcomes["made"],
        refused={reason: outcomes[reason] for reason in Refusal if outcomes[reason]},
        no_room=outcomes["no_room_left"],
        swept=swept,
        seconds=time.monotonic() - began,
    )


def _outcomes(previews: Previews, size: PreviewSize) -> Iterator[Outcome]:
    """Yield what became of each video, batch by batch; the workers make those that are lacking."""
    last: str | None = None
    with ThreadPoolExecutor(previews.archive.settings.workers, thread_name_prefix="previews") as threads:
        while True:
            with previews.archive.engine.connect() as connection:
                videos = shown_after(connection, last, BATCH)
            if not videos:
                return
            last = max(videos)
            under_way = []
            try:
                for key, digest in videos.items():
                    kept = previews.folder.read(key, digest, size)
                    if kept is not None:
                        yield kept.reason if isinstance(kept, NoPreview) else "present"
                    elif not previews.folder.has_room(key):
                        yield "no_room_left"
                    else:
                        under_way.append(threads.submit(previews.find, key, size))
                for one in as_completed(under_way):
                    found = one.result()
                    yield found.reason if isinstance(found, NoPreview) else "made"
            except BaseException:  # Ctrl-C, or whoever asks has stopped asking
                threads.shutdown(wait=False, cancel_futures=True)
                raise
