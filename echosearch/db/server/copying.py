"""Write many rows at once: COPY into a temporary table, from which one statement does the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from echosearch.db.server.no_answer import no_answer

__all__ = ["copy_rows"]


def copy_rows(connection: Connection, table: str, columns: str, rows: Iterable[Sequence[object]]) -> int:
    """Fill a new temporary table, dropped at the end of the transaction; return how many rows it has.

    ``columns`` as in SQL ("n bigint, key uuid"); each row has a value for each. The table is analysed. What follows in
    this transaction may take as long as so many rows need. Raises StoreUnreachable.
    """
    connection.execute(text("set local statement_timeout = 0"))
    connection.execute(text(f"drop table if exists pg_temp.{table}"))
    connection.execute(text(f"create temporary table {table} ({columns}) on commit drop"))
    count = 0
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(f"copy {table} from stdin") as copy:
            for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is their number
                copy.write_row(row)
    except psycopg.OperationalError as exc:  # SQLAlchemy does not see it; its other lines would show a row
        raise no_answer(exc) from None
    connection.execute(text(f"analyze {table}"))
    return count
