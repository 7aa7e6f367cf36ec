"""A disc is a disc, whatever the shape of the pixels that it is stored in, in every container."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from echosearch.clip import ClipSpec
from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.reading.source import open_shown, open_source

Frames = NDArray[np.uint8]
SIDE, COUNT = 240, 3
SPEC = ClipSpec(frames=COUNT, stride=1, size=112)
SHAPES = [Fraction(1), Fraction(5, 4), Fraction(4, 5), Fraction(2)]  # a pixel's height by its width


def discs() -> Frames:
    """(COUNT, SIDE, SIDE, 3) with a disc that moves."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    out = np.zeros((COUNT, SIDE, SIDE, 3), np.uint8)
    for i, frame in enumerate(out):
        frame[np.hypot(rows - 110, columns - 120 - 4 * i) < 70] = (200, 180, 160)
    return out


def stored(aspect: Fraction) -> Frames:
    """The same, as a camera with such pixels stores it."""
    rows, columns = (SIDE / aspect, SIDE) if aspect > 1 else (SIDE, SIDE * aspect)
    size = int(columns), int(rows)
    return np.stack([cv2.resize(frame, size, interpolation=cv2.INTER_AREA) for frame in discs()])


def dicom(path: Path, frames: Frames, aspect: Fraction, kind: str) -> Path:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = UltrasoundMultiFrameImageStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = UID("1.2.3")
    made.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if kind == "jpeg" else ExplicitVRLittleEndian
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = "1.2.4", "1.2.5", "US"
    made.NumberOfFrames, made.Rows, made.Columns = frames.shape[:3]
    made.SamplesPerPixel, made.PlanarConfiguration, made.PixelRepresentation = 3, 0, 0
    made.BitsAllocated, made.BitsStored, made.HighBit = 8, 8, 7
    made.PhotometricInterpretation = "YBR_FULL_422" if kind == "jpeg" else "RGB"
    if kind == "boxes":
        box = Dataset()
        box.RegionSpatialFormat, box.RegionDataType = 1, 1
        box.RegionLocationMinX0 = box.RegionLocationMinY0 = 0
        box.RegionLocationMaxX1, box.RegionLocationMaxY1 = frames.shape[2] - 1, frames.shape[1] - 1
        box.PhysicalUnitsXDirection = box.PhysicalUnitsYDirection = 3
        box.PhysicalDeltaX, box.PhysicalDeltaY = 0.05, 0.05 * float(aspect)
        made.SequenceOfUltrasoundRegions = [box]
    else:
        made.PixelAspectRatio = [str(aspect.numerator), str(aspect.denominator)]
    if kind == "jpeg":
        made.PixelData = encapsulate(
            [simplejpeg.encode_jpeg(np.ascontiguousarray(f), 95, "RGB", "444") for f in frames]
        )
    else:
        made.PixelData = frames.tobytes()
    made["PixelData"].VR = "OB"
    made.save_as(path, enforce_file_format=True)
    return path


def film(path: Path, frames: Frames, aspect: Fraction, codec: str) -> Path:
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.sample_aspect_ratio = 1 / aspect  # FFmpeg's is width by height
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def stream_in_dicom(path: Path, frames: Frames, aspect: Fraction) -> Path:
    """An H.264 stream that states the shape of its pixels, in a header that does not."""
    data = film(path.with_suffix(".h264"), frames, aspect, "libx264").read_bytes()
    made = dicom(path, frames, Fraction(1), "ratio")
    dataset = dcmread(made)
    del dataset.PixelAspectRatio
    dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
    dataset.PixelData = encapsulate([data + b"\0" * (len(data) % 2)])
    dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path, enforce_file_format=True)
    return path


def written(kind: str, path: Path, aspect: Fraction) -> Path:
    frames = stored(aspect)
    match kind:
        case "libx264" | "mpeg4":
            return film(path.with_suffix(".mp4"), frames, aspect, kind)
        case "stream":
            return stream_in_dicom(path, frames, aspect)
    return dicom(path, frames, aspect, kind)


@pytest.mark.parametrize("aspect", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["ratio", "boxes", "jpeg", "libx264", "mpeg4", "stream"])
def test_a_clip_shows_a_disc(tmp_path: Path, kind: str, aspect: Fraction) -> None:
    source = open_source(written(kind, tmp_path / "cine", aspect))
    clip = make_clip("k", source, SPEC)
    square = make_clip("k", open_source(written("ratio", tmp_path / "square", Fraction(1))), SPEC)
    assert np.abs(clip.pixels.astype(int) - square.pixels).mean() < 3  # edges; as stored, 5 : 4 differs by 12
    first = next(iter(source.frames([0])))
    assert first.shape == (SIDE, SIDE, 3)


@pytest.mark.parametrize("kind", ["ratio", "boxes"])
def test_square_pixels_are_the_stored_ones(tmp_path: Path, kind: str) -> None:
    source = open_source(written(kind, tmp_path / "cine", Fraction(1)))
    assert (np.stack([frame.copy() for frame in source.frames(range(COUNT))]) == discs()).all()


def test_previews_and_contours_see_the_same_picture_and_its_boxes(tmp_path: Path) -> None:
    cine = open_shown(written("boxes", tmp_path / "cine", Fraction(5, 4)))
    (box,) = cine.regions
    assert (box.x1, box.y1) == (SIDE, SIDE)
    assert box.mm_per_pixel == pytest.approx(0.5)
    assert next(iter(cine.source.frames([0]))).shape == (SIDE, SIDE, 3)
    assert cine.stretch.stretched(np.ones((SIDE * 4 // 5, SIDE), np.uint8)).shape == (SIDE, SIDE)


def test_a_ycbcr_cine_is_stretched_as_stored_too(tmp_path: Path) -> None:
    spec = ClipSpec(frames=COUNT, stride=1, size=112, color="ycbcr_read_as_ycrcb")
    clip = make_clip("k", open_source(written("jpeg", tmp_path / "cine", Fraction(5, 4))), spec)
    square = make_clip("k", open_source(written("jpeg", tmp_path / "square", Fraction(1))), spec)
    assert np.abs(clip.pixels.astype(int) - square.pixels).mean() < 3
