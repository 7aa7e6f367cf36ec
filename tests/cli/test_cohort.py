"""echosearch cohort on a small real archive: a definition out and in again, what is said, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from echosearch.cli.main import cli
from tests.cli.conftest import Tried


def refused(real: Tried, *args: str) -> str:
    """The one line that a refused command ends with."""
    environment = {"ECHOSEARCH_HOME": str(real.folder / "home")}
    done = CliRunner().invoke(cli, ["cohort", *args], env=environment)
    assert done.exit_code in (1, 2), done.output
    (line,) = [line for line in done.output.splitlines() if line.startswith("echosearch: ")]
    return line


def told(real: Tried, *args: str, answers: str | None = None) -> str:
    environment = {"ECHOSEARCH_HOME": str(real.folder / "home")}
    done = CliRunner().invoke(cli, ["cohort", *args], env=environment, input=answers, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_day_with_a_cohort(real: Tried, tmp_path: Path) -> None:
    told(real, "define", "重度MR", "重度の僧帽弁逆流、左室拡大", "--where", "date >= 2021", "--per-patient", "first")
    shown = told(real, "show", "重度MR", "--figure", str(tmp_path / "a.svg"))
    assert "all studies\t3\t3\t3\t0" in shown
    assert "MR 高度\t1\t1\t1\t2" in shown
    assert (tmp_path / "a.svg").read_text("utf-8").startswith("<svg")
    toml = told(real, "show", "重度MR", "--toml")
    (tmp_path / "mr.toml").write_text(toml, "utf-8")
    told(real, "define", "copy", "--from", str(tmp_path / "mr.toml"))
    copy = told(real, "show", "copy", "--toml")
    assert copy == toml.replace('name = "重度MR"', 'name = "copy"')
    assert "重度MR@1: 1 study, SHA-256" in told(real, "freeze", "重度MR")
    assert "重度MR@1 -> 重度MR: 1 stayed, 0 entered, 0 left" in told(real, "diff", "重度MR")
    assert "frozen 20" in told(real, "show", "重度MR@1")
    told(real, "define", "PE", "PEあり")
    told(real, "freeze", "PE")
    assert "PE is read as" in told(real, "show", "PE@1")
    told(real, "delete", "PE")
    told(real, "export", "重度MR@1", "--out", str(tmp_path / "out.csv"))
    assert len((tmp_path / "out.csv").read_text("utf-8-sig").splitlines()) == 2
    assert "of 1 case matched" in told(real, "match", "重度MR", "--on", "device")
    assert "its snapshots stay: 1" in told(real, "delete", "重度MR")
    assert "(definition deleted)" in told(real, "list")
    told(real, "delete", "copy")


def test_a_snapshot_is_the_same_after_ingest_rebuild_and_re_embedding(real: Tried) -> None:
    told(real, "define", "kept", "軽度以上の僧帽弁逆流", "--replace")
    digest = json.loads(told(real, "freeze", "kept", "--json"))["digest"]
    own = str(real.folder / "encoder")
    for command in (
        ("ingest", str(real.folder / "export"), "--reports", str(real.folder / "reports.csv")),
        ("index", "rebuild"),
        ("reembed", "phantom-tiny"),
        ("reembed", own),
        ("index", "drop", "phantom-tiny"),
    ):
        assert real.ask(*command).exit_code == 0
        frozen = json.loads(told(real, "show", "kept@1", "--json"))["frozen"]
        assert frozen["digest"] == digest
        found = json.loads(told(real, "diff", "kept@1", "--json"))
        assert (found["stayed"], found["entered"], found["left"]) == (2, 0, 0)
    (copy,) = (real.folder / "home" / "encoders").glob("phantom-tiny-*")
    shutil.rmtree(copy)  # the archive is shared: other tests know which encoders it has
    told(real, "delete", "kept")


def test_a_reader_is_asked_one_by_one_and_goes_on_later(real: Tried) -> None:
    told(real, "define", "mr", "軽度以上の僧帽弁逆流", "--replace")
    first = told(real, "review", "mr", "--sample", "5", "--reader", "sato", answers="a\n見直した\nq\n")
    assert "1 of 2: study" in first
    assert "stopped: the same command goes on from here" in first
    second = told(real, "review", "mr", "--sample", "5", "--reader", "sato", answers="r\n\n")
    assert "1 of 1: study" in second
    assert "sato has answered every member" in told(real, "review", "mr", "--sample", "5", "--reader", "sato")
    told(real, "define", "none", "軽度以上の僧帽弁逆流", "--where", "date > 2090", "--replace")
    assert "cohort none has no members" in told(real, "review", "none", "--sample", "5", "--reader", "sato")
    told(real, "delete", "none")
    report = json.loads(told(real, "review", "mr", "--report", "--json"))
    assert report["readers"] == {"sato": {"accept": 1, "reject": 1, "unsure": 0}}
    assert report["precision"]["share"] == 0.5
    told(real, "delete", "mr")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("define", "x", "ほげ症候群のMR"), "not understood: ほげ症候群"),
        (("define", "x", "65歳以上"), "empty definition"),
        (("define", "x", "重度MR、MRなし"), "contradicts itself"),
        (("define", "x", "MR", "--video-at-least", "0.8"), "no calibrated probability of MR"),
        (("define", "x", "MR", "--video-at-least", "8"), "video_at_least 8: give a probability"),
        (("define", "x", "MR", "--where", "agee > 3"), "no such field"),
        (("define", "x", "MR", "--where", "device = ZZZ"), "no video is from such a machine"),
        (("define", "x", "MR", "--after", "MR"), "--after 'MR': write a number of days or months"),
        (("define", "x"), "give NAME and TEXT, or --from FILE"),
        (("define", "x", "--from", "a.toml", "--seed", "3"), "--from FILE holds the whole definition"),
        (("define", "x", "--from", "/nothing.toml"), "/nothing.toml"),
        (("define", "a@1", "MR"), "cohort name 'a@1'"),
        (("show", "nothing"), "no cohort nothing"),
        (("show", "nothing@1"), "no frozen cohort nothing@1"),
        (("diff", "nothing"), "no frozen cohort of nothing"),
        (("export", "nothing", "--out", "a.txt"), "ends with .csv or .parquet"),
        (("match", "nothing", "--on", "height"), "--on 'height'"),
        (("review", "nothing", "--sample", "5"), "--reader WHO"),
        (("review", "nothing"), "give one of --sample N"),
        (("delete", "nothing"), "no cohort nothing"),
    ],
)
def test_what_is_wrong_ends_in_one_line(real: Tried, args: tuple[str, ...], message: str) -> None:
    assert message in refused(real, *args)
