"""Read a DICOM header in one pass that stops at the pixel data and reports their position.

dcmread alone is not reliable: for a cut cine it gives an empty dataset and one warning, or no warning
at all, and it inflates a deflated bomb even when asked to stop before the pixels.
"""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, cast

from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.files import ByteReader
from echosearch.reading.limits import MAX_DEFERRED

__all__ = ["DICOMDIR_CLASS", "UNDEFINED", "VALUE_ERRORS", "Parsed", "parse", "quiet"]

PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})  # Float, Double Float, Pixel Data
UNDEFINED = 0xFFFFFFFF
DEFLATED = frozenset({str(DeflatedExplicitVRLittleEndian), "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.8.1"})
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"

# what pydicom raises for a value that its VR does not allow
VALUE_ERRORS = (
    BytesLengthException,
    InvalidDicomError,
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    LookupError,
    NotImplementedError,
    RecursionError,
    EOFError,
    struct.error,
)


@dataclass(frozen=True)
class Parsed:
    """A header, and the position of its pixel data in the file."""

    dataset: Dataset  # without pixel data; elements above MAX_DEFERRED, or what parse was given, hold no value
    syntax: str  # Transfer Syntax UID, as declared or as found
    meta_class: str  # Media Storage SOP Class UID, "" where absent
    implicit: bool
    little_endian: bool
    pixel_tag: int | None  # None: the file ends, or is cut, before its pixel data
    pixel_vr: str
    pixel_offset: int  # of the value
    pixel_length: int  # UNDEFINED for encapsulated data
    is_truncated: bool  # the header is cut


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's warnings and log lines in: they can hold values, and what matters is checked here."""
    logger = logging.getLogger("pydicom")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)  # its children inherit a level, but not "disabled"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def parse(reader: ByteReader, largest: int = MAX_DEFERRED) -> Parsed:
    """Read the header; elements above ``largest`` bytes hold no value. Call within ``quiet()``.

    Raises FileRefused: UNSUPPORTED_SYNTAX for deflated, DICOMDIR, BAD_HEADER where pydicom cannot follow.
    """
    meta = _file_meta(reader.head)
    meta_class = meta.get(0x0002, "")
    if meta_class == DICOMDIR_CLASS:
        raise FileRefused(Skipped(Reason.DICOMDIR))
    declared = meta.get(0x0010, "")
    if declared in DEFLATED:
        raise FileRefused(
            Quarantined(Reason.UNSUPPORTED_SYNTAX, f"deflated transfer syntax {declared}: it can inflate without limit")
        )
    found: list[tuple[int, str, int, int]] = []

    def at_pixels(tag: BaseTag, vr: str | None, length: int) -> bool:
        if int(tag) not in PIXEL_TAGS:
            return False
        found.append((int(tag), vr or "OW", reader.tell(), length))
        return True

    reader.seek(0)
    try:
        dataset = read_partial(cast(BinaryIO, reader), stop_when=at_pixels, defer_size=largest, force=True)
    except RecursionError as exc:
        raise FileRefused(Quarantined(Reason.BAD_HEADER, "sequences nested too deep")) from exc
    except (*VALUE_ERRORS, OSError, AssertionError) as exc:
        reason = Reason.TRUNCATED if reader.is_truncated else Reason.BAD_HEADER
        raise FileRefused(Quarantined(reason, f"header cannot be followed ({type(exc).__name__})")) from exc
    implicit, little = dataset.original_encoding
    tag, vr, offset, length = found[0] if found else (None, "", 0, 0)
    if not declared:  # as pydicom guessed from the first element
        declared = str(ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian)
        declared = declared if little else "1.2.840.10008.1.2.2"
    return Parsed(
        dataset=dataset,
        syntax=declared,
        meta_class=meta_class,
        implicit=bool(implicit),
        little_endian=bool(little),
        pixel_tag=tag,
        pixel_vr=vr,
        pixel_offset=offset,
        pixel_length=length,
        is_truncated=reader.is_truncated,
    )


def _file_meta(head: bytes) -> dict[int, str]:
    """UIDs of group 0002 by element number: always explicit VR little endian (PS3.10 section 7.1)."""
    at = 132 if head[128:132] == b"DICM" else 0
    values: dict[int, str] = {}
    while at + 8 <= len(head):
        group, element, vr, length = struct.unpack_from("<HH2sH", head, at)
        if group != 2:
            break
        at += 8
        if vr in (b"OB", b"UN"):
            if at + 4 > len(head):
                break
            (length,) = struct.unpack_from("<L", head, at)
            at += 4
        if vr == b"UI":
            values[element] = head[at : at + length].decode("ascii", "replace").strip(" \0")
        at += length
    return values
