"""An encoder whose vectors a test can work out: no weights, no torch, microseconds a clip."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from echosearch.clip import Clip, ClipSpec
from echosearch.encoder.base import TextNotes, TextSpec, WordCount
from echosearch.encoder_info import EncoderInfo
from echosearch.report.text import MAX_READ, model_text, phrases
from echosearch.vector import Vectors

__all__ = ["FakeEncoder"]

GRID = 4  # a clip is seen as the mean colours of GRID x GRID fields


class FakeEncoder:
    """Pixels: mean colours on a grid through a fixed matrix. Text: counts of hashed character pairs.

    ``batches`` counts what was asked of it, so that "0 encoder batches" can be asserted. Two fakes with
    different ``salt`` are different encoders.
    """

    def __init__(self, dimension: int = 64, clip_spec: ClipSpec | None = None, batch: int = 8, salt: str = "") -> None:
        self.clip_spec = clip_spec or ClipSpec(frames=4, stride=2, size=32)
        self.text_spec = TextSpec()
        self.reads_texts = True
        self.batch = batch
        self.batches = 0
        made_from = f"fake|{dimension}|{salt}|{self.clip_spec}|{self.text_spec}"
        digest = hashlib.sha256(made_from.encode()).hexdigest()
        self.id = EncoderInfo("fake", "1", digest, dimension, "Apache-2.0", "made up by a formula", trained=False)
        seed = zlib.crc32(salt.encode())
        self.matrix = np.random.default_rng(seed).standard_normal((GRID * GRID * 3, dimension)).astype(np.float32)

    def encode_clips(self, clips: Sequence[Clip]) -> Vectors:
        """Return (N, D) float32."""
        self.batches += -(-len(clips) // self.batch)
        return np.stack([self._see(clip) for clip in clips]) if clips else np.empty((0, self.id.dimension), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return (N, D) float32."""
        self.batches += -(-len(texts) // self.batch)
        rows = np.zeros((len(texts), self.id.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            padded = f"^{model_text(text[:MAX_READ], self.text_spec)}$"
            for pair in pairwise(padded):
                row[zlib.crc32("".join(pair).encode()) % self.id.dimension] += 1.0
        return rows

    def text_notes(self, texts: Sequence[str]) -> list[TextNotes]:
        """Return the phrases of each text beyond max_phrases."""
        return [TextNotes(max(len(phrases(text)) - self.text_spec.max_phrases, 0)) for text in texts]

    def known_words(self, text: str) -> WordCount:
        """Count all words as known."""
        return WordCount(len(text.split()), 0)

    def _see(self, clip: Clip) -> Vectors:
        some = clip.pixels[: clip.n_valid : 4]  # every fourth frame
        still = some.sum(axis=0, dtype=np.uint32).astype(np.float32) / (255 * len(some))  # (S, S, 3)
        bands = [
            band.mean(axis=(0, 1)) for rows in np.array_split(still, GRID) for band in np.array_split(rows, GRID, 1)
        ]
        return np.asarray((np.concatenate(bands) + 0.01) @ self.matrix, np.float32)
