"""Search's look-ups in PostgreSQL: which study is meant, which may be shown, and what is shown of each hit.

One statement a question, whatever the number of hits. Only rows that the index has (``indexed_gen``) and that
are not in conflict come back. Nothing here reads the phi schema but resolve_study.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import Connection, Row, text

from echosearch.db.access.viewer import Viewer
from echosearch.db.files.backed import HAS_FILE
from echosearch.db.server.statement import statement
from echosearch.errors import UnknownStudy
from echosearch.vector import Vectors, from_bytes

__all__ = [
    "ReportAbout",
    "StoredVideo",
    "StudyRef",
    "StudyRow",
    "VideoRow",
    "patient_of",
    "reports_about",
    "resolve_study",
    "studies_about",
    "studies_with_vectors",
    "study_vector",
    "video_of_file",
    "video_with_bytes",
    "video_with_key",
    "videos_about",
    "videos_of",
]

MIN_PREFIX = 8  # hex digits of a study key


@dataclass(frozen=True)
class StudyRef:
    """A study and its patient, by pseudonymous keys."""

    study: str
    patient: str


@dataclass(frozen=True)
class StudyRow:
    """A study that may be shown. ``gens``: the generations of its point that may be shown."""

    key: str
    study: str
    patient: str
    gens: tuple[int, ...]
    month: int | None  # yyyymm
    age: int | None  # 90 means 90 and over
    sex: str | None
    number: int  # of its bit (db/questions/study_bits.py)


@dataclass(frozen=True)
class ReportAbout(StudyRow):
    """A report that may be shown."""

    link_method: str | None


@dataclass(frozen=True)
class VideoRow(StudyRow):
    """A video that may be shown."""

    view: str | None
    view_prob: float | None
    mode: str | None
    device: str | None


@dataclass(frozen=True)
class StoredVideo:
    """A video and its raw vector (D,)."""

    about: VideoRow
    vector: Vectors = field(repr=False)
    pixel_digest: bytes = field(repr=False)


def resolve_study(connection: Connection, name: str, viewer: Viewer) -> StudyRef:
    """Return the study that ``name`` means: its key or its start, its StudyInstanceUID or its accession number.

    Raises UnknownStudy when there is none, when several fit, or when nothing of it may be shown to the viewer.
    """
    name = name.strip()
    ways: list[tuple[str, dict[str, str]]] = []
    if name:
        # a study whose videos have all moved to another keeps its identifiers
        identifiers = (
            "left join phi.study p using (study_key) where (p.study_uid = :name or p.accession_number = :name)"
            f" and exists ({HAS_FILE})"
        )
        ways.append((identifiers, {"name": name}))
    digits = name.replace("-", "").lower()
    if re.fullmatch(rf"[0-9a-f]{{{MIN_PREFIX},32}}", digits):
        bounds = {"low": str(UUID(digits.ljust(32, "0"))), "high": str(UUID(digits.ljust(32, "f")))}
        # a whole key goes first: who has one needs no right to see identifiers
        whole = len(digits) == 32
        ways.insert(0 if whole else 1, ("where s.study_key between cast(:low as uuid) and cast(:high as uuid)", bounds))
    for condition, parameters in ways:
        rows = connection.execute(
            text(
                "select cast(s.study_key as text) as study, cast(s.patient_key as text) as patient, s.conflict,"
                " s.month, s.age, s.sex"
                f" from core.study s {condition}"
                " order by s.study_key limit 100"
            ),
            parameters,
        ).all()
        rows = [row for row in rows if viewer.sees(row.month, row.age, row.sex)]
        if len(rows) > 1:
            raise UnknownStudy(
                f"that names {len(rows)}{'' if len(rows) < 100 else ' or more'} studies:"
                " give the StudyInstanceUID or the study key"
            )
        if rows and rows[0].conflict:
            raise UnknownStudy("two patients claim this study, so nothing of it is indexed: correct it at its source")
        if rows:
            return StudyRef(rows[0].study, rows[0].patient)
    raise UnknownStudy(
        "no such study in the archive: give a study key (or its first 8 digits), a StudyInstanceUID,"
        " an accession number, or the path of a file"
    )


def patient_of(connection: Connection, study: str) -> str | None:
    """Return the key of a study's patient, None if the study is unknown or two patients claim it."""
    query = "select cast(patient_key as text) from core.study where study_key = cast(:study as uuid) and not conflict"
    return connection.scalars(text(query), {"study": study}).one_or_none()


def study_vector(connection: Connection, encoder_id: int, study: str) -> Vectors:
    """Return the raw mean (D,) of a study's videos. Raises UnknownStudy if none of them is indexed."""
    row = connection.execute(
        text(
            "select e.vector from core.study_embedding e join core.study s using (study_key)"
            " where e.encoder_id = :encoder and e.study_key = cast(:study as uuid) and not s.conflict"
        ),
        {"encoder": encoder_id, "study": study},
    ).one_or_none()
    if row is None:
        raise UnknownStudy("no video of this study is indexed: echosearch status says what was left out and why")
    return from_bytes(row.vector)


# --- what is shown of hits -----------------------------------------------------------------------------------

_STUDY = "cast(s.study_key as text) as study, cast(s.patient_key as text) as patient, s.month, s.age, s.sex, s.number"
_SHOWN = "e.encoder_id = :encoder and e.indexed_gen is not null and not s.conflict"
_VIDEO = f"cast(v.video_key as text) as key, {_STUDY}, e.gen, e.indexed_gen, v.view, v.view_prob, v.mode, v.device"
_STUDIES = (
    f"select cast(s.study_key as text) as key, {_STUDY}, e.gen, e.indexed_gen{{}} from core.study s"
    f" join core.study_embedding e using (study_key) where {_SHOWN} and s.study_key = any(cast(:keys as uuid[]))"
)
_FROM_VIDEOS = f"""
    from core.video v join core.embedding e using (video_key) join core.study s using (study_key)
    where {_SHOWN}"""
_STORED = f"select {_VIDEO}, v.pixel_digest, e.vector {_FROM_VIDEOS}"


def studies_about(connection: Connection, encoder_id: int, studies: Sequence[str]) -> dict[str, StudyRow]:
    """Return those of these studies that may be shown, by key."""
    rows = connection.execute(text(_STUDIES.format("")), {"encoder": encoder_id, "keys": list(studies)})
    return {row.key: StudyRow(*_common(row)) for row in rows}


def studies_with_vectors(
    connection: Connection, encoder_id: int, studies: Sequence[str]
) -> tuple[dict[str, StudyRow], dict[str, Vectors]]:
    """Return those of these studies that may be shown, and the raw mean (D,) of each, by key."""
    query = statement(_STUDIES.format(", e.vector"), binary=True)
    keys = f"{{{','.join(studies)}}}"  # as one literal: the driver takes 5 us for each item of a list
    rows = connection.execute(query, {"encoder": encoder_id, "keys": keys}).all()
    return {row.key: StudyRow(*_common(row)) for row in rows}, {row.key: from_bytes(row.vector) for row in rows}


def reports_about(connection: Connection, encoder_id: int, reports: Sequence[str]) -> dict[str, ReportAbout]:
    """Return those of these reports that may be shown, by key."""
    rows = connection.execute(
        text(
            f"select cast(r.report_key as text) as key, {_STUDY}, e.gen, e.indexed_gen, r.link_method"
            f" from core.report r join core.report_embedding e using (report_key) join core.study s using (study_key)"
            f" where {_SHOWN} and r.report_key = any(cast(:keys as uuid[]))"
        ),
        {"encoder": encoder_id, "keys": list(reports)},
    )
    return {row.key: ReportAbout(*_common(row), link_method=row.link_method) for row in rows}


def videos_about(connection: Connection, encoder_id: int, videos: Sequence[str]) -> dict[str, VideoRow]:
    """Return those of these videos that may be shown, by key."""
    query = text(f"select {_VIDEO} {_FROM_VIDEOS} and v.video_key = any(cast(:keys as uuid[]))")
    rows = connection.execute(query, {"encoder": encoder_id, "keys": list(videos)})
    return {row.key: _video(row) for row in rows}


def videos_of(connection: Connection, encoder_id: int, studies: Sequence[str]) -> dict[str, list[StoredVideo]]:
    """Return every video of these studies that may be shown, by study, in the order of their keys."""
    query = statement(f"{_STORED} and v.study_key = any(cast(:keys as uuid[])) order by v.video_key", binary=True)
    found: dict[str, list[StoredVideo]] = {}
    for row in connection.execute(query, {"encoder": encoder_id, "keys": list(studies)}):
        found.setdefault(row.study, []).append(_stored(row))
    return found


def video_with_key(connection: Connection, encoder_id: int, video: str) -> StoredVideo | None:
    query = text(f"{_STORED} and v.video_key = cast(:key as uuid)")
    row = connection.execute(query, {"encoder": encoder_id, "key": video}).one_or_none()
    return None if row is None else _stored(row)


def video_of_file(
    connection: Connection, encoder_id: int, path_key: str, size: int, mtime_ns: int
) -> StoredVideo | None:
    """Return the video of a file that was ingested from this path and has not changed since."""
    query = text(
        f"{_STORED} and v.video_key = (select f.video_key from core.source_file f where f.path_key = :path"
        " and f.state in ('embedded', 'indexed') and f.size = :size and f.mtime_ns = :mtime)"
    )
    given = {"encoder": encoder_id, "path": path_key, "size": size, "mtime": mtime_ns}
    row = connection.execute(query, given).one_or_none()
    return None if row is None else _stored(row)


def video_with_bytes(connection: Connection, encoder_id: int, sha256: bytes) -> StoredVideo | None:
    """Return the video of an mp4 or avi with this SHA-256."""
    query = text(f"{_STORED} and v.content_digest = :sha256 order by v.video_key limit 1")
    row = connection.execute(query, {"encoder": encoder_id, "sha256": sha256}).one_or_none()
    return None if row is None else _stored(row)


def _common(
    row: Row[tuple[object, ...]],
) -> tuple[str, str, str, tuple[int, ...], int | None, int | None, str | None, int]:
    # a point of either generation is this row's: the newer one may be in the index before it is marked
    return row.key, row.study, row.patient, (row.gen, row.indexed_gen), row.month, row.age, row.sex, row.number


def _video(row: Row[tuple[object, ...]]) -> VideoRow:
    return VideoRow(*_common(row), view=row.view, view_prob=row.view_prob, mode=row.mode, device=row.device)


def _stored(row: Row[tuple[object, ...]]) -> StoredVideo:
    return StoredVideo(_video(row), from_bytes(row.vector), row.pixel_digest)
