"""Contours of a file, or of a video of the archive: read in a worker, drawn here, kept in the database."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from echosearch.archive import Archive
from echosearch.clip import Uint8
from echosearch.contour.measure import measure, without_figure
from echosearch.contour.stored import IMPORTED, from_row, to_row
from echosearch.contour.task import GreyTask, PictureTask, load_grey, load_pictures
from echosearch.contour.values import APICAL, Contours, NoFigure
from echosearch.db.files.backing import files_holding
from echosearch.db.files.contours import contour_of, known_video, put_contour
from echosearch.db.files.shown import shown_digests
from echosearch.encoder.base import ViewModel
from echosearch.errors import FileRefused, InputError
from echosearch.outcome import Quarantined, Reason
from echosearch.preview.store import canonical_key
from echosearch.video import VIEW_GATE, Mode, VideoHeader, View
from echosearch.workers.jobs import or_refuse
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import ClipTask, InspectTask, inspect, load_clip

if TYPE_CHECKING:  # torch
    from echosearch.contour.head import ContourHead

__all__ = ["contours_of_file", "contours_of_target", "contours_of_video", "file_of_video", "pictures"]

NO_KEY = "contour"  # the clip belongs to no stored video


def contours_of_file(
    path: Path, head: ContourHead, pool: DecodePool, view: View | None = None, classifier: ViewModel | None = None
) -> Contours:
    """Draw the contours of one file, which need not be ingested; nothing is stored.

    Its view is ``view``, else what the classifier says with 0.9 or more. Raises FileRefused; InputError if neither is
    given.
    """
    path = path.resolve()
    seen = pool.run(inspect, InspectTask(path, allow_secondary_capture=True))
    nameless = isinstance(seen, Quarantined) and seen.reason is Reason.NO_IDENTITY
    header: VideoHeader | None = None if nameless else or_refuse(seen)
    if view is None:
        view = _classified(path, pool, classifier)
    mode = Mode.UNKNOWN if header is None else header.mode
    if view not in APICAL or mode == Mode.COLOR:
        reason = NoFigure.VIEW if view not in APICAL else NoFigure.COLOUR
        return without_figure(head, view, 0 if header is None else header.n_frames, reason)
    return measure(head, or_refuse(pool.run(load_grey, GreyTask(path))), view, mode)


def contours_of_video(
    archive: Archive, video: str, head: ContourHead, pool: DecodePool, imported: bool = True
) -> Contours:
    """Return the contours of a video that may be shown: those imported from DICOM SEG, else the head's, which are drawn
    now and stored if they are not stored yet. With ``imported`` False those of the head.

    Its view is the archive's, with 0.9 or more. Raises InputError if no search finds such a video; FileRefused.
    """
    key = canonical_key(video)
    with archive.engine.connect() as connection:
        if key is None or key not in shown_digests(connection, [key]):
            raise InputError(f"no video of key {video!r} can be found by a search: queries give keys with --json")
        marked = contour_of(connection, key, IMPORTED) if imported else None
        stored = contour_of(connection, key, head.info.fingerprint)
        known = known_video(connection, key)
    if marked is not None:
        return from_row(marked, None)
    if stored is not None:
        return from_row(stored, head.info)
    view = known.sure_view
    mode = Mode(known.mode)
    if view not in APICAL or mode == Mode.COLOR:
        reason = NoFigure.VIEW if view not in APICAL else NoFigure.COLOUR
        return without_figure(head, view, known.frames, reason)  # known at once, so it is not stored
    made = measure(head, or_refuse(pool.run(load_grey, file_of_video(archive, key))), view, mode)
    with archive.engine.begin() as connection:
        put_contour(connection, key, head.info.fingerprint, known.digest, to_row(made))
    return made


def contours_of_target(archive: Archive, target: str, pool: DecodePool, view: str | None = None) -> Contours:
    """Return the contours of a file, if there is one at ``target``, else of a video, by the head that ships.

    Raises what the two above raise; InputError for a view of a video.
    """
    from echosearch.contour.head import load_head  # torch
    from echosearch.contour.manifest import shipped_head

    head = load_head(shipped_head())
    if os.path.exists(target):
        given = None if view is None else View(view)
        return contours_of_file(Path(target), head, pool, given, archive.view_classifier if given is None else None)
    if view is not None:
        raise InputError("a view is for a file: a video has the view of the archive")
    return contours_of_video(archive, target, head, pool)


def file_of_video(archive: Archive, video: str) -> GreyTask:
    """Return the file that backs a video, as it was when it was read. Raises FileRefused(CHANGED) if there is none."""
    with archive.engine.connect() as connection:
        holding = files_holding(connection, [video])[video]
    if not holding:
        raise FileRefused(Quarantined(Reason.CHANGED, "no file of it is there as it was ingested"))
    file = holding[0].file
    return GreyTask(file.path, file.size, file.mtime_ns)


def pictures(task: GreyTask, frames: Sequence[int], pool: DecodePool) -> Uint8:
    """Return these frames within the fan, (N, H, W, 3) uint8, in the order given. Raises FileRefused."""
    wanted = tuple(sorted(set(frames)))
    made = or_refuse(pool.run(load_pictures, PictureTask(task.path, task.size, task.mtime_ns, wanted)))
    picked: Uint8 = made[[wanted.index(frame) for frame in frames]]
    return picked


def _classified(path: Path, pool: DecodePool, classifier: ViewModel | None) -> View:
    if classifier is None:
        raise InputError("the view is not known: give --view 4CH or 2CH, or put a view classifier in use")
    clip = or_refuse(pool.run(load_clip, ClipTask(path, NO_KEY, classifier.clip_spec)))
    label = classifier.classify([clip])[0].best
    return label.view if label.prob >= VIEW_GATE else View.OTHER
