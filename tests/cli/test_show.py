"""What comes from outside does not steer a terminal, on whatever way it is printed."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from echosearch.cli.output import note, say, say_json, table
from echosearch.unicode import visible
from tests.cli.conftest import Tried, run, run_anew

HOSTILE = (
    "\x1b]0;title\x07 \x9b31m \u202egnp.exe\u202c \u2066x\u2069 zero\u200bwidth \ufeff \r\b\x7f \u2028 \udcff \u00ad"
)
UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
HARMLESS = "心エコー 左房拡大(−)〜 é ﾊﾝｶｸ 葛\U000e0100 😀"


def unseen(text: str) -> set[str]:
    """Characters that a terminal obeys or does not show, but the line break and the tab."""
    return {
        each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} and each not in "\n\t"
    }


def test_every_such_character_has_an_escape() -> None:
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if unicodedata.category(character) in UNSEEN and character != "\t":
            assert visible(character) == ascii(character)[1:-1], hex(number)
    assert visible(HARMLESS) == HARMLESS


def test_lines_notes_tables_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    say(HOSTILE, err=True)
    note(HOSTILE)
    table(("name",), [(HOSTILE,), (HARMLESS,)])
    say_json({"name": HOSTILE, HOSTILE: [HARMLESS]})
    said = capsys.readouterr()
    assert unseen(said.out + said.err) == set()
    assert (said.out.count("\n"), said.err.count("\n")) == (1 + 3 + 6, 2)
    document = said.out[said.out.index("{") :]
    assert json.loads(document) == {"name": HOSTILE, HOSTILE: [HARMLESS]}
    assert HARMLESS.replace("\U000e0100", "") in document.replace("\U000e0100", "")


def test_a_table_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "200")
    table(("name", "text"), [(HOSTILE, "[bold]first\nsecond\x1b[2J")])
    said = capsys.readouterr().out
    for written in ("\\x1b]0;title\\x07", "\\u202egnp.exe", "\\x1b[2J", "[bold]first", "second"):
        assert written in said
    assert unseen(said) <= {"\x1b"}  # rich's own, for the bold heading
    assert not any("first" in line and "second" in line for line in said.splitlines())


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="echosearch-show-") as folder:
        yield Path(folder)


def test_hostile_names_through_the_commands(
    real: Tried, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way of printing once also as bytes of a process: what a terminal would get."""
    archive = Tried(home)
    environment = {"ECHOSEARCH_HOME": str(archive.home), "ECHOSEARCH_ENCODER": str(real.folder / "encoder")}
    monkeypatch.setenv("ECHOSEARCH_ENCODER", environment["ECHOSEARCH_ENCODER"])
    export = tmp_path / "export\u202e"
    export.mkdir()
    name = "x\x1b]0;title\x07\u202egnp\x9b.dcm"
    (export / name).write_text("junk")
    shutil.copy(real.folder / "export/IM_0001", export / "IM_0001")
    table_of_views = tmp_path / "views\x1b[2J.csv"
    table_of_views.write_text("path,view\x1b[2J\nx\x1b[2J,4CH\u202e\n", encoding="utf-8")
    reports = tmp_path / "reports.csv"
    reports.write_text("study_uid,report_text\n1.2.3\u202e\x1b[31m,重度\x1b[2JのMR\n", encoding="utf-8")
    commands = [
        ["ingest", str(export), "--dry-run"],
        ["ingest", str(export), "--dry-run", "--json"],
        ["ingest", str(export), "--views", str(table_of_views)],
        ["ingest", str(export), "--reports", str(reports)],
        ["status", "--why", str(export / name)],
        ["status", "--why", str(export / name), "--json"],
        ["status", "--unmatched", "--identified"],
        ["status", "--unmatched", "--identified", "--json"],
        ["similar", str(export / name)],
        ["query", "--report", "MR\x1b[2J\u202e", "--json"],
        ["query", "--report", "MR", "--where", "device = '\x1b[2J'"],
        ["query", "--report", "MR", "--top-k", "\x1b[2J"],
        ["query", "--report", "MR", "--view", "\u202e4CH"],
        ["query", "--file", str(tmp_path / "no\x1b[2J")],
        ["\x1b[2J"],
        ["encoder", "use", "\u202e\x1b[2J"],
        ["index", "drop", "\u202e\x1b[2J"],
    ]
    with archive.served():
        for command in commands:
            inside = archive.ask(*command)
            assert unseen(inside.stdout + inside.stderr) == set(), command
        for kind in (["ingest", "--dry-run"], ["status", "--why", "--json"], ["query", "--where"], ["\x1b[2J"]):
            command = next(one for one in commands if set(kind) <= {*one})  # a table, JSON, an error of ours, of click
            said = run(command, **environment)
            assert unseen(said.stdout + said.stderr) == set(), command
            assert "Traceback" not in said.stderr, command


@pytest.mark.parametrize("locale", ["LANG", "LC_ALL"])
def test_japanese_in_an_ascii_locale_without_utf8_mode(real: Tried, home: Path, locale: str) -> None:
    environment = {"ECHOSEARCH_HOME": str(real.folder / "home"), "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    file = home / "重度.txt"
    file.write_text("重度僧帽弁逆流", encoding="utf-8")
    told = {"LANG": ("--report", "重度僧帽弁逆流"), "LC_ALL": ("--file", str(file))}[locale]
    said = run_anew(["query", *told, "--json"], **environment, **{locale: "C"})
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["query"] == {"report": "重度僧帽弁逆流"}


def test_a_damaged_index_is_one_line_and_rebuild_mends_it(real: Tried, home: Path) -> None:
    archive = real.copy(home)
    for file in archive.home.glob("qdrant/studies_*/segments/*/vector_storage/vectors/status.dat"):
        file.write_bytes(b"")
    query, ingest = ("query", "--report", "重度僧帽弁逆流"), ("ingest", str(real.folder / "export"))
    with archive.served():
        said = run(query, ECHOSEARCH_HOME=str(archive.home))  # a process, whose engine panics
        assert (said.returncode, said.stdout, said.stderr.count("\n")) == (10, "", 1)
        assert "echosearch index rebuild" in said.stderr
        for command in (query, ("verify",), ingest):
            refused = archive.ask(*command)
            assert (refused.exit_code, refused.stdout, refused.stderr.count("\n")) == (10, "", 1), command
            assert "echosearch index rebuild" in refused.stderr
        assert archive.ask("index", "rebuild").exit_code == 0
        assert archive.ask(*query).exit_code == 0
        shutil.rmtree(archive.home / "qdrant")
        lost = archive.ask(*query)
        assert (lost.exit_code, lost.stderr.count("\n")) == (10, 1)
        assert "echosearch index rebuild" in lost.stderr
        assert "ingest" not in lost.stderr
        healed = archive.ask(*ingest, "--json")
        assert json.loads(healed.stdout)["healed"] == 9
        assert archive.ask("verify").exit_code == 0


@pytest.mark.parametrize("name", ["a\nb", "a\x1bb", "a\x85b", "x" * 1000])
def test_a_home_that_cannot_be_is_one_line(tmp_path: Path, name: str) -> None:
    said = run(["status"], ECHOSEARCH_HOME=str(tmp_path / name))
    assert (said.returncode, said.stdout, said.stderr.count("\n")) == (1, "", 1)
    assert "ECHOSEARCH_HOME" in said.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_in_the_temporary_folder(real: Tried, tmp_path: Path) -> None:
    environment = {"ECHOSEARCH_HOME": str(real.folder / "home"), "TMPDIR": str(tmp_path)}
    for command in (["query", "--report", "重度僧帽弁逆流"], ["ingest", str(real.folder / "export"), "--dry-run"]):
        assert run(command, **environment).returncode == 0
        assert [place.name for place in tmp_path.iterdir()] == []
