"""The audit's chain: append-only, verifiable, under a key outside the database, and no answer without its row."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from echosearch.access.password import hash_password, is_password, new_totp, totp_step, totp_uri
from echosearch.access.trail import Trail, open_trail
from echosearch.archive import Archive
from echosearch.db.access.audit import audit_entries, last_entries
from echosearch.db.access.viewer import Role, Viewer
from echosearch.errors import ConfigError

WHO = Viewer("sato", Role.CLINICIAN, reason="山田太郎 の再診")


def filled(archive: Archive, rows: int = 6) -> Trail:
    trail = open_trail(archive)
    for number in range(rows):
        trail.record(WHO, "session", "search", keys=[f"study {number}"], query="鈴木花子 MR")
    return trail


def tamper(archive: Archive, statement: str) -> None:
    """As somebody who owns the database can."""
    with archive.engine.begin() as connection:
        connection.execute(text("alter table access.audit disable trigger written_once"))
        connection.execute(text(statement))
        connection.execute(text("alter table access.audit enable trigger written_once"))


def test_a_whole_chain_verifies_and_says_nothing_in_the_clear(archive: Archive) -> None:
    trail = filled(archive)
    assert trail.verify().problems == ()
    assert trail.verify().entries == 6
    with archive.engine.connect() as connection:
        rows = list(audit_entries(connection))
        raw = str(connection.execute(text("select * from access.audit")).all())
    assert [row.seq for row in rows] == [1, 2, 3, 4, 5, 6]
    assert len({row.query_mac for row in rows}) == 1  # the same query can be counted
    assert trail.opened(rows[0]) == {"query": "鈴木花子 MR", "reason": "山田太郎 の再診"}
    assert "鈴木" not in raw
    assert "山田" not in raw
    for name in ("access.key", "audit.heads"):
        assert stat.S_IMODE((archive.settings.home / name).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "statement",
    [
        "update access.audit set who = 'other' where seq = 3",
        "update access.audit set keys = '{}' where seq = 2",
        "update access.audit set at = '2020-01-01T00:00:00.000+00:00' where seq = 4",
        "delete from access.audit where seq = 3",
        "delete from access.audit where seq = 1",
        "update access.audit set seq = seq + 1 where seq = 6",
        "insert into access.audit select 7, at, who, role, project, via, action, outcome, keys, query_mac, sealed, mac"
        " from access.audit where seq = 5",
    ],
)
def test_a_changed_removed_moved_or_inserted_row_is_found(archive: Archive, statement: str) -> None:
    trail = filled(archive)
    tamper(archive, statement)
    assert trail.verify().problems


def test_a_tail_that_was_cut_off_is_found_by_the_noted_head(archive: Archive) -> None:
    trail = filled(archive)
    trail.note_head()
    tamper(archive, "delete from access.audit where seq > 4")
    (problem,) = trail.verify().problems
    assert (problem.seq, problem.problem) == (6, "was noted in the file of heads and is gone")


@pytest.mark.parametrize("change", ["update access.audit set who = 'x'", "delete from access.audit"])
def test_the_database_refuses_a_change(archive: Archive, change: str) -> None:
    filled(archive, 1)
    with pytest.raises(DBAPIError, match="written once"), archive.engine.begin() as connection:
        connection.execute(text(change))


def test_another_key_neither_appends_nor_verifies(archive: Archive) -> None:
    filled(archive, 2)
    key = archive.settings.access_key_path
    kept = key.read_text()
    key.unlink()
    with pytest.raises(ConfigError, match="is missing"):
        open_trail(archive)
    key.write_text("v1 " + "0" * 64)
    key.chmod(0o600)
    with pytest.raises(ConfigError, match="restore the key"):
        open_trail(archive).record(WHO, "session", "search")
    assert open_trail(archive).verify().problems
    key.write_text(kept)
    assert open_trail(archive).verify().problems == ()


def test_many_writers_make_one_chain(archive: Archive) -> None:
    trails = [open_trail(archive) for _ in range(4)]
    write: Callable[[int], None] = lambda n: trails[n % 4].record(WHO, "session", "search", query=str(n))  # noqa: E731
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(60)))
    found = open_trail(archive).verify()
    assert (found.entries, found.problems) == (60, ())


def test_a_long_list_of_keys_is_several_rows(archive: Archive) -> None:
    trail = open_trail(archive)
    trail.record(WHO, "session", "export csv", keys=[str(n) for n in range(12_000)])
    with archive.engine.connect() as connection:
        assert [len(row.keys) for row in last_entries(connection, 9)] == [2000, 5000, 5000]
    assert trail.verify().problems == ()


def test_passwords_and_codes() -> None:
    stored = hash_password("correct horse battery")
    assert stored.startswith("$argon2id$")
    assert is_password(stored, "correct horse battery")
    assert not is_password(stored, "correct horse batterz")
    assert not is_password(None, "correct horse battery")
    # RFC 6238, appendix B, the last six of its eight digits
    secret = b"12345678901234567890"
    assert totp_step(secret, "287082", 59) == 1
    assert totp_step(secret, "081804", 1111111109) == 1111111109 // 30
    assert totp_step(secret, "287082", 200) is None
    assert totp_step(new_totp(), "", time.time()) is None
    assert totp_uri("sato", secret).endswith("secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=echosearch")
