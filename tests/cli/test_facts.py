"""echosearch facts and understand: one line out for each line in, JSON as documented, no archive, no model, no wait."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from echosearch.cli.main import cli

HEAVY = "torch sqlalchemy qdrant_client qdrant_edge transformers pydicom numpy fugashi psycopg timm"


def run(*args: str, given: bytes | str = b"", env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli, list(args), input=given, env=env)


def test_facts_as_json_and_as_a_table() -> None:
    done = run("facts", "ごく軽度の大動脈弁閉鎖不全あり。EF 35%。", "--json")
    ar, ef = json.loads(done.stdout)["facts"]
    assert ar == {
        "concept": "ar",
        "polarity": "present",
        "severity": [1, 1],
        "value": None,
        "value_hi": None,
        "unit": None,
        "start": 0,
        "end": 13,
        "rule": "ar",
    }
    assert (ef["concept"], ef["value"], ef["unit"], ef["severity"]) == ("lvef", 35, "%", None)
    shown = run("facts", "左室拡大なし、EF 40〜45%").stdout.splitlines()
    assert shown[0].split("\t") == ["concept", "polarity", "severity", "value", "words", "rule"]
    assert shown[1].split("\t")[:2] == ["左室拡大", "なし"]
    assert shown[2].split("\t")[3] == "40〜45 %"


def test_no_fact_is_an_empty_list_and_no_error() -> None:
    done = run("facts", "MR精査目的", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (0, {"facts": []})
    plain = run("facts", "今日の天気")
    assert plain.exit_code == 0
    assert "no rule finds a fact" in plain.stderr


def test_what_is_understood_is_said() -> None:
    done = run("understand", "65歳以上の女性で中等度以上のMR、左室拡大なし、EF 40%未満、ラーメン")
    assert done.stdout.splitlines() == [
        "understood: MR 中等度以上 · 左室拡大 なし · EF < 40 % · 65歳以上 · 女性",
        "not understood: ラーメン",
        "searched as words of reports: ラーメン",
    ]
    found = json.loads(run("understand", "人工弁を除く中等度以上のTR", "--json").stdout)
    assert found == {
        "changes": [],
        "ambiguous": [],
        "untold": [],
        "walls": [],
        "required": [{"concept": "tr", "polarity": "present", "severity": [3, 4]}],
        "excluded": [{"concept": "prosthetic_valve", "polarity": "present", "severity": None}],
        "values": [],
        "demographics": [],
        "rest": "",
        "words": [],
    }
    done = run("understand", "左心耳血栓")
    assert "左心耳血栓 is read as 血栓: facts do not tell its place, so others are found too" in done.stdout
    assert "searched as words of reports: 左心耳血栓" in done.stdout
    found = json.loads(run("understand", "左心耳血栓", "--json").stdout)
    assert found["untold"] == [{"word": "左心耳血栓", "read_as": "thrombus", "what": ["place"]}]
    found = json.loads(run("understand", "呼吸困難で来院した重度MR、浮腫なし", "--json").stdout)
    assert found["words"] == [{"word": "呼吸困難", "denied": False}, {"word": "浮腫", "denied": True}]
    assert run("understand", "、。！").stdout == "understood: nothing\nnot understood: nothing\n"


@pytest.mark.parametrize(
    ("command", "key", "answer"), [("facts", "text", "facts"), ("understand", "query", "required")]
)
def test_lines_in_lines_out(tmp_path: Path, command: str, key: str, answer: str) -> None:
    path = tmp_path / "in.jsonl"
    given = [
        {"id": 7, key: "MRあり"},
        {"id": "b", key: ""},
        {"id": None, key: "一行\n二行 AS"},
        {"id": 4, key: "\ud800AR"},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    done = run(command, "--jsonl", str(path), "--json")
    assert done.exit_code == 0
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == [7, "b", None, 4]
    assert [len(line[answer]) for line in lines] == [1, 0, 1, 1]
    assert run(command, "--jsonl", "-", "--json", given=path.read_bytes()).stdout == done.stdout


def test_a_text_on_standard_input() -> None:
    done = run("facts", "-", "--json", given="左房拡大(+)".encode())
    assert [fact["concept"] for fact in json.loads(done.stdout)["facts"]] == ["la_dilation"]


@pytest.mark.parametrize(
    ("args", "given", "code", "told"),
    [
        (["facts"], b"", 2, "give either TEXT or --jsonl FILE"),
        (["understand", "x", "--jsonl", "y"], b"", 2, "give either QUERY or --jsonl FILE"),
        (["facts", "--jsonl", "x"], b"", 2, "give --json too"),
        (["facts", "--jsonl", "none.jsonl", "--json"], b"", 1, "--jsonl none.jsonl: No such file"),
        (["facts", "--jsonl", "-", "--json"], b"{", 1, "standard input, line 1: not JSON"),
        (["facts", "--jsonl", "-", "--json"], b'{"id": 1}', 1, 'line 1: not an object with "id" and a string "text"'),
        (["understand", "--jsonl", "-", "--json"], b"\xff", 1, "line 1: not UTF-8"),
        (["facts", "-"], b"\xff", 1, "standard input: not UTF-8"),
        (["facts", "-"], "重度のMR".encode("iso2022_jp"), 1, "standard input: not UTF-8"),
        (["understand", "-"], "重度のMR".encode("iso2022_jp"), 1, "standard input: not UTF-8"),
    ],
)
def test_an_error_is_one_line(args: list[str], given: bytes, code: int, told: str) -> None:
    done = run(*args, given=given)
    assert (done.exit_code, done.stdout) == (code, "")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_site_s_lexicon_is_named_in_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "site.toml"
    path.write_text('[[finding]]\nid = "mr"\nwords = ["エムアール"]', encoding="utf-8")
    done = run("facts", "エムアール軽度", "--json", env={"ECHOSEARCH_LEXICON": str(path)})
    assert [fact["severity"] for fact in json.loads(done.stdout)["facts"]] == [[2, 2]]
    path.write_text("[[finding]]", encoding="utf-8")
    broken = run("facts", "MR", env={"ECHOSEARCH_LEXICON": str(path)})
    assert (broken.exit_code, broken.stderr.count("\n")) == (1, 1)
    assert "a rule has no 'id'" in broken.stderr


@pytest.mark.parametrize("command", ["facts", "understand"])
def test_nothing_heavy_is_imported(command: str) -> None:
    code = (
        "import sys; from echosearch.cli.main import cli\n"
        f"cli.main([{command!r}, 'MR', '--json'], standalone_mode=False)\n"
        f"print([name for name in {HEAVY!r}.split() if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stderr.strip() == "[]"
