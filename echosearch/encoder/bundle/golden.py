"""golden.npz: small inputs and their vectors, so that a machine can show that it computes the same.

Arrays, none of them pickled:

    pixels (1, T, S, S, 3) uint8     n_valid ()     video_vectors (1, D) float32
    texts (K,) str                   text_vectors (K, D) float32        ids (P, L) int64 of their parts, padded with 0
    made_by () str                   "author", or "creation" where the author ships none (then it shows that
                                     this machine agrees with the one that made the bundle)

and, since bundles state their fingerprint, what preprocessing makes of raw cines (raw_pixels.py): a ClipSpec that was
edited afterwards, or code that follows it otherwise, gives something else.

    cine_0 (T, H, W, 3) uint8 and cine_0_seconds (): true RGB, as decoded, and the time between its frames (0: unknown)
    cine_0_pixels (T, S, S, 3) uint8, cine_0_valid ()                   the clip that was made of it; cine_1 likewise
    cine_vectors (1, D) float32      of the first of these clips (of a view classifier: probabilities)
    taken (N, T) int64               the frames that a clip takes of N cines of other lengths and speeds; -1: none
    scaled (2, 3) float32            what black and white become, by channel
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal, TypeVar
from zipfile import BadZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from echosearch.clip import Clip, ClipSpec, Uint8
from echosearch.errors import BundleError, GoldenMismatch
from echosearch.vector import Vectors

__all__ = [
    "CINES",
    "TOLERANCE",
    "Golden",
    "RawPixels",
    "check_vectors",
    "golden_clip",
    "golden_texts",
    "pad_ids",
    "raw_arrays",
    "read_golden",
    "read_golden_views",
    "read_raw",
    "write_golden",
]

CINES = 2
LARGEST = 256 << 20  # bytes, unpacked; 32 frames of 224 x 224 and their cines have 20 MB
LARGEST_PACKED = 32 << 20
MOST_MEMBERS = 100
MOST_TEXTS, MOST_PARTS = 1000, 10_000
LONGEST_TEXT = 10_000  # characters; MeCab is not safe with a hundred thousand
SIDES = (16, 4096)  # of a cine's frames, in pixels
A = TypeVar("A", bound=np.generic)

# ||here - golden|| / ||golden||, by how the encoder computes. fp32 differs between processors and thread counts by
# about 1e-6; a wrong activation or epsilon by 4e-4 and more. 0.045 is a cosine of 0.999.
TOLERANCE: dict[str, float] = {"float32": 1e-4, "bfloat16": 0.045}

_TEXTS = {
    "ja": ("左室拡大なし。軽度の僧帽弁逆流あり。", "EF 35%、重度の大動脈弁狭窄を認める"),
    "en": ("The left ventricle is normal in size.", "Severe aortic stenosis. Ejection fraction 35%."),
}


@dataclass(frozen=True)
class RawPixels:
    """The clips that a ClipSpec makes of raw cines; see above. ``vectors`` are the encoder's of the first clip."""

    cines: tuple[Uint8, ...]
    seconds: tuple[float | None, ...]
    clips: tuple[Clip, ...]
    taken: NDArray[np.int64]
    scaled: NDArray[np.float32]
    vectors: Vectors


@dataclass(frozen=True)
class Golden:
    pixels: Uint8
    n_valid: int
    video_vectors: Vectors
    texts: tuple[str, ...]
    ids: NDArray[np.int64]
    text_vectors: Vectors
    made_by: Literal["author", "creation"]
    raw: RawPixels | None = None  # None: made by an earlier version

    @property
    def clip(self) -> Clip:
        return Clip("golden", self.pixels[0], self.n_valid)


def golden_clip(spec: ClipSpec) -> Clip:
    """Return coloured blocks that move: every channel, row, column and frame counts, and it compresses well."""
    blocks = np.random.default_rng(20).integers(0, 256, (spec.frames, 7, 7, 3), dtype=np.uint8)
    spread = np.arange(spec.size) * 7 // spec.size
    n_valid = max(spec.frames * 3 // 4, 1) if spec.padding == "zeros" else spec.frames
    return Clip("golden", blocks[:, spread][:, :, spread], n_valid)


def golden_texts(language: str) -> tuple[str, ...]:
    return _TEXTS[language]


def pad_ids(ids: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return (N, L) int64, as long as the longest, padded with 0."""
    padded = np.zeros((len(ids), max(map(len, ids), default=0)), np.int64)
    for row, own in zip(padded, ids, strict=True):
        row[: len(own)] = own
    return padded


def write_golden(file: Path, golden: Golden) -> None:
    np.savez_compressed(
        file,
        allow_pickle=False,
        pixels=golden.pixels,
        n_valid=np.int64(golden.n_valid),
        video_vectors=golden.video_vectors,
        texts=np.array(golden.texts),
        ids=golden.ids,
        text_vectors=golden.text_vectors,
        made_by=np.array(golden.made_by),
        **(raw_arrays(golden.raw) if golden.raw else {}),
    )


def raw_arrays(raw: RawPixels) -> dict[str, NDArray[Any]]:
    """Return the arrays of golden.npz that begin at raw cines."""
    arrays: dict[str, NDArray[Any]] = {"cine_vectors": raw.vectors, "taken": raw.taken, "scaled": raw.scaled}
    for i, (cine, seconds, clip) in enumerate(zip(raw.cines, raw.seconds, raw.clips, strict=True)):
        arrays |= {f"cine_{i}": cine, f"cine_{i}_seconds": np.array(seconds or 0.0)}
        arrays |= {f"cine_{i}_pixels": clip.pixels, f"cine_{i}_valid": np.array(clip.n_valid)}
    return arrays


def read_golden(file: Path) -> Golden:
    """Read the golden inputs and vectors. Raises BundleError."""
    arrays = _Arrays(file)
    pixels = arrays.take("pixels", np.uint8, (1, None, None, None, 3))
    texts = arrays.take("texts", np.str_, (None,))
    ids = arrays.take("ids", np.int64, (None, None))
    made_by = str(arrays.take("made_by", np.str_, ()))
    video = arrays.take("video_vectors", np.float32, (1, None))
    dimension = video.shape[1]
    if not 1 <= len(texts) <= MOST_TEXTS or not 1 <= len(ids) <= MOST_PARTS:
        raise arrays.wrong(f"it has {len(texts)} texts of {len(ids)} parts")
    if max(map(len, texts)) > LONGEST_TEXT:
        raise arrays.wrong(f"a text of it has more than {LONGEST_TEXT} characters")
    return Golden(
        pixels=pixels,
        n_valid=arrays.number("n_valid", 1, pixels.shape[1]),
        video_vectors=video,
        texts=tuple(str(text) for text in texts),
        ids=ids,
        text_vectors=arrays.take("text_vectors", np.float32, (None, dimension)),
        made_by="author" if made_by == "author" else "creation",
        raw=_raw(arrays, dimension),
    )


def read_golden_views(file: Path) -> tuple[Uint8, Vectors]:
    """Read a view classifier's pixels (1, T, S, S, 3) and probabilities (1, classes). Raises BundleError."""
    arrays = _Arrays(file)
    pixels = arrays.take("pixels", np.uint8, (1, None, None, None, 3))
    if not pixels.size:
        raise arrays.wrong("its pixels are empty")
    return pixels, arrays.take("probabilities", np.float32, (1, None))


def read_raw(file: Path) -> RawPixels | None:
    """Read the arrays that begin at raw cines; None if an earlier version made the file. Raises BundleError."""
    return _raw(_Arrays(file), None)


def _raw(arrays: _Arrays, dimension: int | None) -> RawPixels | None:
    if "cine_0" not in arrays:
        return None
    cines, seconds, clips = [], [], []
    for i in range(CINES):
        cines.append(arrays.take(f"cine_{i}", np.uint8, (None, None, None, 3)))
        seconds.append(float(arrays.take(f"cine_{i}_seconds", np.float64, ())) or None)
        pixels = arrays.take(f"cine_{i}_pixels", np.uint8, (None, None, None, 3))
        clips.append(Clip("golden", pixels, arrays.number(f"cine_{i}_valid", 1, len(pixels))))
    low, high = SIDES
    for cine, each in zip(cines, seconds, strict=True):
        if not len(cine) or not all(low <= side <= high for side in cine.shape[1:3]):
            raise arrays.wrong(f"a cine of it is {cine.shape}")
        if each is not None and not (math.isfinite(each) and each > 0):
            raise arrays.wrong(f"the time between its frames is {each}")
    return RawPixels(
        cines=tuple(cines),
        seconds=tuple(seconds),
        clips=tuple(clips),
        taken=arrays.take("taken", np.int64, (None, None)),
        scaled=arrays.take("scaled", np.float32, (2, 3)),
        vectors=arrays.take("cine_vectors", np.float32, (1, dimension)),
    )


class _Arrays:
    """The arrays of an npz file that somebody may have made up: an array's header is compared with its bytes, and its
    kind and shape with what is asked for, before memory is taken for it.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        with self._reading():
            if (size := file.stat().st_size) > LARGEST_PACKED:
                raise ValueError(f"it has {size / 1e6:.0f} MB")
        with self._reading(), zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS or sum(one.file_size for one in members) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST >> 20} MB or {MOST_MEMBERS} arrays")
            self._members = {one.filename.removesuffix(".npy"): one for one in members}
            self._headers = {name: _header(archive, one) for name, one in self._members.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._members

    def wrong(self, why: str) -> BundleError:
        line = "".join(letter if letter.isprintable() else " " for letter in why[:300])
        return BundleError(f"{self._file} is no golden file: {line}; copy or import the bundle again")

    def take(self, name: str, kind: type[A], shape: tuple[int | None, ...]) -> NDArray[A]:
        """Read the array ``name``, of that kind and shape (None: any length). Raises BundleError."""
        if name not in self._members:
            raise self.wrong(f"it has no {name}")
        dtype, stated = self._headers[name]
        fits = len(stated) == len(shape) and all(want in (None, have) for want, have in zip(shape, stated, strict=True))
        if not fits or not np.issubdtype(dtype, kind):
            wanted = "x".join("any" if want is None else str(want) for want in shape) or "one"
            raise self.wrong(f"{name} is {dtype} {stated}, not {kind.__name__} {wanted}")
        with self._reading(), zipfile.ZipFile(self._file) as archive, archive.open(self._members[name]) as opened:
            return npy.read_array(opened, allow_pickle=False)

    def number(self, name: str, low: int, high: int) -> int:
        found = int(self.take(name, np.int64, ()))
        if not low <= found <= high:
            raise self.wrong(f"{name} is {found}, not within [{low}, {high}]")
        return found

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError, ValueError, RuntimeError, BadZipFile, TokenError, zlib.error) as exc:
            raise self.wrong(str(exc) or type(exc).__name__) from exc
        except (SyntaxError, TypeError, MemoryError, OverflowError) as exc:  # of a header that is no header
            raise self.wrong(str(exc) or type(exc).__name__) from exc


def _header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """Raises ValueError for a header that does not fit the bytes behind it, or an array of objects."""
    with archive.open(member) as opened:
        version = npy.read_magic(opened)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"{member.filename} has format {version}")
        read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read_header(opened)
        if dtype.kind not in "iufU" or not dtype.itemsize:
            raise ValueError(f"{member.filename} holds {str(dtype)[:40]}, no numbers and no text")
        if min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != member.file_size - opened.tell():
            raise ValueError(f"{member.filename} states {str(shape)[:80]}, which is not the size of what it holds")
        return dtype, shape


def check_vectors(what: str, here: Vectors, golden: Vectors, precision: str) -> float:
    """Return the largest relative difference. Raises GoldenMismatch if it is above TOLERANCE."""
    if here.shape != golden.shape or not len(golden):
        raise GoldenMismatch(
            f"{what} vectors are {here.shape} here, {golden.shape} in golden.npz: another architecture"
        )
    norms = np.linalg.norm(golden, axis=1)
    worst = float((np.linalg.norm(here - golden, axis=1) / np.maximum(norms, 1e-12)).max())
    if not worst <= TOLERANCE[precision]:  # also when it is not a number
        raise GoldenMismatch(
            f"{what} vectors computed here differ from the bundle's golden ones by {worst:.2g} of their length, "
            f"{precision} may differ by {TOLERANCE[precision]:g}: nothing is embedded; check the bundle's "
            "files and this machine's torch with `echosearch encoder check`"
        )
    return worst
