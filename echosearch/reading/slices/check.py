"""Find damaged slices of H.264 and HEVC, which FFmpeg decodes into other pictures without a word.

Arithmetic-coded data that were damaged decode to anything, and FFmpeg does not check that a slice ends where its
data end. The checks here do, by decoding once (H.264) or three times (HEVC) more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from av.bitstream import BitStreamFilterContext

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.pictures import open_container, video_stream
from echosearch.reading.slices.h264 import has_damaged_h264_slice
from echosearch.reading.slices.hevc import has_damaged_hevc_slice

__all__ = ["check_slices"]


def check_slices(data: bytes, formats: str, codecs: frozenset[str]) -> None:
    """Raise FileRefused(DECODE_FAILED) if a slice of H.264 or HEVC does not end with its data.

    ``data``, ``formats``, ``codecs``: as for ``open_container``; other codecs pass.
    """
    with open_container(data, formats, codecs) as container:
        match video_stream(container).codec_context.name:
            case "h264":
                is_damaged = has_damaged_h264_slice(_byte_stream(container, "h264"))
            case "hevc":
                is_damaged = has_damaged_hevc_slice(_byte_stream(container, "hevc"))
            case _:
                is_damaged = False
    if is_damaged:
        rule = "damaged video: a slice does not end with its data"
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, rule))


def _byte_stream(container: Any, codec: str) -> Iterator[bytes]:
    """The packets as byte streams (Annex B), whatever the container, each key frame with its parameter sets."""
    stream = video_stream(container)
    convert = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
    for packet in container.demux(stream):
        if packet.size:
            for converted in convert.filter(packet):
                yield bytes(converted)
