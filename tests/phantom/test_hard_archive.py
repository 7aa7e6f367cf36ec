"""An archive of the hard level: its reports in three families of wording, its tables, and the trainer's view of it."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

from echosearch.cli.main import cli
from echosearch.errors import InputError
from echosearch.phantom.files.archive import TRUTH_COLUMNS, phantom_studies, study_cines, write_archive
from echosearch.phantom.heart.features import FEATURES, Features, feature_grades
from echosearch.phantom.heart.findings import FINDINGS, Findings
from echosearch.phantom.imaging.hard_sheet import hard_heart
from echosearch.phantom.patients import wording, wording_letter, wording_other
from echosearch.phantom.patients.plants import Plants
from echosearch.reading.dicom import read_header
from echosearch.report.facts import load_lexicon, read_facts
from trainer.config import DataConfig
from trainer.config_file import load
from trainer.data.sources import from_folder, load_studies, rendered

FAMILIES = {"first": wording, "other": wording_other, "letter": wording_letter}
CONCEPTS = {  # a feature -> what the lexicon reads; it knows no transplant and no pump
    "septal_early": "septal_motion",
    "septal_late": "septal_motion",
    "shunt_left_right": "shunt",
    "shunt_right_left": "shunt",
    "repair_clip": "repair_clip",
    "tavi": "prosthetic_valve",
    "icd": "device_lead",
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_archive(
        tmp_path_factory.mktemp("hard") / "archive", 2, 3, frames=3, rows=96, columns=128, level="hard"
    ).out


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_the_command_writes_the_level(tmp_path: Path) -> None:
    asked = ["phantom", "write", str(tmp_path / "made"), "--patients", "1", "--seed", "8", "--frames", "2"]
    done = CliRunner().invoke(cli, [*asked, "--level", "hard", "--wording", "letter", "--json"])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    (study,) = phantom_studies(1, 8, level="hard")
    assert (made["level"], made["cines"]) == ("hard", len(study_cines(study)))
    assert [row["report_text"] for row in table(tmp_path / "made" / "reports.csv")] == [
        wording_letter.report_text(study)
    ]
    assert "level hard" in (tmp_path / "made" / "README.txt").read_text(encoding="utf-8")


def test_truth_has_the_easy_columns_and_then_the_features(archive: Path) -> None:
    truth, studies = table(archive / "truth.csv"), list(phantom_studies(2, 3, level="hard"))
    assert tuple(truth[0]) == (*TRUTH_COLUMNS, *FEATURES)
    for row, study in zip(truth, studies, strict=True):
        assert study.hard is not None
        grades = study.findings.grades() | feature_grades(study.hard.features)
        assert {name: int(row[name]) for name in grades} == grades


def test_severities_readers_and_silence_are_in_a_table(archive: Path) -> None:
    rows = table(archive / "severity.csv")
    reports = {row["study_uid"]: row["report_text"] for row in table(archive / "reports.csv")}
    truth = {row["study_uid"]: row for row in table(archive / "truth.csv")}
    readers = {row["study_uid"]: row["reader"] for row in table(archive / "studies.csv")}
    assert len(rows) == len(reports) * (len(FINDINGS) + len(FEATURES))
    for row in rows:
        assert row["grade"] == truth[row["study_uid"]][row["finding"]]
        assert row["reader"] == readers[row["study_uid"]]
        assert abs(float(row["severity"]) - int(row["grade"])) <= 0.5
        assert abs(int(row["read_grade"]) - int(row["grade"])) <= 1
    for row in rows:
        if row["finding"] == "la_dilation":
            assert (row["said"] == "1") == ("左房" in reports[row["study_uid"]])


def test_cines_are_in_a_table_that_agrees_with_their_files(archive: Path) -> None:
    rows, views = table(archive / "cines.csv"), table(archive / "views.csv")
    assert [(row["sop_uid"], row["path"], row["view"]) for row in rows] == [
        (row["sop_uid"], row["path"], row["view"]) for row in views
    ]
    assert len({row["depth_cm"] for row in rows}) > 4
    for row in rows:
        ds = pydicom.dcmread(archive / row["path"], stop_before_pixels=True)
        region = ds.SequenceOfUltrasoundRegions[0]
        assert 10 * region.PhysicalDeltaY == pytest.approx(float(row["mm_per_pixel"]), rel=1e-3)
        read = read_header(archive / row["path"])
        assert read.notes == ()
        stated = [float(wave) for wave in row["r_waves_ms"].split()]
        in_file = ds.RWaveTimeVector if "RWaveTimeVector" in ds else []
        assert stated == pytest.approx([float(wave) for wave in np.atleast_1d(in_file)], abs=0.06)


def test_plants_and_lettering_are_for_the_easy_level(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no plants and no lettering"):
        write_archive(tmp_path / "none", 1, 1, level="hard", plants=Plants(changes=0.5))
    with pytest.raises(InputError, match="level is 'medium': it is one of easy, hard"):
        write_archive(tmp_path / "none", 1, 1, level="medium")  # type: ignore[arg-type]
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    "features",
    [
        Features(septal="early"),
        Features(septal="late"),
        Features(shunt="left-right"),
        Features(shunt="right-left"),
        Features(clip=True),
        Features(tavi=True),
        Features(icd=True),
    ],
)
def test_reports_name_features_in_words_that_the_lexicon_reads(family: str, features: Features) -> None:
    (name,) = (name for name, grade in feature_grades(features).items() if grade)
    lexicon, said = load_lexicon(), set()
    for patient in range(1, 12):
        study = hard_heart(features, Findings(), patient=patient)
        (phrase,) = (p for p in FAMILIES[family].report_phrases(study) if name in p.about)
        said.add(phrase.text)
        facts = [fact for fact in read_facts(f"{phrase.text}。", lexicon) if fact.concept == CONCEPTS[name]]
        assert facts, phrase.text
        assert facts[0].polarity == "present"
    assert said


def test_early_and_late_and_both_directions_are_told_apart_in_words() -> None:
    for family in FAMILIES.values():
        for one, other in (
            (Features(septal="early"), Features(septal="late")),
            (Features(shunt="left-right"), Features(shunt="right-left")),
        ):
            texts = [
                {family.report_text(hard_heart(f, Findings(), patient=n)) for n in range(1, 30)} for f in (one, other)
            ]
            assert not texts[0] & texts[1]


def test_held_out_families_share_no_statement_about_a_finding() -> None:
    studies = [*phantom_studies(60, 4, level="hard"), *phantom_studies(120, 4)]
    findings = {*FINDINGS, *FEATURES}
    said = {
        name: {p.text for study in studies for p in family.report_phrases(study) if findings.intersection(p.about)}
        for name, family in FAMILIES.items()
    }
    assert all(len(statements) > 400 for statements in said.values())
    assert not said["first"] & said["other"]
    assert not said["first"] & said["letter"]
    assert not said["other"] & said["letter"]


def test_what_letters_say_is_read_as_the_readers_grade() -> None:
    lexicon, checked = load_lexicon(), 0
    for study in phantom_studies(60, 4, level="hard"):
        assert study.hard is not None
        read = study.hard.read.grades()
        for phrase in wording_letter.report_phrases(study):
            facts = {fact.concept: fact for fact in read_facts(f"{phrase.text}。", lexicon)}
            for name in {*phrase.about} & {"mr", "ar", "tr", "as", "la_dilation", "lv_dilation"} & facts.keys():
                checked += 1
                expected = {"present", "uncertain"} if read[name] >= 2 else {"absent"} if not read[name] else None
                assert expected is None or facts[name].polarity in expected, phrase
    assert checked > 200


def test_a_reader_keeps_to_a_form() -> None:
    forms: dict[int, Counter[str]] = {}
    for study in phantom_studies(200, 9, level="hard"):
        assert study.hard is not None
        for phrase in wording.report_phrases(study):
            if phrase.about == ("la_dilation",) and study.hard.read.la_dilation == 0 and not study.hard.normal:
                forms.setdefault(study.hard.reader, Counter())[phrase.text] += 1
    often = {reader: own.most_common(1)[0] for reader, own in forms.items() if own.total() >= 4}
    assert len(often) >= 5
    assert np.mean([count / forms[reader].total() for reader, (_, count) in often.items()]) > 0.6
    assert len({text for text, _ in often.values()}) >= 4


def test_the_trainer_draws_the_level_that_its_config_names(archive: Path, tmp_path: Path) -> None:
    drawn = load_studies(DataConfig(patients=2, phantom_seed=3, level="hard"))
    easy = load_studies(DataConfig(patients=2, phantom_seed=3))
    assert drawn == rendered(2, 3, level="hard")
    assert easy == rendered(2, 3)
    assert not {study.patient for study in drawn} & {study.patient for study in easy}
    written = from_folder(archive)
    assert [study.report for study in written] == [study.report for study in drawn]
    assert [len(study.videos) for study in written] == [len(study.videos) for study in drawn]
    assert [study.truth for study in written] == [study.truth for study in drawn]
    assert {study.patient for study in written} == {study.also_patient for study in drawn}


def test_a_checkpoint_of_before_there_were_levels_goes_on(tmp_path: Path) -> None:
    file = Path("trainer/configs/phantom-tiny.toml")
    easy, named = load(file), load(file, ["data.level=easy"])
    assert named.digest() == easy.digest() == "2a3c569725da29e5bc388cffcf60a6eac9cf2a7416e45250475d82ec42e3c913"
    assert load(file, ["data.level=hard"]).digest() != easy.digest()
    assert load(file, ["data.level=hard"]).data.pool != easy.data.pool
