"""Read DICOM ultrasound: headers, frames as true RGB, and the reason why a file is refused."""

from echosearch.reading.dicom.header import read_header
from echosearch.reading.dicom.pixels.cine import open_cine, read_frames
from echosearch.reading.dicom.pixels.color import is_green, is_unconverted
from echosearch.reading.dicom.segmentation import read_segmentation
from echosearch.reading.dicom.shown import ShownCine, open_shown_cine
from echosearch.reading.files import looks_like_dicom

__all__ = [
    "ShownCine",
    "is_green",
    "is_unconverted",
    "looks_like_dicom",
    "open_cine",
    "open_shown_cine",
    "read_frames",
    "read_header",
    "read_segmentation",
]
