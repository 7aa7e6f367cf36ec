"""Plants: hearts that change and reports that are wrong, where plants.csv says so; without them nothing differs."""

from __future__ import annotations

import csv
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from echosearch.errors import InputError
from echosearch.phantom.files.archive import WORDINGS, phantom_studies, truth_row, write_archive
from echosearch.phantom.files.planted import PLANT_COLUMNS, change_rows, planted_report
from echosearch.phantom.patients.history import PhantomStudy, patient_history
from echosearch.phantom.patients.identity import study_uid
from echosearch.phantom.patients.plants import Plants, parse_plants, planted_history
from echosearch.report.facts import read_facts

SOWN = Plants(changes=0.5, wrong_reports=0.3, no_change_reports=0.5)
FACT = {"wall_motion": "rwma", "pacemaker": "device_lead", "dyssynchrony": "lv_dyssynchrony", "ef": "lvef"}


@pytest.fixture(scope="module")
def studies() -> list[PhantomStudy]:
    return list(phantom_studies(patients=300, seed=7, plants=SOWN))


def test_without_a_plant_a_history_is_the_usual_one() -> None:
    for patient in range(1, 40):
        assert planted_history(5, patient, Plants(wrong_reports=1.0)) == patient_history(5, patient)


def test_studies_before_the_planted_change_are_the_usual_ones() -> None:
    planted = 0
    for patient in range(1, 200):
        usual, sown = patient_history(7, patient), planted_history(7, patient, Plants(changes=1.0))
        assert len(sown) == max(len(usual), 2)
        assert sown[0] == usual[0]
        planted += sown != usual
        assert all(one.study_date < two.study_date for one, two in pairwise(sown))
        assert all(two.before == one.findings for one, two in pairwise(sown))
        assert [study.number for study in sown] == list(range(len(sown)))
    assert planted == 199


def test_every_kind_of_change_is_planted_mostly_within_a_year(studies: list[PhantomStudy]) -> None:
    rows = list(change_rows(studies))
    kinds = Counter(row["kind"] for row in rows)
    for kind in ("progression", "surgery", "device", "ef-fall", "recovery", "new-effusion"):
        assert kinds[kind] >= 3, kinds
    falls = [int(row["days"]) for row in rows if row["kind"] == "ef-fall"]
    assert 0 < sum(days > 366 for days in falls) < len(falls) / 2


def test_rows_of_changes_are_those_of_the_truth(studies: list[PhantomStudy]) -> None:
    truth = {study_uid(study): truth_row(study) for study in studies}
    rows = {(row["earlier_study_uid"], row["study_uid"], row["concept"]): row for row in change_rows(studies)}
    for one, two in pairwise(studies):
        if one.patient != two.patient:
            continue
        first, second = truth[study_uid(one)], truth[study_uid(two)]
        for concept in list(first)[4:]:
            row = rows.get((study_uid(one), study_uid(two), concept))
            assert (row is not None) == (first[concept] != second[concept])
            if row:
                assert (row["from"], row["to"]) == (first[concept], second[concept])


@pytest.mark.parametrize("wording", sorted(WORDINGS))
def test_a_wrong_report_says_what_its_row_says(studies: list[PhantomStudy], wording: str) -> None:
    kinds: Counter[str] = Counter()
    read: list[bool] = []  # whether the lexicon reads the wrong grade; it does not know every word of the second family
    for study in studies:
        made = planted_report(study, wording, SOWN)
        if made is None:
            continue
        text, row = made
        kinds[row["kind"]] += 1
        concept = FACT.get(row["concept"], row["concept"])
        facts = [fact for fact in read_facts(text) if fact.concept == concept]
        match row["kind"]:
            case "wrong-states" | "wrong-grade" if concept not in FACT.values():
                assert row["from"] != row["to"]
                grade = int(row["to"])
                read.append(any(f.severity is None or f.severity[0] <= grade <= f.severity[1] for f in facts))
            case "wrong-ef":
                assert abs(float(row["from"]) - float(row["to"])) > 14
                assert [fact.value for fact in facts] == [float(row["to"])]
            case "wrong-denies" if row["concept"] != "wall_motion":
                assert {fact.polarity for fact in facts} <= {"absent"}, (text, row)
            case "wrong-omits":
                assert (facts, row["to"], row["said"]) == ([], "", "")
            case "no-change-report":
                assert study.before is not None
                assert {fact.concept for fact in read_facts(text)} == {"lvef"}, text
                assert row["said"] == text
    assert sum(read) > 0.9 * len(read) > 20
    assert min(kinds[f"wrong-{kind}"] for kind in ("states", "denies", "omits", "grade", "ef")) >= 3, kinds
    assert kinds["no-change-report"] >= 10


def test_an_archive_with_plants_lists_them(tmp_path: Path) -> None:
    made = write_archive(tmp_path / "a", 3, 8, frames=2, rows=48, columns=64, plants=Plants(1.0, 0.5))
    with (made.out / "plants.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert tuple(rows[0]) == PLANT_COLUMNS
    assert len(rows) == made.plants >= 3
    studies = list(phantom_studies(3, 8, plants=Plants(1.0, 0.5)))
    wrong = {row["study_uid"] for row in rows if row["kind"].startswith("wrong-")}
    with (made.out / "reports.csv").open(encoding="utf-8", newline="") as handle:
        texts = {row["study_uid"]: row["report_text"] for row in csv.DictReader(handle)}
    assert wrong == {study_uid(study) for study in studies if texts[study_uid(study)] != WORDINGS["first"](study)}
    assert "plants changes=1,wrong-reports=0.5" in (made.out / "README.txt").read_text()
    plain = write_archive(tmp_path / "b", 1, 8, frames=2, rows=48, columns=64)
    assert (plain.plants, (plain.out / "plants.csv").exists()) == (0, False)
    assert "plants" not in (plain.out / "README.txt").read_text()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("change=0.4", "plant 'change': it is one of changes, wrong-reports, no-change-reports"),
        ("changes=much", "plant changes is 'much': it is a share from 0 to 1"),
        ("changes=1.5", "plant changes is 1.5: it is a share from 0 to 1"),
        ("", "plant ''"),
    ],
)
def test_a_plant_that_means_nothing_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError, match=told):
        parse_plants(text)


def test_plants_are_read_as_they_are_written() -> None:
    assert parse_plants("changes=0.4, wrong-reports=0.1") == Plants(0.4, 0.1)
    assert str(Plants(0.4, 0.1)) == "changes=0.4,wrong-reports=0.1"
    assert parse_plants(str(SOWN)) == SOWN
