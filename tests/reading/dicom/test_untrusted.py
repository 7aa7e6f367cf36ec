"""Files made to hurt, and files that are something else altogether."""

from __future__ import annotations

import os
import resource
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    MediaStorageDirectoryStorage,
    RLELossless,
)

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom import read_frames, read_header
from echosearch.reading.file_kinds import NO_KNOWN_KIND

Frames = NDArray[np.uint8]
WriteCine = Callable[..., Path]


def refusal(path: Path) -> Skipped | Quarantined:
    with pytest.raises(FileRefused) as refused:
        read_header(path)
    return refused.value.outcome


@pytest.mark.parametrize(
    ("content", "outcome"),
    [
        (b"", Skipped(Reason.EMPTY)),
        (b"Patient list 2024\n" * 40, NO_KNOWN_KIND),
        (b"%PDF-1.7\n" + bytes(500), NO_KNOWN_KIND),
        (b"MZ" + bytes(500), NO_KNOWN_KIND),
        (b"\x08\x00" + bytes(10), NO_KNOWN_KIND),
        (b"\x08\x00" + b"\xff" * 300, NO_KNOWN_KIND),
    ],
)
def test_what_is_no_image(tmp_path: Path, content: bytes, outcome: Skipped) -> None:
    path = tmp_path / "IM_0001.dcm"
    path.write_bytes(content)
    assert refusal(path) == outcome


@pytest.mark.parametrize("tail", [b"", bytes(68), b"\x02\x00"])
def test_preamble_only(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "IM"
    path.write_bytes(bytes(128) + b"DICM" + tail)
    assert refusal(path).reason == Reason.TRUNCATED


def test_links_folders_and_pipes_are_not_opened(tmp_path: Path, write_cine: WriteCine, frames: Frames) -> None:
    link = tmp_path / "link"
    link.symlink_to(write_cine(frames.tobytes()))
    assert refusal(link) == Skipped(Reason.NOT_AN_IMAGE, "a symbolic link")
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert refusal(loop) == Skipped(Reason.NOT_AN_IMAGE, "a symbolic link")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert refusal(pipe) == Skipped(Reason.NOT_AN_IMAGE, "not a regular file")
    assert refusal(tmp_path) == Skipped(Reason.NOT_AN_IMAGE, "not a regular file")


def test_a_file_that_vanished_or_is_forbidden(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone") == Quarantined(Reason.UNREADABLE, "cannot be opened: ENOENT")


def test_dicomdir(tmp_path: Path) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MediaStorageDirectoryStorage, UID("1.2.3")
    dataset = Dataset()
    dataset.file_meta = meta
    record = Dataset()
    dataset.DirectoryRecordSequence = [record]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ".." is no Code String
        record.ReferencedFileID = ["..", "..", "etc", "passwd"]  # a hint that is never followed
        dataset.save_as(tmp_path / "DICOMDIR", enforce_file_format=True)
    assert refusal(tmp_path / "DICOMDIR") == Skipped(Reason.DICOMDIR)


def test_deflated_is_refused_before_it_inflates(tmp_path: Path) -> None:
    shipped = get_testdata_file("image_dfl.dcm", download=False)
    assert isinstance(shipped, str)
    assert refusal(Path(shipped)).reason == Reason.UNSUPPORTED_SYNTAX
    original = Path(shipped).read_bytes()
    (length,) = struct.unpack("<L", original[140:144])  # of the file meta group
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = tmp_path / "bomb"
    bomb.write_bytes(original[: 144 + length] + squeeze.compress(bytes(300_000_000)) + squeeze.flush())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(bomb).reason == Reason.UNSUPPORTED_SYNTAX
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB
    assert DeflatedExplicitVRLittleEndian in str(refusal(bomb))


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"rows": 60000, "columns": 60000}, Reason.TOO_LARGE),
        ({"count": 2**31 - 1}, Reason.TOO_LARGE),
        ({"count": 3001}, Reason.TOO_LARGE),
        ({"rows": 4096, "columns": 4096, "count": 2999}, Reason.TOO_LARGE),
        ({"rows": 0}, Reason.BAD_HEADER),
        ({"BitsAllocated": 12}, Reason.UNSUPPORTED_SYNTAX),
        ({"SamplesPerPixel": 4}, Reason.BAD_HEADER),
        ({"BitsStored": 9}, Reason.BAD_HEADER),
    ],
)
def test_a_header_that_lies_about_size(
    write_cine: WriteCine, frames: Frames, attributes: dict[str, int], reason: Reason
) -> None:
    assert refusal(write_cine(frames.tobytes(), **attributes)).reason == reason


def test_an_element_that_claims_four_gigabytes(write_cine: WriteCine, frames: Frames) -> None:
    data = write_cine(frames.tobytes()).read_bytes()
    claim = struct.pack("<HH2sHL", 0x0009, 0x1001, b"OB", 0, 0xFFFFFFFE)
    at = data.index(struct.pack("<HH2s", 0x0010, 0x0020, b"LO"))
    path = write_cine(frames.tobytes(), name="claim")
    path.write_bytes(data[:at] + claim + data[at:])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert refusal(path).reason == Reason.TRUNCATED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_an_rle_bomb_gets_no_more_room_than_its_frame(write_cine: WriteCine) -> None:
    """4 MB of RLE that would be 268 MB: a frame is Rows x Columns x samples and no more."""
    packed = bytes([129, 0]) * 2_000_000  # each pair is 128 zeros
    segment = struct.pack("<16L", 1, 64, *[0] * 14) + packed
    path = write_cine([segment] * 2, rows=16, columns=16, count=2, photometric="MONOCHROME2", syntax=RLELossless)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        assert read_frames(path).pixels.shape == (2, 16, 16, 3)
    except FileRefused as refused:
        assert refused.outcome.reason == Reason.DECODE_FAILED  # noqa: PT017
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000


def test_sequences_nested_three_thousand_deep(write_cine: WriteCine, frames: Frames) -> None:
    data = write_cine(frames.tobytes(), syntax="1.2.840.10008.1.2").read_bytes()
    item = struct.pack("<HHLHHL", 0x0040, 0xA730, 0xFFFFFFFF, 0xFFFE, 0xE000, 0xFFFFFFFF)
    end = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    at = data.index(struct.pack("<HHL", 0x7FE0, 0x0010, frames.nbytes))
    path = write_cine(frames.tobytes(), name="nested")
    path.write_bytes(data[:at] + item * 3000 + end * 3000 + data[at:])
    assert refusal(path).reason == Reason.BAD_HEADER


def test_mutated_files_end_as_a_value(write_cine: WriteCine, jpegs: list[bytes], tmp_path: Path) -> None:
    """300 damaged headers: a VideoHeader or a FileRefused each, and nothing else ever."""
    data = write_cine(jpegs, syntax="1.2.840.10008.1.2.4.50", photometric="YBR_FULL_422").read_bytes()
    rng = np.random.default_rng(7)
    path = tmp_path / "mutant"
    refused = 0
    for _ in range(300):
        mutant = bytearray(data)
        for at in rng.integers(128, min(len(data), 1500), rng.integers(1, 6)):
            mutant[at] = rng.integers(0, 256)
        path.write_bytes(mutant)
        try:
            read_header(path)
            read_frames(path)
        except FileRefused:
            refused += 1
    assert 30 < refused < 300


def test_messages_hold_nothing_of_the_patient(write_cine: WriteCine, frames: Frames) -> None:
    path = write_cine(frames.tobytes(), rows=0, PatientName="CANARY^NAME", PatientID="CANARY-ID", name="CANARY_FILE")
    assert "CANARY" not in repr(refusal(path)) + str(refusal(path))
