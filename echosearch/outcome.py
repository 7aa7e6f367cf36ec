"""The result of inspecting a file: a video header, or the reason it is skipped or quarantined."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from echosearch.video import VideoHeader

__all__ = ["FileState", "Measured", "MeasuredValue", "Outcome", "Quarantined", "Reason", "Skipped"]


class FileState(StrEnum):
    """How far a file of the export has come (core.source_file.state)."""

    REGISTERED = "registered"  # found by the walk
    ADMITTED = "admitted"  # its video has a row
    EMBEDDED = "embedded"  # its video has a vector in PostgreSQL
    INDEXED = "indexed"  # the search index has that vector
    SKIPPED = "skipped"  # rightly left out, with a Reason
    QUARANTINED = "quarantined"  # should have been indexed and cannot be, with a Reason


class Reason(StrEnum):
    """Why a file is not indexed. Skipped: it never could be. Quarantined: it should have been."""

    # skipped
    EMPTY = "EMPTY"  # zero bytes
    NOT_AN_IMAGE = "NOT_AN_IMAGE"  # not DICOM, mp4 or avi: text, PDF, executables, thumbnails
    PACKED = "PACKED"  # zip, tar, gzip, 7z, rar, a disc image: what is inside is not looked at
    DICOMDIR = "DICOMDIR"
    NOT_A_CINE_CLASS = "NOT_A_CINE_CLASS"  # SR, PDF, presentation state, raw data, another modality
    SECONDARY_CAPTURE = "SECONDARY_CAPTURE"  # may hold screen grabs with identifiers: opt-in
    VOLUME = "VOLUME"  # 3D: Enhanced US Volume
    STILL = "STILL"  # fewer than two frames
    SPECTRAL = "SPECTRAL"  # a Doppler spectrum or M-mode sweep, not a picture of the heart
    DUPLICATE = "DUPLICATE"  # same SOP Instance UID, same bytes or same pixels
    OPTED_OUT = "OPTED_OUT"  # of a patient who has opted out (echosearch opt-out)
    # quarantined
    TRUNCATED = "TRUNCATED"
    BAD_HEADER = "BAD_HEADER"  # required attribute missing or impossible
    NO_IDENTITY = "NO_IDENTITY"  # no StudyInstanceUID/SOPInstanceUID; mp4 with no sidecar row
    UID_CONFLICT = "UID_CONFLICT"  # one SOP Instance UID, different pixels
    PATIENT_CONFLICT = "PATIENT_CONFLICT"  # one study, two patients
    TOO_LARGE = "TOO_LARGE"  # header asks for more than the limits
    UNSUPPORTED_SYNTAX = "UNSUPPORTED_SYNTAX"  # transfer syntax refused (deflated) or unknown
    DECODE_FAILED = "DECODE_FAILED"
    GREEN_FRAMES = "GREEN_FRAMES"  # colour converted twice, or not at all
    MASK_FAILED = "MASK_FAILED"  # the encoder wants a sector mask and none could be found
    DECODER_CRASH = "DECODER_CRASH"  # killed its worker twice: signal, memory
    DECODER_TIMEOUT = "DECODER_TIMEOUT"  # CPU or wall limit, twice
    RUN_DIED = "RUN_DIED"  # in flight in 25 runs that all died
    CHANGED = "CHANGED"  # file changed while it was read
    UNREADABLE = "UNREADABLE"  # the operating system would not give its bytes
    BAD_VECTOR = "BAD_VECTOR"  # encoder output not finite, or zero


@dataclass(frozen=True)
class Skipped:
    """Looked at and rightly left out. ``detail`` never holds anything about a patient."""

    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"skipped, {self.reason}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class MeasuredValue:
    """A measurement as facts have it: their id, their unit."""

    concept: str
    value: float
    unit: str


@dataclass(frozen=True)
class Measured(Skipped):
    """A structured report of an echo examination: no video, but its study has these values."""

    study_uid: str = field(default="", repr=False)
    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    values: tuple[MeasuredValue, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Quarantined:
    """Should have been indexed and cannot be. ``detail`` never holds anything about a patient."""

    reason: Reason
    detail: str = ""

    def __str__(self) -> str:
        return f"quarantined, {self.reason}" + (f": {self.detail}" if self.detail else "")


Outcome = VideoHeader | Skipped | Quarantined
