"""user and audit: accounts made on this machine, and identifiers that are written down before they are shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Tried


def test_accounts_projects_and_tokens(real: Tried, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery")
    made = real.ask("user", "add", "root", "--role", "admin", "--password-file", str(secret))
    assert made.exit_code == 0
    unasked = real.ask("user", "add", "other", "--role", "admin")
    assert (unasked.exit_code, "there is no terminal to ask for the password on" in unasked.stderr) == (1, True)
    again = real.ask("user", "add", "root", "--role", "admin", "--password-file", str(secret))
    assert (again.exit_code, "there is an account root" in again.output) == (1, True)
    refused = real.ask("user", "project", "views", "--where", "view = 4CH")
    assert "age, sex and date alone" in refused.output
    assert real.ask("user", "project", "old", "--where", "age >= 65").exit_code == 0
    given = ("user", "add", "suzuki", "--role", "researcher", "--project", "old", "--totp")
    added = real.ask(*given, "--password-file", str(secret))
    assert "otpauth://totp/echosearch:suzuki" in added.output
    token = real.ask("user", "token", "suzuki", "notebook", "--right", "search")
    assert len(token.stdout.strip()) == 43
    wrong = real.ask("user", "token", "suzuki", "other", "--right", "accounts")
    assert "a researcher has" in wrong.output
    listed = json.loads(real.ask("user", "list", "--json").stdout)
    assert [one["name"] for one in listed["accounts"]] == ["root", "suzuki"]
    assert [one["rights"] for one in listed["tokens"]] == [["search"]]
    assert real.ask("user", "disable", "suzuki").exit_code == 0
    assert json.loads(real.ask("user", "list", "--json").stdout)["accounts"][1]["disabled"]
    assert "suzuki" in real.ask("user", "list").stdout


def test_an_account_is_linked_with_somebody_of_the_provider(
    real: Tried, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("correct horse battery")
    real.ask("user", "add", "sato", "--role", "clinician", "--password-file", str(secret))
    refused = real.ask("user", "link", "sato", "--subject", "8f2c")
    assert (refused.exit_code, "ECHOSEARCH_OIDC_ISSUER is not set" in refused.output) == (1, True)
    issuer = "https://idp.hospital.example"
    monkeypatch.setenv("ECHOSEARCH_OIDC_ISSUER", issuer)
    monkeypatch.setenv("ECHOSEARCH_OIDC_CLIENT_ID", "echosearch")
    assert "no account suzuko" in real.ask("user", "link", "suzuko", "--subject", "8f2c").output
    assert real.ask("user", "link", "sato", "--subject", "8f2c").exit_code == 0
    assert "has an account already" in real.ask("user", "link", "sato", "--subject", "8f2c").output
    link = {"account": "sato", "issuer": issuer, "subject": "8f2c"}
    assert json.loads(real.ask("user", "list", "--json").stdout)["identities"] == [link]
    assert real.ask("user", "link", "sato", "--subject", "8f2c", "--remove").exit_code == 0
    assert "is not linked" in real.ask("user", "link", "sato", "--subject", "8f2c", "--remove").output
    assert json.loads(real.ask("user", "list", "--json").stdout)["identities"] == []


def test_identifiers_are_in_the_audit_before_they_are_shown(real: Tried, tmp_path: Path) -> None:
    asked = real.ask("query", "--report", "重度僧帽弁逆流", "--identified", "--json")
    shown = json.loads(asked.stdout)["hits"]
    (row,) = json.loads(real.ask("audit", "show", "--last", "1", "--open", "--json").stdout)["entries"]
    assert (row["action"], row["query"]) == ("query identified", "重度僧帽弁逆流")
    rows = json.loads(real.ask("audit", "show", "--json").stdout)["entries"]
    found = next(one for one in rows if one["action"] == "query identified")
    assert set(found["keys"]) == {hit["study"] for hit in shown}
    assert found["via"] == "command line"
    checked = json.loads(real.ask("audit", "verify", "--json").stdout)
    assert checked["problems"] == []
    assert checked["entries"] >= len(rows)
    out = tmp_path / "audit.ndjson"
    assert real.ask("audit", "export", str(out)).exit_code == 0
    lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert lines[-1] == {"end": True, "rows": len(lines) - 1}


def test_without_the_audits_key_no_identifier_is_shown(real: Tried) -> None:
    real.ask("query", "--report", "MR", "--identified", "--json")
    key = real.folder / "home" / "access.key"
    kept = key.read_text()
    key.unlink()
    try:
        asked = real.ask("query", "--report", "MR", "--identified", "--json")
        assert (asked.exit_code, asked.stdout) == (1, "")
        assert "access.key is missing" in asked.stderr
    finally:
        key.write_text(kept)
        key.chmod(0o600)
    assert real.ask("query", "--report", "MR", "--json").exit_code == 0
