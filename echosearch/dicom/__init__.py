"""Reading DICOM ultrasound: headers, frames as true RGB, and the reason for every file that is neither."""

from echosearch.dicom.cine import open_cine, read_frames
from echosearch.dicom.color import is_green
from echosearch.dicom.header import read_header
from echosearch.dicom.sniff import looks_like_dicom

__all__ = ["is_green", "looks_like_dicom", "open_cine", "read_frames", "read_header"]
