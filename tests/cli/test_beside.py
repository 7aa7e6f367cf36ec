"""query, similar, report and status beside a running server, whose answers are those of the commands alone."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from echosearch import __version__
from echosearch.cli.beside.call import MOST_REQUEST, NAME, read_document, settings_digest
from echosearch.index.shared.peers import connect_peer
from tests.cli.conftest import KEPT, Tried
from tests.support.other_user import needs_root, said_to_another_user
from tests.web.process import ServerProcess

QUERY = "鈴木花子の重度僧帽弁逆流"


ERRORS = [("similar", "nobody"), ("query", "MR", "--where", "colour = red"), ("query", "MR", "--view", "9CH")]


def commands(study: str) -> list[tuple[str, ...]]:
    return [
        ("query", "--report", QUERY, "--json"),
        ("query", QUERY, "--where", "age >= 1", "--top-k", "2"),
        ("query", "重度僧帽弁逆流", "--as-typed", "--json"),
        ("similar", study, "--json"),
        ("similar", study, "--and", "MR", "--include-same-patient"),
        ("report", study, "--json"),
        ("report", study, "--identified"),
        ("query", "MR", "--identified", "--json"),
        ("status", "--json"),
        ("status",),
        *ERRORS,
    ]


@dataclass(frozen=True)
class Beside:
    """An archive that a server has open, and what commands said before."""

    tried: Tried
    server: ServerProcess
    study: str
    before: dict[tuple[str, ...], tuple[int, str, str]]

    def lines(self, told: str) -> int:
        return self.server.log.read_text().count(f"command line {told} ")


def answers(home: Path, asked: list[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[int, str, str]]:
    """What commands print, all in one new process: torch is loaded once, and sums as it does in a command."""
    code = (
        "import json, sys\nfrom click.testing import CliRunner\nfrom echosearch.cli.main import cli\n"
        "done = [CliRunner().invoke(cli, args) for args in json.loads(sys.argv[1])]\n"
        "print(json.dumps([(one.exit_code, one.stdout, one.stderr) for one in done]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(asked)], env=environment(home), capture_output=True, check=True
    )
    return {command: tuple(said) for command, said in zip(asked, json.loads(done.stdout), strict=True)}


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in (*KEPT, "PYTHONPATH") if name in os.environ}
    return kept | {"ECHOSEARCH_HOME": str(home)}


def studies(printed: str) -> list[str]:
    return [hit["study"] for hit in json.loads(printed)["hits"]]


@pytest.fixture(scope="module")
def beside(real: Tried) -> Iterator[Beside]:
    study = json.loads(real.ask("query", "MR", "--json").stdout)["hits"][0]["study"]
    before = answers(real.folder / "home", commands(study))
    (real.folder / "log").unlink(missing_ok=True)
    with ServerProcess(real.folder) as server:
        server.wait_until_ready()
        yield Beside(real, server, study, before)


def test_answers_are_those_without_a_server(beside: Beside) -> None:
    for command, expected in beside.before.items():
        done = beside.tried.ask(*command)
        assert (done.exit_code, done.stdout, done.stderr) == expected, command
        assert expected[0] == (1 if command in ERRORS else 0), expected
    assert beside.lines("query answered") == 4
    assert (beside.lines("query left"), beside.lines("similar left")) == (2, 1)
    assert beside.lines("similar answered") == beside.lines("report answered") == beside.lines("status answered") == 2


def test_the_command_imports_neither_torch_nor_a_database(beside: Beside) -> None:
    code = (
        "import sys\nfrom echosearch.cli import main\ntry:\n    main()\nfinally:\n"
        "    print(sorted({'torch', 'numpy', 'sqlalchemy', 'pydantic'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "query", "--report", QUERY, "--json"],
        env=environment(beside.tried.folder / "home"),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == beside.before["query", "--report", QUERY, "--json"][1]
    assert done.stderr.splitlines()[-1] == "[]"


def test_identifiers_are_in_the_audit_as_without_a_server(beside: Beside) -> None:
    shown = beside.tried.ask("query", "MR", "--identified", "--json").stdout
    rows = json.loads(beside.tried.ask("audit", "show", "--last", "30", "--open", "--json").stdout)["entries"]
    own = [row for row in rows if row["action"] == "query identified" and row["query"] == "MR"]
    assert len(own) >= 2  # before and beside
    for name in ("who", "via", "role", "keys", "outcome", "query_mac"):
        assert own[0][name] == own[-1][name]
    assert set(own[0]["keys"]) == {hit["study"] for hit in json.loads(shown)["hits"]}


def test_nothing_of_a_patient_is_in_the_log_and_the_socket_is_private(beside: Beside) -> None:
    beside.tried.ask("query", "--report", QUERY, "--json")
    beside.tried.ask("report", beside.study, "--identified")
    log = beside.server.log.read_text()
    assert not [one for one in ("鈴木", "逆流", beside.study) if one in log]
    mode = (beside.tried.folder / "home" / NAME).stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE((beside.tried.folder / "home").stat().st_mode) & 0o066 == 0


def asked(beside: Beside, **given: Any) -> dict[str, Any]:
    """What the server answers to a request by hand."""
    request = {
        "version": __version__,
        "settings": given.pop("settings", settings_digest()),
        "command": "query",
        "asked": {"text": "MR", "as_typed": False, "json": True, "options": {}},
        "terminal": False,
    }
    return sent(beside, json.dumps(request | given).encode())


def sent(beside: Beside, data: bytes) -> dict[str, Any]:
    connection = connect_peer(beside.tried.folder / "home", NAME)
    assert connection is not None
    with connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return read_document(connection, 1 << 20)


def test_another_version_other_settings_and_nonsense_are_left_to_the_command(beside: Beside) -> None:
    assert asked(beside)["parts"][0][0] == "json"
    file = str(beside.server.log)
    others: tuple[dict[str, Any], ...] = (
        {"version": "0"},
        {"settings": "0"},
        {"command": "ingest"},
        {"command": ["query"]},
        {"asked": {}},
        {"command": "similar", "asked": {"target": file, "also": None, "like": [], "unlike": [], "options": {}}},
        {"command": "similar", "asked": {"target": "nobody", "also": None, "like": [], "unlike": [], "options": {}}},
    )
    for given in others:
        assert asked(beside, **given) == {}, given
    for data in (b"", b"x", b"[]", b"{}", b"\xff"):
        assert sent(beside, data) == {}, data
    connection = connect_peer(beside.tried.folder / "home", NAME)
    assert connection is not None
    with connection, suppress(OSError):  # it is cut off somewhere
        connection.sendall(b"x" * 2 * MOST_REQUEST)
    assert asked(beside)["parts"]


@needs_root
def test_another_user_gets_no_byte(beside: Beside) -> None:
    home = beside.tried.folder / "home"
    request = {"version": __version__, "settings": "0", "command": "status", "asked": {}, "terminal": False}
    assert sent(beside, json.dumps(request).encode()) == {}  # a user of its own is told that it must ask on its own
    assert said_to_another_user(home, NAME, json.dumps(request).encode()) == b""
    assert stat.S_IMODE((home / NAME).stat().st_mode) == 0o600
    assert asked(beside)["parts"]


def test_other_settings_are_answered_without_the_server(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("query", "--report", QUERY, "--json")
    left = beside.lines("- left")
    monkeypatch.setenv("ECHOSEARCH_DEVICE", "cpu")
    assert studies(beside.tried.ask(*command).stdout) == studies(beside.before[command][1])
    assert beside.lines("- left") == left + 1
    monkeypatch.delenv("ECHOSEARCH_DEVICE")
    monkeypatch.setenv("ECHOSEARCH_WORKERS", "3")  # of no influence on an answer
    assert beside.tried.ask(*command).stdout == beside.before[command][1]
    assert beside.lines("- left") == left + 1


def test_another_encoder_in_use_is_not_the_servers(beside: Beside, tmp_path: Path) -> None:
    ask, folder = beside.tried.ask, str(tmp_path / "other")
    reports = str(beside.tried.folder / "reports.csv")
    made = ask("encoder", "init", "--size", "tiny", "--seed", "9", "--reports", reports, "--out", folder)
    assert made.exit_code == 0
    assert ask("encoder", "use", folder).exit_code == 0
    try:
        refused = ask("query", "--report", QUERY)
        assert (refused.exit_code, "the archive holds vectors of" in refused.output) == (1, True)
    finally:
        assert ask("encoder", "use", str(beside.tried.folder / "encoder")).exit_code == 0
    assert asked(beside)["parts"]


def test_after_a_server_was_killed_commands_work_on_their_own(beside: Beside) -> None:
    os.killpg(beside.server.process.pid, signal.SIGKILL)
    beside.server.process.wait()
    assert (beside.tried.folder / "home" / NAME).exists()  # a dead one
    command = ("query", "--report", QUERY, "--json")
    assert studies(beside.tried.ask(*command).stdout) == studies(beside.before[command][1])
