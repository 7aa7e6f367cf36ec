"""The demo as a user starts it: what it shows, counts and leaves. How well an encoder ranks is not its test."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from PIL import Image

from echosearch.cli.demo.command import demo as command
from echosearch.cli.demo.steps import REAL_FILES, copy_real_ultrasound, run_json, show_command
from echosearch.cli.demo.truth import QUESTIONS
from echosearch.phantom.files.archive import phantom_studies, truth_row
from echosearch.phantom.patients.wording import report_text
from tests.cli.conftest import run

PATIENTS, SEED = 2, 21


@dataclass(frozen=True)
class Demo:
    facts: dict[str, Any]
    shown: str
    left: list[Path]
    elsewhere: Path  # where the user's own archive would be


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    place = tmp_path_factory.mktemp("demo")
    place.chmod(0o755)
    place.parent.chmod(0o755)  # the embedded server's user must reach its folder
    mine = place / "mine"
    wanted = ["demo", "--patients", str(PATIENTS), "--seed", str(SEED), "--json"]
    # settings of the user's own that must not reach the demo
    settings = {"ECHOSEARCH_HOME": str(mine), "ECHOSEARCH_ENCODER": "no-such", "HF_HUB_OFFLINE": "1"}
    done = run(wanted, TMPDIR=str(place), **settings)
    assert done.returncode == 0, done.stderr
    return Demo(json.loads(done.stdout), done.stderr, sorted(place.glob("echosearch-demo-*/*")), mine)


def test_each_command_is_shown_before_its_output(demo: Demo) -> None:
    commands = [line for line in demo.shown.splitlines() if line.startswith("$ echosearch ")]
    words = [
        *("phantom write", "encoder use phantom-tiny", "encoder use phantom-views", "ingest phantom/DICOM"),
        *["query --report"] * len(QUESTIONS),
        *("similar", "ingest phantom/DICOM --reports", "report", "ingest real", "status"),
    ]
    assert [line.startswith(f"$ echosearch {word}") for line, word in zip(commands, words, strict=True)] == [
        True
    ] * len(words)
    assert "$ echosearch query --report '重度僧帽弁逆流' --identified --json" in commands
    assert "SYNTHETIC: no patient is in this" in demo.shown
    assert f"{len(REAL_FILES)} files: 1 indexed, {len(REAL_FILES) - 1} skipped" in demo.shown
    assert f"reports: {demo.facts['studies']} linked, 0 unmatched" in demo.shown
    assert "\x1b[" not in demo.shown  # no terminal, no colours, no progress


def test_every_hit_stands_beside_its_truth(demo: Demo) -> None:
    studies = list(phantom_studies(PATIENTS, SEED))
    truth = {row["study_uid"]: row for row in map(truth_row, studies)}
    said = {truth_row(study)["study_uid"]: report_text(study) for study in studies}
    assert demo.facts["studies"] == len(studies)
    assert len(demo.facts["queries"]) == len(QUESTIONS)
    for question, answer in zip(QUESTIONS, demo.facts["queries"], strict=True):
        assert question.text in answer["asked"]
        for hit in answer["hits"]:
            grade = truth[hit["study_uid"]][question.finding]
            assert hit["truth"] == f"{question.finding} {grade}"
            assert hit["right"] is (int(grade) >= 3)
            assert hit["said"] is None or hit["said"] in said[hit["study_uid"]]
            assert f"\t{'✓' if hit['right'] else '✗'}\t{hit['truth']}\t{hit['said'] or '-'}\n" in demo.shown
        assert answer["right"] == sum(hit["right"] for hit in answer["hits"])
        assert answer["could"] == sum(int(row[question.finding]) >= 3 for row in truth.values())
        assert answer["among"] == len(truth)
        assert f"{answer['right']} of these {len(answer['hits'])} have {question.finding}" in demo.shown
    whole = [answer for question, answer in zip(QUESTIONS, demo.facts["queries"], strict=True) if not question.where]
    assert [len(answer["hits"]) for answer in whole] == [min(len(studies), 10)] * len(whole)


def test_the_default_archive_has_enough_and_not_too_much_to_find() -> None:
    default: dict[str | None, Any] = {option.name: option.default for option in command.params}
    studies = list(phantom_studies(default["patients"], default["seed"]))
    for question in QUESTIONS:
        having = sum(study.findings.grades()[question.finding] >= 3 for study in studies)
        assert 5 <= having <= len(studies) // 4
    assert default["seed"] not in (11, 2026)  # what ships was trained on the one and is scored on the other


def test_similar_and_report_are_judged_too(demo: Demo) -> None:
    similar = demo.facts["similar"]
    patient = next(
        study for study in phantom_studies(PATIENTS, SEED) if study.accession_number == similar["asked"]
    ).patient
    others = [study for study in phantom_studies(PATIENTS, SEED) if study.patient != patient]
    assert similar["among"] == len(others)
    assert len(similar["hits"]) == min(5, len(others))  # the same patient's are left out
    assert all(hit["right"] is bool(hit["said"]) for hit in similar["hits"])
    assert f"The truth of {similar['asked']}: EF " in demo.shown
    assert 1 <= demo.facts["own_report_rank"] <= demo.facts["studies"]
    assert f"Its own report is at {demo.facts['own_report_rank']} of {demo.facts['studies']}" in demo.shown


def test_only_the_picture_stays(demo: Demo) -> None:
    assert demo.left == [Path(demo.facts["picture"])]
    assert str(demo.left[0]) in demo.shown
    assert not demo.elsewhere.exists()
    pixels = np.asarray(Image.open(demo.left[0]))
    assert pixels.shape[2] == 3
    frames = {
        tuple(pixel) for pixel in pixels[::7, 0]
    }  # down the left edge: the frames of the first hits, in two colours
    assert frames <= {(40, 170, 70), (200, 50, 50), (0, 0, 0)}
    assert pixels.std() > 20


def test_a_step_that_fails_ends_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    monkeypatch.setenv("ECHOSEARCH_HOME", str(tmp_path / "home"))
    copy_real_ultrasound(tmp_path / "real")
    cut = tmp_path / "real" / "IM_0001"
    cut.write_bytes(cut.read_bytes()[:-1000])
    show_command(tmp_path, ["encoder", "use", "phantom-tiny"])
    with pytest.raises(click.ClickException, match="the demo stopped: echosearch ingest ended with 3"):
        run_json(tmp_path, ["ingest", "real"])
    before = Path.cwd()
    with pytest.raises(click.ClickException, match="no-such"):
        show_command(tmp_path, ["encoder", "use", "no-such"])
    with pytest.raises(click.ClickException, match="no such file or folder"):
        run_json(tmp_path, ["ingest", "no/such/folder"])
    assert Path.cwd() == before
