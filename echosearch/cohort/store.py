"""Definitions by name: saved, read back, listed, deleted."""

from __future__ import annotations

import re

from echosearch.archive import Archive
from echosearch.cohort.definition import Definition, check_definition, check_name
from echosearch.cohort.run import with_versions
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db import Connection
from echosearch.db.cohorts.definitions import drop_definition, put_definition, read_definition, stored_cohorts
from echosearch.errors import InputError
from echosearch.report.facts import load_lexicon

__all__ = ["delete_definition", "named_definition", "parse_reference", "save_definition"]


def save_definition(
    archive: Archive, connection: Connection, definition: Definition, replace: bool = False
) -> Definition:
    """Check a definition, note the versions in use and store it; return it as stored.

    Raises InputError if the name exists and ``replace`` is False, or if the definition cannot be asked here.
    """
    check_definition(definition, load_lexicon(archive.settings.lexicon))
    made = with_versions(archive, connection, definition)
    if not put_definition(connection, made.name, to_toml(made), replace):
        raise InputError(f"cohort {made.name} exists: give another name, or --replace (its snapshots stay as they are)")
    return made


def named_definition(connection: Connection, name: str) -> Definition:
    """Return the definition of this name. Raises InputError if there is none."""
    check_name(name)
    stored = read_definition(connection, name)
    if stored is None:
        known = ", ".join(one.name for one in stored_cohorts(connection) if one.definition is not None)
        raise InputError(f"no cohort {name}: {f'there are {known[:200]}' if known else 'none is defined yet'}")
    return from_toml(stored, f"cohort {name}")


def delete_definition(connection: Connection, name: str) -> None:
    """Delete a definition; its snapshots stay. Raises InputError if there is none."""
    named_definition(connection, name)
    drop_definition(connection, name)


def parse_reference(reference: str) -> tuple[str, int | None]:
    """Parse NAME@3 as (NAME, 3) and NAME as (NAME, None). Raises InputError."""
    name, at, number = reference.partition("@")
    if at and not re.fullmatch(r"[1-9]\d{0,4}", number):
        raise InputError(f"{reference[:80]!r}: a snapshot is named NAME@NUMBER, with a number from 1 on")
    check_name(name)
    return name, int(number) if at else None
