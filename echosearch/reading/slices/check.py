"""Find damaged slices of H.264 and HEVC, which FFmpeg decodes into other pictures without a word.

Arithmetic-coded data that were damaged decode to anything, and FFmpeg does not check that a slice ends where its
data end. Both checks here do, at the cost of decoding once (H.264) or three times (HEVC) more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from av.bitstream import BitStreamFilterContext

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.pictures import open_container, video_stream
from echosearch.reading.slices import h264, hevc

__all__ = ["check_slices"]

CHECKS: dict[str, Callable[[Iterable[bytes]], bool]] = {"h264": h264.has_damaged_slice, "hevc": hevc.has_damaged_slice}


def check_slices(data: bytes, formats: str, codecs: frozenset[str]) -> None:
    """Raise FileRefused(DECODE_FAILED) if a slice of a video does not end where its data end.

    ``data``, ``formats``, ``codecs``: as for ``open_container``; other codecs than H.264 and HEVC pass.
    """
    with open_container(data, formats, codecs) as container:
        codec = video_stream(container).codec_context.name
        if codec in CHECKS and CHECKS[codec](_byte_stream(container, codec)):
            raise FileRefused(Quarantined(Reason.DECODE_FAILED, "damaged video: a slice does not end with its data"))


def _byte_stream(container: Any, codec: str) -> Iterator[bytes]:
    """The packets as byte streams (Annex B), whatever the container, each key frame with its parameter sets."""
    stream = video_stream(container)
    convert = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
    for packet in container.demux(stream):
        if packet.size:
            for converted in convert.filter(packet):
                yield bytes(converted)
