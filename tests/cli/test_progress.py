"""The progress of a long command in a log: a plain line now and then, none of a command that is soon done."""

from __future__ import annotations

import pytest

from echosearch.cli import progress
from echosearch.cli.progress import counting, drawing, ingesting
from ingest.progress import Progress

MOMENT = Progress(found=2000, done=120, indexed=100, seconds=60.0, stage="decode")


def run_all() -> None:
    with ingesting() as draw:
        draw(MOMENT)
    with ingesting("videos") as draw:
        draw(Progress(None, 0, 0, 0.5, "walk"))
    with counting("points") as count:
        count(500)
        count(20)
    with drawing("studies") as show:
        show(3, 12)


def test_a_command_that_is_soon_done_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    run_all()
    assert capsys.readouterr() == ("", "")


def test_a_long_command_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    run_all()
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.splitlines() == [
        "echosearch: 120 of 2000 files, 2.0/s, 15:40 left, waiting for decode",
        "echosearch: 0 videos, 0.0/s, waiting for walk",
        "echosearch: 500 points",
        "echosearch: 520 points",
        "echosearch: 3 of 12 studies",
    ]


def test_lines_come_at_growing_distances(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    monkeypatch.setattr("echosearch.cli.progress.time.monotonic", lambda: now)
    with drawing("studies") as show:
        for second in range(1000):
            now = float(second)
            show(second, 1000)
    said = [int(line.split()[1]) for line in capsys.readouterr().err.splitlines()]
    assert said == [10, 30, 70, 150, 310, 610, 910]


def test_a_log_of_json_has_no_other_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(progress, "FIRST", 0.0)
    with ingesting(plain=False) as draw:
        draw(MOMENT)
    assert capsys.readouterr().err == ""
