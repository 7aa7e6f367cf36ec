"""golden.npz: a small input and the vectors that it gave, so that a machine can show that it computes the same.

Arrays, none of them pickled:

    pixels (1, T, S, S, 3) uint8     n_valid ()     video_vectors (1, D) float32
    texts (K,) str                   text_vectors (K, D) float32        ids (P, L) int64 of their parts, padded with 0
    made_by () str                   "author", or "creation" where the author ships none (then it shows that
                                     this machine agrees with the one that made the bundle)
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Clip, ClipSpec, Uint8
from echosearch.errors import BundleError, GoldenMismatch
from echosearch.vector import Vectors

__all__ = [
    "TOLERANCE",
    "Golden",
    "check_vectors",
    "golden_clip",
    "golden_texts",
    "pad_ids",
    "read_golden",
    "read_golden_views",
    "write_golden",
]

# ||here - golden|| / ||golden||, by how the encoder computes. fp32 differs between processors and thread counts by
# about 1e-6; a wrong activation or epsilon by 4e-4 and more. 0.045 is a cosine of 0.999.
TOLERANCE: dict[str, float] = {"float32": 1e-4, "bfloat16": 0.045}

_TEXTS = {
    "ja": ("左室拡大なし。軽度の僧帽弁逆流あり。", "EF 35%、重度の大動脈弁狭窄を認める"),
    "en": ("The left ventricle is normal in size.", "Severe aortic stenosis. Ejection fraction 35%."),
}


@dataclass(frozen=True)
class Golden:
    pixels: Uint8
    n_valid: int
    video_vectors: Vectors
    texts: tuple[str, ...]
    ids: NDArray[np.int64]
    text_vectors: Vectors
    made_by: Literal["author", "creation"]

    @property
    def clip(self) -> Clip:
        return Clip("golden", self.pixels[0], self.n_valid)


def golden_clip(spec: ClipSpec) -> Clip:
    """Coloured blocks that move: every channel, row, column and frame counts, and it compresses well."""
    blocks = np.random.default_rng(20).integers(0, 256, (spec.frames, 7, 7, 3), dtype=np.uint8)
    spread = np.arange(spec.size) * 7 // spec.size
    n_valid = max(spec.frames * 3 // 4, 1) if spec.padding == "zeros" else spec.frames
    return Clip("golden", blocks[:, spread][:, :, spread], n_valid)


def golden_texts(language: str) -> tuple[str, ...]:
    return _TEXTS[language]


def pad_ids(ids: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """(N, L) int64, as long as the longest, padded with 0."""
    padded = np.zeros((len(ids), max(map(len, ids), default=0)), np.int64)
    for row, own in zip(padded, ids, strict=True):
        row[: len(own)] = own
    return padded


def write_golden(file: Path, golden: Golden) -> None:
    np.savez_compressed(
        file,
        pixels=golden.pixels,
        n_valid=np.int64(golden.n_valid),
        video_vectors=golden.video_vectors,
        texts=np.array(golden.texts),
        ids=golden.ids,
        text_vectors=golden.text_vectors,
        made_by=np.array(golden.made_by),
    )


@contextmanager
def golden_arrays(file: Path) -> Iterator[Mapping[str, NDArray[Any]]]:
    """The arrays of a golden file by name. Raises BundleError, also for what is wrong with one that is asked for."""
    try:
        with file.open("rb") as handle, np.load(handle, allow_pickle=False) as npz:
            yield npz
    except (OSError, EOFError, KeyError, ValueError, NotImplementedError, BadZipFile, TokenError, zlib.error) as exc:
        raise BundleError(f"{file} is no golden file: {exc}; copy or import the bundle again") from exc


def read_golden(file: Path) -> Golden:
    """Raises BundleError."""
    with golden_arrays(file) as npz:
        made_by = str(npz["made_by"])
        return Golden(
            pixels=npz["pixels"],
            n_valid=int(npz["n_valid"]),
            video_vectors=npz["video_vectors"],
            texts=tuple(str(text) for text in npz["texts"]),
            ids=npz["ids"],
            text_vectors=npz["text_vectors"],
            made_by="author" if made_by == "author" else "creation",
        )


def read_golden_views(file: Path) -> tuple[Uint8, Vectors]:
    """Of a view classifier: pixels (1, T, S, S, 3) and probabilities (1, classes). Raises BundleError."""
    with golden_arrays(file) as npz:
        return npz["pixels"], npz["probabilities"]


def check_vectors(what: str, here: Vectors, golden: Vectors, precision: str) -> float:
    """The largest relative difference. Raises GoldenMismatch when it is above TOLERANCE."""
    if here.shape != golden.shape:
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
