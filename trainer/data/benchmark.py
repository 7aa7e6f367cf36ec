"""Read public benchmarks as their authors lay them out: videos with a label, without a report.

    EchoNet-Dynamic   FOLDER/FileList.csv (FileName, EF, Split), VolumeTracings.csv, Videos/*.avi; one 4CH video each
    CAMUS             FOLDER/patient0001/Info_4CH.cfg (EF), patient0001_4CH_half_sequence.nii.gz, or _4CH_sequence.mhd;
                      subgroup_training.txt and its like, here or in a folder beside, say who is in which split
    CardioBench       a CSV of path, view, patient_id, split and a label: EF, or 0 and 1 (STEMI, abnormal, ...)

Nothing is downloaded: users have agreements of their own with the data's owners.
"""

from __future__ import annotations

import csv
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from echosearch.errors import ConfigError, TableError
from echosearch.report.csv_tables import finite_number
from echosearch.video import View
from trainer.data.pairs import Study, Video
from trainer.data.split import Split, of_patient

__all__ = ["Benchmark", "LabelledStudy", "read_benchmark", "traced_ef"]

Name = Literal["EchoNet-Dynamic", "CAMUS", "CardioBench"]
Tracings = Mapping[str, Mapping[int, NDArray[np.float64]]]

VIEWS = {"A2C": View.CH2, "A3C": View.CH3, "A4C": View.CH4, "2CH": View.CH2, "3CH": View.CH3, "4CH": View.CH4}
VIEWS |= {"PLAX": View.LAX, "PSAX": View.SAX}
SPLITS: dict[str, Split] = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
SHARES = (0.7, 0.1, 0.2)  # where a benchmark does not say
KEYS = frozenset({"path", "view", "patient_id", "split", "unique_id", "patient_view_id", "modality", "Sex", "Age"})
KEYS |= {"n_frames", "first_annotated_frame_index", "FrameRate", "ImageQuality"}
MOST_ROWS = 1_000_000


@dataclass(frozen=True)
class LabelledStudy:
    """A study of a benchmark, whose report is empty, its label and its split."""

    study: Study
    label: float
    split: Split


@dataclass(frozen=True)
class Benchmark:
    """``target`` is the label's column; "EF" is in points, all others are 0 and 1."""

    name: Name
    target: str
    studies: tuple[LabelledStudy, ...]
    missing: int = 0  # rows whose video is not here, or that have no label
    tracings: Tracings = field(default_factory=dict, repr=False)  # EchoNet-Dynamic: video -> frame -> (N, 4) chords


def read_benchmark(path: Path, target: str | None = None, root: Path | None = None) -> Benchmark:
    """Read the benchmark at ``path``; ``root`` is what a CardioBench list's paths begin from, by default its folder.

    Raises ConfigError for another layout, or a target that is not there; TableError with file, line and rule.
    """
    if path.is_file():
        return _cardiobench(path, target, root or path.parent)
    if target not in (None, "EF"):
        raise ConfigError(f"target {target!r}: {path} has EF")
    if (path / "FileList.csv").is_file():
        return _echonet(path)
    for folder in (path, path / "database_nifti", path / "training"):
        if patients := sorted(one.parent for one in folder.glob("patient*/Info_4CH.cfg")):
            return _camus(folder, patients)
    raise ConfigError(
        f"{path} is no benchmark: give a folder with FileList.csv (EchoNet-Dynamic) or patient0001/Info_4CH.cfg"
        " (CAMUS), or a CardioBench list"
    )


def _echonet(folder: Path) -> Benchmark:
    found, missing = [], 0
    for line, row in _rows(folder / "FileList.csv", ("FileName", "EF", "Split")):
        file = folder / "Videos" / f"{Path(row['FileName']).name.removesuffix('.avi')}.avi"
        label = finite_number(row["EF"])
        if not file.is_file() or label is None:
            missing += 1
            continue
        split = _split(folder / "FileList.csv", line, row["Split"])
        found.append(LabelledStudy(_study(file.stem, [(file, View.CH4)]), label, split))
    return Benchmark("EchoNet-Dynamic", "EF", tuple(found), missing, _tracings(folder / "VolumeTracings.csv"))


def _tracings(file: Path) -> Tracings:
    """Left ventricles traced at two frames of each video, as chords: the long axis first, then the discs across it."""
    if not file.is_file():
        return {}
    chords: dict[str, dict[int, list[tuple[float, ...]]]] = defaultdict(lambda: defaultdict(list))
    for line, row in _rows(file, ("FileName", "X1", "Y1", "X2", "Y2", "Frame")):
        numbers = [finite_number(row[name]) for name in ("X1", "Y1", "X2", "Y2", "Frame")]
        known = [number for number in numbers if number is not None]
        if len(known) < 5:
            raise TableError(f"{file}, line {line}: X1, Y1, X2, Y2 and Frame are numbers")
        chords[row["FileName"].removesuffix(".avi")][int(known[4])].append(tuple(known[:4]))
    return {name: {at: np.array(rows) for at, rows in frames.items()} for name, frames in chords.items()}


def traced_ef(frames: Mapping[int, NDArray[np.float64]]) -> float | None:
    """Return the EF in points by the method of discs from two traced frames; None without two frames of discs."""
    volumes = []
    for chords in frames.values():
        lengths = np.hypot(chords[:, 2] - chords[:, 0], chords[:, 3] - chords[:, 1])
        if len(lengths) > 2:
            volumes.append(float((np.pi / 4 * lengths[1:] ** 2).sum() * lengths[0] / (len(lengths) - 1)))
    if len(volumes) != 2 or min(volumes) <= 0:
        return None
    return 100 * (1 - min(volumes) / max(volumes))


def _camus(folder: Path, patients: list[Path]) -> Benchmark:
    splits = _camus_splits(folder)
    found, missing = [], 0
    for patient in patients:
        label = finite_number(_info(patient / "Info_4CH.cfg").get("EF", ""))
        label = finite_number(_info(patient / "Info_4CH.cfg").get("LVef", "")) if label is None else label
        names = (f"{patient.name}_{{}}_half_sequence.nii.gz", f"{patient.name}_{{}}_sequence.mhd")
        files = [
            (
                next((patient / name.format(view) for name in names if (patient / name.format(view)).is_file()), None),
                view,
            )
            for view in ("2CH", "4CH")
        ]
        videos = [(file, VIEWS[view]) for file, view in files if file is not None]
        if label is None or not videos:
            missing += 1
            continue
        split = splits.get(patient.name) or of_patient(patient.name, 0, SHARES)
        found.append(LabelledStudy(_study(patient.name, videos), label, split))
    return Benchmark("CAMUS", "EF", tuple(found), missing)


def _info(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    return {key.strip(): value.strip() for key, mark, value in (line.partition(":") for line in lines) if mark}


def _camus_splits(folder: Path) -> dict[str, Split]:
    found: dict[str, Split] = {}
    for place in (folder, folder.parent / "database_split", folder.parent):
        for name, split in (("training", "train"), ("validation", "validation"), ("testing", "test")):
            file = place / f"subgroup_{name}.txt"
            if file.is_file():
                found |= dict.fromkeys(file.read_text(encoding="utf-8").split(), SPLITS[split])
    return found


def _cardiobench(file: Path, target: str | None, root: Path) -> Benchmark:
    rows = list(_rows(file, ("path", "view", "patient_id", "split")))
    targets = [name for name in (rows[0][1] if rows else {}) if name not in KEYS]
    if target is None and len(targets) == 1:
        target = targets[0]
    if target is None or target not in targets:
        raise ConfigError(f"{file}: choose the label with --target: {', '.join(targets) or 'there is none'}")
    videos: dict[str, list[tuple[Path, View]]] = defaultdict(list)
    labels: dict[str, tuple[float, Split]] = {}
    missing = 0
    for line, row in rows:
        video, label = root / row["path"], finite_number(row[target])
        if label is None or not video.is_file():
            missing += 1
            continue
        if target != "EF" and label not in (0, 1):
            raise TableError(f"{file}, line {line}: {target} is 0 or 1")
        given = (label, _split(file, line, row["split"]))
        if labels.setdefault(row["patient_id"], given)[1] != given[1]:
            raise TableError(f"{file}, line {line}: this patient is in two splits: split by patient")
        if label > labels[row["patient_id"]][0]:  # of several views the one that shows it counts
            labels[row["patient_id"]] = given
        videos[row["patient_id"]].append((video, VIEWS.get(row["view"].strip(), View.OTHER)))
    found = tuple(LabelledStudy(_study(name, videos[name]), label, split) for name, (label, split) in labels.items())
    return Benchmark("CardioBench", target, found, missing)


def _study(name: str, videos: list[tuple[Path, View]]) -> Study:
    key = hashlib.sha256(name.encode()).hexdigest()[:16]  # names of files are not shown
    return Study(key, key, "", tuple(Video(f"{key}-{at}", view, 1.0, path) for at, (path, view) in enumerate(videos)))


def _split(file: Path, line: int, said: str) -> Split:
    split = SPLITS.get(said.strip().lower())
    if split is None:
        raise TableError(f"{file}, line {line}: the split is train, val or test")
    return split


def _rows(file: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            reader = csv.DictReader(handle)
            if lacking := [name for name in columns if name not in (reader.fieldnames or ())]:
                raise TableError(f"{file}, line 1: column {lacking[0]!r} is missing")
            for count, row in enumerate(reader):
                if count >= MOST_ROWS:
                    raise TableError(f"{file}: more than {MOST_ROWS} rows")
                yield reader.line_num, {key: value or "" for key, value in row.items() if key is not None}
    except UnicodeDecodeError as exc:
        raise TableError(f"{file} is not UTF-8: convert it first") from exc
    except OSError as exc:
        raise ConfigError(f"{file}: cannot be read: {exc.strerror}") from exc
