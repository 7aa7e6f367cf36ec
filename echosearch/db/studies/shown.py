"""What a page shows of one study: its attributes, its report, and its videos. Nothing of a study in conflict."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from echosearch.db.access.viewer import Viewer

__all__ = ["ShownStudy", "ShownVideo", "ShownVisit", "shown_study", "shown_videos", "study_of_video", "visits_shown"]


@dataclass(frozen=True)
class ShownStudy:
    """A study, by pseudonymous keys. ``report``: the key of the report that is served."""

    study: str
    patient: str
    month: int | None  # yyyymm
    age: int | None
    sex: str | None
    report: str | None


@dataclass(frozen=True)
class ShownVideo:
    """A video that searches find."""

    video: str
    study: str
    view: str | None
    view_prob: float | None
    mode: str
    device: str | None
    frames: int
    rows: int
    columns: int
    frame_seconds: float | None
    heart_rate: int | None
    pixel_digest: bytes = field(repr=False)


@dataclass(frozen=True)
class ShownVisit:
    """A study of a patient; ``videos`` counts those that searches find."""

    study: str
    month: int | None  # yyyymm
    videos: int


def shown_study(connection: Connection, study: str, viewer: Viewer) -> ShownStudy | None:
    """Return a study that the viewer may see, None if there is none."""
    row = connection.execute(
        text(
            "select cast(s.study_key as text) as study, cast(s.patient_key as text) as patient, s.month, s.age, s.sex,"
            " (select cast(r.report_key as text) from core.report r where r.study_key = s.study_key"
            " order by r.seq desc limit 1) as report from core.study s"
            " where s.study_key = cast(:study as uuid) and not s.conflict"
        ),
        {"study": study},
    ).one_or_none()
    if row is None or not viewer.sees(row.month, row.age, row.sex):
        return None
    return ShownStudy(**row._mapping)


def shown_videos(connection: Connection, encoder_id: int, study: str) -> list[ShownVideo]:
    """Return the videos of a study that searches find. Ask shown_study first.

    They are in the order in which their files were found, which is that of the names in an export: the database has
    no time of acquisition.
    """
    rows = connection.execute(
        text(
            "select cast(v.video_key as text) as video, cast(v.study_key as text) as study, v.view, v.view_prob,"
            " v.mode, v.device, v.n_frames as frames, v.rows, v.columns, v.frame_seconds, v.heart_rate, v.pixel_digest"
            " from core.video v join core.embedding e on e.video_key = v.video_key and e.encoder_id = :encoder"
            " left join lateral (select min(id) as id from core.source_file where video_key = v.video_key) f on true"
            " where v.study_key = cast(:study as uuid) and e.indexed_gen is not null order by f.id, v.video_key"
        ),
        {"study": study, "encoder": encoder_id},
    )
    return [ShownVideo(**row._mapping) for row in rows]


def study_of_video(connection: Connection, video: str) -> str | None:
    """Return the study of a video, None if there is no such video."""
    found = connection.scalar(
        text("select cast(study_key as text) from core.video where video_key = cast(:video as uuid)"), {"video": video}
    )
    return None if found is None else str(found)


def visits_shown(connection: Connection, encoder_id: int, patient: str, viewer: Viewer) -> list[ShownVisit]:
    """Return the studies of a patient that searches find and that the viewer may see, the oldest first."""
    rows = connection.execute(
        text(
            "select cast(s.study_key as text) as study, s.month, s.age, s.sex, count(*) as videos from core.study s"
            " join core.video v using (study_key) join core.embedding e on e.video_key = v.video_key"
            " and e.encoder_id = :encoder and e.indexed_gen is not null"
            " where s.patient_key = cast(:patient as uuid) and not s.conflict"
            " group by s.study_key order by s.visit = 0, s.visit, s.month, s.study_key"
        ),
        {"encoder": encoder_id, "patient": patient},
    )
    return [ShownVisit(row.study, row.month, row.videos) for row in rows if viewer.sees(row.month, row.age, row.sex)]
