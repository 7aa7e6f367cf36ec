"""Make the colours that published weights were trained on, from YCbCr as stored or from true RGB.

Both loaders take the stored YCbCr of a JPEG Baseline cine for something that OpenCV orders or scales in another way
(pydicom 2 handed it out unconverted). A source that stores YCbCr gives that; of any other, RGB, palette, video, the
true RGB is taken to YCbCr first, so that the same cine gives the same clip from every kind of file.

    true RGB (200, 40, 40)    ycbcr_read_as_ycrcb -> (50, 80, 228): red and blue exchanged
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from echosearch.clip import Uint8

__all__ = ["COLORS", "OF_YCBCR", "to_ycbcr", "ycbcr_to_rgb", "yuv_to_bgr"]


def to_ycbcr(rgb: Uint8) -> Uint8:
    """Convert (H, W, 3) RGB to full-range YCbCr (ITU-T T.871) in DICOM's order, as a JPEG cine stores it."""
    y, cr, cb = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb))  # OpenCV's order is Y, Cr, Cb
    return np.asarray(cv2.merge((y, cb, cr)), np.uint8)


def yuv_to_bgr(yuv: Uint8) -> Uint8:
    """Convert OpenCV's YUV (analogue PAL scaling of U and V) to BGR."""
    return np.asarray(cv2.cvtColor(yuv, cv2.COLOR_YUV2BGR), np.uint8)


def ycbcr_to_rgb(ycbcr: Uint8) -> Uint8:
    """Convert DICOM's YCbCr to true RGB."""
    y, cb, cr = cv2.split(ycbcr)
    return np.asarray(cv2.cvtColor(cv2.merge((y, cr, cb)), cv2.COLOR_YCrCb2RGB), np.uint8)


def _unchanged(rgb: Uint8) -> Uint8:
    return rgb


def _bgr(rgb: Uint8) -> Uint8:
    return np.ascontiguousarray(rgb[..., ::-1])


def _read_as_ycrcb(ycbcr: Uint8) -> Uint8:
    return np.asarray(cv2.cvtColor(ycbcr, cv2.COLOR_YCrCb2RGB), np.uint8)


def _rgb_read_as_ycrcb(rgb: Uint8) -> Uint8:
    return _read_as_ycrcb(to_ycbcr(rgb))


def _rgb_read_as_yuv_bgr(rgb: Uint8) -> Uint8:
    return yuv_to_bgr(to_ycbcr(rgb))


# ClipSpec.color -> (H, W, 3) uint8 true RGB to what the weights want
COLORS: dict[str, Callable[[Uint8], Uint8]] = {
    "rgb": _unchanged,
    "bgr": _bgr,
    "ycbcr_read_as_ycrcb": _rgb_read_as_ycrcb,
    "ycbcr_read_as_yuv_bgr": _rgb_read_as_yuv_bgr,
}
# the same from (H, W, 3) uint8 YCbCr, for those that the weights' loaders made of it
OF_YCBCR: dict[str, Callable[[Uint8], Uint8]] = {
    "ycbcr_read_as_ycrcb": _read_as_ycrcb,
    "ycbcr_read_as_yuv_bgr": yuv_to_bgr,
}
