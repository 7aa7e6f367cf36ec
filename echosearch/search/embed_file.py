"""One file that nobody vouches for, read for a search: in a child process with limits, as ingest does it."""

from __future__ import annotations

import math
import multiprocessing
import resource
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from echosearch.clip import Clip, ClipSpec
from echosearch.errors import FileRefused
from echosearch.settings import Settings
from echosearch.source import inspect_file, open_source
from echosearch.study import Quarantined, Reason, Skipped, VideoHeader

__all__ = ["read_file"]

START_SECONDS = 60.0  # for the child's imports, on top of the file's own time
NO_KEY = "query"  # the clip belongs to no stored video


def read_file(path: Path, spec: ClipSpec, settings: Settings) -> tuple[VideoHeader | None, Clip]:
    """Header and clip of one cine; the header is None where the file does not say whose it is (mp4, avi).

    Raises FileRefused with the reason; DECODER_CRASH or DECODER_TIMEOUT where the child met its limits.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    limits = (settings.worker_memory_mb, settings.worker_cpu_seconds)
    child = context.Process(target=_read, args=(theirs, path.resolve(), spec, settings.issuer, *limits), daemon=True)
    try:
        child.start()
        theirs.close()
        outcome = _answer(ours, settings.worker_wall_seconds)
    finally:
        if child.pid is not None:
            child.kill()
            child.join()
        child.close()
        ours.close()
    if isinstance(outcome, Skipped | Quarantined):
        raise FileRefused(outcome)
    header, clip = outcome
    return header, clip


def _answer(pipe: Connection, wall_seconds: float) -> Any:
    """The child's answer, or what its silence means."""
    try:
        if not pipe.poll(START_SECONDS + wall_seconds):
            return Quarantined(Reason.DECODER_TIMEOUT, f"not read within {wall_seconds:.0f} s")
        pipe.recv()  # "ready": its imports are done, from here on the time is the file's
        if not pipe.poll(wall_seconds):
            return Quarantined(Reason.DECODER_TIMEOUT, f"not read within {wall_seconds:.0f} s")
        return pipe.recv()
    except EOFError:
        return Quarantined(Reason.DECODER_CRASH, "its reader died: the file asks for too much, or breaks the decoder")


def _read(pipe: Connection, path: Path, spec: ClipSpec, issuer: str, memory_mb: int, cpu_seconds: int) -> None:
    """The child: imports first, then limits, then the file."""
    from echosearch.encoder.preprocess import make_clip  # torch

    allowed = _data_bytes() + memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    cpu = math.ceil(time.process_time()) + cpu_seconds
    resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pipe.send("ready")
    header = inspect_file(path, issuer, allow_secondary_capture=True)
    nameless = isinstance(header, Quarantined) and header.reason is Reason.NO_IDENTITY
    if isinstance(header, Skipped | Quarantined) and not nameless:
        pipe.send(header)
        return
    try:
        clip = make_clip(NO_KEY, open_source(path), spec)
    except FileRefused as refused:
        pipe.send(refused.outcome)
        return
    pipe.send((header if isinstance(header, VideoHeader) else None, clip))


def _data_bytes() -> int:
    """What RLIMIT_DATA counts already: private writable memory, mostly of the imports."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
