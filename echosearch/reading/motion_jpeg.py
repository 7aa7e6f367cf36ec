"""Motion JPEG: every frame is a JPEG that libjpeg decodes without a warning, as strictly as one in DICOM.

FFmpeg conceals what it cannot decode of a frame, without a word.
"""

from __future__ import annotations

from collections.abc import Iterable

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.jpeg import jpeg_decoder
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.pictures import open_container, video_stream

__all__ = ["check_motion_jpeg"]


def check_motion_jpeg(data: bytes, formats: str, codecs: frozenset[str]) -> None:
    """Raise FileRefused(DECODE_FAILED) if frames of a Motion JPEG are damaged. Other codecs pass.

    ``data``, ``formats``, ``codecs``: as for ``open_container``.
    """
    with open_container(data, formats, codecs) as container:
        stream = video_stream(container)
        context = stream.codec_context
        if context.name != "mjpeg":
            return
        packets = (bytes(packet) for packet in container.demux(stream) if packet.size)
        if _some_are_damaged(packets, context.height, context.width):
            raise FileRefused(Quarantined(Reason.DECODE_FAILED, "damaged video: a JPEG is damaged"))


def _some_are_damaged(packets: Iterable[bytes], rows: int, columns: int) -> bool:
    """Return True if some frames are damaged, and at most half of them: others are as their writer made them (fields,
    frames without Huffman tables).
    """
    layout = PixelLayout(rows, columns, 3, 8, 8, signed=False, photometric="YBR_FULL_422", planar=False)
    decode = jpeg_decoder(layout)
    count = damaged = 0
    for packet in packets:
        count += 1
        try:
            decode(bytearray(packet))
        except FileRefused:
            damaged += 1
    return 0 < 2 * damaged <= count
