"""A definition asked of the archive: who its members are now, and how many each step left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from echosearch.archive import Archive
from echosearch.cohort.attrition import AttritionStep, attrition_of
from echosearch.cohort.definition import Definition, check_definition, criterion_words
from echosearch.cohort.doubts import doubts_of
from echosearch.cohort.likely import add_likely, calibrated
from echosearch.db import Connection
from echosearch.db.access.viewer import LOCAL
from echosearch.db.cohorts.counting import count_steps, may_see_days, prepare_cohort, step_all
from echosearch.db.cohorts.plan import Plan
from echosearch.db.cohorts.snapshots import Versions, lexicons_here
from echosearch.db.studies.facts import is_behind
from echosearch.db.vectors.generation import active_encoder, encoder_row
from echosearch.errors import ConfigError, EmptyArchive
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.filter_parser import parse_where
from echosearch.search.filter_rules import search_condition
from echosearch.search.matchless import with_devices
from echosearch.search.results import SearchOptions

__all__ = ["CohortRun", "Resolution", "active_row", "reading", "run_definition", "with_versions"]

Resolution = Literal["day", "month"]
_TAKEN = {"first": "the first study of each patient", "last": "the last study of each patient"}


@dataclass(frozen=True)
class CohortRun:
    """A definition's members, in the temporary table ``<prefix>_run`` of an open transaction."""

    connection: Connection
    definition: Definition
    steps: int  # the step of members
    attrition: tuple[AttritionStep, ...]
    resolution: Resolution
    versions: Versions
    notes: tuple[str, ...]
    prefix: str = "cohort"


@contextmanager
def reading(archive: Archive) -> Iterator[Connection]:
    """Yield a transaction that sees one moment of the archive, whatever an ingest does; commit at its end."""
    with (
        archive.engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        yield connection


def run_definition(
    archive: Archive, connection: Connection, definition: Definition, prefix: str = "cohort"
) -> CohortRun:
    """Answer a definition. Raises InputError, WhereError, ConfigError, EmptyArchive, EncoderMismatch."""
    lexicon = load_lexicon(archive.settings.lexicon)
    check_definition(definition, lexicon)
    encoder_id = active_row(connection)
    plan = _plan(archive, connection, definition)
    days = may_see_days(connection)
    if plan.needs_days and not days:
        raise ConfigError(
            f"cohort {definition.name} has a window in days, and exact dates are in the phi schema: this needs a role"
            " that may read it (docs/operations.md), or a window in months"
        )
    prepare_cohort(connection, encoder_id, plan, days, prefix)
    encoder = calibration = None
    if definition.video_at_least is not None:
        how = calibrated(archive, connection, encoder_id, definition, plan, lexicon)
        add_likely(connection, encoder_id, how, plan, definition.video_at_least, prefix)
        encoder, calibration = how.encoder, how.version
    steps = step_all(connection, plan, prefix)
    attrition = attrition_of(_names(definition, lexicon), count_steps(connection, steps, prefix))
    versions = Versions(lexicons_here(connection), encoder, calibration)
    notes = tuple(_notes(connection, definition, lexicon, days, versions))
    return CohortRun(connection, definition, steps, attrition, "day" if days else "month", versions, notes, prefix)


def with_versions(archive: Archive, connection: Connection, definition: Definition) -> Definition:
    """Return the definition with the versions in use. Raises what run_definition does."""
    lexicon = load_lexicon(archive.settings.lexicon)
    made = replace(definition.made, lexicon=lexicon.version)
    plan = _plan(archive, connection, definition)
    if definition.video_at_least is not None:
        how = calibrated(archive, connection, active_row(connection), definition, plan, lexicon)
        made = replace(made, encoder=how.encoder, calibration=how.version)
    return replace(definition, made=made)


def active_row(connection: Connection) -> int:
    active = active_encoder(connection)
    row = None if active is None else encoder_row(connection, active.fingerprint)
    if row is None:
        raise EmptyArchive("the archive is empty: run echosearch ingest FOLDER first")
    return row


def _plan(archive: Archive, connection: Connection, definition: Definition) -> Plan:
    where = None
    if definition.where:
        options = with_devices(connection, SearchOptions(where=parse_where(definition.where)))
        where = search_condition(LOCAL, options)
    return Plan(
        definition.criteria, where, definition.per_patient, definition.seed, archive.viewer.scope, definition.studies
    )


def _names(definition: Definition, lexicon: Lexicon) -> list[str]:
    first = f"{len(definition.studies)} chosen studies" if definition.studies else "all studies"
    names = [first, *(criterion_words(one, lexicon) for one in definition.criteria)]
    if definition.where:
        names.append(definition.where)
    if definition.per_patient != "all":
        names.append(_TAKEN.get(definition.per_patient, f"one random study of each patient, seed {definition.seed}"))
    return names


def _notes(
    connection: Connection, definition: Definition, lexicon: Lexicon, days: bool, versions: Versions
) -> Iterator[str]:
    yield from doubts_of(definition, lexicon)
    made = definition.made
    if made.lexicon and made.lexicon != lexicon.version:
        yield f"the definition was made with the lexicon {made.lexicon}, {lexicon.version} is in use"
    if is_behind(connection, lexicon.version):
        yield "reports wait to be read for facts by this lexicon: run echosearch ingest FOLDER"
    if made.calibration and versions.calibration != made.calibration:
        now = versions.calibration
        yield f"the definition was made with the calibration {made.calibration}, the reports here give {now}"
    if definition.per_patient in ("first", "last") and not days:
        yield "dates are compared by month: this role may not read exact ones; of one month the first by key is taken"
