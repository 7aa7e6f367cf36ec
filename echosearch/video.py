"""A video of a study, as its file's header describes it.

``repr`` never prints an identifier: the fields that hold one are left out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

__all__ = [
    "COLOUR_FLOW",
    "MAX_IDENTIFIER",
    "SQUARE",
    "STUDY_VIEWS",
    "TISSUE",
    "TWO_D",
    "VIEW_GATE",
    "Hospital",
    "Mode",
    "Region",
    "VideoHeader",
    "View",
    "ViewLabel",
]


MAX_IDENTIFIER = 256  # characters; DICOM allows 64, and no database indexes one of any length


class Mode(StrEnum):
    """What a clip shows (docs/dicom.md says how it is decided)."""

    BMODE = "bmode"
    COLOR = "color"
    SPECTRAL = "spectral"
    MMODE = "mmode"
    DUAL = "dual"
    STILL = "still"
    UNKNOWN = "unknown"


class View(StrEnum):
    """The paper's five views and the rest."""

    LAX = "LAX"
    SAX = "SAX"
    CH2 = "2CH"
    CH3 = "3CH"
    CH4 = "4CH"
    OTHER = "Other"


STUDY_VIEWS = frozenset({View.LAX, View.SAX, View.CH2, View.CH3, View.CH4})
VIEW_GATE = 0.9  # least probability of a view that counts towards a study's mean (arXiv:2504.18800); >=, not >


SQUARE = 0.01  # share by which height and width of a pixel may differ that is still taken as square
TWO_D = 1  # RegionSpatialFormat (0018,6012)
TISSUE, COLOUR_FLOW = 1, 2  # RegionDataType (0018,6014)


@dataclass(frozen=True)
class Region:
    """One box of Sequence of Ultrasound Regions (0018,6011), checked against the image.

    ``[x0, x1)`` and ``[y0, y1)`` in pixels. A pixel's height and width in mm are None where the physical unit is
    not cm, or where the boxes did not fit the image (then no calibration can be believed).
    """

    spatial_format: int  # (0018,6012): 1 2D, 2 M-mode, 3 spectral, 4 waveform, 5 graphics
    data_type: int  # (0018,6014): 1 tissue, 2 colour flow, 3 PW, 4 CW, 0xA ECG, ...
    x0: int
    y0: int
    x1: int
    y1: int
    mm_down: float | None = None
    mm_across: float | None = None
    origin: tuple[int, int] | None = None  # column and row where both physical values are 0: the probe; may be outside

    @property
    def mm_per_pixel(self) -> float | None:
        """Return the side of a pixel that is square to 1 %; None of any other."""
        if self.mm_down is None or self.mm_across is None:
            return None
        return self.mm_down if abs(self.mm_across - self.mm_down) <= SQUARE * self.mm_down else None


@dataclass(frozen=True)
class ViewLabel:
    """A view and the probability its source gave it."""

    view: View
    prob: float
    source: str  # "csv", or a classifier's name and fingerprint
    raw: str = ""  # the source's own label

    def __post_init__(self) -> None:
        if not 0.0 <= self.prob <= 1.0:
            raise ValueError(f"view probability {self.prob} is not within [0, 1]")


@dataclass(frozen=True)
class Hospital:
    """Who gave a patient id, by universal id, and where a study was made. Prints nothing of it."""

    authority: str = field(default="", repr=False)
    name: str = field(default="", repr=False)
    address: str = field(default="", repr=False)

    @property
    def institution(self) -> str:
        """Name and address as one text."""
        return ", ".join(filter(None, (self.name, self.address)))


@dataclass(frozen=True)
class VideoHeader:
    """What is known of a cine before its pixels are decoded. Identifiers are as in the file."""

    sop_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    patient_id: str = field(repr=False)
    issuer: str = field(repr=False)
    sop_class_uid: str
    transfer_syntax_uid: str
    photometric: str
    rows: int
    columns: int
    n_frames: int  # counted in the stored pixel data, not NumberOfFrames
    content_digest: bytes = field(repr=False)  # names the file's bytes (ByteReader.hashes)
    pixel_digest: bytes = field(default=b"", repr=False)  # of the stored pixel data alone
    hospital: Hospital = Hospital()
    series_uid: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    patient_name: str = field(default="", repr=False)
    study_date: date | None = field(default=None, repr=False)
    birth_date: date | None = field(default=None, repr=False)
    age_years: int | None = field(default=None, repr=False)
    sex: str | None = None  # "M", "F", "O"
    device: str | None = None  # manufacturer and model
    frame_seconds: float | None = None  # seconds from one frame to the next
    frame_seconds_source: str | None = None  # DICOM keyword, or "container"
    heart_rate: int | None = None
    regions: tuple[Region, ...] = ()
    mode: Mode = Mode.UNKNOWN
    mode_source: str = "none"  # "regions", "flag", "frames", "pixels", "none"
    view: ViewLabel | None = None  # from a sidecar CSV
    notes: tuple[str, ...] = ()  # flags such as "synthetic_uid", "frame_count_differs"

    def __post_init__(self) -> None:
        if not self.sop_uid or not self.study_uid:
            raise ValueError("a video needs a SOPInstanceUID and a StudyInstanceUID")
