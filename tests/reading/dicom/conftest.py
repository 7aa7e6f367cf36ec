"""Small ultrasound DICOM files, written by the tests themselves."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

WriteCine = Callable[..., Path]


@pytest.fixture
def frames() -> NDArray[np.uint8]:
    """Six coloured frames (6, 48, 64, 3), smooth enough for JPEG, each one different."""
    y, x = np.mgrid[0:48, 0:64]
    out = np.zeros((6, 48, 64, 3), np.uint8)
    for i in range(6):
        out[i, ..., 0] = 40 + x * 2
        out[i, ..., 1] = 60 + y * 2 + 4 * i
        out[i, ..., 2] = 30 + (x + y) + 10 * i
    return out


@pytest.fixture
def jpegs(frames: NDArray[np.uint8]) -> list[bytes]:
    """The frames as JPEG 4:2:2 with a JFIF marker, as simplejpeg writes them."""
    return [simplejpeg.encode_jpeg(frame, quality=90, colorspace="RGB", colorsubsampling="422") for frame in frames]


@pytest.fixture
def write_cine(tmp_path: Path) -> WriteCine:
    """write_cine(pixel_bytes, rows=, columns=, count=, syntax=, photometric=, name=, **attributes) -> path."""

    def write(
        pixels: bytes | Sequence[bytes] | None,
        *,
        rows: int = 48,
        columns: int = 64,
        count: int | None = 6,
        syntax: str = ExplicitVRLittleEndian,
        photometric: str = "RGB",
        name: str = "IM_0001",
        compress: str = "",
        vr: str = "",
        sequence: Sequence[Dataset] | None = None,
        **attributes: Any,
    ) -> Path:
        one = photometric.startswith(("MONO", "PALETTE"))
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = UID(syntax)
        values: dict[str, Any] = {
            "SOPClassUID": UltrasoundMultiFrameImageStorage,
            "SOPInstanceUID": "1.2.826.0.1.1",
            "StudyInstanceUID": "1.2.826.0.1.2",
            "SeriesInstanceUID": "1.2.826.0.1.3",
            "PatientID": "0001234",
            "StudyDate": "20240401",
            "Modality": "US",
            "Rows": rows,
            "Columns": columns,
            "NumberOfFrames": count,
            "SamplesPerPixel": 1 if one else 3,
            "PlanarConfiguration": None if one else 0,
            "PhotometricInterpretation": photometric,
            "BitsAllocated": 8,
            "BitsStored": 8,
            "HighBit": 7,
            "PixelRepresentation": 0,
            "FrameTime": "33.3",
            "FrameIncrementPointer": 0x00181063,
        }
        for keyword, value in (values | attributes).items():
            if value is not None:
                setattr(dataset, keyword, value)
        if sequence is not None:
            dataset.SequenceOfUltrasoundRegions = list(sequence)
        dataset.file_meta.MediaStorageSOPClassUID = dataset.get("SOPClassUID", UltrasoundMultiFrameImageStorage)
        instance: Any = dataset.get("SOPInstanceUID") or "1.2.3"
        dataset.file_meta.MediaStorageSOPInstanceUID = instance
        if pixels is not None:
            dataset.PixelData = pixels if isinstance(pixels, bytes) else encapsulate(list(pixels))
            dataset["PixelData"].VR = vr or (
                "OB" if values["BitsAllocated"] == 8 and attributes.get("BitsAllocated", 8) == 8 else "OW"
            )
        if compress:
            dataset.compress(compress, generate_instance_uid=False)
        path = tmp_path / name
        dataset.save_as(path, enforce_file_format=True)
        return path

    return write


@pytest.fixture
def region() -> Callable[..., Dataset]:
    """region(format, type, x0, y0, x1, y1, **attributes): an item of Sequence of Ultrasound Regions."""

    def item(spatial_format: int, data_type: int, x0: int, y0: int, x1: int, y1: int, **attributes: Any) -> Dataset:
        dataset = Dataset()
        dataset.RegionSpatialFormat, dataset.RegionDataType = spatial_format, data_type
        dataset.RegionLocationMinX0, dataset.RegionLocationMinY0 = x0, y0
        dataset.RegionLocationMaxX1, dataset.RegionLocationMaxY1 = x1, y1
        for keyword, value in attributes.items():
            setattr(dataset, keyword, value)
        return dataset

    return item


@pytest.fixture
def last_item_delimiter() -> bytes:
    """What ends encapsulated pixel data: the sequence delimitation item."""
    return struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
