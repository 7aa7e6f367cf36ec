"""Find damage of video streams that FFmpeg decodes into other pictures without a word.

Arithmetic-coded data that were damaged decode to anything, and FFmpeg does not check that a slice ends where its
data end; of a JPEG it conceals what it cannot decode. The checks here decode once (H.264, JPEG) or three times (HEVC)
more.
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
from echosearch.reading.slices.mjpeg import has_damaged_jpeg

__all__ = ["check_slices"]


def check_slices(data: bytes, formats: str, codecs: frozenset[str]) -> None:
    """Raise FileRefused(DECODE_FAILED) for a slice of H.264 or HEVC that does not end with its data, or a damaged JPEG.

    ``data``, ``formats``, ``codecs``: as for ``open_container``; other codecs pass.
    """
    with open_container(data, formats, codecs) as container:
        stream = video_stream(container)
        context = stream.codec_context
        match context.name:
            case "h264":
                is_damaged = has_damaged_h264_slice(_byte_stream(container, "h264"))
            case "hevc":
                is_damaged = has_damaged_hevc_slice(_byte_stream(container, "hevc"))
            case "mjpeg":
                jpegs = (bytes(packet) for packet in container.demux(stream) if packet.size)
                is_damaged = has_damaged_jpeg(jpegs, context.height, context.width)
            case _:
                is_damaged = False
    if is_damaged:
        found = "a JPEG is damaged" if context.name == "mjpeg" else "a slice does not end with its data"
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"damaged video: {found}"))


def _byte_stream(container: Any, codec: str) -> Iterator[bytes]:
    """The packets as byte streams (Annex B), whatever the container, each key frame with its parameter sets."""
    stream = video_stream(container)
    convert = BitStreamFilterContext(f"{codec}_mp4toannexb", stream)
    for packet in container.demux(stream):
        if packet.size:
            for converted in convert.filter(packet):
                yield bytes(converted)
