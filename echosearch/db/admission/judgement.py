"""Judge inspected files in their order: each is a video, a copy of one, or a side of a conflict.

    the study belongs to another patient              a conflict of patients, unless all its files are being corrected
    an unknown video, or what the file was before     accepted
    the file's own video, or a failed one, changed    accepted, and its former vectors go
    another file's video, same bytes or same pixels   a duplicate
    another file's video, other pixels                a conflict of UIDs

The only rows that this changes are those of vanished files of which the batch holds a copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select, text

from echosearch.db.admission.study_owner import StudyOwner, known_owners
from echosearch.db.files.backing import EVERYWHERE, forget_vanished, still_backed
from echosearch.db.files.sight import Sight
from echosearch.db.schema.tables import SourceFile
from echosearch.db.studies.identity import IdentityCandidate
from echosearch.outcome import Reason, Skipped
from echosearch.video import VideoHeader

__all__ = ["Judged", "KnownVideo", "judge_candidates"]


@dataclass
class KnownVideo:
    """What the archive holds under one SOP Instance UID, this batch's earlier files included."""

    content_digest: bytes
    pixel_digest: bytes
    backing_file: int | None
    conflict: bool

    def same_as(self, header: VideoHeader) -> bool:
        same_pixels = bool(header.pixel_digest) and self.pixel_digest == header.pixel_digest
        return self.content_digest == header.content_digest or same_pixels


@dataclass
class Judged:
    """The verdicts on a batch, and the videos and studies as they are known after it."""

    videos: dict[str, KnownVideo]
    owners: dict[str, StudyOwner]
    unconfirmed: set[str]  # studies that have an owner, and no file of this batch has agreed
    accepted: dict[str, IdentityCandidate] = field(default_factory=dict)  # by video key
    replaced: list[str] = field(default_factory=list)  # videos whose former vectors go
    duplicates: dict[int, tuple[str, Skipped]] = field(default_factory=dict)  # file id -> the video, and how

    def disputed_studies(self) -> list[str]:
        return [key for key, owner in self.owners.items() if owner.conflict]

    def disputed_videos(self) -> list[str]:
        return [key for key, known in self.videos.items() if known.conflict]


def judge_candidates(
    connection: Connection, candidates: Sequence[IdentityCandidate], sight: Sight = EVERYWHERE
) -> Judged:
    """Give a verdict on each candidate; what a later one disputes is disputed for the earlier ones too."""
    owners = known_owners(connection, [candidate.study_key for candidate in candidates])
    unconfirmed = {key for key, owner in owners.items() if not owner.conflict}
    judged = Judged(_known_videos(connection, candidates, sight), owners, unconfirmed)
    for candidate in candidates:
        if not _belongs(connection, judged, candidate):
            continue
        known, file_id = judged.videos.get(candidate.video_key), candidate.claimed.id
        if known is None:
            _accept(judged, candidate)
        elif known.conflict:
            continue
        elif known.backing_file in (None, file_id):
            if not known.same_as(candidate.header):
                judged.replaced.append(candidate.video_key)
            _accept(judged, candidate)
        elif known.same_as(candidate.header):
            _note_duplicate(judged, candidate, known)
        else:
            known.conflict = True
    return judged


def _belongs(connection: Connection, judged: Judged, candidate: IdentityCandidate) -> bool:
    """Return True if a file can belong to its study; if it cannot, mark the study as in conflict."""
    own, study = StudyOwner.of(candidate), candidate.study_key
    owner = judged.owners.setdefault(study, own)
    if not owner.fits(own) and study in judged.unconfirmed and not still_backed(connection, study):
        owner = judged.owners[study] = own  # its patient is being corrected
    if owner.conflict or not owner.fits(own):
        judged.owners[study] = replace(owner, conflict=True)
        return False
    if own.patient_id:
        judged.unconfirmed.discard(study)
    if own.surety > owner.surety:
        judged.owners[study] = own
    return True


def _accept(judged: Judged, candidate: IdentityCandidate) -> None:
    header = candidate.header
    known = KnownVideo(header.content_digest, header.pixel_digest, candidate.claimed.id, conflict=False)
    judged.videos[candidate.video_key] = known
    judged.accepted[candidate.video_key] = candidate


def _note_duplicate(judged: Judged, candidate: IdentityCandidate, known: KnownVideo) -> None:
    how = "same bytes" if known.content_digest == candidate.header.content_digest else "same pixels, another header"
    judged.duplicates[candidate.claimed.id] = candidate.video_key, Skipped(Reason.DUPLICATE, how)


def _known_videos(
    connection: Connection, candidates: Sequence[IdentityCandidate], sight: Sight
) -> dict[str, KnownVideo]:
    keys = [candidate.video_key for candidate in candidates]
    rows = connection.execute(
        text(
            "select cast(v.video_key as text) as video_key, v.content_digest, v.pixel_digest,"
            # a copy that is read again backs nothing while the file that it was a copy of does
            " (array_agg(f.id order by f.state = 'registered', f.id))[1] as backing_file"
            " from core.video v left join core.source_file f on f.video_key = v.video_key"
            " and f.state in ('registered', 'admitted', 'embedded', 'indexed')"
            " where v.video_key = any(cast(:keys as uuid[])) group by v.video_key"
        ),
        {"keys": list(keys)},
    )
    known = {row.video_key: KnownVideo(row.content_digest, row.pixel_digest, row.backing_file, False) for row in rows}
    here = {candidate.claimed.id for candidate in candidates}
    copied = [known[c.video_key] for c in candidates if c.video_key in known and known[c.video_key].same_as(c.header)]
    others = [one.backing_file for one in copied if one.backing_file is not None and one.backing_file not in here]
    vanished = forget_vanished(connection, others, sight)
    for one in known.values():
        if one.backing_file in vanished:
            one.backing_file = None
    disputed = connection.scalars(
        select(SourceFile.video_key).where(
            SourceFile.video_key.in_(keys), SourceFile.reason == str(Reason.UID_CONFLICT)
        )
    )
    for key in filter(None, disputed):
        known.setdefault(key, KnownVideo(b"", b"", None, True)).conflict = True
    return known
