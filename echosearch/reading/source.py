"""Inspect any file of an export, and open its frames."""

from __future__ import annotations

from pathlib import Path

from echosearch.clip import FrameSource
from echosearch.errors import FileRefused
from echosearch.outcome import Outcome, Quarantined, Reason, Skipped
from echosearch.reading.dicom import ShownCine, open_cine, open_shown_cine, read_header
from echosearch.reading.file_kinds import NO_KNOWN_KIND, packed_as
from echosearch.reading.files import looks_like_dicom, open_regular
from echosearch.reading.media import MediaIdentity, looks_like_media, open_media, read_media_header
from echosearch.reading.stretch import AS_STORED

__all__ = ["inspect_file", "open_shown", "open_source"]


def inspect_file(
    path: Path,
    issuer: str = "",
    identity: MediaIdentity | None = None,
    allow_secondary_capture: bool = False,
) -> Outcome:
    """Return a VideoHeader, or Skipped or Quarantined with the reason. Never raises for a bad file.

    ``identity`` is the sidecar's row for an mp4 or avi. A MemoryError passes: the file exceeds the worker's limit, and
    the pool counts it as the worker's death.
    """
    try:
        if _is_media(path):
            return read_media_header(path, issuer, identity)
        return read_header(path, issuer, allow_secondary_capture)
    except FileRefused as refused:
        return refused.outcome
    except MemoryError:
        raise
    except Exception as exc:  # the one boundary for untrusted files
        return Quarantined(Reason.DECODE_FAILED, f"unforeseen {type(exc).__name__}")


def open_source(path: Path, decord: bool = False) -> FrameSource:
    """Open the frames of a DICOM, mp4 or avi file; ``decord``: those of mp4 and avi by decord. Raises FileRefused."""
    return open_media(path, decord) if _is_media(path) else open_cine(path)


def open_shown(path: Path) -> ShownCine:
    """Open a file with what it states for its display; an mp4 or avi declares no regions. Raises FileRefused."""
    return ShownCine(open_media(path), AS_STORED, (), None) if _is_media(path) else open_shown_cine(path)


def _is_media(path: Path) -> bool:
    with open_regular(path) as reader:
        if looks_like_dicom(reader.head):
            return False
        if looks_like_media(reader.head):
            return True
        packed = packed_as(reader.head)
        raise FileRefused(NO_KNOWN_KIND if packed is None else Skipped(Reason.PACKED, packed))
