"""Frozen cohorts: freeze a definition's members, read them back unaltered, and say what changed since."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from echosearch.archive import Archive
from echosearch.cohort.attrition import attrition_json
from echosearch.cohort.definition import Definition, Made
from echosearch.cohort.run import CohortRun, active_row, run_definition
from echosearch.cohort.store import named_definition, parse_reference
from echosearch.cohort.table import Column
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db import Connection
from echosearch.db.cohorts.changes import Change, Compared, changes, compare_members, count_causes
from echosearch.db.cohorts.snapshots import (
    Snapshot,
    count_opted_out,
    digest_of,
    freeze_run,
    frozen_members,
    kept_members,
    lock_snapshots,
    read_snapshot,
    run_members,
)
from echosearch.errors import ArchiveError, EncoderMismatch, InputError

__all__ = ["CHANGE_COLUMNS", "SHOWN", "Difference", "change_pages", "checked_snapshot", "difference", "freeze"]

CHANGE_COLUMNS = (
    Column("study", "text", None, "pseudonymous key of the study"),
    Column("patient", "text", None, "pseudonymous key of the patient"),
    Column("change", "text", None, "entered or left"),
    Column("causes", "text", None, "why, the main cause first (docs/cohorts.md)"),
)
SHOWN = 1000  # changes that are listed one by one; --out writes all


@dataclass(frozen=True)
class Difference:
    """What changed from one state of a cohort to another."""

    before: str  # NAME@NUMBER
    after: str  # NAME@NUMBER, or NAME: the definition asked now
    stayed: int
    entered: int
    left: int
    causes: dict[str, dict[str, int]]  # "entered", "left" -> main cause -> studies
    changes: tuple[Change, ...] = field(repr=False)  # the first SHOWN
    notes: tuple[str, ...] = ()


def freeze(archive: Archive, connection: Connection, name: str) -> tuple[Snapshot, CohortRun]:
    """Store the members that a definition has now; first in its transaction. Raises what run_definition does."""
    lock_snapshots(connection)
    run = run_definition(archive, connection, named_definition(connection, name))
    made = freeze_run(
        connection,
        name,
        to_toml(run.definition),
        run.steps,
        attrition_json(run.attrition),
        run.resolution,
        run.versions,
    )
    return made, run


def checked_snapshot(connection: Connection, name: str, number: int | None) -> Snapshot:
    """Return a snapshot whose members and definition give the digest that it was frozen with.

    Raises InputError if there is none, ArchiveError if it was altered.
    """
    found = read_snapshot(connection, name, number)
    if found is None:
        which = f"{name}@{number}" if number is not None else f"of {name}"
        raise InputError(f"no frozen cohort {which}: echosearch cohort freeze {name} makes one")
    if digest_of(connection, found) != found.digest:
        raise ArchiveError(
            f"frozen cohort {found.reference} was altered: its members do not give the SHA-256 {found.digest[:12]} that"
            " it was frozen with; restore core.cohort_snapshot and core.cohort_member from a backup"
        )
    return found


def difference(archive: Archive, connection: Connection, before: str, after: str | None = None) -> Difference:
    """Compare a snapshot with a later one, or with the definition asked now (a name without number, or None).

    ``before`` without a number is the newest snapshot. The table of changes stays for change_pages.
    """
    name, number = parse_reference(before)
    old = checked_snapshot(connection, name, number)
    other, other_number = parse_reference(after) if after is not None else (name, None)
    older = from_toml(old.definition, old.reference)
    notes: tuple[str, ...] = ()
    if other_number is not None:
        new = checked_snapshot(connection, other, other_number)
        newer, versions, members = from_toml(new.definition, new.reference), new.versions, kept_members(new.id)
        total, shown = new.members - count_opted_out(connection, new.name, new.number), new.reference
    else:
        run = run_definition(archive, connection, named_definition(connection, other))
        newer, versions, members = run.definition, run.versions, run_members(run.steps, run.prefix)
        total, notes, shown = run.attrition[-1].kept.studies or 0, run.notes, other
    redefined = _meaning(older) != _meaning(newer)
    older_now = None
    if redefined:
        try:
            again = run_definition(archive, connection, older, "older")
            older_now = f"select study_key from {again.prefix}_run where step = {again.steps}"
        except (EncoderMismatch, InputError):
            notes = (
                *notes,
                f"the definition of {old.reference} cannot be asked any more: causes are from evidence alone",
            )
    per_patient = "all" not in (older.per_patient, newer.per_patient) or older.per_patient != newer.per_patient
    how = Compared(old, versions, redefined, older_now, per_patient)
    compare_members(connection, frozen_members(old.id), members, active_row(connection), how)
    causes = count_causes(connection)
    entered, left = sum(causes["entered"].values()), sum(causes["left"].values())
    listed = tuple(islice(changes(connection, SHOWN), SHOWN))
    return Difference(old.reference, shown, total - entered, entered, left, causes, listed, tuple(notes))


def change_pages(connection: Connection) -> Iterator[list[dict[str, Any]]]:
    """Yield every change of the difference that this transaction has made, as rows of CHANGE_COLUMNS."""
    every = changes(connection)
    while page := [*islice(every, SHOWN)]:
        yield [
            {"study": one.study, "patient": one.patient, "change": one.change, "causes": ", ".join(one.causes)}
            for one in page
        ]


def _meaning(definition: Definition) -> Definition:
    """What decides on members: not the name, not the sentence, not the versions."""
    return replace(definition, name="", text="", made=Made())
