"""Write a whole phantom archive: what a hospital would export, with the truth beside it.

ARCHIVE/DICOM/P0001/S1/IM_0001 ...   cines and a measurement object a study, with and without a file extension
ARCHIVE/reports.csv                  study_uid, accession_number, patient_id, study_date, report_text
ARCHIVE/views.csv                    sop_uid, path (from ARCHIVE), view, view_prob
ARCHIVE/truth.csv                    study_uid, patient_id, study_date, ef, then a finding's grade a column
ARCHIVE/plants.csv                   where something is planted: what changes between studies, which reports are wrong
ARCHIVE/lettering.csv                what is burnt into the pictures, where (pixels of [x0, x1) and [y0, y1))
ARCHIVE/README.txt                   that all of it is synthetic, and what made it
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from echosearch.errors import InputError
from echosearch.phantom.files.cinefile import CinePlan, write_cine
from echosearch.phantom.files.planted import PLANT_COLUMNS, change_rows, planted_report
from echosearch.phantom.files.srfile import write_sr
from echosearch.phantom.heart.findings import FINDINGS
from echosearch.phantom.imaging.lettering import plan_lettering
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.identity import SYNTHETIC, study_uid
from echosearch.phantom.patients.plants import Plants, planted_history
from echosearch.phantom.patients.wording import report_text
from echosearch.phantom.patients.wording_other import report_text as other_report_text

__all__ = [
    "LETTERING_COLUMNS",
    "REPORT_COLUMNS",
    "TRUTH_COLUMNS",
    "VIEW_COLUMNS",
    "WORDINGS",
    "ArchiveSummary",
    "CineRow",
    "WrittenStudy",
    "phantom_studies",
    "study_cines",
    "truth_row",
    "write_archive",
    "write_study",
]

REPORT_COLUMNS = ("study_uid", "accession_number", "patient_id", "study_date", "report_text")
VIEW_COLUMNS = ("sop_uid", "path", "view", "view_prob")
TRUTH_COLUMNS = ("study_uid", "patient_id", "study_date", "ef", *FINDINGS)
LETTERING_COLUMNS = ("sop_uid", "path", "place", "text", "x0", "y0", "x1", "y1")
WORDINGS: dict[str, Callable[[PhantomStudy], str]] = {  # families of report wording; encoders here learned the first
    "first": report_text,
    "other": other_report_text,
}


@dataclass(frozen=True)
class ArchiveSummary:
    out: Path
    seed: int
    patients: int
    studies: int
    cines: int
    measurement_objects: int
    plants: int = 0  # rows of plants.csv
    lettering: int = 0  # rows of lettering.csv


@dataclass(frozen=True)
class CineRow:
    """One row of views.csv."""

    sop_uid: str
    path: str
    view: str
    view_prob: float


@dataclass(frozen=True)
class WrittenStudy:
    study: PhantomStudy
    cines: tuple[CineRow, ...]


def phantom_studies(
    patients: int, seed: int, first_patient: int = 1, plants: Plants | None = None
) -> Iterator[PhantomStudy]:
    """Yield all studies of ``patients`` patients, patient by patient, oldest first; no pixels yet."""
    for patient in range(first_patient, first_patient + patients):
        yield from planted_history(seed, patient, plants or Plants())


def study_cines(study: PhantomStudy) -> tuple[CinePlan, ...]:
    """Return a study's five to eight cines: B-mode of the five views, colour of valves, sometimes another view."""
    rng = np.random.default_rng([study.seed, study.patient, study.number, 7002])
    missing = str(rng.choice(["SAX", "2CH", "LAX"])) if rng.random() < 0.06 else ""
    shots = [(view, False) for view in ("LAX", "SAX", "4CH", "2CH", "3CH") if view != missing]
    if missing or rng.random() < 0.97:
        shots.append(("4CH", True))
    if rng.random() < 0.97:
        shots.append((str(rng.choice(["3CH", "LAX"])), True))
    if rng.random() < 0.4:
        shots.append(("Other", False))
    elif rng.random() < 0.15:
        shots.append(("2CH", True))
    return tuple(CinePlan(number, view, color) for number, (view, color) in enumerate(shots, 1))


def truth_row(study: PhantomStudy) -> dict[str, str]:
    """Return a study's row of truth.csv."""
    grades = {name: str(grade) for name, grade in study.findings.grades().items()}
    return _identity(study) | {"ef": f"{study.findings.ef:.1f}"} | grades


def write_study(
    out: Path, study: PhantomStudy, frames: int = 48, rows: int = 240, columns: int = 320, lettering: bool = False
) -> WrittenStudy:
    """Write one study's DICOM files under ``out``/DICOM; the CSVs are write_archive's."""
    folder = Path("DICOM") / f"P{study.patient:04d}" / f"S{study.number + 1}"
    suffix = ".dcm" if (study.patient + study.number) % 3 == 0 else ""  # some archives have extensions, some do not
    rng = np.random.default_rng([study.seed, study.patient, study.number, 7003])
    written = []
    plans = study_cines(study)
    lines = plan_lettering(study, rows, columns) if lettering else ()
    for plan in plans:
        place = folder / f"IM_{plan.number:04d}{suffix}"
        sop_uid = write_cine(out / place, study, plan, frames, rows, columns, lettering=lines)
        # as a classifier would: sure, with a few below the gate of 0.9
        prob = 1.0 - float(rng.beta(1.0, 30.0)) if rng.random() < 0.96 else float(rng.uniform(0.55, 0.9))
        written.append(CineRow(sop_uid, place.as_posix(), plan.view, round(prob, 4)))
    write_sr(out / folder / f"SR_{len(plans) + 1:04d}{suffix}", study, len(plans) + 1, [row.sop_uid for row in written])
    return WrittenStudy(study, tuple(written))


def write_archive(
    out: Path,
    patients: int,
    seed: int,
    *,
    frames: int = 48,
    rows: int = 240,
    columns: int = 320,
    first_patient: int = 1,
    wording: str = "first",
    plants: Plants | None = None,
    lettering: bool = False,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ArchiveSummary:
    """Write an archive of ``patients`` patients; the same arguments give the same bytes.

    ``wording`` is a family of WORDINGS; it changes reports.csv and README.txt alone. With ``plants`` hearts change and
    reports are wrong in these shares, and plants.csv lists where. ``lettering`` burns names, ids and dates into the
    pictures, and lettering.csv lists them.
    ``workers`` processes share the work; ``progress(done, total)`` is called after each study.
    Raises InputError when ``out`` already holds files, when ``patients`` is below 1, or on an unknown ``wording``.
    """
    if wording not in WORDINGS:
        raise InputError(f"wording is {wording!r}: it is one of {', '.join(WORDINGS)}")
    if patients < 1:
        raise InputError(f"patients is {patients}: an archive needs at least 1")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty: give a new folder, an archive is never written over another")
    out.mkdir(parents=True, exist_ok=True)
    studies = list(phantom_studies(patients, seed, first_patient, plants))
    job = partial(_write_alone, out, frames=frames, rows=rows, columns=columns, lettering=lettering)
    done: list[WrittenStudy] = []
    for written in _mapped(job, studies, workers):
        done.append(written)
        if progress:
            progress(len(done), len(studies))
    texts = {study_uid(study): WORDINGS[wording](study) for study in studies}
    planted = list(change_rows(studies)) if plants else []
    for study in studies:
        if plants and (instead := planted_report(study, wording, plants)) is not None:
            texts[study_uid(study)], row = instead
            planted.append(row)
    _write_csv(out / "reports.csv", REPORT_COLUMNS, (_report_row(study, texts[study_uid(study)]) for study in studies))
    if plants:
        _write_csv(out / "plants.csv", PLANT_COLUMNS, planted)
    _write_csv(out / "truth.csv", TRUTH_COLUMNS, (truth_row(study) for study in studies))
    _write_csv(
        out / "views.csv",
        VIEW_COLUMNS,
        (
            {"sop_uid": c.sop_uid, "path": c.path, "view": c.view, "view_prob": f"{c.view_prob:.4f}"}
            for written in done
            for c in written.cines
        ),
    )
    burnt = [row for written in done for row in _lettering_rows(written, rows, columns)] if lettering else []
    if lettering:
        _write_csv(out / "lettering.csv", LETTERING_COLUMNS, burnt)
    worded = "" if wording == "first" else f", reports in the wording {wording!r}"
    sown = f", plants {plants}" if plants else ""
    written_in = ", lettering burnt into the pictures" if lettering else ""
    (out / "README.txt").write_text(f"{SYNTHETIC}\nseed {seed}, {patients} patients{worded}{sown}{written_in}\n")
    cines = sum(len(w.cines) for w in done)
    return ArchiveSummary(out, seed, patients, len(studies), cines, len(done), len(planted), len(burnt))


def _write_alone(
    out: Path, study: PhantomStudy, *, frames: int, rows: int, columns: int, lettering: bool
) -> WrittenStudy:
    cv2.setNumThreads(1)  # a core a process; more only get in each other's way at this size
    return write_study(out, study, frames, rows, columns, lettering)


def _lettering_rows(written: WrittenStudy, rows: int, columns: int) -> Iterator[dict[str, str]]:
    lines = plan_lettering(written.study, rows, columns)
    for cine in written.cines:
        for line in lines:
            box = {"x0": str(line.x0), "y0": str(line.y0), "x1": str(line.x1), "y1": str(line.y1)}
            yield {"sop_uid": cine.sop_uid, "path": cine.path, "place": line.place, "text": line.text} | box


def _mapped(
    job: Callable[[PhantomStudy], WrittenStudy], studies: list[PhantomStudy], workers: int
) -> Iterable[WrittenStudy]:
    if workers <= 1:
        yield from map(job, studies)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(job, studies)
        except BaseException:  # Ctrl-C, or whoever asks has stopped asking: leave what no worker has begun
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _identity(study: PhantomStudy) -> dict[str, str]:
    patient_id = study.who.patient_id if study.who else ""
    return {"study_uid": study_uid(study), "patient_id": patient_id, "study_date": study.study_date.isoformat()}


def _report_row(study: PhantomStudy, text: str) -> dict[str, str]:
    return _identity(study) | {"accession_number": study.accession_number, "report_text": text}


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
