"""A cine with what its file states for its display: the boxes of its picture and the time of each frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from echosearch.clip import FrameSource
from echosearch.errors import FileRefused
from echosearch.reading.dicom.elements.dataset import parse, quiet
from echosearch.reading.dicom.elements.timing import frame_times
from echosearch.reading.dicom.pixels.cine import cine_source, shown_picture, stored_frames
from echosearch.reading.dicom.pixels.syntax import as_stored
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.reading.files import looks_like_dicom, open_regular
from echosearch.reading.stretch import Stretch
from echosearch.video import Region

__all__ = ["ShownCine", "open_shown_cine"]


@dataclass(frozen=True)
class ShownCine:
    """Frames and regions have square pixels: ``stretch`` says how they differ from those that are stored.

    ``times``: when each frame is shown and when the last one ends, n_frames + 1 seconds from 0; None: unknown.
    """

    source: FrameSource
    stretch: Stretch
    regions: tuple[Region, ...]
    times: tuple[float, ...] | None


def open_shown_cine(path: Path) -> ShownCine:
    """Open a DICOM file for display. Raises FileRefused."""
    with open_regular(path) as reader, quiet():
        if not looks_like_dicom(reader.head):
            raise FileRefused(NO_KNOWN_KIND)
        parsed = as_stored(parse(reader), reader)
        layout, stored = stored_frames(reader, parsed)
        shown = shown_picture(reader, parsed, layout, stored)
        source = cine_source(path, reader, parsed, layout, stored, shown)
        return ShownCine(source, shown.stretch, shown.regions, frame_times(parsed.dataset, source.n_frames))
