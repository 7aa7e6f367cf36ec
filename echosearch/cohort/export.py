"""Members of a cohort as a table: pseudonymous attributes, and what reports and measurements say of the question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from echosearch.archive import Archive
from echosearch.cohort.definition import Definition, conditions_of, flat
from echosearch.cohort.run import run_definition
from echosearch.cohort.snapshot import checked_snapshot
from echosearch.cohort.store import named_definition, parse_reference
from echosearch.cohort.table import Column, check_out, write_table
from echosearch.cohort.toml import from_toml
from echosearch.db import Connection
from echosearch.db.cohorts.rows import MemberRow, hold_members, member_rows
from echosearch.db.cohorts.snapshots import count_opted_out, kept_members, run_members
from echosearch.db.files.measurements import measurements_of
from echosearch.db.questions.facts_about import is_about
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.identified import identified
from echosearch.errors import InputError
from echosearch.outcome import MeasuredValue
from echosearch.report.facts import Fact, Lexicon, load_lexicon
from echosearch.report.facts.walls import without_wall
from echosearch.search.export import facts_text

__all__ = ["Exported", "cohort_members", "export_cohort", "export_columns", "export_pages"]

_ORDER = ("present", "uncertain", "not_significant", "absent", "historical", "not_assessed")
_ALWAYS = (
    Column("study", "text", None, "pseudonymous key of the study"),
    Column("patient", "text", None, "pseudonymous key of the patient"),
    Column("date", "text", "YYYY-MM", "month of the study"),
    Column("age", "integer", "years", "age at the study; 90 means 90 and over"),
    Column("sex", "text", None, "F, M or O, as the study's files say"),
    Column("device", "text", None, "machines of its videos, parted by semicolons"),
    Column("videos", "integer", None, "its videos in the archive"),
    Column("verdict", "text", None, "stated: by its report or a measurement; likely: by its videos"),
    Column("probability", "number", None, "calibrated, where its videos made it a member"),
    Column("facts", "text", None, "what its report says of the question: concept, polarity, severity 0-4 or value"),
)
_HIDDEN = {
    "date": Column("date", "text", "YYYY", "year of the study; empty where fewer patients than allowed share it"),
    "age": Column("age", "integer", "years", "least age of a band of ten years; empty likewise"),
    "sex": Column("sex", "text", None, "F, M or O; empty likewise"),
    "device": Column("device", "text", None, "machines of its videos; empty likewise"),
}
_IDENTIFIERS = (
    Column("study_uid", "text", None, "StudyInstanceUID: identifies the study"),
    Column("accession_number", "text", None, "identifies the study"),
    Column("patient_id", "text", None, "identifies the patient"),
    Column("study_date", "text", "YYYY-MM-DD", "day of the study: identifies with little else"),
)


@dataclass(frozen=True)
class Exported:
    """What was written."""

    cohort: str
    file: str
    studies: int
    patients: int
    opted_out: int  # members of the frozen cohort who have opted out since: left out


def cohort_members(archive: Archive, connection: Connection, reference: str) -> tuple[Definition, str, str]:
    """Return the definition, a query of its members and the reference: of a snapshot NAME@N, or of NAME asked now."""
    name, number = parse_reference(reference)
    if number is not None:
        found = checked_snapshot(connection, name, number)
        return from_toml(found.definition, found.reference), kept_members(found.id), found.reference
    run = run_definition(archive, connection, named_definition(connection, name))
    return run.definition, run_members(run.steps, run.prefix), name


def export_cohort(
    archive: Archive,
    connection: Connection,
    reference: str,
    file: Path,
    *,
    also: Sequence[str] = (),
    suppress_below: int = 0,
    identified: bool = False,
) -> Exported:
    """Write the members of a cohort to a .csv or .parquet file, with a dictionary beside it.

    ``also`` names concepts beside those of the criteria. Raises InputError, and what run_definition does.
    """
    check_out(file)
    if suppress_below > 1 and identified:
        raise InputError("--suppress-below hides who is rare, --identified shows everyone: give one of them")
    lexicon = load_lexicon(archive.settings.lexicon)
    for concept in also:
        if without_wall(concept)[0] not in lexicon.findings and concept not in lexicon.measures:
            raise InputError(f"--with {concept[:40]!r}: no concept of the lexicon {lexicon.version} (docs/facts.md)")
    definition, members, named = cohort_members(archive, connection, reference)
    patients = hold_members(connection, members, suppress_below)
    if 0 < patients < suppress_below:
        raise InputError(f"cohort {named} has fewer than {suppress_below} patients: nothing of it may be exported")
    asked = dict.fromkeys(one.concept for each in conditions_of(definition) for one in flat(each))
    concepts = [*asked, *(one for one in also if one not in asked)]
    columns = export_columns(concepts, lexicon, suppress_below > 1, identified)
    count = write_table(file, columns, export_pages(connection, concepts, lexicon, identified))
    return Exported(named, str(file), count, patients, count_opted_out(connection, *parse_reference(reference)))


def export_columns(concepts: Sequence[str], lexicon: Lexicon, hidden: bool, with_identifiers: bool) -> list[Column]:
    """Return the columns in order; every concept has its own."""
    columns = [_HIDDEN.get(one.column, one) if hidden else one for one in _ALWAYS]
    for concept in concepts:
        label, measure = lexicon.labels.get(concept, concept), lexicon.measures.get(concept)
        if measure is not None:
            unit = measure.unit
            columns.append(Column(concept, "number", unit, f"{label} of the report, the first that is of this study"))
            columns.append(Column(f"{concept}_high", "number", unit, f"{label}: the upper end of a range"))
            columns.append(
                Column(f"{concept}_sr", "number", unit, f"{label}: the least value of its structured reports")
            )
        else:
            columns.append(Column(concept, "text", None, f"{label}: {', '.join(_ORDER)}; empty: not mentioned"))
            columns.append(Column(f"{concept}_low", "integer", "grade 0-4", f"{label}: least severity as stated"))
            columns.append(Column(f"{concept}_high", "integer", "grade 0-4", f"{label}: greatest severity as stated"))
    return [*columns, *(_IDENTIFIERS if with_identifiers else ())]


def export_pages(
    connection: Connection, concepts: Sequence[str], lexicon: Lexicon, with_identifiers: bool
) -> Iterator[list[dict[str, Any]]]:
    """Yield rows of the members that hold_members has found, page by page."""
    for page in member_rows(connection):
        studies = [row.study for row in page]
        facts, measured = facts_of(connection, studies), measurements_of(connection, studies)
        names = identified(connection, studies) if with_identifiers else {}
        made = []
        for row in page:
            own = [one for one in facts.get(row.study, []) if any(is_about(one, concept) for concept in concepts)]
            shown = _shared(row) | {"facts": facts_text(own)}
            for concept in concepts:
                if concept in lexicon.measures:
                    shown |= _value(concept, own, measured.get(row.study, []))
                else:
                    shown |= _finding(concept, own)
            if with_identifiers:
                who = names.get(row.study)
                day = who.study_date if who else None
                shown |= {
                    "study_uid": who.study_uid if who else None,
                    "accession_number": who.accession_number if who else None,
                    "patient_id": who.patient_id if who else None,
                    "study_date": day.isoformat() if day else None,
                }
            made.append(shown)
        yield made


def _shared(row: MemberRow) -> dict[str, Any]:
    return {
        "study": row.study,
        "patient": row.patient,
        "date": row.date,
        "age": row.age,
        "sex": row.sex,
        "device": row.device,
        "videos": row.videos,
        "verdict": "stated" if row.probability is None else "likely",
        "probability": row.probability,
    }


def _finding(concept: str, facts: Sequence[Fact]) -> dict[str, Any]:
    """The fact that says most, as a condition reads it: 弁膜症なし denies MR.

    Present comes before absent, the graver before the milder, the earlier before the later.
    """
    own = [fact for fact in facts if is_about(fact, concept)]
    best = min(own, key=lambda fact: (_ORDER.index(fact.polarity), -(fact.severity or (0, 0))[1]), default=None)
    low, high = (best.severity if best and best.severity else (None, None)) if best else (None, None)
    return {concept: best.polarity if best else None, f"{concept}_low": low, f"{concept}_high": high}


def _value(concept: str, facts: Sequence[Fact], measured: Sequence[MeasuredValue]) -> dict[str, Any]:
    own = [fact for fact in facts if fact.concept == concept and fact.polarity == "present"]
    seen = [one.value for one in measured if one.concept == concept]
    return {
        concept: own[0].value if own else None,
        f"{concept}_high": own[0].value_hi if own else None,
        f"{concept}_sr": seen[0] if seen else None,
    }
