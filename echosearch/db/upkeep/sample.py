"""A sample of the archive's points, for measuring searches on it."""

from __future__ import annotations

from sqlalchemy import Connection

from echosearch.db.vectors.points import VECTOR_TABLES, PointRow, point_rows

__all__ = ["sample_points"]


def sample_points(
    connection: Connection, encoder_id: int, collection: str, count: int, vectors: bool
) -> list[PointRow]:
    """Return the first ``count`` points by key, without their vectors unless ``vectors``.

    Keys are hashes, so the first are as good as any: the sample is even, cheap, and the same each time.
    """
    table, key = VECTOR_TABLES[collection]
    query = f"""
        select 0 as id, 0 as gen, {key} as key, cast(:op as text) as op from {table}
        where encoder_id = :encoder order by {key} limit :count"""
    return point_rows(connection, encoder_id, collection, query, {"count": count, "op": "upsert" if vectors else ""})
