"""mp4 and avi exports: frames by PyAV, decoded in order.

Such a file names no patient and no study: who it belongs to comes from a sidecar table, as a MediaIdentity.
Bytes are read here and handed over; FFmpeg opens no path, playlist or network address of its own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from io import BytesIO
from pathlib import Path

import numpy as np

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom.elements.timing import MAX_FPS, MIN_FPS
from echosearch.reading.dicom.elements.values import synthetic_uid
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.reading.files import ByteReader, Stamp, open_regular
from echosearch.reading.motion_jpeg import check_motion_jpeg
from echosearch.reading.orientation import UPRIGHT, Orientation
from echosearch.reading.pictures import (
    count_pictures,
    first_orientation,
    open_container,
    pick_frames,
    stated_aspect,
    video_stream,
)
from echosearch.reading.slices.check import check_slices
from echosearch.reading.stretch import AS_STORED, Stretch, stretch_of
from echosearch.video import Mode, VideoHeader, ViewLabel

__all__ = ["MediaIdentity", "MediaVideo", "looks_like_media", "open_media", "read_media_header"]

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,avi"
INTRA_CODECS = frozenset({"mjpeg", "rawvideo"})  # every frame on its own
QUICKTIME = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})  # first boxes of files without ftyp
# FFmpeg's names of the decoders: "msmpeg4" is Microsoft's MPEG-4 version 3
CODECS = frozenset({"h264", "hevc", "mpeg4", "mjpeg", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "rawvideo"})


@dataclass(frozen=True)
class MediaIdentity:
    """One row of the sidecar table: whose video a file is."""

    study_uid: str = field(repr=False)
    patient_id: str = field(default="", repr=False)
    accession_number: str = field(default="", repr=False)
    study_date: date | None = field(default=None, repr=False)
    sop_uid: str | None = field(default=None, repr=False)
    view: ViewLabel | None = None


@dataclass(frozen=True)
class MediaVideo:
    """An mp4 or avi file as a FrameSource; its bytes are read for each walk."""

    path: Path
    stamp: Stamp
    rows: int
    columns: int
    codec: str
    frame_seconds: float | None
    decord: bool = False
    orientation: Orientation = UPRIGHT
    stretch: Stretch = AS_STORED  # after turning
    scale: None = None  # neither mp4 nor avi says

    def __repr__(self) -> str:
        return f"MediaVideo({self.codec}, {self.rows} x {self.columns}, frame_seconds={self.frame_seconds})"

    @property
    def predicted(self) -> bool:
        return self.codec not in INTRA_CODECS

    @cached_property
    def n_frames(self) -> int:
        """Count the pictures that a player shows, by decoding all. Raises FileRefused(DECODE_FAILED) for damage."""
        with open_container(self._bytes(), FORMATS, CODECS) as container:
            return count_pictures(container)

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """Yield (H, W, 3) uint8 RGB of the pictures that a player shows at the ascending indices."""
        data = self._bytes()
        if self.decord:
            yield from _decord_frames(data, indices, self.n_frames)
            return
        with open_container(data, FORMATS, CODECS) as container:
            for picture in pick_frames(container, indices):
                yield self.stretch.stretched(self.orientation.turned(picture))

    def _bytes(self) -> bytes:
        with open_regular(self.path, expect=self.stamp) as reader:
            return reader.at(0, reader.size)


def looks_like_media(head: bytes) -> bool:
    """Return True for MP4/MOV (ISO base media: ``ftyp`` at byte 4), AVI (RIFF), and QuickTime from before ``ftyp``,
    which begins with another box; the first letter of a text would make it one of 512 MB or more.
    """
    if head[:4] == b"RIFF":
        return head[8:12] == b"AVI "
    return head[4:8] == b"ftyp" or (head[4:8] in QUICKTIME and head[0] < 0x20)


def open_media(path: Path, decord: bool = False) -> MediaVideo:
    """Open an mp4 or avi file; ``decord``: frames come from decord, if it is installed and they are shown as stored.

    Raises FileRefused: NOT_AN_IMAGE, UNSUPPORTED_SYNTAX, TOO_LARGE, TRUNCATED, DECODE_FAILED.
    """
    with open_regular(path) as reader:
        if not looks_like_media(reader.head):
            raise FileRefused(NO_KNOWN_KIND)
        _check_whole(reader)
        data = reader.at(0, reader.size)
        stamp = reader.stamp
    with open_container(data, FORMATS, CODECS) as container:
        stream = video_stream(container)
        if _says_indexed(data) and len(stream.index_entries) < 2 <= stream.frames:  # one: FFmpeg has looked for it
            raise FileRefused(Quarantined(Reason.DECODE_FAILED, "the index of an avi is not where it was written"))
        rate = stream.average_rate or stream.guessed_rate
        fps = float(rate) if rate else 0.0
        rows, columns = stream.codec_context.height, stream.codec_context.width
        orientation = first_orientation(container)
        aspect = stated_aspect(container)
        if orientation.transposed:
            rows, columns, aspect = columns, rows, aspect and 1 / aspect
        stretch = stretch_of(aspect)
        rows, columns = stretch.size(rows, columns)
        return MediaVideo(
            path=path,
            stamp=stamp,
            rows=rows,
            columns=columns,
            orientation=orientation,
            stretch=stretch,
            codec=stream.codec_context.name,
            frame_seconds=1.0 / fps if MIN_FPS <= fps <= MAX_FPS else None,
            decord=decord
            and (orientation, stretch) == (UPRIGHT, AS_STORED)
            and importlib.util.find_spec("decord") is not None,
        )


def _check_whole(reader: ByteReader) -> None:
    """Raise FileRefused(TRUNCATED) if a top-level box or RIFF chunk ends after the file: FFmpeg would read on.

    ISO base media: size (big endian), name; 1: 64-bit size follows; 0: to the end. RIFF: name, size (little endian).
    """
    is_avi = reader.head[:4] == b"RIFF"
    at = 0
    while len(header := reader.at(at, 16)) >= 8:
        if is_avi:
            size = int.from_bytes(header[4:8], "little")
            step = 8 + size + size % 2
        else:
            size = int.from_bytes(header[:4], "big")
            step = int.from_bytes(header[8:16], "big") if size == 1 else size
        if size == 0 or step < 8:
            return
        at += step
    if at > reader.size + 1:  # a missing padding byte is no loss
        raise FileRefused(Quarantined(Reason.TRUNCATED, f"the container needs {at} bytes, {reader.size} are there"))


def _says_indexed(data: bytes) -> bool:
    """Return True for a finished avi whose main header has the flag "has an index" (AVIF_HASINDEX)."""
    at = data.find(b"avih", 0, 4096)
    is_finished = data[:4] == b"RIFF" and data[4:8] != bytes(4)
    return is_finished and at > 0 and bool(int.from_bytes(data[at + 20 : at + 24], "little") & 0x10)


def read_media_header(path: Path, issuer: str, identity: MediaIdentity | None) -> VideoHeader:
    """Return a VideoHeader whose identity is the sidecar's. Raises FileRefused; NO_IDENTITY if there is none."""
    video = open_media(path)
    if identity is None or not identity.study_uid:
        raise FileRefused(Quarantined(Reason.NO_IDENTITY, "no sidecar row says whose video this is"))
    if video.n_frames < 2:
        raise FileRefused(Skipped(Reason.STILL))
    with open_regular(path, expect=video.stamp) as reader:
        data = reader.at(0, reader.size)
        check_slices(data, FORMATS, CODECS)
        check_motion_jpeg(data, FORMATS, CODECS)
        sha256 = reader.sha256()
    return VideoHeader(
        sop_uid=identity.sop_uid or synthetic_uid(sha256),
        study_uid=identity.study_uid,
        patient_id=identity.patient_id,
        issuer=issuer,
        sop_class_uid="",
        transfer_syntax_uid=video.codec,
        photometric="RGB",
        rows=video.rows,
        columns=video.columns,
        n_frames=video.n_frames,
        content_digest=sha256,
        pixel_digest=sha256,
        accession_number=identity.accession_number,
        study_date=identity.study_date,
        frame_seconds=video.frame_seconds,
        frame_seconds_source="container" if video.frame_seconds else None,  # the export's rate
        mode=Mode.UNKNOWN,
        view=identity.view,
        notes=() if identity.sop_uid else ("synthetic_uid",),
    )


def _decord_frames(data: bytes, indices: Sequence[int], n_frames: int) -> Iterator[Uint8]:
    """Read in order, as decord is exact in no other way. Raises FileRefused(DECODE_FAILED)."""
    import decord  # here: it loads a second FFmpeg

    wanted = set(indices)
    try:
        reader = decord.VideoReader(BytesIO(data), ctx=decord.cpu(0), num_threads=1)
        if len(reader) != n_frames:
            raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"decord finds {len(reader)} of {n_frames} frames"))
        for index in range(max(wanted, default=-1) + 1):
            frame = reader.next()
            if index in wanted:
                yield np.asarray(frame.asnumpy())
    except (decord.DECORDError, IndexError, StopIteration, RuntimeError, ValueError) as exc:
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, "the video cannot be read by decord")) from exc
