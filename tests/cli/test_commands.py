"""The command line as such: help at once, one-line errors, exit codes, and docs that know every command."""

from __future__ import annotations

import csv
import errno
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from echosearch import __version__
from echosearch.cli.commands.encoder import ARCHITECTURES, SIZES
from echosearch.cli.commands.encoder import COMMANDS as ENCODER_COMMANDS
from echosearch.cli.commands.index import COMMANDS as INDEX_COMMANDS
from echosearch.cli.commands.ingest import _say_outcomes
from echosearch.cli.commands.phantom import COMMANDS as PHANTOM_COMMANDS
from echosearch.cli.commands.phantom import write as write_phantom
from echosearch.cli.lazy import LazyGroup
from echosearch.cli.main import COMMANDS, cli
from echosearch.errors import ArchiveLocked, EchosearchError, EmptyArchive, FileRefused, StoreUnreachable
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.phantom.files.archive import WORDINGS, phantom_studies
from echosearch.phantom.patients.history import LEVELS
from echosearch.reading.reason_text import MEANING
from tests.cli.conftest import PROGRAM, run_anew

DOCS = Path(__file__).parents[2] / "docs"


def leaves(group: click.Group, prefix: str = "") -> list[tuple[str, click.Command]]:
    """Every command that does something, with its full name."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        full = f"{prefix}{name}"
        found += leaves(command, f"{full} ") if isinstance(command, click.Group) else [(full, command)]
    return found


LEAVES = leaves(cli)


def test_help_says_how_to_ask_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from echosearch.cli.main import cli\n"
        "cli.main(['--help'], standalone_mode=False)\n"
        "heavy = 'torch sqlalchemy pydicom transformers timm qdrant_client qdrant_edge numpy rich lark'.split()\n"
        "sys.exit(str([name for name in heavy if name in sys.modules]) if set(heavy) & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "重度僧帽弁逆流" in done.stdout


def test_the_console_script_is_this_program() -> None:
    (script,) = entry_points(group="console_scripts", name="echosearch")
    assert script.value == "echosearch.cli:main"


@pytest.mark.parametrize(("name", "command"), LEAVES, ids=[name for name, _ in LEAVES])
def test_every_command_has_help_an_example_and_a_place_in_the_docs(name: str, command: click.Command) -> None:
    shown = CliRunner().invoke(cli, [*name.split(), "--help"])
    assert shown.exit_code == 0
    assert f"  echosearch {name}" in shown.output
    assert all(getattr(option, "help", None) or option.name == "architecture" for option in command.params if
               isinstance(option, click.Option))  # fmt: skip
    assert f"echosearch {name}" in (DOCS / "cli.md").read_text(encoding="utf-8")
    speaks = {option for parameter in command.params for option in parameter.opts}
    # those without it go on until they are stopped, talk with a person, or answer with a file
    assert "--json" in speaks or name in {"demo", "serve", "audit export"} or name.startswith("user ")


def test_the_one_line_helps_are_those_of_the_commands() -> None:
    listings = {"encoder": ENCODER_COMMANDS, "index": INDEX_COMMANDS, "phantom": PHANTOM_COMMANDS}
    groups = [(cli, COMMANDS), *((cli.get_command(click.Context(cli), name), made) for name, made in listings.items())]
    for group, listed in groups:
        assert isinstance(group, LazyGroup)
        for name, (_, line) in listed.items():
            command = group.get_command(click.Context(group), name)
            assert command is not None
            assert command.short_help == line


def test_choices_are_those_of_what_they_choose_from() -> None:
    from echosearch.encoder import create as init

    assert SIZES == init.SIZES
    assert ARCHITECTURES == init.ARCHITECTURES

    (wording,) = (option.type for option in write_phantom.params if option.name == "wording")
    assert isinstance(wording, click.Choice)
    assert list(wording.choices) == list(WORDINGS)
    (level,) = (option.type for option in write_phantom.params if option.name == "level")
    assert isinstance(level, click.Choice)
    assert tuple(level.choices) == LEVELS


@pytest.mark.parametrize("wording", ["first", "other", "letter"])
def test_phantom_write_takes_a_wording(tmp_path: Path, wording: str) -> None:
    asked = ["phantom", "write", str(tmp_path / "made"), "--patients", "1", "--seed", "6", "--frames", "2"]
    done = CliRunner().invoke(cli, [*asked, "--wording", wording, "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    with (tmp_path / "made" / "reports.csv").open(encoding="utf-8", newline="") as handle:
        texts = [row["report_text"] for row in csv.DictReader(handle)]
    assert texts == [WORDINGS[wording](study) for study in phantom_studies(1, 6)]
    assert len(texts) == json.loads(done.stdout)["studies"]


def test_every_reason_has_a_meaning() -> None:
    assert MEANING.keys() == {reason.value for reason in Reason}


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (["quer"], 2, "No such command 'quer'; see echosearch --help"),
        (["query", "--colour"], 2, "No such option"),
        (["query"], 2, "give one of TEXT, --report TEXT and --file FILE"),
        (["query", "--report", "弁", "--file", "x"], 2, "give one of TEXT, --report TEXT and --file FILE"),
        (["query", "--report", "弁", "--top-k", "0"], 2, "--top-k"),
        (["query", "--report", "弁", "--where", "view = 5CH"], 1, "--where, character 8: view has no value '5CH'"),
        (["query", "--report", "弁", "--view", "5CH"], 1, "--view '5CH': no such view, it is one of LAX"),
        (["query", "--report", "弁", "--min-view-prob", "2"], 1, "--min-view-prob 2.0"),
        (["query", "--report", "弁", "--min-view-prob", "0.5"], 1, "name one with --view"),
        (["query", "--file", "none.txt"], 1, "--file none.txt: No such file"),
        (["ingest", "no/such/folder"], 1, "no/such/folder: no such file or folder"),
        (["status", "--why", "a", "--unmatched"], 2, "give one of --why, --files and --unmatched"),
        (["status", "--identified"], 2, "--identified goes with --unmatched"),
        (["ingest", ""], 2, "'FOLDER': it is empty"),
        (["ingest", ".", "--reports", ""], 2, "'--reports': it is empty"),
        (["encoder", "use", "no/such/bundle"], 1, "no/such/bundle"),
        (["evaluate", "phantom-tiny", "--set", "data.patients=2"], 2, "give --config TOML too"),
        (["evaluate", "phantom-tiny"], 1, "split 'test' has no share of these patients"),
        (["evaluate", "phantom-views"], 1, "encoder"),
        (["evaluate", "phantom-tiny", "--figure", "x.foo"], 2, "--figure x.foo: give a file"),
        (["evaluate", "phantom-tiny", "--figure", "no/such/x.png"], 2, "in a folder that is there"),
        (["evaluate", "phantom-tiny", "--view-classifier", "no/such"], 1, "no/such"),
        (["phantom", "write", "x", "--seed", "100000"], 2, "'--seed': 100000 is not in the range 0<=x<=99999"),
        (["phantom", "write", "x", "--wording", "third"], 2, "'third' is not one of 'first', 'other'"),
        (["encoder", "init", "--reports", "x", "--out", "x", "--seed", "9" * 20], 2, "'--seed'"),
        (["encoder", "init", "--reports", "none.csv", "--out", "x"], 1, "none.csv"),
        (["encoder", "import", "clip", "x", "--out", "y"], 1, "no importer for 'clip': it is one of"),
    ],
)
def test_an_error_is_one_line(tmp_path: Path, args: list[str], code: int, told: str) -> None:
    done = CliRunner().invoke(cli, args, env={"ECHOSEARCH_HOME": str(tmp_path / "home")})
    assert done.exit_code == code
    assert done.stdout == ""
    assert done.stderr.startswith("echosearch: ")
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("args", [[], ["encoder"], ["index"], ["phantom"]])
def test_a_group_alone_shows_its_help(args: list[str]) -> None:
    done = CliRunner().invoke(cli, args)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == CliRunner().invoke(cli, [*args, "--help"]).stdout


def test_terms_that_are_not_agreed_to_end_a_download(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["encoder", "pull", "echoprime", "--out", str(tmp_path / "x")], input="n\n")
    assert done.exit_code == 1
    assert done.stderr.endswith("echosearch: the terms were not agreed to: nothing was downloaded\n")


def test_a_file_name_cannot_break_its_line_or_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _say_outcomes([(Path("IM\n1\x1b[2J"), Skipped(Reason.EMPTY)), (Path("心臓"), Skipped(Reason.STILL))], as_json=False)
    assert capsys.readouterr().out == "IM\\n1\\x1b[2J\tskipped, EMPTY\n心臓\tskipped, STILL\n"


def test_a_wrong_setting_names_its_variable() -> None:
    done = CliRunner().invoke(cli, ["status"], env={"ECHOSEARCH_WORKERS": "many"})
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert "ECHOSEARCH_WORKERS" in done.stderr
    done = CliRunner().invoke(cli, ["status"], env={"ECHOSEARCH_DATABASE_URL": "postgresql://localhost/x"})
    assert done.exit_code == 1
    assert "ECHOSEARCH_QDRANT_URL is not set" in done.stderr


def test_a_store_that_does_not_answer_is_exit_10(tmp_path: Path) -> None:
    environment = {
        "ECHOSEARCH_HOME": str(tmp_path),
        "ECHOSEARCH_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "ECHOSEARCH_QDRANT_URL": "http://127.0.0.1:9",
    }
    done = CliRunner().invoke(cli, ["status"], env=environment)
    assert (done.exit_code, done.stderr.count("\n")) == (10, 1)


def raising(error: BaseException) -> LazyGroup:
    """A group whose one command ends with ``error``."""

    @click.command()
    def wait() -> None:
        raise error

    class Only(LazyGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
            return wait

    return Only("echosearch", lazy={"wait": ("", "")})


def test_the_program_is_also_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "echosearch", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"echosearch, version {__version__}\n"


def test_an_interrupt_is_quiet() -> None:
    done = CliRunner().invoke(raising(KeyboardInterrupt()), ["wait"])
    assert (done.exit_code, done.output.strip()) == (130, "")


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ArchiveLocked("another ingest runs"), 11, "echosearch: another ingest runs\n"),
        (StoreUnreachable("Qdrant does not\nanswer"), 10, "echosearch: Qdrant does not answer\n"),
        (EmptyArchive("empty"), 1, "echosearch: empty\n"),
        (FileRefused(Quarantined(Reason.TRUNCATED)), 1, "quarantined, TRUNCATED (the file is cut short"),
    ],
)
def test_our_errors_become_their_exit_code(error: EchosearchError, code: int, told: str) -> None:
    done = CliRunner().invoke(raising(error), ["wait"])
    assert done.exit_code == code
    assert told in done.stderr
    assert done.stderr.count("\n") == 1


def of_a_library(cause: OSError) -> OSError:
    """Another OSError as pydicom raises it: without a number, its text a traceback."""
    error = OSError("With tag (7FE0,0010) got exception: Traceback ...")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/a"), "No space left on device: /a"),
        (OSError(errno.ENOSPC, "No space left on device", "/from", None, "/to"), "No space left on device: /to"),
        (of_a_library(OSError(errno.ENOSPC, "No space left on device")), "No space left on device, while the output"),
        (OSError("no number"), "OSError, while the output"),
    ],
)
def test_the_systems_errors_are_one_line(error: OSError, told: str) -> None:
    done = CliRunner().invoke(raising(error), ["wait"])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"echosearch: {told}")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_ends_nothing_loudly() -> None:
    done = subprocess.run(
        ["bash", "-c", '"$@" | head -c 1; echo " ${PIPESTATUS[0]}"', "bash", *PROGRAM, "--help"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout == "U 0\n"


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ('"$@" encoder list >&-', 0, ""),
        ('"$@" encoder list 2>&- >/dev/null', 0, ""),
        ('"$@" query --file - <&-', 1, "the query has no words"),
        ('"$@" encoder list >/dev/full', 1, "No space left on device"),
        ('"$@" --help >/dev/full', 1, "No space left on device"),
        ('ECHOSEARCH_HOME=/dev/null "$@" encoder use phantom-tiny', 1, "Not a directory: /dev/null"),
    ],
)
def test_closed_streams_and_what_the_system_refuses(tmp_path: Path, command: str, code: int, told: str) -> None:
    done = subprocess.run(
        ["bash", "-c", command, "bash", *PROGRAM],
        env={**os.environ, "ECHOSEARCH_HOME": str(tmp_path / "home")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == code
    assert told in done.stderr
    assert done.stderr.count("\n") == (1 if told else 0)


@pytest.mark.parametrize("locale", ["C", "POSIX", "C.UTF-8"])
def test_japanese_in_any_locale(locale: str) -> None:
    done = run_anew(["query", "--report", "僧帽弁", "--view", "五腔"], LC_ALL=locale, PYTHONIOENCODING="ascii")
    assert done.returncode == 1
    assert "--view '五腔': no such view" in done.stderr
