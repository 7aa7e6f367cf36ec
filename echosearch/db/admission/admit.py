"""Admission: which of the inspected files become videos, and which are duplicates or conflicts.

same SOP Instance UID, same bytes or same pixels    the later file is a DUPLICATE
same SOP Instance UID, other pixels                 both are quarantined, UID_CONFLICT; their patient still counts
same Study Instance UID, another patient            the whole study is quarantined, PATIENT_CONFLICT (study_owner.py)
the same file with other pixels, or another study   its video is made anew
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from echosearch.db.admission.judgement import Judged, judge_candidates
from echosearch.db.admission.study_owner import belonging
from echosearch.db.files.backing import EVERYWHERE, backed_video, withdraw_unbacked
from echosearch.db.files.description import describe_studies, forget_descriptions, studies_of
from echosearch.db.files.ledger import note_videos, release_duplicates, settle
from echosearch.db.files.sight import Sight
from echosearch.db.schema.tables import SourceFile, Study, Video, ViewLabelRow
from echosearch.db.studies.devices import shown_device
from echosearch.db.studies.identity import (
    IdentityCandidate,
    pooled_age,
    videos_of_former_patients,
    write_identity,
    write_videos,
)
from echosearch.db.studies.view_labels import label_videos
from echosearch.db.vectors.write import touch_videos, withdraw_videos
from echosearch.outcome import FileState, Quarantined, Reason, Skipped
from echosearch.pseudonyms import Keyring
from echosearch.source_file import Claimed
from echosearch.video import VideoHeader, View, ViewLabel

__all__ = ["Admitted", "admit"]

# admitted again without a label, or by a file that says less, a video keeps what it has
KEPT_COLUMNS = ("view", "view_prob", "view_source", "sex", "age")


@dataclass(frozen=True)
class Admitted:
    """A video whose rows are written. ``needs_decoding``: its vector has still to be made."""

    claimed: Claimed
    video_key: str
    study_key: str
    needs_decoding: bool

    def claimed_again(self, claimed: Claimed) -> Admitted:
        """Return the same video under a further claim of its file."""
        return replace(self, claimed=claimed)


def admit(
    connection: Connection,
    keyring: Keyring,
    encoder_id: int,
    inspected: Sequence[tuple[Claimed, VideoHeader]],
    sight: Sight = EVERYWHERE,
) -> tuple[list[Admitted], list[tuple[int, Skipped | Quarantined]]]:
    """Write patient, study and video rows; return the videos to decode and the files that are settled.

    Settled files are written to the ledger too. ``sight``: whose files this machine may call gone. Call this inside a
    transaction.
    """
    candidates = [_candidate(connection, keyring, claimed, header) for claimed, header in inspected]
    before = backed_video(connection, [candidate.claimed.id for candidate in candidates])
    judged = judge_candidates(connection, candidates, sight)
    concerned = sorted({*before.values(), *judged.videos})
    former_studies = studies_of(connection, concerned)
    withdraw_videos(connection, judged.replaced)
    conflicts = _quarantine_conflicts(connection, candidates, judged)
    duplicates = {file_id: found for file_id, found in judged.duplicates.items() if file_id not in conflicts}
    settled = [(file_id, how) for file_id, (_, how) in duplicates.items()] + list(conflicts.items())
    settle(connection, settled)
    release_duplicates(connection, judged.replaced)  # of what the file held before
    note_videos(connection, {file_id: video for file_id, (video, _) in duplicates.items()})
    accepted = [
        belonging(candidate, judged.owners[candidate.study_key])
        for candidate in judged.accepted.values()
        if candidate.claimed.id not in conflicts
    ]
    again = {c.video_key for c in accepted if before.get(c.claimed.id) == c.video_key}
    videos_in = _write(connection, encoder_id, accepted, again)
    # among them what only a file backed that has vanished, and whose copy was refused
    withdraw_unbacked(connection, concerned)
    describe_studies(connection, former_studies)
    label_videos(connection, sorted({video for video, _ in duplicates.values()}))  # a table may name the copy's path
    return videos_in, settled


def _candidate(connection: Connection, keyring: Keyring, claimed: Claimed, header: VideoHeader) -> IdentityCandidate:
    header = replace(header, device=shown_device(connection, keyring, header))
    if header.patient_id:
        patient = keyring.patient(header.issuer, header.patient_id)
    else:
        patient = keyring.unnamed_patient(header.study_uid)
    return IdentityCandidate(claimed, header, patient, keyring.study(header.study_uid), keyring.video(header.sop_uid))


def _quarantine_conflicts(
    connection: Connection, candidates: Sequence[IdentityCandidate], judged: Judged
) -> dict[int, Skipped | Quarantined]:
    """Quarantine every file, old and new, that claims a disputed video or belongs to a disputed study."""
    disputed_studies, disputed_videos = judged.disputed_studies(), judged.disputed_videos()
    if not disputed_studies and not disputed_videos:
        return {}
    first = {candidate.study_key: candidate for candidate in reversed(candidates)}
    # a later file must meet the conflict too
    write_identity(connection, [belonging(first[key], judged.owners[key]) for key in disputed_studies])
    _write_disputed(connection, candidates, judged)
    connection.execute(update(Study).where(Study.study_key.in_(disputed_studies)).values(conflict=True))
    of_studies = connection.scalars(select(Video.video_key).where(Video.study_key.in_(disputed_studies))).all()
    withdraw_videos(connection, [*of_studies, *disputed_videos])
    reason = {
        **dict.fromkeys(disputed_videos, Reason.UID_CONFLICT),
        **dict.fromkeys(of_studies, Reason.PATIENT_CONFLICT),
    }
    old = connection.execute(  # but those that are due to be read: what they say then counts, not what they were
        select(SourceFile.id, SourceFile.video_key).where(
            SourceFile.video_key.in_(reason), SourceFile.state.in_(("admitted", "embedded", "indexed"))
        )
    )
    outcomes: dict[int, Skipped | Quarantined] = {row.id: Quarantined(reason[row.video_key]) for row in old}
    disputed = set(disputed_studies)
    new_claims: dict[int, str] = {}  # so that a third claimant meets the conflict too
    for candidate in candidates:
        if candidate.study_key in disputed:
            outcomes[candidate.claimed.id] = Quarantined(Reason.PATIENT_CONFLICT, "one study, two patients")
        elif candidate.video_key in reason:
            outcomes[candidate.claimed.id] = Quarantined(Reason.UID_CONFLICT, "one SOP instance, different pixels")
            new_claims[candidate.claimed.id] = candidate.video_key
    note_videos(connection, new_claims)
    return outcomes


def _write_disputed(connection: Connection, candidates: Sequence[IdentityCandidate], judged: Judged) -> None:
    """Write what disputed videos are, where nothing is known of them: a later file of their study meets their patient.

    Without this the order of the files would decide whether two patients of a study are noticed.
    """
    disputed = set(judged.disputed_videos())
    first = {
        candidate.video_key: belonging(candidate, judged.owners[candidate.study_key])
        for candidate in reversed(candidates)
        if candidate.video_key in disputed and not judged.owners[candidate.study_key].conflict
    }
    if first:
        write_identity(connection, list(first.values()))
        rows = [_video_row(candidate, None) for candidate in first.values()]
        connection.execute(upsert(Video).values(rows).on_conflict_do_nothing())


def _write(
    connection: Connection, encoder_id: int, taken: Sequence[IdentityCandidate], again: Collection[str]
) -> list[Admitted]:
    """Write the rows of admitted videos. ``again``: videos whose own file was read anew; its content now counts."""
    if not taken:
        return []
    labels = _labels(connection, taken)
    before = _shown(connection, taken)
    elsewhere = [c.video_key for c in taken if before.get(c.video_key, (c.study_key,))[0] != c.study_key]
    withdraw_videos(connection, elsewhere)  # from the study that it was of
    forget_descriptions(connection, [*elsewhere, *videos_of_former_patients(connection, taken)])
    write_identity(connection, taken, again)
    write_videos(connection, taken)
    new = upsert(Video).values([_video_row(candidate, labels.get(candidate.video_key)) for candidate in taken])
    columns = {
        name: func.coalesce(new.excluded[name], getattr(Video, name)) if name in KEPT_COLUMNS else new.excluded[name]
        for name in _video_row(taken[0], None)
        if name != "video_key"
    }
    connection.execute(new.on_conflict_do_update(index_elements=[Video.video_key], set_=columns))
    if before:
        after = _shown(connection, taken)
        touch_videos(connection, [key for key, shown in before.items() if after[key] != shown])
    rows = connection.execute(
        text(
            "update core.source_file f set video_key = c.key, updated_at = now(),"
            " state = case when e.video_key is null then 'admitted' when e.indexed_gen = e.gen then 'indexed'"
            " else 'embedded' end,"
            " claimed_by = case when e.video_key is null then f.claimed_by end"
            " from unnest(cast(:ids as bigint[]), cast(:keys as uuid[])) as c(id, key)"
            " left join core.embedding e on e.video_key = c.key and e.encoder_id = :encoder"
            " where f.id = c.id returning f.id, f.state"
        ),
        {
            "ids": [candidate.claimed.id for candidate in taken],
            "keys": [candidate.video_key for candidate in taken],
            "encoder": encoder_id,
        },
    )
    state = {row.id: row.state for row in rows}
    return [
        Admitted(
            candidate.claimed,
            candidate.video_key,
            candidate.study_key,
            state[candidate.claimed.id] == FileState.ADMITTED,
        )
        for candidate in taken
    ]


def _shown(connection: Connection, taken: Sequence[IdentityCandidate]) -> dict[str, tuple[Any, ...]]:
    """Return video key -> its study and the values that the index filters by, of the videos in the archive."""
    rows = connection.execute(
        select(Video.video_key, Video.study_key, Video.device, Video.mode, Video.view, Video.view_prob).where(
            Video.video_key.in_([candidate.video_key for candidate in taken])
        )
    )
    return {row.video_key: tuple(row[1:]) for row in rows}


def _labels(connection: Connection, taken: Sequence[IdentityCandidate]) -> dict[str, ViewLabel]:
    """Return the best label of each video: views.csv by UID, then by path, then the file's own sidecar row."""
    subjects = [key for candidate in taken for key in (candidate.video_key, candidate.claimed.path_key)]
    rows = connection.execute(select(ViewLabelRow.__table__).where(ViewLabelRow.subject_key.in_(subjects)))
    from_csv = {row.subject_key: ViewLabel(View(row.view), row.view_prob, "csv", row.raw) for row in rows}
    labels = {}
    for candidate in taken:
        label = from_csv.get(candidate.video_key) or from_csv.get(candidate.claimed.path_key) or candidate.header.view
        if label is not None:
            labels[candidate.video_key] = label
    return labels


def _video_row(candidate: IdentityCandidate, label: ViewLabel | None) -> dict[str, object]:
    header = candidate.header
    return {
        "video_key": candidate.video_key,
        "study_key": candidate.study_key,
        "content_digest": header.content_digest,
        "pixel_digest": header.pixel_digest,
        "n_frames": header.n_frames,
        "rows": header.rows,
        "columns": header.columns,
        "frame_seconds": header.frame_seconds,
        "frame_seconds_source": header.frame_seconds_source,
        "heart_rate": header.heart_rate,
        "sex": header.sex,
        "age": pooled_age(header.age_years),
        "device": header.device,
        "transfer_syntax_uid": header.transfer_syntax_uid,
        "photometric": header.photometric,
        "mode": str(header.mode),
        "mode_source": header.mode_source,
        "view": str(label.view) if label else None,
        "view_prob": label.prob if label else None,
        "view_source": label.source if label else None,
        "notes": list(header.notes),
    }
