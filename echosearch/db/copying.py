"""Many rows at once: PostgreSQL's COPY into a temporary table, from which one statement does the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

__all__ = ["copy_rows"]


def copy_rows(connection: Connection, table: str, columns: str, rows: Iterable[Sequence[object]]) -> int:
    """Fill a new temporary table, dropped at the end of the transaction; how many rows.

    ``columns`` as in SQL ("n bigint, key uuid"); each row has a value for each. The table is analysed.
    """
    connection.execute(text(f"drop table if exists pg_temp.{table}"))
    connection.execute(text(f"create temporary table {table} ({columns}) on commit drop"))
    count = 0
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"copy {table} from stdin") as copy:
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is their number
            copy.write_row(row)
    connection.execute(text(f"analyze {table}"))
    return count
