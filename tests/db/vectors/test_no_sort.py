"""What goes through a table in batches finds each in an index: to sort what is left each time would be quadratic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, text

from echosearch.db.studies.visits import unsettled_patients
from echosearch.db.upkeep import comparison
from echosearch.db.vectors.points import key_ranges
from tests.db.conftest import Ledger, header


def settle(connection: Connection, _encoder: int) -> None:
    unsettled_patients(connection, 2)


def ranges(connection: Connection, encoder: int) -> None:
    assert len(list(key_ranges(connection, encoder, "videos", 2))) > 1


def repair(connection: Connection, encoder: int) -> None:
    comparison.start_comparison(connection)
    comparison.compare(connection, encoder, "videos")  # makes the index
    comparison.repair(connection, encoder, "videos")


@pytest.mark.parametrize("run", [settle, ranges, repair])
def test_batches_come_from_an_index(engine: Engine, ledger: Ledger, run: Callable[[Connection, int], None]) -> None:
    ledger.store(*(header(f"1.{n}", study=str(n), patient=str(n)) for n in range(5)))
    sorted_by: list[str] = []

    def explain(_: Connection, cursor: Any, statement: str, parameters: Any, *_more: object) -> None:
        if "limit" not in statement or statement.startswith("explain"):
            return
        with cursor.connection.cursor() as own:
            own.execute(f"explain (costs off) {statement}", parameters)
            sorted_by.extend(line for (line,) in own.fetchall() if "Sort Key" in line)

    with engine.begin() as connection:
        for other in ("seqscan", "bitmapscan", "sort"):  # few rows: a sort would cost nothing
            connection.execute(text(f"set local enable_{other} = off"))
        event.listen(connection, "before_cursor_execute", explain)
        run(connection, ledger.encoder_id)
        event.remove(connection, "before_cursor_execute", explain)
    assert sorted_by == []
