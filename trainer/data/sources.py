"""Load studies from a phantom in memory, from a folder laid out like a phantom's, or from an archive."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from echosearch.archive import open_archive
from echosearch.db.studies.devices import study_devices
from echosearch.db.studies.pairs import training_pairs
from echosearch.errors import ConfigError, TableError
from echosearch.phantom.files.archive import phantom_studies, study_cines, truth_grades
from echosearch.phantom.patients.history import Level, PhantomStudy
from echosearch.phantom.patients.wording import report_text
from echosearch.report.csv_tables import ReportRow, ViewRow, read_reports, read_views
from echosearch.settings import load_settings
from echosearch.video import VideoHeader, View
from trainer.config import DataConfig
from trainer.data.pairs import Drawn, Study, Truth, Video

__all__ = ["from_archive", "from_folder", "load_studies", "rendered"]


def load_studies(config: DataConfig) -> tuple[Study, ...]:
    """Load all studies that have a report and a video, in a fixed order. Raises ConfigError, TableError."""
    match config.source:
        case "render":
            first, behind = config.first_patient, config.first_patient + config.patients
            studies = rendered(config.patients, config.phantom_seed, first, level=config.level, takes=config.takes)
            if config.enrich:
                more = (config.enrich_from, config.phantom_seed, behind, config.enrich)
                studies += rendered(*more, level=config.level, takes=config.takes)
        case "folder":
            studies = from_folder(Path(config.folder))
        case "archive":
            studies = from_archive()
    studies = tuple(study for study in studies if study.report.strip() and study.videos)
    if not studies:
        raise ConfigError(f"data.source {config.source!r} has no study with both a report and a video")
    return studies


def rendered(
    patients: int, seed: int, first_patient: int = 1, having: Sequence[str] = (), level: Level = "easy", takes: int = 0
) -> tuple[Study, ...]:
    """Return phantom studies, with the truth, that exist in memory only.

    ``having``: of those patients, the ones with one of these findings in a study; all of their studies. ``takes``: the
    first so many cines of each view and mode of a study; 0: all.
    """
    found = []
    kind = "phantom" if level == "easy" else f"phantom-{level}"
    for study in _having(phantom_studies(patients, seed, first_patient, level=level), having):
        name = f"{kind}-{seed}-{study.patient}-{study.number}"
        videos = tuple(
            Video(
                f"{name}-{plan.number}",
                View(plan.view),
                1.0,
                Drawn(study, plan.view, plan.color, plan.take),
                plan.color,
            )
            for plan in study_cines(study)
            if not takes or plan.take < takes
        )
        truth = Truth(study.findings.ef, truth_grades(study))
        patient = f"{kind}-{seed}-{study.patient}"
        written = _pseudonym(study.who.patient_id) if study.who else ""
        vendor = study.look.manufacturer
        found.append(Study(name, patient, report_text(study), videos, study.study_date, truth, vendor, written))
    return tuple(found)


def _having(studies: Iterable[PhantomStudy], findings: Sequence[str]) -> Iterator[PhantomStudy]:
    """Patient by patient, all studies of those who have one of ``findings`` in any; of all where none is given."""
    for _, history in groupby(studies, key=lambda study: study.patient):
        own = tuple(history)
        if not findings or any(truth_grades(study)[name] for study in own for name in findings):
            yield from own


def from_folder(folder: Path) -> tuple[Study, ...]:
    """Load reports.csv, views.csv and DICOM/, and truth.csv if it exists. Linked by path, as `phantom write` lays it
    out.

    Raises ConfigError when a table is missing, TableError for a broken one.
    """
    for name in ("reports.csv", "views.csv"):
        if not (folder / name).is_file():
            raise ConfigError(f"{folder} has no {name}: give a folder that `echosearch phantom write` made")
    truths = _truths(folder / "truth.csv")
    reports = list(read_reports(folder / "reports.csv"))
    if twice := [study for study, n in Counter(row.study_uid for row in reports).items() if n > 1]:
        raise ConfigError(f"{folder / 'reports.csv'}: {len(twice)} studies have two reports or more: keep one of each")
    if nobody := sum(not row.patient_id for row in reports):
        raise ConfigError(f"{folder / 'reports.csv'}: {nobody} rows have no patient_id, by which studies are split")
    by_study: dict[str, dict[str, ViewRow]] = defaultdict(dict)  # of two rows for one file the first counts
    headers = _study_headers(folder)
    vendors = {header.study_uid: _vendor(header.device) for header in headers.values()}
    for row in read_views(folder / "views.csv"):
        by_study[headers[str(Path(row.path).parent)].study_uid].setdefault(row.path, row)
    return tuple(
        _of_folder(folder, row, by_study[row.study_uid].values(), truths.get(row.study_uid), vendors.get(row.study_uid))
        for row in reports
    )


def _vendor(device: str | None) -> str | None:
    """Return the maker of a machine: its first word, and for a phantom's all that its name has of the maker."""
    return None if device is None else " ".join(device.split()[: 2 if device.startswith("PHANTOM") else 1])


def _of_folder(
    folder: Path, row: ReportRow, views: Iterable[ViewRow], truth: Truth | None, vendor: str | None
) -> Study:
    videos = tuple(
        Video(_pseudonym(str(folder / view.path)), view.view.view, view.view.prob, folder / view.path) for view in views
    )
    return Study(
        _pseudonym(row.study_uid),
        _pseudonym(row.patient_id),
        row.report_text,
        videos,
        row.study_date,
        truth,
        vendor,
    )


def _pseudonym(name: str) -> str:
    """Keys are shown; what identifies a study or a patient is not, were the folder's a real one."""
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _study_headers(folder: Path) -> dict[str, VideoHeader]:
    """Return folder of a study, as views.csv writes it -> the header of one of its files."""
    from echosearch.reading.source import inspect_file

    found: dict[str, VideoHeader] = {}
    for row in read_views(folder / "views.csv"):
        place = str(Path(row.path).parent)
        if place not in found:
            header = inspect_file(folder / row.path)
            if not isinstance(header, VideoHeader):
                raise TableError(f"{folder / 'views.csv'}, line {row.line}: its file is no readable cine: {header}")
            found[place] = header
    return found


def _truths(file: Path) -> dict[str, Truth]:
    if not file.is_file():
        return {}
    identity = ("study_uid", "patient_id", "study_date", "ef")
    found: dict[str, Truth] = {}
    line = 1
    try:
        with file.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                line += 1
                grades = {name: int(row[name]) for name in row if name not in identity}
                found[row["study_uid"]] = Truth(float(row["ef"]), grades)
    except (ValueError, TypeError, KeyError) as exc:
        raise TableError(
            f"{file}, line {line}: it is not what `echosearch phantom write` makes: study_uid, ef, and a number for"
            " each finding, in UTF-8"
        ) from exc
    return found


def from_archive() -> tuple[Study, ...]:
    """Load what ingest stored, by pseudonyms: linked reports, indexed videos, files that still exist."""
    with open_archive(load_settings()) as archive, archive.engine.connect() as connection:
        pairs = training_pairs(connection)
        devices = study_devices(connection, [pair.study_key for pair in pairs])
    return tuple(
        Study(
            pair.study_key,
            pair.patient_key,
            pair.report,
            tuple(
                Video(v.video_key, View(v.view) if v.view else None, v.view_prob or 0.0, v.path, v.mode == "color")
                for v in pair.videos
            ),
            pair.study_date,
            vendor=_vendor(devices.get(pair.study_key)),
        )
        for pair in pairs
    )
