"""One untrusted file, read for a search: in a worker with limits, as ingest does it."""

from __future__ import annotations

from pathlib import Path

from echosearch.clip import Clip, ClipSpec
from echosearch.outcome import Quarantined, Reason
from echosearch.settings import Settings
from echosearch.video import VideoHeader
from echosearch.workers.jobs import or_refuse
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import ClipTask, InspectTask, inspect, load_clip

__all__ = ["read_file"]

NO_KEY = "query"  # the clip belongs to no stored video


def read_file(path: Path, spec: ClipSpec, settings: Settings) -> tuple[VideoHeader | None, Clip]:
    """Return header and clip of one cine; the header is None where the file does not say whose it is (mp4, avi).

    Raises FileRefused with the reason; DECODER_CRASH or DECODER_TIMEOUT where the worker met its limits.
    """
    path = path.resolve()
    with DecodePool.of(settings, workers=1) as pool:
        ((_, outcome),) = pool.map(inspect, [InspectTask(path, settings.issuer, allow_secondary_capture=True)])
        nameless = isinstance(outcome, Quarantined) and outcome.reason is Reason.NO_IDENTITY
        header = None if nameless else or_refuse(outcome)
        ((_, result),) = pool.map(load_clip, [ClipTask(path, NO_KEY, spec, decord=settings.decord)])
        return header, or_refuse(result)
