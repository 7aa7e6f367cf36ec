"""A de-identified export that gave men and women one patient id: each study is found by what its own files say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from echosearch.archive import Archive
from echosearch.cli.contradiction import contradiction_lines
from echosearch.cli.main import cli
from echosearch.db.files.contradictions import Contradictions
from echosearch.search.filter_parser import parse_where
from echosearch.search.query import query_text
from echosearch.search.results import SearchOptions
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.verify import verify
from tests.ingest.conftest import Export


def found(archive: Archive, where: str) -> list[str]:
    """The studies that meet a condition."""
    hits = query_text(archive, "重度", SearchOptions(where=parse_where(where), top_k=100)).hits
    return sorted(hit.study for hit in hits)


def test_women_are_found_under_an_id_that_a_man_had_first(archive: Archive, export: Export) -> None:
    people = [("M", "030Y", ""), ("F", "040Y", "19840101"), ("M", "050Y", "19740101"), ("F", "060Y", "")]
    for number, (sex, age, born) in enumerate(people):
        tags = {"PatientSex": sex, "PatientAge": age, "PatientBirthDate": born}
        for video in range(2):
            said = tags if video else dict.fromkeys(tags, "")  # the first file of each study says nothing
            uid = f"1.2.{number}.{video}"
            export.cine(f"{number}/{video}", uid, study=f"1.9.{number}", patient="Anonymized", seed=number, **said)
    summary = ingest(archive, export.root, IngestOptions())
    assert summary.contradictions == Contradictions(1, 1, 0)
    studies = [archive.keyring.study(f"1.9.{number}") for number in range(4)]
    assert found(archive, "sex = F") == sorted([studies[1], studies[3]])
    assert found(archive, "sex = M and age >= 40") == [studies[2]]
    assert verify(archive).clean


def test_a_study_that_contradicts_itself_is_counted_and_found_by_neither(archive: Archive, export: Export) -> None:
    for number, sex in enumerate("MF"):
        export.cine(f"{number}", f"1.2.{number}", study="1.9.1", seed=number, PatientSex=sex)
    assert ingest(archive, export.root, IngestOptions()).contradictions == Contradictions(0, 0, 1)
    assert (found(archive, "sex = F"), found(archive, "sex = M")) == ([], [])
    assert len(found(archive, "age >= 1")) == 1
    assert verify(archive).clean


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0), []),
        ((1, 0, 2), ["1 patient id has studies of two sexes", "2 studies with files"]),
        ((3, 2, 1), ["3 patient ids have studies of two sexes", "2 patient ids have studies of two birth", "1 study"]),
    ],
)
def test_contradictions_are_said(counts: tuple[int, int, int], said: list[str]) -> None:
    lines = [*contradiction_lines(Contradictions(*counts))]
    assert [line[: len(begins)] for line, begins in zip(lines, said, strict=True)] == said


def test_an_ingest_and_the_status_show_them(export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECHOSEARCH_HOME", str(tmp_path / "home"))
    run = CliRunner()
    assert run.invoke(cli, ["encoder", "use", "phantom-tiny"]).exit_code == 0
    for number, sex in enumerate("MF"):
        export.cine(f"{number}", f"1.2.{number}", study=f"1.9.{number}", patient="X", seed=number, PatientSex=sex)
    done = run.invoke(cli, ["ingest", str(export.root)])
    assert "1 patient id has studies of two sexes" in done.output
    assert "1 patient id has studies of two sexes" in run.invoke(cli, ["status"]).output
    counted = {"patients_of_two_sexes": 1, "patients_of_two_birth_dates": 0, "studies": 0}
    assert json.loads(run.invoke(cli, ["status", "--json"]).stdout)["contradictions"] == counted
    again = run.invoke(cli, ["ingest", str(export.root), "--json"])
    assert json.loads(again.stdout)["contradictions"] == counted
