"""Motion JPEG: every frame is a JPEG that libjpeg decodes without a warning, as strictly as one in DICOM."""

from __future__ import annotations

from collections.abc import Iterable

from echosearch.errors import FileRefused
from echosearch.reading.dicom.pixels.jpeg import jpeg_decoder
from echosearch.reading.dicom.pixels.layout import PixelLayout

__all__ = ["has_damaged_jpeg"]


def has_damaged_jpeg(packets: Iterable[bytes], rows: int, columns: int) -> bool:
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
