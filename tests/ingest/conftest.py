"""A small PACS export, written by the test: real multi-frame ultrasound DICOM of a few kilobytes a file."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pydicom
import pytest
import simplejpeg
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, JPEGBaseline8Bit

US_MULTIFRAME = UID("1.2.840.10008.5.1.4.1.1.3.1")


def write_cine(
    path: Path,
    sop: str,
    study: str = "1.2.392.1",
    patient: str = "0001234",
    frames: int = 6,
    seed: int = 0,
    name: str = "CANARY^Name",
    **tags: object,
) -> Path:
    """A JPEG Baseline cine of 64 x 48 with a picture that depends on ``seed``."""
    rng = np.random.default_rng(seed)
    still = np.kron(rng.integers(0, 200, (6, 8, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    jpegs = [
        simplejpeg.encode_jpeg(np.ascontiguousarray(np.roll(still, i, 1)), quality=95, colorsubsampling="422")
        for i in range(frames)
    ]
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = US_MULTIFRAME
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = UID(sop)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, study + ".1"
    dataset.PatientID, dataset.PatientName, dataset.PatientSex = patient, name, "F"
    dataset.PatientBirthDate, dataset.StudyDate, dataset.Modality = "19530102", "20240314", "US"
    dataset.AccessionNumber = "CANARYACC"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.NumberOfFrames = 48, 64, 3, frames
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "YBR_FULL_422", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.FrameTime, dataset.FrameIncrementPointer = 33.3, 0x00181063
    dataset.LossyImageCompression = "01"
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = encapsulate(jpegs)
    dataset["PixelData"].VR = "OB"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


@dataclass
class Export:
    """A folder of files and what each should become."""

    root: Path
    expected: dict[str, str] = field(default_factory=dict)  # relative path -> state or reason

    def cine(self, file: str, sop: str, expect: str = "indexed", **given: object) -> Path:
        self.expected[file] = expect
        return write_cine(self.root / file, sop, **given)  # type: ignore[arg-type]

    def put(self, name: str, content: bytes, expect: str) -> Path:
        self.expected[name] = expect
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path


@pytest.fixture
def export(tmp_path: Path) -> Export:
    return Export(tmp_path / "export")


@pytest.fixture
def mixed(export: Export) -> Export:
    """What a real export holds: cines of three studies, junk, broken files, links."""
    for study in range(3):
        for number in range(3):
            export.cine(
                f"DICOM/ST{study}/IM_{number:04d}", f"1.2.{study + 1}.{number + 1}", study=f"1.2.{study + 1}",
                patient=f"000{study}", seed=10 * study + number,
            )  # fmt: skip
    whole = (export.root / "DICOM/ST0/IM_0000").read_bytes()
    export.put("DICOM/ST0/IM_COPY", whole, "DUPLICATE")
    export.put("DICOM/ST0/IM_CUT", whole[: len(whole) * 2 // 3], "TRUNCATED")
    export.put("EMPTY", b"", "EMPTY")
    export.put("README.TXT", b"viewer", "NOT_AN_IMAGE")
    export.put("report.pdf", b"%PDF-1.7 ...", "NOT_AN_IMAGE")
    export.put("DICOM/CT", Path(str(get_testdata_file("CT_small.dcm"))).read_bytes(), "NOT_A_CINE_CLASS")
    shutil.copy(str(get_testdata_file("examples_ybr_color.dcm")), export.root / "US_REAL")
    export.expected["US_REAL"] = "indexed"
    (export.root / "loop").symlink_to(export.root, target_is_directory=True)
    (export.root / "link").symlink_to(export.root / "US_REAL")
    assert pydicom.dcmread(export.root / "DICOM/ST0/IM_0000").NumberOfFrames == 6
    return export
