"""Read DICOM ultrasound: headers, frames as true RGB, and the reason why a file is refused."""

from echosearch.reading.dicom.header import read_header
from echosearch.reading.dicom.pixels.cine import open_cine, read_frames
from echosearch.reading.dicom.pixels.color import is_green
from echosearch.reading.files import looks_like_dicom

__all__ = ["is_green", "looks_like_dicom", "open_cine", "read_frames", "read_header"]
