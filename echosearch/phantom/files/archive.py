"""Write a whole phantom archive: what a hospital would export, with the truth beside it.

ARCHIVE/DICOM/P0001/S1/IM_0001 ...   cines and a measurement object a study, with and without a file extension
ARCHIVE/reports.csv                  study_uid, accession_number, patient_id, study_date, report_text
ARCHIVE/views.csv                    sop_uid, path (from ARCHIVE), view, view_prob
ARCHIVE/truth.csv                    study_uid, patient_id, study_date, ef, then a finding's grade a column
ARCHIVE/severity.csv, studies.csv, cines.csv    of the hard level: what truth.csv has no column for (hard_tables.py)
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
from echosearch.phantom.files.cinefile import write_cine
from echosearch.phantom.files.hard_tables import Taken, hard_tables
from echosearch.phantom.files.planted import PLANT_COLUMNS, change_rows, planted_report
from echosearch.phantom.files.shots import study_cines
from echosearch.phantom.files.srfile import write_sr
from echosearch.phantom.heart.features import FEATURES, feature_grades
from echosearch.phantom.heart.findings import FINDINGS
from echosearch.phantom.imaging.lettering import plan_lettering
from echosearch.phantom.patients import wording, wording_letter, wording_other
from echosearch.phantom.patients.hard_history import hard_history
from echosearch.phantom.patients.history import LEVELS, Level, PhantomStudy
from echosearch.phantom.patients.identity import SYNTHETIC, study_uid
from echosearch.phantom.patients.phrase import Phrase
from echosearch.phantom.patients.plants import Plants, planted_history

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
    "truth_grades",
    "truth_row",
    "write_archive",
    "write_study",
]

REPORT_COLUMNS = ("study_uid", "accession_number", "patient_id", "study_date", "report_text")
VIEW_COLUMNS = ("sop_uid", "path", "view", "view_prob")
TRUTH_COLUMNS = ("study_uid", "patient_id", "study_date", "ef", *FINDINGS)
LETTERING_COLUMNS = ("sop_uid", "path", "place", "text", "x0", "y0", "x1", "y1")
WORDINGS: dict[str, Callable[[PhantomStudy], str]] = {  # families of report wording; encoders here learned the first
    "first": wording.report_text,
    "other": wording_other.report_text,
    "letter": wording_letter.report_text,
}
_PHRASES: dict[str, Callable[[PhantomStudy], tuple[Phrase, ...]]] = {
    "first": wording.report_phrases,
    "other": wording_other.report_phrases,
    "letter": wording_letter.report_phrases,
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
    level: Level = "easy"


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
    patients: int, seed: int, first_patient: int = 1, plants: Plants | None = None, level: Level = "easy"
) -> Iterator[PhantomStudy]:
    """Yield all studies of ``patients`` patients, patient by patient, oldest first; no pixels yet.

    ``plants`` are for the easy level.
    """
    for patient in range(first_patient, first_patient + patients):
        if level == "hard":
            yield from hard_history(seed, patient)
        else:
            yield from planted_history(seed, patient, plants or Plants())


def truth_grades(study: PhantomStudy) -> dict[str, int]:
    """Return the grades of truth.csv; at the hard level with features, 4 or 0."""
    return study.findings.grades() | (feature_grades(study.hard.features) if study.hard else {})


def truth_row(study: PhantomStudy) -> dict[str, str]:
    """Return a study's row of truth.csv."""
    grades = {name: str(grade) for name, grade in truth_grades(study).items()}
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
    level: Level = "easy",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> ArchiveSummary:
    """Write an archive of ``patients`` patients; the same arguments give the same bytes.

    ``wording`` is a family of WORDINGS; it changes reports.csv and README.txt alone. With ``plants`` hearts change and
    reports are wrong in these shares, and plants.csv lists where. ``lettering`` burns names, ids and dates into the
    pictures, and lettering.csv lists them. The ``level`` "hard" is another population (docs/phantom.md), with three
    tables more; it has no plants and no lettering.
    ``workers`` processes share the work; ``progress(done, total)`` is called after each study.
    Raises InputError when ``out`` already holds files, when ``patients`` is below 1, on an unknown ``wording`` or
    ``level``, and for plants or lettering at the level hard.
    """
    _check(out, patients, wording, level, bool(plants or lettering))
    out.mkdir(parents=True, exist_ok=True)
    studies = list(phantom_studies(patients, seed, first_patient, plants, level))
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
    columns_of_truth = TRUTH_COLUMNS if level == "easy" else (*TRUTH_COLUMNS, *FEATURES)
    _write_csv(out / "truth.csv", columns_of_truth, (truth_row(study) for study in studies))
    if level == "hard":
        for name, its_columns, its_rows in hard_tables([_taken(w, wording) for w in done], (frames, rows, columns)):
            _write_csv(out / name, its_columns, its_rows)
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
    harder = ", level hard" if level == "hard" else ""
    worded = "" if wording == "first" else f", reports in the wording {wording!r}"
    sown = f", plants {plants}" if plants else ""
    written_in = ", lettering burnt into the pictures" if lettering else ""
    (out / "README.txt").write_text(
        f"{SYNTHETIC}\nseed {seed}, {patients} patients{harder}{worded}{sown}{written_in}\n"
    )
    cines = sum(len(w.cines) for w in done)
    return ArchiveSummary(out, seed, patients, len(studies), cines, len(done), len(planted), len(burnt), level)


def _check(out: Path, patients: int, wording: str, level: str, planted: bool) -> None:
    if wording not in WORDINGS:
        raise InputError(f"wording is {wording!r}: it is one of {', '.join(WORDINGS)}")
    if level not in LEVELS:
        raise InputError(f"level is {level!r}: it is one of {', '.join(LEVELS)}")
    if level == "hard" and planted:
        raise InputError("the level hard has no plants and no lettering: leave them out, or write the level easy")
    if patients < 1:
        raise InputError(f"patients is {patients}: an archive needs at least 1")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty: give a new folder, an archive is never written over another")


def _taken(written: WrittenStudy, wording: str) -> Taken:
    study = written.study
    plans = study_cines(study)
    cines = [(plan, cine.sop_uid, cine.path) for plan, cine in zip(plans, written.cines, strict=True)]
    quiet = study.hard is not None and study.hard.only_unchanged  # 著変なし, and the EF
    return Taken(study, () if quiet else _PHRASES[wording](study), cines)


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
