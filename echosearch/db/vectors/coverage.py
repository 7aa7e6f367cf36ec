"""The number of points that the index should hold, without counting rows."""

from __future__ import annotations

from sqlalchemy import Connection, text

from echosearch.db.server.statement import statement

__all__ = ["count_due", "due_counts", "indexed_counts"]


def indexed_counts(connection: Connection, encoder_id: int) -> dict[str, int]:
    """Return collection -> its rows that the index has been given (``indexed_gen``).

    Triggers keep the counts (migration 0005). What is only due is not among them: a row that was never sent, a point
    that is to go.
    """
    rows = connection.execute(
        statement("select collection, points from core.index_count where encoder_id = :encoder"),
        {"encoder": encoder_id},
    )
    return {row.collection: row.points for row in rows}


def count_due(connection: Connection, encoder_id: int, collection: str, limit: int) -> int:
    """Return how many outbox rows a collection has, at most ``limit``: so many points more may be in the index."""
    query = (
        "select count(*) from (select from core.outbox where encoder_id = :encoder and collection = :collection"
        " limit :limit) due"
    )
    given = {"encoder": encoder_id, "collection": collection, "limit": limit}
    return int(connection.execute(text(query), given).scalar_one())


def due_counts(connection: Connection) -> dict[str, int]:
    """Return collection -> how many points of the active encoder the index has still to get or lose."""
    rows = connection.execute(
        text(
            "select collection, count(*) as due from core.outbox where encoder_id ="
            " (select encoder_id from core.generation where state = 'active') group by collection"
        )
    )
    return dict.fromkeys(("videos", "studies", "reports"), 0) | {row.collection: row.due for row in rows}
