"""Read cines that are volumes: NIfTI-1 (.nii, .nii.gz) and MetaImage (.mhd with .raw or .zraw), as benchmarks have.

The last axis is time; the first two are columns and rows (a slice axis of one is left out). Values above 8 bits are
scaled to 0 to 255 by the volume's least and greatest. Nothing but numbers is read: no path, no code. Sizes are checked
before anything is decompressed.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from echosearch.clip import PictureScale, Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.limits import MAX_FILE_BYTES, check_size

__all__ = ["VOLUMES", "Volume", "is_volume", "open_volume"]

VOLUMES = (".nii", ".nii.gz", ".mhd")
HEADER = 348  # bytes of a NIfTI-1 header
TYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4"}  # NIfTI's datatype
ELEMENTS = {
    "MET_UCHAR": "u1",
    "MET_CHAR": "i1",
    "MET_USHORT": "u2",
    "MET_SHORT": "i2",
    "MET_UINT": "u4",
    "MET_INT": "i4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
TEXT = 65_536  # bytes of a MetaImage header at most


@dataclass(frozen=True)
class Volume:
    """A cine in memory as a FrameSource: grey, as three equal channels."""

    grey: Uint8 = field(repr=False)  # (T, rows, columns)
    frame_seconds: float | None = None
    scale: PictureScale | None = None
    predicted: bool = False

    @property
    def n_frames(self) -> int:
        return len(self.grey)

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        """Yield (rows, columns, 3) frames."""
        for index in indices:
            yield np.repeat(self.grey[index][..., None], 3, axis=2)


def is_volume(path: Path) -> bool:
    """Return whether the name is one of a volume."""
    return path.name.lower().endswith(VOLUMES)


def open_volume(path: Path) -> Volume:
    """Open a NIfTI or MetaImage cine. Raises FileRefused: BAD_HEADER, TOO_LARGE, DECODE_FAILED, UNREADABLE."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise FileRefused(Quarantined(Reason.TOO_LARGE, f"above {MAX_FILE_BYTES} bytes"))
        return _meta_image(path) if path.name.lower().endswith(".mhd") else _nifti(path)
    except OSError as exc:  # gzip's errors are OSErrors too
        reason = Reason.DECODE_FAILED if isinstance(exc, gzip.BadGzipFile) else Reason.UNREADABLE
        raise FileRefused(Quarantined(reason, exc.strerror or "not a gzip file")) from exc
    except (EOFError, zlib.error, struct.error) as exc:
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, "the file ends too early, or is damaged")) from exc


def _nifti(path: Path) -> Volume:
    with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as handle:
        header = handle.read(HEADER)
        order = next((sign for sign in "<>" if struct.unpack_from(f"{sign}i", header)[0] == HEADER), None)
        if order is None or header[344:347] not in (b"n+1", b"ni1"):
            raise _bad("no NIfTI-1 header")
        shape = struct.unpack_from(f"{order}8h", header, 40)
        seconds = abs(struct.unpack_from(f"{order}8f", header, 76)[4])  # pixdim of time
        kind = TYPES.get(struct.unpack_from(f"{order}h", header, 70)[0])
        offset = struct.unpack_from(f"{order}f", header, 108)[0]
        if kind is None or not 1 <= shape[0] <= 7 or not math.isfinite(offset) or not HEADER <= offset < TEXT:
            raise _bad("its type, axes or offset")
        axes = _axes(shape[1 : shape[0] + 1])
        handle.read(int(offset) - HEADER)
        return _volume(handle.read(_bytes(axes, kind)), order + kind, axes, seconds if 0.001 < seconds < 1 else None)


def _meta_image(path: Path) -> Volume:
    with path.open("rb") as handle:
        text = handle.read(TEXT).decode("ascii", "replace")
    fields = {
        key.strip(): value.strip() for key, mark, value in (line.partition("=") for line in text.splitlines()) if mark
    }
    kind, data = ELEMENTS.get(fields.get("ElementType", "")), fields.get("ElementDataFile", "")
    if kind is None or Path(data).name != data or data in ("", "LOCAL", "LIST"):
        raise _bad("its ElementType or ElementDataFile: a name beside the header")
    try:
        axes = _axes([int(part) for part in fields.get("DimSize", "").split()])
    except ValueError:
        raise _bad("its DimSize") from None
    size = _bytes(axes, kind)
    with (path.parent / data).open("rb") as handle:
        if fields.get("CompressedData", "").lower() == "true":
            content = zlib.decompressobj().decompress(handle.read(MAX_FILE_BYTES), size)
        else:
            content = handle.read(size)
    msb = fields.get("ElementByteOrderMSB", fields.get("BinaryDataByteOrderMSB", "")).lower() == "true"
    return _volume(content, (">" if msb else "<") + kind, axes, None)


def _axes(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return columns, rows, frames of a shape with or without a slice axis of one."""
    kept = [*shape]
    while len(kept) > 3 and 1 in kept[2:]:
        kept.pop(2 + kept[2:].index(1))
    if len(kept) != 3 or min(kept) < 1:
        raise _bad("its axes: columns, rows and time are needed")
    check_size(kept[1], kept[0], kept[2])
    return kept[0], kept[1], kept[2]


def _bytes(axes: tuple[int, int, int], kind: str) -> int:
    return math.prod(axes) * np.dtype(kind).itemsize


def _volume(content: bytes, kind: str, axes: tuple[int, int, int], seconds: float | None) -> Volume:
    if len(content) < _bytes(axes, kind):
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, "the file ends before its last frame"))
    values = np.frombuffer(content, kind).reshape(axes[2], axes[1], axes[0])
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, "values that are no numbers"))
    low, high = float(values.min()), float(values.max())
    if values.dtype.itemsize > 1 and (low < 0 or high > 255 or high <= 1):
        values = (values.astype(np.float32) - low) * (255 / max(high - low, 1e-6))
    return Volume(np.ascontiguousarray(values.clip(0, 255).astype(np.uint8)), seconds)


def _bad(what: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.BAD_HEADER, f"{what} cannot be read"))
