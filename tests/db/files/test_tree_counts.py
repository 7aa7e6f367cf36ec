"""The counts of a folder: every file below it and no other, however long the paths are that the index cuts."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from echosearch.db.files.ledger import claim
from echosearch.db.files.status import tree_counts
from echosearch.source_file import FoundFile
from tests.db.conftest import KEYRING, Ledger

LONG = "/long/" + "x" * 190  # the index holds 200 bytes of a path
PATHS = (
    *("/pacs/a/IM_1", "/pacs/a/b/IM_2", "/pacs/a0", "/pacs/a-c/IM_3", "/pacs/a!/IM_4", "/pacs/エコー/IM_5"),
    *(f"{LONG}/IM_1", f"{LONG}/deep/IM_2", f"{LONG}yy/IM_3", f"{LONG}0", f"{LONG}"),
)


@pytest.mark.parametrize(
    "root",
    ["/", "/pacs", "/pacs/a", "/pacs/a/b", "/pacs/a/IM_1", "/pacs/エコー", "/none", "/long", LONG, f"{LONG}/deep"],
)
def test_every_file_below_a_folder_is_counted(engine: Engine, ledger: Ledger, root: str) -> None:
    with engine.begin() as connection:
        claim(connection, KEYRING, ledger.run_id, [FoundFile(Path(path), 1, 1) for path in PATHS])
        expected = [path for path in PATHS if path == root or path.startswith(root.rstrip("/") + "/")]
        assert tree_counts(connection, Path(root)).found == len(expected)


def test_a_small_folder_is_found_by_the_index(engine: Engine, ledger: Ledger) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into phi.source_path (file_id, path) select -n, cast('/pacs/' || n as bytea)"
                " from generate_series(1, 20000) n"
            )
        )
        connection.execute(text("analyze phi.source_path"))
        begin = "substring(path from 1 for 200)"
        query = f"explain select from phi.source_path where {begin} >= '/pacs/77/' and {begin} <= '/pacs/770'"
        assert "ix_source_path_begin" in "".join(connection.scalars(text(query)))
        connection.rollback()
