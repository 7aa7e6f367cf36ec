"""Every command on a small archive of real ultrasound, from files to printed hits."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from echosearch.cli.demo.steps import copy_real_ultrasound
from tests.cli.conftest import Tried, run


def test_ingest_says_what_became_of_every_file(real: Tried) -> None:
    lines = real.ingested.splitlines()
    assert lines[:2] == ["7 files: 3 indexed, 4 skipped, 0 quarantined, 0 pending", "        4  STILL"]
    assert "reports: 3 linked, 0 unmatched, 0 ambiguous, 0 contradicted" in lines
    assert "\x1b[" not in real.ingested  # no terminal, no colours, no progress


def test_an_untrained_encoder_is_said_to_be_one(real: Tried) -> None:
    said = real.ask("query", "--report", "重度僧帽弁逆流")
    assert "this order means nothing" in said.stderr
    assert "untrained" in said.stderr
    assert "重度の僧帽弁逆流あり。" in real.ask("report", "DEMO-2", "--identified").stdout


def test_status_adds_up(real: Tried) -> None:
    said = json.loads(real.ask("status", "--json").stdout)
    counts = {name: said[name] for name in ("found", "indexed", "skipped", "quarantined", "pending", "reasons")}
    assert counts == {"found": 7, "indexed": 3, "skipped": 4, "quarantined": 0, "pending": 0, "reasons": {"STILL": 4}}
    assert (said["patients"], said["studies"], said["videos"], said["reports"]) == (3, 3, 3, 3)
    assert said["encoder"]["trained"] is False


def test_status_why(real: Tried) -> None:
    still = real.ask("status", "--why", str(real.folder / "export" / "IM_0002"))
    assert "skipped, STILL" in still.stdout
    assert "only cines are embedded" in still.stdout
    cine = json.loads(real.ask("status", "--json", "--why", str(real.folder / "export" / "IM_0001")).stdout)
    assert cine["state"] == "indexed"
    unknown = real.ask("status", "--why", str(real.folder / "reports.csv"))
    assert (unknown.exit_code, "this file has not been ingested" in unknown.stderr) == (1, True)
    assert json.loads(real.ask("status", "--unmatched", "--json").stdout) == {"reports": []}


def test_status_names_the_files_that_are_left_out(real: Tried) -> None:
    header, *lines = real.ask("status", "--files", "still").stdout.splitlines()
    assert header.split("\t") == ["path", "state", "reason", "detail"]
    stills = [line.split("\t")[0] for line in lines]
    assert stills == sorted(stills)
    assert str(real.folder / "export" / "IM_0002") in stills
    assert len(stills) == 4
    told = json.loads(real.ask("status", "--files", "skipped", "--json").stdout)["files"]
    assert [(one["path"], one["reason"]) for one in told] == [(path, "STILL") for path in stills]
    for none in ("quarantined", "pending"):
        assert json.loads(real.ask("status", "--files", none, "--json").stdout) == {"files": []}
    unknown = real.ask("status", "--files", "broken")
    assert (unknown.exit_code, "no such reason" in unknown.stderr) == (1, True)
    assert "status files identified" in real.ask("audit", "show").stdout  # paths may say whose they are


def test_query_is_json_and_pseudonymous(real: Tried) -> None:
    said = real.ask("query", "--report", "重度僧帽弁逆流", "--json").stdout
    shape = json.loads(said)
    assert [hit["rank"] for hit in shape["hits"]] == [1]  # its report states it, the others' deny it
    assert shape["hits"][0]["why"]["verdict"] == "stated"
    assert {"study", "score", "video", "view", "view_prob", "mode", "date", "age", "sex"} <= shape["hits"][0].keys()
    assert "DEMO-2" not in said
    assert "重度僧帽弁逆流" in said  # not escaped
    named = json.loads(real.ask("query", "--report", "重度僧帽弁逆流", "--json", "--identified").stdout)
    assert {hit["accession_number"] for hit in named["hits"]} == {"DEMO-2"}
    assert [hit["study"] for hit in named["hits"]] == [hit["study"] for hit in shape["hits"]]
    nobody = real.ask("query", "血栓", "--where", "date < 1990")
    assert (nobody.exit_code, nobody.stdout) == (0, "nothing fits the conditions\n")
    some = json.loads(real.ask("query", "血栓", "--where", "date = 2021", "--json").stdout)
    assert [hit["date"] for hit in some["hits"]] == ["2021-04"]  # 令和3年


def test_a_query_from_a_file_and_stdin(real: Tried) -> None:
    path = real.folder / "findings.txt"
    path.write_text("重度僧帽弁逆流", encoding="utf-8-sig")
    asked = json.loads(real.ask("query", "--report", "重度僧帽弁逆流", "--json").stdout)
    assert json.loads(real.ask("query", "--file", str(path), "--json").stdout) == asked
    path.write_text("重度僧帽弁逆流", encoding="iso2022_jp")
    refused = real.ask("query", "--file", str(path))
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "not UTF-8, save the text as UTF-8" in refused.stderr


def test_a_pipe_gets_tab_separated_columns(real: Tried) -> None:
    lines = real.ask("similar", "DEMO-2").stdout.splitlines()
    assert lines[0].split("\t")[:4] == ["rank", "score", "study", "date"]
    assert len(lines) == 3
    assert len(lines[1].split("\t")[2]) == 36  # whole keys, to be given to other commands


def test_similar_and_report_by_file_and_study(real: Tried) -> None:
    by_name = json.loads(real.ask("similar", "DEMO-2", "--json").stdout)
    by_file = json.loads(real.ask("similar", str(real.folder / "export" / "mirrored.avi"), "--json").stdout)
    assert [hit["study"] for hit in by_file["hits"]] == [hit["study"] for hit in by_name["hits"]]
    reports = real.ask("report", "DEMO-2", "--json")
    assert len(json.loads(reports.stdout)["hits"]) == 3
    assert "僧帽弁" not in reports.stdout
    refused = real.ask("similar", str(real.folder / "export" / "IM_0002"))
    assert refused.exit_code == 1
    assert refused.stderr == (
        "echosearch: this file cannot be searched by: skipped, STILL (a single frame: only cines are embedded)\n"
    )


def test_the_only_study_has_no_similar_one(tmp_path: Path) -> None:
    copy_real_ultrasound(tmp_path / "export")
    alone = Tried(tmp_path)
    assert alone.ask("encoder", "use", "phantom-tiny").exit_code == 0
    filled = alone.ask("ingest", str(tmp_path / "export"))
    assert (filled.exit_code, "\n1 new video in " in filled.stdout) == (0, True)
    assert "1 study vector is made of all cines" in filled.stderr
    assert "searchable: 1 patient, 1 study, 1 video, 0 reports;" in alone.ask("status").stdout
    cine = str(tmp_path / "export" / "IM_0001")
    assert alone.ask("similar", cine).stdout == "there is no study of another patient (--include-same-patient)\n"
    assert alone.ask("similar", cine, "--include-same-patient").stdout == "there is no other study\n"
    assert alone.ask("similar", cine, "--where", "age > 1").stdout == "nothing fits the conditions\n"


def test_a_folder_without_files_is_said(real: Tried, tmp_path: Path) -> None:
    """As a mount point whose disk is away: all is fine otherwise, so the exit code is 0."""
    for kind in ([], ["--dry-run"]):
        done = real.ask("ingest", str(tmp_path), *kind)
        assert done.exit_code == 0
        assert "no file was found: is it the right folder, and is its disk mounted?" in done.stderr


def test_packed_exports_are_named_by_the_command_that_the_ingest_names(real: Tried, tmp_path: Path) -> None:
    archive = shutil.make_archive(str(tmp_path / "export"), "zip", real.folder / "export")
    home = {"ECHOSEARCH_HOME": str(tmp_path / "home")}
    assert run(["encoder", "use", "phantom-tiny"], **home).returncode == 0
    done = run(["ingest", archive], **home)
    assert done.returncode == 0
    assert "1 packed file left out: unpack them; echosearch status --files packed names them" in done.stderr
    named = run(["status", "--files", "packed"], **home).stdout.splitlines()
    assert [line.split("\t") for line in named[1:]] == [[archive, "skipped", "PACKED", "zip"]]


def test_quarantined_files_are_named_by_the_command_that_the_ingest_names(tmp_path: Path) -> None:
    home = {"ECHOSEARCH_HOME": str(tmp_path / "home")}
    assert run(["encoder", "use", "phantom-tiny"], **home).returncode == 0
    export = tmp_path / "export"
    export.mkdir()
    whole = Path(str(get_testdata_file("examples_ybr_color.dcm"))).read_bytes()
    (export / "cut").write_bytes(whole[: len(whole) // 2])
    done = run(["ingest", str(export)], **home)
    assert done.returncode == 3
    assert "echosearch status --files quarantined" in done.stderr
    named = run(["status", "--files", "quarantined"], **home).stdout.splitlines()
    assert [line.split("\t")[:3] for line in named[1:]] == [[str(export / "cut"), "quarantined", "TRUNCATED"]]


def test_a_second_ingest_does_nothing_and_a_dry_run_stores_nothing(real: Tried) -> None:
    again = json.loads(real.ask("ingest", str(real.folder / "export"), "--json").stdout)
    assert (again["encoder_batches"], again["index_writes"], again["new_videos"]) == (0, 0, 0)
    shutil.copyfile(real.folder / "reports.csv", real.folder / "export" / "notes")
    try:
        dry = json.loads(real.ask("ingest", str(real.folder / "export"), "--dry-run", "--json").stdout)
    finally:
        (real.folder / "export" / "notes").unlink()
    assert dry["counts"] == {"STILL": 4, "video": 1, "NO_IDENTITY": 2, "NOT_AN_IMAGE": 1}  # no sidecar was given
    assert json.loads(real.ask("status", "--json").stdout)["found"] == 7


def test_rebuild_gives_the_same_answers(real: Tried) -> None:
    ask = ("query", "--report", "左室拡大", "--json", "--exact")
    before = real.ask(*ask).stdout
    shutil.rmtree(real.folder / "home" / "qdrant")
    lost = real.ask("verify")
    assert lost.exit_code == 3
    assert "missing" in lost.stdout
    assert json.loads(real.ask("index", "rebuild", "--json").stdout) == {"points": 9, "slow_index": False}
    assert json.loads(real.ask("verify", "--json").stdout)["clean"] is True
    assert real.ask(*ask).stdout == before


@pytest.mark.usefixtures("brief_rates")
@pytest.mark.parametrize("command", ["list", "check"])
def test_encoders(real: Tried, command: str) -> None:
    if command == "list":
        listed = json.loads(real.ask("encoder", "list", "--json").stdout)
        assert [(one["in_use"], one["shipped"]) for one in listed["encoders"]] == [(True, False), (False, True)]
        assert [(one["name"], one["shipped"]) for one in listed["view_classifiers"]] == [("phantom-views", True)]
        assert "untrained-vivit-tiny" in real.ask("encoder", "list").stdout
    else:
        facts = json.loads(real.ask("encoder", "check", str(real.folder / "encoder"), "--json").stdout)
        assert max(facts["golden_video"], facts["golden_text"]) <= facts["tolerance"]


def test_a_broken_table_stops_before_anything_is_decoded(real: Tried) -> None:
    path = real.folder / "broken.csv"
    path.write_text("study_uid,report_text,study_date\n1.2,左室拡大なし,2024/2/30\n", encoding="cp932")
    done = real.ask("ingest", str(real.folder / "export"), "--reports", str(path))
    assert done.exit_code == 1
    assert "line 2, column study_date: no such day in the calendar" in done.stderr
