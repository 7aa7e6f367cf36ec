"""MPEG-2, H.264 and HEVC inside DICOM (PS3.5 sections 8.2.5 to 8.2.8), by PyAV: pydicom does not decode them.

The stream inside may be an MPEG transport stream, an MP4 or a bare elementary stream. It is handed over as
bytes: FFmpeg opens no path, no playlist and no network address.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from typing import Any

import av
import av.error
import numpy as np

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.limits import MAX_FRAMES, check_size

__all__ = ["VIDEO_SYNTAXES", "VideoStream", "count_decoded", "count_packets", "open_container", "pick_frames"]

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
    predicted = True

    @cached_property
    def n_frames(self) -> int:
        """Packets with a picture; ``count_decoded`` is the sure and slow way."""
        with open_container(self.data, FORMATS, STREAM_CODECS) as container:
            return count_packets(container, self.rows, self.columns)

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """(H, W, 3) uint8 RGB. Frames between are decoded (they are predicted from one another) but not converted."""
        with open_container(self.data, FORMATS, STREAM_CODECS) as container:
            yield from pick_frames(container, indices)


def count_packets(container: Any, rows: int, columns: int) -> int:
    """Pictures in an opened container, without decoding them. Raises FileRefused(TOO_LARGE)."""
    count = 0
    for packet in container.demux(video=0):
        count += packet.size > 0
        if count > MAX_FRAMES:
            break
    check_size(rows, columns, count)
    return count


def pick_frames(container: Any, indices: Sequence[int]) -> Iterator[Uint8]:
    """RGB frames at ascending ``indices`` of an opened container."""
    wanted = list(indices)
    at = 0
    for number, picture in enumerate(container.decode(video=0)):
        while at < len(wanted) and wanted[at] == number:
            yield np.asarray(picture.to_ndarray(format="rgb24"))
            at += 1
        if at == len(wanted):
            return


def count_decoded(data: bytes) -> int:
    """How many frames come out of the decoder."""
    with open_container(data, FORMATS, STREAM_CODECS) as container:
        count = 0
        for _ in container.decode(video=0):
            count += 1
            if count > MAX_FRAMES:
                break
        return count


@contextmanager
def open_container(data: bytes, formats: str, codecs: frozenset[str]) -> Iterator[Any]:
    """An FFmpeg container over bytes, its format, codec and dimensions checked before anything is decoded.

    Raises FileRefused: UNSUPPORTED_SYNTAX, TOO_LARGE, DECODE_FAILED; FFmpeg's errors
    inside the block become DECODE_FAILED.
    """
    options = {"format_whitelist": formats, "protocol_whitelist": "pipe", "enable_drefs": "0"}
    try:
        with av.open(BytesIO(data), mode="r", options=options, metadata_errors="replace") as container:
            if not container.streams.video:
                raise FileRefused(Quarantined(Reason.DECODE_FAILED, "no video stream inside"))
            stream = container.streams.video[0]
            codec = stream.codec_context.name
            if codec not in codecs:
                raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, f"video codec {codec} is not on the list"))
            check_size(stream.codec_context.height, stream.codec_context.width, 1)
            stream.thread_count = 1
            yield container
    except (av.error.FFmpegError, ValueError, IndexError, EOFError) as exc:
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"unreadable video ({type(exc).__name__})")) from exc
