"""Small files of the shape of public benchmarks, drawn by the phantom; none of a patient."""

from __future__ import annotations

import csv
import gzip
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from echosearch.clip import Uint8
from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.imaging.cine import render_cine
from tests.cli.material import write_avi

__all__ = ["write_camus", "write_cardiobench", "write_echonet", "write_nifti"]

FRAMES = 16


def cine(number: int, view: str) -> tuple[Uint8, float]:
    """A cine and the EF of its heart."""
    study = next(phantom_studies(1, 900 + number))
    return render_cine(study, view, frames=FRAMES, rows=112, columns=112), study.findings.ef


def write_table(file: Path, rows: Sequence[Sequence[object]]) -> None:
    with file.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows(rows)


def write_echonet(folder: Path, count: int) -> list[float]:
    """FileList.csv, VolumeTracings.csv and Videos; the first third is the test split. Returns the EFs."""
    (folder / "Videos").mkdir(parents=True)
    rows: list[list[object]] = [
        ["FileName", "EF", "ESV", "EDV", "FrameHeight", "FrameWidth", "FPS", "NumberOfFrames", "Split"]
    ]
    traced: list[list[object]] = [["FileName", "X1", "Y1", "X2", "Y2", "Frame"]]
    efs = []
    for number in range(count):
        pixels, ef = cine(number, "4CH")
        name = f"0X{number:016X}"
        write_avi(folder / "Videos" / f"{name}.avi", pixels)
        rows.append([name, ef, 1 - ef / 100, 1, 112, 112, 30, FRAMES, "TEST" if number < count // 3 else "TRAIN"])
        for frame, share in ((0, 1.0), (7, (1 - ef / 100) ** 0.5)):  # discs of equal length, by which the EF is exact
            traced.append([f"{name}.avi", 50, 10, 50, 90, frame])
            traced += [[f"{name}.avi", 50 - 20 * share, y, 50 + 20 * share, y, frame] for y in range(12, 90, 4)]
        efs.append(ef)
    rows.append(["0XGONE", 50, 1, 1, 112, 112, 30, 16, "TEST"])
    write_table(folder / "FileList.csv", rows)
    write_table(folder / "VolumeTracings.csv", traced)
    return efs


def write_nifti(file: Path, grey: Uint8, kind: str = "u1") -> None:
    """(T, rows, columns) as NIfTI-1, compressed if its name says so."""
    frames, rows, columns = grey.shape
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, columns, rows, frames, 1, 1, 1, 1)
    struct.pack_into("<h", header, 70, {"u1": 2, "i2": 4, "f4": 16}[kind])
    struct.pack_into("<h", header, 72, np.dtype(kind).itemsize * 8)
    struct.pack_into("<8f", header, 76, 1, 0.3, 0.3, 1, 0.04, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    content = bytes(header) + grey.astype(f"<{kind}").tobytes()
    file.write_bytes(gzip.compress(content) if file.name.endswith(".gz") else content)


def write_mhd(file: Path, grey: Uint8, compressed: bool) -> None:
    frames, rows, columns = grey.shape
    data = file.with_suffix(".zraw" if compressed else ".raw")
    lines = (
        "ObjectType = Image", "NDims = 3", f"CompressedData = {compressed}", f"DimSize = {columns} {rows} {frames}",
        "ElementType = MET_UCHAR", f"ElementDataFile = {data.name}",
    )  # fmt: skip
    file.write_text("\n".join(lines) + "\n", encoding="ascii")
    data.write_bytes(zlib.compress(grey.tobytes()) if compressed else grey.tobytes())


def write_camus(folder: Path, count: int) -> list[float]:
    """patient0001 ... with both views, as NIfTI or, every third patient, as MetaImage. Returns the EFs."""
    efs = []
    for number in range(1, count + 1):
        patient = folder / f"patient{number:04d}"
        patient.mkdir(parents=True)
        for view in ("2CH", "4CH"):
            pixels, ef = cine(number, view)
            grey = pixels[..., 1]
            if number % 3:
                write_nifti(patient / f"{patient.name}_{view}_half_sequence.nii.gz", grey)
            else:
                write_mhd(patient / f"{patient.name}_{view}_sequence.mhd", grey, compressed=view == "4CH")
            info = f"ED: 1\nES: 8\nNbFrame: {FRAMES}\nSex: F\nAge: 60\nImageQuality: Good\nEF: {ef}\nFrameRate: 30\n"
            (patient / f"Info_{view}.cfg").write_text(info, encoding="ascii")
        efs.append(ef)
    names = [f"patient{number:04d}" for number in range(1, count + 1)]
    (folder / "subgroup_testing.txt").write_text("\n".join(names[: count // 3]), encoding="ascii")
    (folder / "subgroup_training.txt").write_text("\n".join(names[count // 3 :]), encoding="ascii")
    return efs


def write_cardiobench(file: Path, videos: Sequence[tuple[str, str, str, int, str]]) -> None:
    """A list as CardioBench's of SegRWMA: (path, view, patient, abnormal, split)."""
    head = ["patient_id", "path", "modality", "view", "n_frames", "first_annotated_frame_index", "split", "abnormal"]
    rows = [
        [patient, path, "2D", view, FRAMES, 1, split, label, f"{patient}_{view}"]
        for path, view, patient, label, split in videos
    ]
    write_table(file, [[*head, "patient_view_id"], *rows])
