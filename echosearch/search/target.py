"""What `similar` and `report` are pointed at: a study of the archive, or a file that may not be in it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path

from echosearch.db import lookup
from echosearch.errors import FileRefused, InputError
from echosearch.outcome import Quarantined, Reason
from echosearch.search.embed_file import read_file
from echosearch.search.study_hits import Searching
from echosearch.unicode import is_text
from echosearch.vector import Vectors, is_usable
from echosearch.video import VideoHeader

__all__ = ["Target", "find_target"]


@dataclass(frozen=True)
class Target:
    """A vector to search by, and whose it is (None, and nobody, where a file does not say)."""

    vector: Vectors = field(repr=False)  # raw, (D,)
    study: str | None
    patients: tuple[str, ...]
    query: dict[str, str] = field(repr=False)


def find_target(search: Searching, name: str) -> Target:
    """Find an existing file, else a study key, StudyInstanceUID or accession number.

    A file that the archive has is answered from its stored vector; any other is decoded in a child process with
    limits and embedded here. Raises UnknownStudy, FileRefused, InputError.
    """
    if os.path.isfile(name):  # False, too, for what no path can be
        return _of_file(search, Path(name))
    if os.path.isdir(name):
        raise InputError(f"{name} is a folder: give one file, or a study")
    archive = search.archive
    meant = lookup.resolve_study(search.connection, name if is_text(name) else "", archive.viewer)
    vector = lookup.study_vector(search.connection, search.encoder_id, meant.study)
    return Target(vector, meant.study, (meant.patient,), {"study": meant.study})


def _of_file(search: Searching, path: Path) -> Target:
    archive, query = search.archive, {"file": str(path)}
    known = _as_ingested(search, path)
    if known is not None:
        return Target(known.vector, known.about.study, (known.about.patient,), query)
    header, clip = read_file(path, archive.encoder.clip_spec, archive.settings)
    known = _same_video(search, path, header)
    if known is not None:
        return Target(known.vector, known.about.study, _patients(search, header, known.about.study), query)
    vector = archive.encoder.encode_clips([clip])[0]
    if not is_usable(vector):
        raise FileRefused(Quarantined(Reason.BAD_VECTOR, "the encoder gave a zero or non-finite vector"))
    study = archive.keyring.study(header.study_uid) if header is not None else None
    return Target(vector, study, _patients(search, header, study), query)


def _patients(search: Searching, header: VideoHeader | None, study: str | None) -> tuple[str, ...]:
    """Of its study, as at ingest, and of its own header, which may have been corrected since: all are left out.

    None of an mp4 or avi that is not in the archive: it says nothing of whose it is.
    """
    known = lookup.patient_of(search.connection, study) if study is not None else None
    said: list[str | None] = []
    if header is not None and header.patient_id:
        hospitals = ("", header.hospital.authority, header.hospital.institution)
        said = [search.archive.keyring.patient(header.issuer, header.patient_id, hospital) for hospital in hospitals]
    return tuple(dict.fromkeys(key for key in (known, *said) if key is not None))


def _as_ingested(search: Searching, path: Path) -> lookup.StoredVideo | None:
    """Of a file that lies where the ingest read it: nothing of it is read again."""
    try:
        real = path.resolve(strict=True)
        info = real.stat()
    except OSError as exc:
        raise FileRefused(Quarantined(Reason.UNREADABLE, exc.strerror or type(exc).__name__)) from exc
    key = search.archive.keyring.path(real)
    return lookup.video_of_file(search.connection, search.encoder_id, key, info.st_size, info.st_mtime_ns)


def _same_video(search: Searching, path: Path, header: VideoHeader | None) -> lookup.StoredVideo | None:
    """Of a copy, or of another export of a video: other bytes, the same pixels."""
    if header is None:
        return lookup.video_with_bytes(search.connection, search.encoder_id, _sha256(path))
    video = search.archive.keyring.video(header.sop_uid)
    known = lookup.video_with_key(search.connection, search.encoder_id, video)
    return known if known is not None and known.pixel_digest == header.pixel_digest else None


def _sha256(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").digest()
    except OSError as exc:
        raise FileRefused(Quarantined(Reason.UNREADABLE, exc.strerror or type(exc).__name__)) from exc
