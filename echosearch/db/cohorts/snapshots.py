"""Frozen cohorts: written once, with a SHA-256 that tells whether anything of them was altered.

digest = SHA-256 of the definition and, for each member by study key, a line of all its columns.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

__all__ = [
    "Snapshot",
    "Versions",
    "count_opted_out",
    "digest_of",
    "freeze_run",
    "frozen_members",
    "kept_members",
    "lexicons_here",
    "lock_snapshots",
    "read_snapshot",
    "run_members",
]

# null and '' are told apart; a probability is written as PostgreSQL writes it, which gives back the same number
_LINE = "concat_ws('|', study_key, patient_key, {}) as line".format(
    ", ".join(
        f"coalesce(cast({name} as text), '-')"
        for name in ("month", "age", "sex", "report_key", "lexicon", "probability")
    )
)
_BATCH = 5000  # lines in memory


def run_members(steps: int, prefix: str = "cohort") -> str:
    """Return a query of the members of a run (counting.py), with the evidence of each as it is now."""
    return (
        "select r.study_key, r.patient_key, s.month, s.age, s.sex, f.report_key, f.lexicon, r.probability"
        f" from {prefix}_run r join core.study s on s.study_key = r.study_key"
        f" left join core.fact_reading f on f.study_key = r.study_key where r.step = {steps:d}"
    )


def frozen_members(snapshot_id: int) -> str:
    """Return a query of the members of a snapshot, with the evidence that they were members by."""
    return (
        "select study_key, patient_key, month, age, sex, report_key, lexicon, probability"
        f" from core.cohort_member where snapshot_id = {snapshot_id:d}"
    )


def kept_members(snapshot_id: int) -> str:
    """Return a query of the members of a snapshot but those who have opted out since: what may be shown of it."""
    return (
        f"select m.* from ({frozen_members(snapshot_id)}) m"
        " where not exists (select from core.opt_out o where o.key = m.study_key)"
    )


def count_opted_out(connection: Connection, name: str, number: int | None) -> int:
    """Return how many members of a snapshot have opted out since; 0 without a number, as of a definition asked now."""
    counted = text(
        "select count(*) from core.cohort_snapshot s join core.cohort_member m on m.snapshot_id = s.id"
        " where s.name = :name and s.number = :number"
        " and exists (select from core.opt_out o where o.key = m.study_key)"
    )
    return int(connection.execute(counted, {"name": name, "number": number}).scalar_one())


@dataclass(frozen=True)
class Versions:
    """What a membership follows from beside the definition."""

    lexicons: tuple[str, ...]  # that the archive's reports were read by
    encoder: str | None = None  # fingerprint, where videos were asked
    calibration: str | None = None


@dataclass(frozen=True)
class Snapshot:
    """A frozen cohort without its members."""

    id: int
    name: str
    number: int
    definition: str
    digest: str  # hex
    members: int
    attrition: list[Any]
    resolution: str
    versions: Versions
    report_seq: int
    file_id: int
    created_at: datetime

    @property
    def reference(self) -> str:
        """NAME@NUMBER, as a user names it."""
        return f"{self.name}@{self.number}"


def lock_snapshots(connection: Connection) -> None:
    """Let one process freeze at a time. First in its transaction: what that sees begins behind the lock."""
    connection.execute(text("lock table core.cohort_snapshot in share row exclusive mode"))


def freeze_run(
    connection: Connection,
    name: str,
    definition: str,
    steps: int,
    attrition: list[Any],
    resolution: str,
    versions: Versions,
) -> Snapshot:
    """Store the members of the run of this transaction as the name's next snapshot."""
    members = run_members(steps)
    digest, count = _digest(connection, definition, members)
    row = connection.execute(
        text(
            "insert into core.cohort_snapshot (name, number, definition, digest, members, attrition, resolution,"
            " lexicons, encoder, calibration, report_seq, file_id)"
            " select :name, (select coalesce(max(number), 0) + 1 from core.cohort_snapshot where name = :name),"
            " :definition, :digest, :members, cast(:attrition as jsonb), :resolution, cast(:lexicons as text[]),"
            " :encoder, :calibration, (select coalesce(max(seq), 0) from core.report),"
            " (select coalesce(max(id), 0) from core.source_file) returning id, number"
        ),
        {
            "name": name,
            "definition": definition,
            "digest": bytes.fromhex(digest),
            "members": count,
            "attrition": json.dumps(attrition),
            "resolution": resolution,
            "lexicons": list(versions.lexicons),
            "encoder": versions.encoder,
            "calibration": versions.calibration,
        },
    ).one()
    connection.execute(
        text(
            "insert into core.cohort_member (snapshot_id, study_key, patient_key, month, age, sex, report_key, lexicon,"
            f" probability) select :id, m.* from ({members}) m"
        ),
        {"id": row.id},
    )
    made = read_snapshot(connection, name, row.number)
    assert made is not None
    return made


def read_snapshot(connection: Connection, name: str, number: int | None) -> Snapshot | None:
    """Return a snapshot of this name, the newest without a number; None if there is none."""
    row = connection.execute(
        text(
            "select * from core.cohort_snapshot where name = :name"
            " and (cast(:number as bigint) is null or number = :number) order by number desc limit 1"
        ),
        {"name": name, "number": number},
    ).one_or_none()
    if row is None:
        return None
    versions = Versions(tuple(row.lexicons), row.encoder, row.calibration)
    return Snapshot(
        row.id,
        row.name,
        row.number,
        row.definition,
        bytes(row.digest).hex(),
        row.members,
        row.attrition,
        row.resolution,
        versions,
        row.report_seq,
        row.file_id,
        row.created_at,
    )


def digest_of(connection: Connection, snapshot: Snapshot) -> str:
    """Return a snapshot's digest as hex, computed from what is stored."""
    return _digest(connection, snapshot.definition, frozen_members(snapshot.id))[0]


def _digest(connection: Connection, definition: str, members: str) -> tuple[str, int]:
    """(hex digest, members), with ``_BATCH`` lines in memory."""
    digest, count = hashlib.sha256(definition.encode()), 0
    with connection.execute(
        text(f"select {_LINE} from ({members}) m order by study_key"),
        execution_options={"stream_results": True, "yield_per": _BATCH},
    ) as streamed:
        for part in streamed.partitions():
            digest.update("".join(f"\n{row.line}" for row in part).encode())
            count += len(part)
    return digest.hexdigest(), count


def lexicons_here(connection: Connection) -> tuple[str, ...]:
    """Return the versions of the lexicon that reports were read by."""
    return tuple(connection.scalars(text("select distinct lexicon from core.fact_reading order by 1")))
