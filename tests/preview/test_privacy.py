"""Canaries: no name, id, UID, date or path of a file is in a preview, its name, a log or an error."""

from __future__ import annotations

import logging
from pathlib import Path

import av
import pydicom
import pytest

from echosearch.preview.values import NoPreview, Preview
from tests.preview.conftest import Shown
from tests.preview.kept import kept

STUDY, SOP = "1.2.392.200036.9116.4242", "1.2.392.200036.9116.4242.1"
SECRETS = ("CANARY", STUDY, SOP, "19530102", "1953-01-02", "20210403", "2021-04-03", "IM_SECRET")


def test_no_canary_in_a_preview_its_name_a_log_or_an_error(
    shown: Shown, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for number, path in enumerate(sorted(shown.folder.iterdir())):
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = "CANARY^TARO", "CANARY-0042", "CANARYACC"
        dataset.PatientBirthDate, dataset.StudyDate, dataset.InstitutionName = "19530102", "20210403", "CANARY HOSPITAL"
        dataset.ImageComments = dataset.SeriesDescription = dataset.OperatorsName = "CANARY"
        dataset.StudyInstanceUID, dataset.SOPInstanceUID = STUDY, f"{SOP}{number}"
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        if number == 2:
            del dataset.SequenceOfUltrasoundRegions
        path.unlink()
        dataset.save_as(shown.folder / f"IM_SECRET{number}.CANARY")
    shown.ingest()
    keys = [shown.archive.keyring.video(f"{SOP}{number}") for number in range(3)]
    found = [shown.previews.find(key) for key in keys]
    assert [type(one) for one in found] == [Preview, Preview, NoPreview]
    (shown.folder / "IM_SECRET0.CANARY").write_bytes(b"CANARY")
    gone = shown.previews.find(keys[0], "study")
    assert isinstance(gone, NoPreview)
    said = "\n".join([caplog.text, *capfd.readouterr(), repr([found[2], gone])])
    stored = {path.name: path.read_bytes() for path in kept(shown)}
    assert len(stored) == 7
    for secret in SECRETS:
        assert secret not in said
        assert secret not in " ".join(stored)
        assert not [name for name, content in stored.items() if secret.encode() in content], secret


def test_the_files_carry_no_metadata(shown: Shown) -> None:
    found = shown.previews.find(shown.keys[0])
    assert isinstance(found, Preview)
    with av.open(str(found.mp4), "r") as container:
        assert container.metadata.keys() <= {"major_brand", "minor_version", "compatible_brands"}
        assert container.streams.video[0].metadata.keys() <= {"language", "handler_name"}
        assert len(container.streams) == 1
    assert segments(found.poster) <= {0xD8, 0xE0, 0xDB, 0xC0, 0xC4, 0xDA}  # no EXIF (E1), no comment (FE)


def segments(jpeg: Path) -> set[int]:
    """The markers of a JPEG up to its scan."""
    data, at, found = jpeg.read_bytes(), 2, {0xD8}
    while data[at + 1] != 0xDA:
        found.add(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return found | {0xDA}
