"""echosearch opt-out: who is named, what is asked, what is printed, and what the audit has of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from echosearch.cli.main import cli
from tests.cli.conftest import Tried


@pytest.fixture
def tried(real: Tried, tmp_path: Path) -> Iterator[Tried]:
    """A copy of the archive: what is erased is gone."""
    copied = real.copy(tmp_path)
    with copied.served():
        yield copied


def patient_of(tried: Tried, study: str) -> str:
    shown = json.loads(tried.ask("similar", study, "--identified", "--json").stdout)
    others = [hit["patient_id"] for hit in shown["hits"]]
    return str(others[0])


def answered(tried: Tried, answer: str, *args: str) -> Result:
    env = {"ECHOSEARCH_HOME": str(tried.home)}
    return CliRunner().invoke(cli, args, input=answer, env=env, catch_exceptions=False)


def test_a_list_is_planned_asked_for_and_erased(tried: Tried) -> None:
    patient = patient_of(tried, "DEMO-2")
    last = json.loads(tried.ask("audit", "show", "--json").stdout)["entries"][0]["seq"]  # of tests before
    listed = tried.folder / "optout.csv"
    listed.write_text(f"patient_id,name\n{patient},CANARY\nNOBODY-7,CANARY\n", encoding="utf-8")
    plan = json.loads(tried.ask("opt-out", "--list", str(listed), "--dry-run", "--json").stdout)
    assert plan == {"patients": 2, "here": 1, "studies": 1, "videos": 1, "reports": 1}

    kept = answered(tried, "n\n", "opt-out", "--list", str(listed))
    assert "nothing was erased" in kept.stderr
    assert json.loads(tried.ask("status", "--json").stdout)["studies"] == 3

    made = answered(tried, "y\n", "opt-out", "--list", str(listed))
    assert made.stdout.splitlines() == [
        "2 patients have opted out, 2 of them new",
        "erased: 1 study, 1 video, 1 report",
    ]
    for line in ("1 of them had no study here", "1 file of theirs stays in the export"):
        assert line in made.stderr
    assert not {patient, "CANARY", "NOBODY-7"} & {*made.output.split()}
    assert json.loads(tried.ask("status", "--json").stdout)["studies"] == 2
    assert len(tried.ask("status", "--files", "OPTED_OUT").stdout.splitlines()) == 2

    again = json.loads(tried.ask("opt-out", "--list", str(listed), "--yes", "--json").stdout)
    assert (again["new"], again["studies"]) == (0, 0)
    undone = json.loads(tried.ask("opt-out", "--undo", "NOBODY-7", patient, "--json").stdout)
    assert undone == {"taken_back": 2}
    after = json.loads(tried.ask("audit", "show", "--json").stdout)["entries"]
    actions = [row["action"] for row in after if row["seq"] > last]  # the newest first
    assert actions == ["opt-out taken back", "opt-out", "status files identified", "opt-out"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "say who opts out"),
        (("1", "--json"), "--json asks nobody"),
        (("1", "--undo", "--dry-run"), "give --undo or --dry-run"),
        (("1", "--encoding", "utf-8"), "--encoding goes with --list"),
        (("1.23E+11", "--yes"), "PATIENT_ID 1: a spreadsheet rewrote this identifier"),
        ((" ", "--yes"), "PATIENT_ID 1 is empty"),
        (("--study", "9.9", "--yes"), "no study here has this key or StudyInstanceUID"),
    ],
)
def test_what_is_refused_is_said_in_one_line(real: Tried, args: tuple[str, ...], said: str) -> None:
    refused = real.ask("opt-out", *args)
    assert refused.exit_code in (1, 2)
    assert said in refused.stderr
