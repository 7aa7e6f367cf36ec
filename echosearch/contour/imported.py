"""Import what sites have marked in DICOM SEG as contours of the archive's videos.

Files are read twice, in workers: once for which frames of which cine each marks, then file by file and cine by cine for
the masks. All files of one call that mark a cine are taken together, and replace what was imported for it before.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from echosearch.archive import Archive
from echosearch.clip import Uint8
from echosearch.contour.measure import measure_marked
from echosearch.contour.outline import cavity_of_mask
from echosearch.contour.segmentation_task import SegmentationTask, load_segmentation
from echosearch.contour.store import file_of_video
from echosearch.contour.stored import IMPORTED, to_row
from echosearch.contour.task import load_grey
from echosearch.contour.values import Cavity, Contours
from echosearch.db.files.contours import contour_of, delete_contour, known_video, put_contour
from echosearch.db.files.shown import shown_digests
from echosearch.errors import FileRefused, InputError
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.preview.store import canonical_key
from echosearch.reading.reason_text import MEANING
from echosearch.reading.segmentation import MarkedCine
from echosearch.video import Mode
from echosearch.workers.jobs import or_refuse
from echosearch.workers.pool import DecodePool

__all__ = ["ImportedContour", "RefusedMarks", "SegmentationImport", "forget_imported", "import_segmentations"]

NO_SEG = "it is no Segmentation object (DICOM SEG)"


@dataclass(frozen=True)
class ImportedContour:
    """A video whose contours were imported: masks that mark it, and how many of them could be drawn."""

    video: str
    contours: Contours  # without outlines and areas: those are stored
    masks: int
    drawn: int
    replaced: bool  # contours that were imported before


@dataclass(frozen=True)
class RefusedMarks:
    """What was not imported: one file, or all that mark one video. ``files``: those that may be named."""

    why: str
    files: tuple[str, ...]
    video: str | None = None


@dataclass
class SegmentationImport:
    """What became of the files of one call."""

    imported: list[ImportedContour] = field(default_factory=list)
    refused: list[RefusedMarks] = field(default_factory=list)
    other_files: int = 0  # of folders, that are no SEG
    other_segments: int = 0  # that are not the left ventricle


@dataclass(frozen=True)
class _Found:
    """One file; ``name`` if it may be told: a folder's names can say whose files they are."""

    task: SegmentationTask
    name: str | None


def import_segmentations(
    archive: Archive, paths: Iterable[Path], pool: DecodePool, name_files: bool = False
) -> SegmentationImport:
    """Import the left ventricle's masks of these files and folders; what cannot be used is said and changes nothing.

    ``name_files``: name the files of folders too. Raises InputError if a path does not exist.
    """
    made = SegmentationImport()
    marks: dict[str, list[tuple[_Found, MarkedCine]]] = {}
    waiting: deque[_Found] = deque()  # as the pool answers: in the order of the files

    def tasks() -> Iterator[SegmentationTask]:
        for one in _files(paths, name_files):
            waiting.append(one)
            yield one.task

    for _, answer in pool.map(load_segmentation, tasks(), ordered=True):
        file = waiting.popleft()
        try:
            segmentation = or_refuse(answer)
        except FileRefused as refused:
            _refuse(made, file, refused.outcome)
            continue
        made.other_segments += segmentation.other_segments
        for cine in segmentation.cines:
            marks.setdefault(archive.keyring.video(cine.sop_uid), []).append((file, cine))
    for video, marked in marks.items():
        try:
            made.imported.append(_import(archive, video, marked, pool))
        except FileRefused as refused:
            names = tuple(file.name for file, _ in marked if file.name is not None)
            made.refused.append(RefusedMarks(_why(refused.outcome), names, video))
    return made


def forget_imported(archive: Archive, videos: Iterable[str]) -> list[str]:
    """Remove the imported contours of these videos; return their keys.

    Raises InputError if one has none; then all of them keep theirs.
    """
    forgotten = []
    with archive.engine.begin() as connection:
        for video in videos:
            key = canonical_key(video)
            if key is None or not delete_contour(connection, key, IMPORTED):
                raise InputError(f"video {video!r} has no imported contour: `echosearch contour VIDEO` says the source")
            forgotten.append(key)
    return forgotten


def _files(paths: Iterable[Path], name_files: bool) -> Iterator[_Found]:
    """Yield every regular file, those of folders in the order of their names; links in folders are not followed."""
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise InputError(f"{path} does not exist: give Segmentation objects, or folders of them")
            yield _Found(_task(path, in_folder=False), str(path))
            continue
        for folder, folders, names in os.walk(path):
            folders.sort()
            for name in sorted(names):
                file = Path(folder, name)
                if file.is_file() and not file.is_symlink():
                    yield _Found(_task(file, in_folder=True), str(file) if name_files else None)


def _task(path: Path, in_folder: bool) -> SegmentationTask:
    info = path.stat()
    return SegmentationTask(path.resolve(), info.st_size, info.st_mtime_ns, in_folder)


def _refuse(made: SegmentationImport, file: _Found, outcome: Skipped | Quarantined) -> None:
    if isinstance(outcome, Quarantined):
        made.refused.append(RefusedMarks(_why(outcome), () if file.name is None else (file.name,)))
    elif file.task.in_folder:
        made.other_files += 1
    else:
        made.refused.append(RefusedMarks(NO_SEG, () if file.name is None else (file.name,)))


def _import(archive: Archive, video: str, marked: list[tuple[_Found, MarkedCine]], pool: DecodePool) -> ImportedContour:
    """Import what all these files mark on one video. Raises FileRefused if it cannot be sure of each frame."""
    with archive.engine.connect() as connection:
        if video not in shown_digests(connection, [video]):
            raise _refused("the cine that it marks is none that a search of this archive can find: ingest it first")
        known = known_video(connection, video)
    for _, cine in marked:
        if (cine.rows, cine.columns) != (known.rows, known.columns):
            size = f"{cine.rows} rows x {cine.columns} columns"
            raise _refused(f"masks of {size}, and its cine has {known.rows} x {known.columns}")
        if cine.frames[-1] >= known.frames:
            raise _refused(f"a mask for frame {cine.frames[-1] + 1}, and its cine has {known.frames} frames")
    grey = or_refuse(pool.run(load_grey, file_of_video(archive, video)))
    cavities: dict[int, Cavity] = {}
    digests: dict[int, bytes] = {}
    for file, cine in marked:
        for frame, mask in _masks(file.task, cine, pool):
            digest = hashlib.sha256(mask.tobytes()).digest()
            if digests.setdefault(frame, digest) != digest:
                raise _refused(f"two files mark frame {frame + 1} of it otherwise: a conflict, import one of them")
            cavity = cavity_of_mask(grey.stretch.stretched(mask), grey.box)
            if cavity is not None:
                cavities[frame] = cavity
    if not cavities:
        raise _refused(f"none of its {len(digests)} masks is one piece of a cavity within the picture")
    contours = measure_marked(cavities, grey, known.sure_view, Mode(known.mode))
    with archive.engine.begin() as connection:
        replaced = contour_of(connection, video, IMPORTED) is not None
        put_contour(connection, video, IMPORTED, known.digest, to_row(contours))
    return ImportedContour(video, replace(contours, outlines=None, areas=None), len(digests), len(cavities), replaced)


def _masks(task: SegmentationTask, cine: MarkedCine, pool: DecodePool) -> Iterator[tuple[int, Uint8]]:
    """Yield (frame, mask) of one cine. Raises FileRefused, also if the file is not as it was read before."""
    again = or_refuse(pool.run(load_segmentation, task.with_masks_of(cine.sop_uid)))
    for one in again.cines:
        if one.sop_uid == cine.sop_uid and one.masks is not None and one.frames == cine.frames:
            yield from zip(one.frames, one.masks, strict=True)
            return
    raise FileRefused(Quarantined(Reason.CHANGED, "the file changed while it was read"))


def _why(outcome: Skipped | Quarantined) -> str:
    return outcome.detail or MEANING[outcome.reason]


def _refused(why: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.BAD_HEADER, why))
