"""From files to printed hits: the demo, and every command on the archive that it leaves."""

from __future__ import annotations

import json
import shutil

import pytest

from echosearch.cli.demo_material import STILLS
from tests.cli.conftest import Demo


def test_the_demo_shows_each_command_and_its_output(demo: Demo) -> None:
    lines = demo.said.splitlines()
    commands = [line for line in lines if line.startswith("$ echosearch ")]
    words = ["encoder init", "encoder use", "ingest", "query", "similar", "report", "status"]
    assert [any(f"$ echosearch {word}" in line for line in commands) for word in words] == [True] * len(words)
    assert "$ echosearch query --report '重度僧帽弁逆流'" in demo.said  # though the locale was C
    assert f"{3 + len(STILLS)} files: 3 indexed, {len(STILLS)} skipped, 0 quarantined, 0 pending" in lines
    assert "reports: 3 linked, 0 unmatched, 0 ambiguous, 0 contradicted" in lines
    assert "重度の僧帽弁逆流あり。" in demo.said  # report search with --identified
    assert "means nothing" in demo.said
    assert "untrained" in demo.noted
    assert "\x1b[" not in demo.said + demo.noted  # no terminal, no colours, no progress


def test_status_adds_up(demo: Demo) -> None:
    said = json.loads(demo.ask("status", "--json").stdout)
    counts = {name: said[name] for name in ("found", "indexed", "skipped", "quarantined", "pending", "reasons")}
    assert counts == {"found": 7, "indexed": 3, "skipped": 4, "quarantined": 0, "pending": 0, "reasons": {"STILL": 4}}
    assert (said["patients"], said["studies"], said["videos"], said["reports"]) == (3, 3, 3, 3)
    assert said["encoder"]["trained"] is False


def test_status_why(demo: Demo) -> None:
    still = demo.ask("status", "--why", str(demo.folder / "export" / "IM_0002"))
    assert "skipped, STILL" in still.stdout
    assert "only cines are embedded" in still.stdout
    cine = json.loads(demo.ask("status", "--json", "--why", str(demo.folder / "export" / "IM_0001")).stdout)
    assert cine["state"] == "indexed"
    unknown = demo.ask("status", "--why", str(demo.folder / "reports.csv"))
    assert (unknown.exit_code, "no ingest has met this file" in unknown.stderr) == (1, True)
    assert json.loads(demo.ask("status", "--unmatched", "--json").stdout) == {"reports": []}


def test_query_is_json_and_pseudonymous(demo: Demo) -> None:
    said = demo.ask("query", "--report", "重度僧帽弁逆流", "--json").stdout
    shape = json.loads(said)
    assert [hit["rank"] for hit in shape["hits"]] == [1, 2, 3]
    assert {"study", "score", "video", "view", "view_prob", "mode", "date", "age", "sex"} <= shape["hits"][0].keys()
    assert "DEMO-2" not in said
    assert "重度僧帽弁逆流" in said  # not escaped
    named = json.loads(demo.ask("query", "--report", "重度僧帽弁逆流", "--json", "--identified").stdout)
    assert {hit["accession_number"] for hit in named["hits"]} == {"", "DEMO-2", "DEMO-3"}
    assert [hit["study"] for hit in named["hits"]] == [hit["study"] for hit in shape["hits"]]
    nobody = demo.ask("query", "--report", "弁", "--where", "date < 1990")
    assert (nobody.exit_code, nobody.stdout) == (0, "nothing fits the conditions\n")
    some = json.loads(demo.ask("query", "--report", "弁", "--where", "date = 2021", "--json").stdout)
    assert [hit["date"] for hit in some["hits"]] == ["2021-04"]  # 令和3年


def test_a_query_from_a_file_and_stdin(demo: Demo) -> None:
    path = demo.folder / "findings.txt"
    path.write_text("重度僧帽弁逆流", encoding="utf-8-sig")
    asked = json.loads(demo.ask("query", "--report", "重度僧帽弁逆流", "--json").stdout)
    assert json.loads(demo.ask("query", "--file", str(path), "--json").stdout) == asked


def test_a_pipe_gets_tab_separated_columns(demo: Demo) -> None:
    lines = demo.ask("similar", "DEMO-2").stdout.splitlines()
    assert lines[0].split("\t")[:4] == ["rank", "score", "study", "date"]
    assert len(lines) == 3
    assert len(lines[1].split("\t")[2]) == 36  # whole keys, to be given to other commands


def test_similar_and_report_by_file_and_study(demo: Demo) -> None:
    by_name = json.loads(demo.ask("similar", "DEMO-2", "--json").stdout)
    by_file = json.loads(demo.ask("similar", str(demo.folder / "export" / "mirrored.avi"), "--json").stdout)
    assert [hit["study"] for hit in by_file["hits"]] == [hit["study"] for hit in by_name["hits"]]
    reports = demo.ask("report", "DEMO-2", "--json")
    assert len(json.loads(reports.stdout)["hits"]) == 3
    assert "僧帽弁" not in reports.stdout
    refused = demo.ask("similar", str(demo.folder / "export" / "IM_0002"))
    assert refused.exit_code == 1
    assert refused.stderr == (
        "echosearch: this file cannot be searched by: skipped, STILL (a single frame: only cines are embedded)\n"
    )


def test_a_second_ingest_does_nothing_and_a_dry_run_stores_nothing(demo: Demo) -> None:
    again = json.loads(demo.ask("ingest", str(demo.folder / "export"), "--json").stdout)
    assert (again["encoder_batches"], again["index_writes"], again["new_videos"]) == (0, 0, 0)
    shutil.copyfile(demo.folder / "reports.csv", demo.folder / "export" / "notes")
    try:
        dry = json.loads(demo.ask("ingest", str(demo.folder / "export"), "--dry-run", "--json").stdout)
    finally:
        (demo.folder / "export" / "notes").unlink()
    assert dry["counts"] == {"STILL": 4, "video": 1, "NO_IDENTITY": 2, "NOT_AN_IMAGE": 1}  # no sidecar was given
    assert json.loads(demo.ask("status", "--json").stdout)["found"] == 7


def test_rebuild_gives_the_same_answers(demo: Demo) -> None:
    ask = ("query", "--report", "左室拡大", "--json", "--exact")
    before = demo.ask(*ask).stdout
    shutil.rmtree(demo.folder / "home" / "qdrant")
    lost = demo.ask("verify")
    assert lost.exit_code == 3
    assert "missing" in lost.stdout
    assert json.loads(demo.ask("index", "rebuild", "--json").stdout) == {"points": 9}
    assert json.loads(demo.ask("verify", "--json").stdout)["clean"] is True
    assert demo.ask(*ask).stdout == before


@pytest.mark.parametrize("command", ["list", "check"])
def test_encoders(demo: Demo, command: str) -> None:
    if command == "list":
        listed = json.loads(demo.ask("encoder", "list", "--json").stdout)
        assert [(one["in_use"], one["shipped"]) for one in listed["encoders"]] == [(True, False), (False, True)]
        assert [(one["name"], one["shipped"]) for one in listed["view_classifiers"]] == [("phantom-views", True)]
        assert "untrained-vivit-tiny" in demo.ask("encoder", "list").stdout
    else:
        facts = json.loads(demo.ask("encoder", "check", str(demo.folder / "encoder"), "--json").stdout)
        assert max(facts["golden_video"], facts["golden_text"]) <= facts["tolerance"]


def test_a_broken_table_stops_before_anything_is_decoded(demo: Demo) -> None:
    path = demo.folder / "broken.csv"
    path.write_text("study_uid,report_text,study_date\n1.2,左室拡大なし,2024/2/30\n", encoding="cp932")
    done = demo.ask("ingest", str(demo.folder / "export"), "--reports", str(path))
    assert done.exit_code == 1
    assert "line 2, column study_date: no such day in the calendar" in done.stderr
