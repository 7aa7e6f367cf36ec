"""The text of each reason, for the person who must act on it."""

from __future__ import annotations

from echosearch.outcome import Reason

__all__ = ["MEANING"]

MEANING: dict[str, str] = {
    Reason.EMPTY: "the file has no bytes",
    Reason.NOT_AN_IMAGE: "not DICOM, mp4 or avi",
    Reason.PACKED: "a zip, tar or disc image: unpack it, and ingest what is inside",
    Reason.DICOMDIR: "a directory of other files",
    Reason.NOT_A_CINE_CLASS: "a report, PDF, measurement or another modality",
    Reason.SECONDARY_CAPTURE: "may show names; ingest --secondary-capture takes it",
    Reason.VOLUME: "3D volumes are not embedded",
    Reason.STILL: "a single frame: only cines are embedded",
    Reason.SPECTRAL: "a Doppler spectrum or an M-mode sweep",
    Reason.DUPLICATE: "the same video is in the archive from another file",
    Reason.OPTED_OUT: "its patient has opted out: nothing of it is kept",
    Reason.TRUNCATED: "the file is cut short: export it again",
    Reason.BAD_HEADER: "a required value is missing or impossible",
    Reason.NO_IDENTITY: "it does not say whose it is; for mp4 and avi give --sidecar",
    Reason.UID_CONFLICT: "another file has this SOP Instance UID and other pixels",
    Reason.PATIENT_CONFLICT: "its study is claimed by two patients: correct it at its source",
    Reason.TOO_LARGE: "its header asks for more than the limits allow",
    Reason.UNSUPPORTED_SYNTAX: "its transfer syntax is refused or unknown: export it uncompressed or as JPEG",
    Reason.DECODE_FAILED: "its pixels cannot be decoded",
    Reason.GREEN_FRAMES: "its colours were converted twice, or not at all, by whoever wrote it",
    Reason.MASK_FAILED: "no ultrasound sector was found to mask around",
    Reason.DECODER_CRASH: "it ended its decoder twice",
    Reason.DECODER_TIMEOUT: "it took longer than the limits allow, twice",
    Reason.RUN_DIED: "it was being read in many runs that died",
    Reason.CHANGED: "it changed while it was read: ingest again",
    Reason.UNREADABLE: "the operating system does not give its bytes: check rights and disk",
    Reason.BAD_VECTOR: "the encoder gave no usable vector",
}
