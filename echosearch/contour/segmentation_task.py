"""The task of a worker: one untrusted Segmentation object in; which frames it marks out, or the masks of one cine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom import read_segmentation
from echosearch.reading.segmentation import Segmentation
from echosearch.workers.tasks import faults_as_values, has_changed

__all__ = ["SegmentationTask", "load_segmentation"]


@dataclass(frozen=True)
class SegmentationTask:
    """One file as it was found; ``masks_of``: the SOP Instance UID of the cine whose masks are wanted."""

    path: Path = field(repr=False)
    size: int
    mtime_ns: int
    in_folder: bool = False
    masks_of: str | None = field(default=None, repr=False)

    def with_masks_of(self, sop_uid: str) -> SegmentationTask:
        return replace(self, masks_of=sop_uid)


@faults_as_values
def load_segmentation(task: SegmentationTask) -> Segmentation | Skipped | Quarantined:
    """Run read_segmentation in the pool; every fault of the file is a value. A MemoryError passes."""
    if has_changed(task.path, task.size, task.mtime_ns):
        return Quarantined(Reason.CHANGED, "the file changed while it was read")
    return read_segmentation(task.path, task.masks_of)
