"""Probes as they are stored, each under its encoder: figures as JSON, weights as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, text

__all__ = ["ProbeRecord", "delete_probes", "put_probe", "read_probes"]


@dataclass(frozen=True)
class ProbeRecord:
    """One version of the probe of a concept."""

    concept: str
    version: int
    labels: str  # "sr", "facts" or "csv"
    figures: Mapping[str, Any]
    weights: bytes = field(repr=False)
    created_at: datetime


def put_probe(
    connection: Connection, encoder_id: int, concept: str, labels: str, figures: Mapping[str, Any], weights: bytes
) -> ProbeRecord:
    """Store the next version of a concept's probe."""
    row = connection.execute(
        text(
            "insert into core.probe (encoder_id, concept, version, labels, figures, weights)"
            " select :encoder, :concept, coalesce(max(version), 0) + 1, :labels, cast(:figures as jsonb), :weights"
            " from core.probe where encoder_id = :encoder and concept = :concept returning *"
        ),
        {
            "encoder": encoder_id,
            "concept": concept,
            "labels": labels,
            "figures": json.dumps(figures, allow_nan=False),
            "weights": weights,
        },
    ).one()
    return _record(row)


def read_probes(connection: Connection, encoder_id: int, *, versions: bool = False) -> list[ProbeRecord]:
    """Return an encoder's probes by concept: the newest of each, or all ``versions``, the newest first."""
    newest = "" if versions else "distinct on (concept) "
    rows = connection.execute(
        text(f"select {newest}* from core.probe where encoder_id = :encoder order by concept, version desc"),
        {"encoder": encoder_id},
    )
    return [_record(row) for row in rows]


def delete_probes(connection: Connection, encoder_id: int, concept: str, version: int | None = None) -> int:
    """Delete all versions of a concept's probe, or one; return how many there were."""
    which = "" if version is None else " and version = :version"
    done = connection.execute(
        text(f"delete from core.probe where encoder_id = :encoder and concept = :concept{which}"),
        {"encoder": encoder_id, "concept": concept} | ({} if version is None else {"version": version}),
    )
    return int(done.rowcount)


def _record(row: Row[Any]) -> ProbeRecord:
    return ProbeRecord(row.concept, row.version, row.labels, row.figures, bytes(row.weights), row.created_at)
