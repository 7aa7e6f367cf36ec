"""How the pixels of a file are laid out, from the Image Pixel module (PS3.3 section C.7.6.3), checked."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom.elements.values import first_number, text

__all__ = ["PixelLayout", "pixel_layout"]

PHOTOMETRICS_OF_ONE = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})


@dataclass(frozen=True)
class PixelLayout:
    """One frame as stored."""

    rows: int
    columns: int
    samples: int  # 1 or 3
    bits_allocated: int  # 8, 16 or 32
    bits_stored: int
    signed: bool
    photometric: str
    planar: bool  # Planar Configuration 1: RRR...GGG...BBB...
    shift: int = 0  # bits below the value: HighBit + 1 - BitsStored

    @property
    def frame_bytes(self) -> int:
        """The bytes of one uncompressed frame; YBR_FULL_422 stores two samples a pixel."""
        samples = 2 if self.photometric == "YBR_FULL_422" else self.samples
        return self.rows * self.columns * samples * self.bits_allocated // 8


def pixel_layout(dataset: Dataset) -> PixelLayout:
    """Read the layout. Raises FileRefused(BAD_HEADER) naming the attribute that is missing or impossible."""
    rows, columns = _required(dataset, "Rows"), _required(dataset, "Columns")
    allocated = _required(dataset, "BitsAllocated")
    samples = _whole(dataset, "SamplesPerPixel") or 1
    stored = _whole(dataset, "BitsStored") or allocated
    photometric = text(dataset, "PhotometricInterpretation").upper()
    if not photometric:
        photometric = "MONOCHROME2" if samples == 1 else "RGB"
    if samples not in (1, 3):
        raise _bad(f"SamplesPerPixel (0028,0002) is {samples}, it must be 1 or 3")
    if allocated not in (8, 16, 32):
        raise FileRefused(
            Quarantined(Reason.UNSUPPORTED_SYNTAX, f"BitsAllocated (0028,0100) is {allocated}; 8, 16 and 32 are read")
        )
    if not 1 <= stored <= allocated:
        raise _bad(f"BitsStored (0028,0101) is {stored}, it must be within 1 and BitsAllocated {allocated}")
    if (samples == 1) != (photometric in PHOTOMETRICS_OF_ONE):
        raise _bad(f"PhotometricInterpretation (0028,0004) does not go with {samples} samples per pixel")
    return PixelLayout(
        rows=rows,
        columns=columns,
        samples=samples,
        bits_allocated=allocated,
        bits_stored=stored,
        signed=_whole(dataset, "PixelRepresentation") == 1,
        photometric=photometric,
        planar=_whole(dataset, "PlanarConfiguration") == 1,
        shift=_shift(dataset, allocated, stored),
    )


def _shift(dataset: Dataset, allocated: int, stored: int) -> int:
    """0 where HighBit (0028,0102) is missing or impossible."""
    high = _whole(dataset, "HighBit")
    return high + 1 - stored if high is not None and stored <= high + 1 <= allocated else 0


def _whole(dataset: Dataset, keyword: str) -> int | None:
    value = first_number(dataset, keyword)
    return None if value is None else int(value)


def _required(dataset: Dataset, keyword: str) -> int:
    value = _whole(dataset, keyword)
    if value is None:
        raise _bad(f"{keyword} is missing")
    return value


def _bad(detail: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.BAD_HEADER, detail))
