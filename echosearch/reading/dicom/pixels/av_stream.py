"""MPEG-2, H.264 and HEVC inside DICOM (PS3.5 sections 8.2.5 to 8.2.8), by PyAV: pydicom does not decode them.

The stream inside may be an MPEG transport stream, an MP4 or a bare elementary stream. It is handed over as
bytes: FFmpeg opens no path, no playlist and no network address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from echosearch.clip import PictureScale, Uint8
from echosearch.reading.dicom.elements.picture import STORED, ShownPicture
from echosearch.reading.pictures import count_pictures, open_container, pick_frames, stated_aspect
from echosearch.reading.slices.check import check_slices

__all__ = ["STREAM_CODECS", "VIDEO_SYNTAXES", "VideoStream", "stream_aspect"]

VIDEO_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{n}" for n in (100, 101, 102, 103, 104, 105, 106, 107, 108)) | {
    f"1.2.840.10008.1.2.4.{n}.1"
    for n in (100, 101, 102, 103, 104, 105, 106)  # fragmentable
}
STREAM_CODECS = frozenset({"mpeg1video", "mpeg2video", "h264", "hevc"})
FORMATS = "mpegts,mpeg,mpegvideo,h264,hevc,mov,mp4,m4a,3gp,3g2,mj2"


@dataclass(frozen=True)
class VideoStream:
    """A compressed video stream in memory as a FrameSource."""

    data: bytes = field(repr=False)
    rows: int
    columns: int
    frame_seconds: float | None
    shown: ShownPicture = STORED
    predicted = True

    @property
    def scale(self) -> PictureScale | None:
        return self.shown.scale

    @cached_property
    def n_frames(self) -> int:
        """Count by decoding all pictures. Raises FileRefused(DECODE_FAILED) if one is damaged."""
        with open_container(self.data, FORMATS, STREAM_CODECS) as container:
            return count_pictures(container)

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """Yield (H, W, 3) uint8 RGB. The frames between are decoded, for prediction, but not converted."""
        with open_container(self.data, FORMATS, STREAM_CODECS) as container:
            yield from map(self.shown.stretch.stretched, pick_frames(container, indices))

    def check(self) -> None:
        """Raise FileRefused(DECODE_FAILED) if a slice is damaged that decodes without an error."""
        check_slices(self.data, FORMATS, STREAM_CODECS)


def stream_aspect(data: bytes) -> float | None:
    """Return a pixel's height by its width as the stream states it. Raises FileRefused(DECODE_FAILED)."""
    with open_container(data, FORMATS, STREAM_CODECS) as container:
        return stated_aspect(container)
