"""One study as the API and the pages show it, as far as the caller may see it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

from echosearch.access.rights import Right
from echosearch.db.files.measurements import measurements_of
from echosearch.db.studies.facts import facts_of
from echosearch.db.studies.identified import Identified, identified, report_texts
from echosearch.db.studies.shown import ShownStudy, ShownVideo, shown_study, shown_videos, study_of_video
from echosearch.db.vectors.generation import encoder_row
from echosearch.errors import ConfigError, EmptyArchive
from echosearch.report.facts import fact_json
from echosearch.search.changes.as_json import timeline_json
from echosearch.search.changes.timeline import timeline
from echosearch.web.problems import Problem
from echosearch.web.rights import Caller

__all__ = [
    "encoder_of",
    "identifiers_json",
    "may_identify",
    "patient_timeline",
    "study_json",
    "study_seen",
    "video_json",
    "video_seen",
    "videos_json",
    "viewer_url",
]


def study_seen(caller: Caller, study: str) -> ShownStudy:
    """Return a study that the caller may see. Raises Problem "unknown-study", of what others may see too."""
    with caller.archive.engine.connect() as connection:
        found = shown_study(connection, study, caller.archive.viewer)
    if found is None:
        raise Problem("unknown-study")
    return found


def video_seen(caller: Caller, video: str) -> ShownVideo:
    """Return a video that searches find, of a study that the caller may see. Raises Problem "not-found"."""
    with caller.archive.engine.connect() as connection:
        study = study_of_video(connection, video)
        if study is not None and shown_study(connection, study, caller.archive.viewer) is not None:
            for one in shown_videos(connection, encoder_of(caller), study):
                if one.video == video:
                    return one
    raise Problem("not-found", "no such video")


def study_json(caller: Caller, seen: ShownStudy, identify: bool) -> dict[str, Any]:
    """Return a study with what its reports state; ``identify`` adds identifiers and the report's text.

    Raises Problem "forbidden", "reason-needed".
    """
    if identify:
        caller.check_identify()
    with caller.archive.engine.connect() as connection:
        facts = facts_of(connection, [seen.study]).get(seen.study, [])
        measured = measurements_of(connection, [seen.study]).get(seen.study, [])
        names = identified(connection, [seen.study]).get(seen.study) if identify else None
        texts = report_texts(connection, [seen.report]) if identify and seen.report else {}
    shown: dict[str, Any] = {
        "study": seen.study,
        "patient": seen.patient,
        "date": None if seen.month is None else f"{seen.month // 100:04d}-{seen.month % 100:02d}",
        "age": seen.age,
        "sex": seen.sex,
        "has_report": seen.report is not None,
        "facts": [fact_json(fact) for fact in facts],
        "measurements": [{**asdict(one), "source": "sr"} for one in measured],
    }
    if identify:
        shown |= identifiers_json(names) | {"report_text": texts.get(seen.report or "")}
    return shown


def identifiers_json(one: Identified | None) -> dict[str, Any]:
    """Return the identifiers of a study, None each where they are not known."""
    return {
        "study_uid": one.study_uid if one else None,
        "accession_number": one.accession_number if one else None,
        "patient_id": one.patient_id if one else None,
        "study_date": one.study_date.isoformat() if one and one.study_date else None,
    }


def video_json(one: ShownVideo) -> dict[str, Any]:
    return {name: value for name, value in asdict(one).items() if name != "pixel_digest"}


def videos_json(caller: Caller, seen: ShownStudy) -> list[dict[str, Any]]:
    with caller.archive.engine.connect() as connection:
        return [video_json(one) for one in shown_videos(connection, encoder_of(caller), seen.study)]


def patient_timeline(caller: Caller, patient: str, identify: bool) -> dict[str, Any]:
    """Return a patient's studies in the shape of `echosearch timeline --json`. Raises what study_json does."""
    if identify:
        caller.check_identify()
    return timeline_json(timeline(caller.archive, patient, names=identify))


def viewer_url(caller: Caller, seen: ShownStudy) -> str:
    """Return the address of a study in the PACS's viewer. Raises Problem "not-found" if none is set."""
    if not caller.who.viewer.reason:
        raise Problem("reason-needed")
    template = caller.archive.settings.viewer_url
    if template is None:
        raise Problem("not-found", "ECHOSEARCH_VIEWER_URL is not set")
    with caller.archive.engine.connect() as connection:
        names = identified(connection, [seen.study]).get(seen.study)
    if names is None:
        raise Problem("unknown-study")
    parts = {"study_uid": names.study_uid, "accession_number": names.accession_number, "patient_id": names.patient_id}
    try:
        return template.format_map({name: quote(value, safe="") for name, value in parts.items()})
    except (KeyError, IndexError, ValueError, AttributeError):
        raise ConfigError("ECHOSEARCH_VIEWER_URL: write {study_uid}, {accession_number} or {patient_id}") from None


def may_identify(caller: Caller) -> bool:
    """Return whether identifiers may be shown now: the right, and a reason."""
    return Right.IDENTIFY in caller.may and bool(caller.who.viewer.reason)


def encoder_of(caller: Caller) -> int:
    """Return the row of the encoder in use. Raises EmptyArchive where it has made no vector."""
    with caller.archive.engine.connect() as connection:
        row = encoder_row(connection, caller.archive.encoder_info.fingerprint)
    if row is None:
        raise EmptyArchive("the archive is empty: run echosearch ingest FOLDER first")
    return row
