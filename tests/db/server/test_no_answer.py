"""What is said when PostgreSQL does not answer: a full disk by its name, an embedded server by its home."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from echosearch.db.server.engine import open_engine
from echosearch.db.server.no_answer import no_answer
from echosearch.errors import StoreUnreachable


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB: less than a new cluster takes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not in every container")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_full_is_said(small_disk: Path) -> None:
    engine = open_engine(None, small_disk / "home")
    with pytest.raises(StoreUnreachable, match=f"the disk of {small_disk}/home is full: make room there and run it"):
        engine.connect()
    engine.dispose()


@pytest.mark.parametrize(
    ("error", "home", "told"),
    [
        (psycopg.errors.DiskFull("x"), None, "PostgreSQL's disk is full: make room there"),
        ("FATAL: could not write init file: No space left on device", None, "PostgreSQL's disk is full"),
        ("connection refused", None, "connection refused; check ECHOSEARCH_DATABASE_URL and the server"),
        ("connection refused", Path("/nowhere/home"), "PostgreSQL under /nowhere/home does not answer: connection"),
    ],
)
def test_what_is_said(error: BaseException | str, home: Path | None, told: str) -> None:
    said = str(no_answer(error, home))
    assert told in said
    assert ("ECHOSEARCH_DATABASE_URL" in said) is (home is None and "full" not in said)


def test_an_embedded_server_that_is_gone_is_not_looked_for_at_a_url(tmp_path: Path) -> None:
    engine = open_engine(None, tmp_path)
    with engine.connect() as connection:
        number = connection.scalar(text("select pg_backend_pid()"))
        with engine.connect() as other:
            other.execute(text("select pg_terminate_backend(:number)"), {"number": number})
        with pytest.raises(StoreUnreachable, match=f"PostgreSQL under {tmp_path} does not answer") as error:
            connection.execute(text("select 1"))
    assert "ECHOSEARCH_DATABASE_URL" not in str(error.value)
    engine.dispose()
