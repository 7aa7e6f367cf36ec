"""A phantom cine as a DICOM file: Ultrasound Multi-frame Image, JPEG Baseline, YBR_FULL_422.

PS3.3 A.7 (IOD), C.8.5.5 (regions), C.8.5.6 (US image), C.7.6.5 (cine); PS3.5 A.4.1 (JPEG Baseline).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from echosearch.clip import Uint8
from echosearch.phantom.imaging.cine import Cine, box_of, frame_seconds, plan_cine, render_cine
from echosearch.phantom.imaging.lettering import Lettering, burn
from echosearch.phantom.imaging.ultrasound import sector_frame
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.identity import SYNTHETIC, common, uid

__all__ = ["CinePlan", "cine_dataset", "write_cine"]


@dataclass(frozen=True)
class CinePlan:
    """One cine of a study: the renderer's arguments, and its number in the study."""

    number: int  # from 1
    view: str
    color: bool
    take: int = 0  # of a hard phantom, whose views are taken more than once


def write_cine(
    path: Path,
    study: PhantomStudy,
    plan: CinePlan,
    frames: int,
    rows: int,
    columns: int,
    quality: int = 78,
    lettering: Sequence[Lettering] = (),
) -> str:
    """Render, encode and write one cine, with ``lettering`` in its pictures; return its SOPInstanceUID."""
    pixels = render_cine(study, plan.view, plan.color, frames, rows, columns, take=plan.take)
    burn(pixels, lettering)
    dataset = cine_dataset(study, plan, pixels, quality)
    if lettering:
        dataset.BurnedInAnnotation = "YES"
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return str(dataset.SOPInstanceUID)


def cine_dataset(study: PhantomStudy, plan: CinePlan, pixels: Uint8, quality: int = 78) -> FileDataset:
    """Make a complete data set of (T, H, W, 3) uint8 RGB."""
    frames, rows, columns, _ = pixels.shape
    jpegs = [
        simplejpeg.encode_jpeg(np.ascontiguousarray(f), quality=quality, colorspace="RGB", colorsubsampling="422")
        for f in pixels
    ]
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = uid(study, f"cine {plan.number}")
    meta.TransferSyntaxUID = JPEGBaseline8Bit
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    common(ds, study, "US", series="cines", series_number=1)
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.SeriesDescription = "SYNTHETIC echo cines"
    ds.InstanceNumber = plan.number
    ds.ImageType = ["ORIGINAL", "PRIMARY", "", "0011" if plan.color else "0001"]
    ds.ContentDate, ds.ContentTime = ds.StudyDate, f"{10 + plan.number // 60:02d}{plan.number % 60:02d}00"
    ds.AcquisitionDateTime = ds.ContentDate + ds.ContentTime
    ds.PatientOrientation = None
    ds.ImageComments = SYNTHETIC
    ds.BurnedInAnnotation = "NO"
    ds.LossyImageCompression = "01"
    ds.LossyImageCompressionRatio = round(pixels.nbytes / sum(map(len, jpegs)), 1)
    ds.LossyImageCompressionMethod = "ISO_10918_1"

    ms = 1000 * frame_seconds(study, plan.color)
    ds.FrameIncrementPointer = 0x00181063  # FrameTime
    ds.FrameTime = round(ms, 3)
    ds.CineRate = ds.RecommendedDisplayFrameRate = round(1000 / ms)
    ds.HeartRate = study.heart_rate
    ds.StartTrim, ds.StopTrim = 1, frames
    ds.NumberOfFrames = frames

    ds.SamplesPerPixel = 3
    ds.PhotometricInterpretation = "YBR_FULL_422"
    ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.UltrasoundColorDataPresent = int(plan.color)
    cine = plan_cine(study, plan.view, plan.color, frames, take=plan.take)
    ds.SequenceOfUltrasoundRegions = _regions(study, cine, plan.color, rows, columns)
    if cine.waves:
        ds.RWaveTimeVector = [round(1000 * wave, 2) for wave in cine.waves]
    ds.PixelData = encapsulate(jpegs)
    ds["PixelData"].VR = "OB"
    return ds


def _regions(study: PhantomStudy, cine: Cine, color: bool, rows: int, columns: int) -> list[Dataset]:
    """The sector as 2D tissue and, for a colour cine, the colour box as colour flow; deltas in cm."""
    x0, y0, scale = sector_frame(rows, columns, study.look.half_angle, cine.sector.zoom)
    half = scale * np.sin(cine.sector.radians)
    delta = cine.sector.depth / scale
    tissue = _region(1, (x0 - half, y0, x0 + half, y0 + scale), delta, (x0, y0), rows, columns)
    if not color:
        return [tissue]
    line = box_of(study, cine, rows, columns)
    corners = (*line.min(axis=0), *line.max(axis=0))
    return [tissue, _region(2, corners, delta, (x0, y0), rows, columns)]


def _region(
    kind: int, box: tuple[float, ...], delta: float, probe: tuple[float, float], rows: int, columns: int
) -> Dataset:
    item = Dataset()
    item.RegionSpatialFormat = 1  # 2D
    item.RegionDataType = kind  # 1 tissue, 2 colour flow
    item.RegionFlags = 2 if kind == 1 else 0  # bit 1: scaling is protected
    item.RegionLocationMinX0, item.RegionLocationMinY0 = max(round(box[0]), 0), max(round(box[1]), 0)
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = min(round(box[2]), columns - 1), min(round(box[3]), rows - 1)
    item.ReferencePixelX0 = round(probe[0]) - item.RegionLocationMinX0
    item.ReferencePixelY0 = round(probe[1]) - item.RegionLocationMinY0
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3  # cm
    item.ReferencePixelPhysicalValueX = item.ReferencePixelPhysicalValueY = 0.0
    item.PhysicalDeltaX = item.PhysicalDeltaY = float(delta)
    return item
