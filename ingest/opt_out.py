"""Opt-outs: refuse a patient's files and reports from now on, and erase what both stores have of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from echosearch.archive import Archive
from echosearch.batch import batched
from echosearch.db import Connection
from echosearch.db.access.searches import forget_searches
from echosearch.db.files.ledger import single_ingest
from echosearch.db.opt_out.count import count_frozen, count_videos, owners_among, studies_of_patients
from echosearch.db.opt_out.erase import (
    STUDIES,
    Erased,
    erase_opted_out,
    erase_reports,
    reports_of_ids,
    reports_of_studies,
)
from echosearch.db.opt_out.people import (
    PatientWithId,
    ids_without_zeros,
    keys_of_id,
    keys_of_patient,
    owners_of_study,
    patient_of_study,
    patients_with_ids,
)
from echosearch.db.opt_out.registry import RefusalKey, add_refusals, owner_of_id, remove_opt_outs
from echosearch.db.vectors.generation import generation_encoders
from echosearch.errors import InputError, UnknownStudy
from echosearch.report.csv_tables import read_patient_ids
from ingest.relay import relay

__all__ = [
    "OptOutPlan",
    "OptOutSummary",
    "WhoOptsOut",
    "erase_people",
    "plan_opt_out",
    "read_list",
    "take_back_opt_outs",
]

ZEROS = "a patient has this id with zeros in front, which a spreadsheet drops: correct it, or say --as-written"


@dataclass(frozen=True)
class WhoOptsOut:
    """Who is named: patient ids with the place of each, for messages; or one study, for its patient."""

    ids: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # (id, "FILE, line 3"); ids are not repeated
    study: str | None = field(default=None, repr=False)  # a key or a StudyInstanceUID
    everyone: bool = False  # of several patients with one id, all
    as_written: bool = False  # ids count although a patient has the same with zeros in front


@dataclass(frozen=True)
class OptOutPlan:
    """What an opt-out would erase."""

    patients: int  # that are named
    here: int  # of them, ids of which the archive has studies
    studies: int
    videos: int
    reports: int
    keys: tuple[RefusalKey, ...] = field(repr=False)
    report_keys: tuple[str, ...] = field(repr=False)  # of reports that name the ids and need no study


@dataclass(frozen=True)
class OptOutSummary:
    """What was erased, and what of it is written once and stays (docs/opt-out.md)."""

    patients: int
    here: int
    new: int  # that had not opted out before
    studies: int
    videos: int
    reports: int
    files: int  # of the export; they stay where they are
    frozen_members: int  # of frozen cohorts, which no command shows any more
    frozen_cohorts: int


def read_list(file: Path, encoding: str | None) -> tuple[tuple[str, str], ...]:
    """Return the patient ids of a CSV, each once, with the place where it stands first. Raises TableError."""
    places: dict[str, str] = {}
    for line, patient_id in read_patient_ids(file, encoding):
        places.setdefault(patient_id, f"{file}, line {line}")
    return tuple(places.items())


def plan_opt_out(archive: Archive, who: WhoOptsOut) -> OptOutPlan:
    """Look up who is meant and what there is of them; nothing changes.

    Raises InputError if an id means several patients, or one with other zeros in front; UnknownStudy.
    """
    archive.check_key()
    with archive.engine.connect() as connection:
        return _plan(connection, archive, who)


def erase_people(
    archive: Archive, who: WhoOptsOut, on_erased: Callable[[int], None] = lambda done: None
) -> OptOutSummary:
    """Erase what both stores and the previews have of who is named, and refuse what comes of them from now on.

    All or nobody is refused, in one transaction; erasing goes on in batches, and the next call, or the next ingest,
    completes it. ``on_erased(done)`` is called with the number of studies so far. Holds the ingest lock. Raises what
    plan_opt_out does, ArchiveLocked, StoreUnreachable.
    """
    archive.check_key()
    with single_ingest(archive.engine):
        with archive.engine.begin() as connection:
            plan = _plan(connection, archive, who)
            owners = {key.owner for key in plan.keys}
            known = owners_among(connection, owners)
            add_refusals(connection, plan.keys)
            forget_searches(connection)
            reports = erase_reports(connection, plan.report_keys)
            encoders = generation_encoders(connection)
        total = Erased(reports=reports)
        while True:
            with archive.engine.begin() as connection:
                more = erase_opted_out(connection, archive.keyring)
            if not more.studies:
                break
            total += more
            on_erased(total.studies)
        for encoder_id, encoder in encoders:  # not of the active one alone: nothing of them is kept for later
            relay(archive, encoder, encoder_id)
        with archive.engine.connect() as connection:
            members, cohorts = count_frozen(connection, owners)
    return OptOutSummary(
        patients=plan.patients,
        here=plan.here,
        new=len(owners - known),
        studies=total.studies,
        videos=total.videos,
        reports=total.reports,
        files=total.files,
        frozen_members=members,
        frozen_cohorts=cohorts,
    )


def take_back_opt_outs(archive: Archive, who: WhoOptsOut) -> int:
    """Take opt-outs back; return how many there were. The next ingest reads the files again; reports come with tables.

    Holds the ingest lock. Raises ArchiveLocked, StoreUnreachable.
    """
    archive.check_key()
    with single_ingest(archive.engine), archive.engine.begin() as connection:
        owners = {owner_of_id(archive.keyring, patient_id) for patient_id, _ in who.ids}
        if who.study is not None:
            owners |= owners_of_study(connection, archive.keyring, who.study)
        return remove_opt_outs(connection, owners)


def _plan(connection: Connection, archive: Archive, who: WhoOptsOut) -> OptOutPlan:
    keyring, ids = archive.keyring, dict(who.ids)
    here = patients_with_ids(connection, ids)
    _check_ids(connection, who, here)
    keys = [key for patient_id in ids for key in keys_of_id(keyring, patient_id, here.get(patient_id, ()))]
    patients = [one.patient for found in here.values() for one in found]
    named = reports_of_ids(connection, ids, unnamed_only=False)
    if who.study is not None:
        one = patient_of_study(connection, keyring, who.study)
        if one is None:
            raise UnknownStudy("no study here has this key or StudyInstanceUID: give a whole one")
        alone = len(patients_with_ids(connection, [one.patient_id]).get(one.patient_id, ())) == 1
        keys += keys_of_id(keyring, one.patient_id, [one]) if alone else keys_of_patient(keyring, one)
        patients.append(one.patient)
        if one.patient_id:
            named += reports_of_ids(connection, [one.patient_id], unnamed_only=not alone)
    studies = studies_of_patients(connection, patients)
    reports = {*named}
    for batch in batched(studies, STUDIES):
        reports |= {*reports_of_studies(connection, batch)}
    return OptOutPlan(
        patients=len({key.owner for key in keys}),
        here=len(here) + (who.study is not None),
        studies=len(studies),
        videos=count_videos(connection, studies),
        reports=len(reports),
        keys=tuple(keys),
        report_keys=tuple(named),
    )


def _check_ids(connection: Connection, who: WhoOptsOut, here: dict[str, list[PatientWithId]]) -> None:
    places = dict(who.ids)
    shared = [places[patient_id] for patient_id, found in here.items() if len(found) > 1]
    if shared and not who.everyone:
        raise InputError(
            f"{shared[0]}: several patients of the archive have this id, of different hospitals; {len(shared)} such in"
            " all: name one by --study, or say --everyone for all of them"
        )
    if not who.as_written:
        short = ids_without_zeros(connection, [one for one in places if one not in here])
        if short:
            first = next(place for patient_id, place in who.ids if patient_id in short)
            raise InputError(f"{first}: {ZEROS}; {len(short)} such in all; nobody has been opted out")
