"""A phantom archive, ingested as a user does: the members of ten definitions are those that truth.csv names."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from echosearch.archive import Archive
from echosearch.cohort.definition import define
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.store import save_definition
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.phantom.files.archive import write_archive
from echosearch.report.facts import load_lexicon
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from tests.search.conftest import open_empty

Truth = dict[str, float | str]
PATIENTS, SEED = 14, 4  # every definition below has a member among them, and no EF is within rounding of 45
DEFINITIONS: dict[str, Callable[[Truth], bool]] = {
    "中等度以上のMR": lambda t: t["mr"] >= 3,  # type: ignore[operator]
    "重度の僧帽弁逆流": lambda t: t["mr"] == 4,
    "中等度以上のAR": lambda t: t["ar"] >= 3,  # type: ignore[operator]
    "中等度以上の三尖弁逆流": lambda t: t["tr"] >= 3,  # type: ignore[operator]
    "中等度以上の大動脈弁狭窄": lambda t: t["as"] >= 3,  # type: ignore[operator]
    "中等量以上の心嚢液貯留": lambda t: t["pericardial_effusion"] >= 3,  # type: ignore[operator]
    "中等度以上の左房拡大、中等度以上のMRを除く": lambda t: t["la_dilation"] >= 3 and t["mr"] < 3,  # type: ignore[operator]
    "人工弁": lambda t: t["prosthetic_valve"] > 0,  # type: ignore[operator]
    "ペースメーカーリードまたは中等度以上のAR": lambda t: t["pacemaker"] > 0 or t["ar"] >= 3,  # type: ignore[operator]
    "EF 45%未満": lambda t: t["ef"] < 45,  # type: ignore[operator]
}


@pytest.fixture(scope="module")
def phantom(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archive, dict[str, Truth]]]:
    """An archive and, by study key, what is true of each study."""
    folder = tmp_path_factory.mktemp("phantom")
    write_archive(folder / "ph", PATIENTS, SEED, frames=2, rows=96, columns=128)
    archive = open_empty(database, folder / "home")
    ingest(archive, folder / "ph" / "DICOM", IngestOptions(reports=folder / "ph" / "reports.csv"))
    with (folder / "ph" / "truth.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = ("study_uid", "patient_id", "study_date")
    truth = {
        archive.keyring.study(row["study_uid"]): {k: v if k in names else float(v) for k, v in row.items()}
        for row in rows
    }
    yield archive, truth
    archive.index.close()


def members(archive: Archive, words: str, per_patient: str = "all") -> set[str]:
    """Members of a definition that went through TOML, as one under version control does."""
    made = define("x", words, load_lexicon(), per_patient=per_patient)  # type: ignore[arg-type]
    with reading(archive) as connection:
        saved = save_definition(archive, connection, made, replace=True)
        run = run_definition(archive, connection, from_toml(to_toml(saved), "x.toml"))
        keys = connection.scalars(
            text("select cast(study_key as text) from cohort_run where step = :steps"), {"steps": run.steps}
        )
        return set(keys)


@pytest.mark.parametrize("words", DEFINITIONS)
def test_members_are_the_truths(phantom: tuple[Archive, dict[str, Truth]], words: str) -> None:
    archive, truth = phantom
    expected = {key for key, row in truth.items() if DEFINITIONS[words](row)}
    assert 0 < len(expected) < len(truth)
    assert members(archive, words) == expected


def test_the_first_study_of_each_patient_is_the_earliest_that_has_it(
    phantom: tuple[Archive, dict[str, Truth]],
) -> None:
    archive, truth = phantom
    first: dict[str, tuple[str, str]] = {}
    for key, row in truth.items():
        if DEFINITIONS["中等度以上のMR"](row):
            patient, when = str(row["patient_id"]), (str(row["study_date"]), key)
            first[patient] = min(first.get(patient, when), when)
    assert members(archive, "中等度以上のMR", "first") == {key for _, key in first.values()}
