"""RLE Lossless (PS3.5 annex G) straight from its stored bytes: half the time of the way through pydicom's arrays."""

from __future__ import annotations

import numpy as np
from pydicom.dataset import Dataset
from rle.utils import decode_pixel_data

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.pixels.layout import PixelLayout
from echosearch.reading.dicom.pixels.native import FrameDecoder, planes_to_pixels, samples_to_rgb

__all__ = ["rle_decoder"]


def rle_decoder(dataset: Dataset, layout: PixelLayout) -> FrameDecoder:
    """The decoder raises FileRefused(DECODE_FAILED) where segments are damaged or do not hold Rows x Columns."""
    shown = samples_to_rgb(dataset, layout)
    dtype = np.dtype(f"<u{layout.bits_allocated // 8}")
    expected = layout.rows * layout.columns * layout.samples

    def decode(data: bytearray) -> Uint8:
        try:
            decoded = decode_pixel_data(
                bytes(data), version=2, rows=layout.rows, columns=layout.columns, bits_allocated=layout.bits_allocated
            )
        except ValueError as exc:
            raise FileRefused(Quarantined(Reason.DECODE_FAILED, "an RLE frame is damaged")) from exc
        samples = np.frombuffer(decoded, dtype)
        if samples.size != expected:
            raise FileRefused(
                Quarantined(Reason.DECODE_FAILED, f"an RLE frame holds {samples.size} samples, not {expected}")
            )
        if layout.samples == 1:
            return shown(samples.reshape(layout.rows, layout.columns))
        return shown(planes_to_pixels(samples.reshape(3, layout.rows, layout.columns)))

    return decode
