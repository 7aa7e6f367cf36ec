"""Tables of the hard level: what truth.csv has no column for.

severity.csv   a row a study and finding: the severity that is drawn, its grade, the reader's grade, whether the report
               says anything about it
studies.csv    a row a study: reader, rhythm, features, recovery, how well sound goes in
cines.csv      a row a cine: depth, zoom, tilt and so on, as it was taken
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from echosearch.phantom.files.cinefile import CinePlan
from echosearch.phantom.heart.features import feature_grades
from echosearch.phantom.imaging.cine import plan_cine
from echosearch.phantom.imaging.ultrasound import sector_frame
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.identity import study_uid
from echosearch.phantom.patients.phrase import Phrase

__all__ = ["CINE_COLUMNS", "SEVERITY_COLUMNS", "STUDY_COLUMNS", "Taken", "hard_tables"]

SEVERITY_COLUMNS = ("study_uid", "finding", "severity", "grade", "reader", "read_grade", "said")
STUDY_COLUMNS = (
    *("study_uid", "patient_id", "normal", "septal", "shunt", "transplant", "clip", "tavi", "icd", "lvad", "rhythm"),
    *("heart_rate", "window", "clips", "reader", "read_ef", "only_unchanged", "recovered_ef"),
)
CINE_COLUMNS = (
    *("sop_uid", "path", "view", "color", "take", "depth_cm", "mm_per_pixel", "zoom", "tilt_degrees", "foreshortening"),
    *("out_of_plane", "speckle_seconds", "lost_segments", "r_waves_ms"),
)

Row = dict[str, str]


class Taken(NamedTuple):
    """A hard study, the statements of its report, and its cines with their SOP instance UIDs and paths."""

    study: PhantomStudy
    said: Sequence[Phrase]
    cines: Sequence[tuple[CinePlan, str, str]]


def hard_tables(
    studies: Sequence[Taken], size: tuple[int, int, int]
) -> Iterator[tuple[str, tuple[str, ...], Iterator[Row]]]:
    """Yield each table's file name, columns and rows; ``size`` is the cines' frames, rows and columns."""
    yield "severity.csv", SEVERITY_COLUMNS, (row for one in studies for row in _severity_rows(one.study, one.said))
    yield "studies.csv", STUDY_COLUMNS, (_study_row(one.study) for one in studies)
    yield "cines.csv", CINE_COLUMNS, (_cine_row(one.study, *cine, size) for one in studies for cine in one.cines)


def _severity_rows(study: PhantomStudy, said: Sequence[Phrase]) -> Iterator[Row]:
    """Yield a row for each finding and feature of a hard study; ``said`` are the statements of its report."""
    hard = study.hard
    assert hard is not None  # of the hard level
    spoken = {name for phrase in said for name in phrase.about}
    features = feature_grades(hard.features)
    read = hard.read.grades() | features
    for name, grade in (study.findings.grades() | features).items():
        severity = float(grade) if name in features else study.findings.severity(name)
        yield {
            "study_uid": study_uid(study),
            "finding": name,
            "severity": f"{severity:.3f}",
            "grade": str(grade),
            "reader": str(hard.reader),
            "read_grade": str(read[name]),
            "said": str(int(name in spoken)),
        }


def _study_row(study: PhantomStudy) -> Row:
    """Return a hard study's row of studies.csv."""
    hard = study.hard
    assert hard is not None  # of the hard level
    features = {
        name: str(int(value)) if isinstance(value, bool) else value for name, value in vars(hard.features).items()
    }
    return features | {
        "study_uid": study_uid(study),
        "patient_id": study.who.patient_id if study.who else "",
        "normal": str(int(hard.normal)),
        "rhythm": hard.rhythm,
        "heart_rate": str(study.heart_rate),
        "window": f"{hard.window:.3f}",
        "clips": str(hard.clips),
        "reader": str(hard.reader),
        "read_ef": f"{hard.read.ef:.1f}",
        "only_unchanged": str(int(hard.only_unchanged)),
        "recovered_ef": f"{hard.recovered:.1f}",
    }


def _cine_row(study: PhantomStudy, plan: CinePlan, sop_uid: str, path: str, size: tuple[int, int, int]) -> Row:
    """Return a hard cine's row of cines.csv; ``size`` is its frames, rows and columns."""
    frames, rows, columns = size
    cine = plan_cine(study, plan.view, plan.color, frames, take=plan.take)
    taken = cine.taken
    assert taken is not None  # of the hard level
    _, _, scale = sector_frame(rows, columns, cine.sector.half_angle, cine.sector.zoom)
    return {
        "sop_uid": sop_uid,
        "path": path,
        "view": plan.view,
        "color": str(int(plan.color)),
        "take": str(plan.take),
        "depth_cm": f"{cine.sector.depth:g}",
        "mm_per_pixel": f"{10 * cine.sector.depth / scale:.4f}",
        "zoom": f"{taken.zoom:g}",
        "tilt_degrees": f"{taken.tilt * 57.29578:.1f}",
        "foreshortening": f"{taken.foreshortening:.3f}",
        "out_of_plane": f"{taken.out_of_plane:.3f}",
        "speckle_seconds": f"{taken.renewal:.2f}",
        "lost_segments": " ".join(":".join(f"{part:.2f}" for part in segment) for segment in taken.segments),
        "r_waves_ms": " ".join(f"{1000 * wave:.1f}" for wave in cine.waves),
    }
