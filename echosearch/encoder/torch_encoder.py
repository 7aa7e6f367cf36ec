"""TorchEncoder: a bundle on a device. Raw outputs, fp32 on a CPU, bf16 autocast on a GPU, attention through SDPA.

The vector of an item does not depend on the batch around it: on a CPU to 1e-5 of its length (the order of sums
changes with the shape), tests/encoder/test_torch_encoder.py. The same call gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from echosearch.clip import Clip
from echosearch.encoder.base import TextNotes, WordCount
from echosearch.encoder.bundle.folder import GOLDEN, TOKENIZER, WEIGHTS, info_of, load_manifest, verify_files
from echosearch.encoder.bundle.golden import check_vectors, pad_ids, read_golden
from echosearch.encoder.bundle.manifest import Manifest
from echosearch.encoder.forward import embed_clips, embed_ids, in_batches
from echosearch.encoder.text.phrases import TextParts, read_texts
from echosearch.encoder.text.tokenizer import Tokenizer, check_vocabulary_size, load_tokenizer
from echosearch.encoder.towers.build import (
    PARTS,
    Part,
    build_text_tower,
    build_video_tower,
    check_weights,
    load_weights,
    use_weights,
    weight_shapes,
)
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import ConfigError, GoldenMismatch
from echosearch.vector import Vectors

__all__ = ["BATCH", "TorchEncoder", "load_encoder", "pick_device"]

T = TypeVar("T")
# items of one forward pass, by kind of device; halved when a GPU's memory does not hold it
BATCH: dict[Part, dict[str, int]] = {"video": {"cpu": 4, "cuda": 32}, "text": {"cpu": 16, "cuda": 256}}


class TorchEncoder:
    """An Encoder on torch. Made by load_encoder."""

    def __init__(self, folder: Path, manifest: Manifest, device: torch.device) -> None:
        self.id: EncoderInfo = info_of(manifest)
        self.clip_spec = manifest.video.clip
        self.text_spec = manifest.text.spec
        self.manifest = manifest
        self.folder = folder
        self.device = device
        self.precision = "bfloat16" if device.type == "cuda" else "float32"
        self.golden_difference: dict[Part, float] = {}  # what the self-check found
        self._towers: dict[Part, nn.Module] = {}
        self._batch = {part: BATCH[part].get(device.type, 8) for part in PARTS}

    def encode_clips(self, clips: Sequence[Clip]) -> Vectors:
        """Return (N, D) float32 raw outputs. Raises ValueError for a clip of another ClipSpec."""
        expected = (self.clip_spec.frames, self.clip_spec.size, self.clip_spec.size, 3)
        for clip in clips:
            if clip.pixels.shape != expected:
                raise ValueError(f"{self.id} takes clips of {expected}, got {clip!r}")
        self.load("video")
        return self._encode("video", clips, lambda batch: embed_clips(self._towers["video"], batch, self.clip_spec))

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return (N, D) float32 raw outputs."""
        self.load("text")
        parts = self._read(texts)
        # texts of like length go together, so that little is padded
        order = sorted(range(len(parts.given)), key=lambda i: (len(parts.given[i]), i))
        run = [parts.given[i] for i in order]
        vectors = self._encode("text", run, lambda batch: embed_ids(self._towers["text"], batch))
        restored = np.empty_like(vectors)
        restored[order] = vectors
        return parts.vectors(restored)

    def text_notes(self, texts: Sequence[str]) -> list[TextNotes]:
        """Return what is not read of each text."""
        return [*self._read(texts).notes]

    def known_words(self, text: str) -> WordCount:
        """Count the words of ``text`` that the tokenizer knows."""
        return self.tokenizer.known_words(text)

    def _read(self, texts: Sequence[str]) -> TextParts:
        return read_texts(texts, self.text_spec, self.tokenizer, self.manifest.tokenizer.published)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The bundle's tokenizer. Raises BundleError."""
        tokenizer = load_tokenizer(self.folder / TOKENIZER, self.manifest.tokenizer)
        if self.manifest.tokenizer.kind != "absent":
            check_vocabulary_size(self.folder / TOKENIZER, tokenizer, self.manifest)
        return tokenizer

    def __reduce__(self) -> tuple[object, ...]:
        """Sent to another process it is loaded there, from the same bundle onto the same device."""
        return load_encoder, (self.folder, str(self.device), ())

    @property
    def reads_texts(self) -> bool:
        return self.manifest.tokenizer.kind != "absent"

    def tower(self, part: Part) -> nn.Module:
        """Return the torch module: "video" takes (B, 3, T, S, S) normalised, "text" (B, L) ids; gives (B, D) raw."""
        self.load(part)
        return self._towers[part]

    def load(self, part: Part) -> None:
        """Put one tower on the device and check it against golden.npz. Raises BundleError, GoldenMismatch."""
        if part in self._towers:
            return
        with torch.device("meta"):  # before memory is taken for the measures that bundle.toml states
            tower = self._build(part)
            check_weights(tower.state_dict(), weight_shapes(self.folder / WEIGHTS, part))
        if part == "text":
            _ = self.tokenizer  # before weights are read: what is wrong with it is said first
        # every weight is read from the file: to draw random ones first costs a base-size text tower a second
        tower = self._build(part) if any(True for _ in tower.buffers()) else _on_cpu(tower)
        use_weights(tower, load_weights(self.folder / WEIGHTS, part))
        self._towers[part] = tower.eval().requires_grad_(False).to(self.device)
        try:
            self._check_golden(part)
        except GoldenMismatch:
            del self._towers[part]
            raise

    def _build(self, part: Part) -> nn.Module:
        if part == "video":
            return build_video_tower(self.manifest.video, self.manifest.dimension)
        return build_text_tower(self.manifest.text, self.manifest.dimension)

    def _check_golden(self, part: Part) -> None:
        golden = read_golden(self.folder / GOLDEN)
        if part == "video":
            clips, expected = [golden.clip], golden.video_vectors
            wanted = (self.clip_spec.frames, self.clip_spec.size, self.clip_spec.size, 3)
            if golden.clip.pixels.shape != wanted:
                raise GoldenMismatch(
                    f"{self.folder}: golden.npz has a clip of {golden.clip.pixels.shape}, bundle.toml says {wanted}: "
                    "nothing is embedded; copy or import the bundle again"
                )
            if golden.raw is not None:
                from echosearch.encoder.raw_pixels import check_raw  # a query of words needs no pixels

                clips += check_raw(golden.raw, self.clip_spec)[:1]
                expected = np.concatenate([expected, golden.raw.vectors])
            here = self.encode_clips(clips)
        elif self.manifest.tokenizer.kind == "absent":
            tower = self.manifest.text.tower
            if golden.ids.min() < 0 or golden.ids.max() >= tower.vocabulary or golden.ids.shape[1] > tower.positions:
                raise GoldenMismatch(f"{self.folder}: golden.npz has ids that the text tower does not know")
            here = self._encode("text", [*golden.ids], lambda batch: embed_ids(self._towers["text"], batch))
            expected = golden.text_vectors
        else:
            if not np.array_equal(pad_ids(self._read(golden.texts).given), golden.ids):
                raise GoldenMismatch(
                    f"{self.folder}: the tokenizer gives other ids here than in golden.npz: nothing is embedded; "
                    "check fugashi, unidic-lite and the vocabulary"
                )
            here = self.encode_texts(golden.texts)
            expected = golden.text_vectors
        self.golden_difference[part] = check_vectors(f"{self.id}: {part}", here, expected, self.precision)

    def _encode(self, part: Part, items: Sequence[T], run: Callable[[Sequence[T]], Tensor]) -> Vectors:
        if not items:
            return np.empty((0, self.id.dimension), np.float32)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            vectors, self._batch[part] = in_batches(run, items, self._batch[part])
        assert vectors.shape == (len(items), self.id.dimension), f"{vectors.shape} for {len(items)} items"
        return vectors


def _on_cpu(tower: nn.Module) -> nn.Module:
    """Give a tower without buffers memory in place of the meta device. Its own to_empty would import sympy, 0.6 s."""
    own = {name: torch.empty(weight.shape, dtype=weight.dtype) for name, weight in tower.state_dict().items()}
    tower.load_state_dict(own, assign=True)
    return tower


def load_encoder(folder: Path, device: str = "auto", parts: Sequence[Part] = PARTS) -> TorchEncoder:
    """Load an encoder bundle, and verify its files and that this machine computes its golden vectors.

    ``parts=("text",)`` is for a query: the video tower is loaded with the first clip, and the golden vectors replace
    the files' hashes, which take seconds for a gigabyte. Raises BundleError, GoldenMismatch, ConfigError.
    """
    manifest = load_manifest(folder)
    encoder = TorchEncoder(folder, manifest, pick_device(device))
    if "video" in parts:
        verify_files(folder, manifest.files)
    for part in parts:
        encoder.load(part)
    verify_files(folder, manifest.other_files)
    return encoder


def pick_device(device: str) -> torch.device:
    """Return the device; "auto" is the first GPU if there is one, else the CPU. Raises ConfigError."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except RuntimeError as exc:
        raise ConfigError(f"device {device!r} is unknown: use auto, cpu, cuda or cuda:N") from exc
    if picked.type not in ("cpu", "cuda"):
        raise ConfigError(f"device {device!r} is not supported: use auto, cpu, cuda or cuda:N")
    if picked.type == "cuda" and (picked.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"device {device!r} is not there, {torch.cuda.device_count()} GPU found: use auto or cpu")
    return picked
