"""Classify views: a ConvNeXt looks at some frames of a clip, one by one, and its probabilities are averaged.

A view-classifier bundle is a folder as an encoder's is: bundle.toml (kind = "view_classifier"), weights.safetensors,
golden.npz.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from echosearch.clip import Clip
from echosearch.encoder.bundle.folder import (
    GOLDEN,
    WEIGHTS,
    load_view_manifest,
    verify_files,
    view_fingerprint,
    write_bundle,
)
from echosearch.encoder.bundle.golden import check_vectors, golden_clip, raw_arrays, read_golden_views, read_raw
from echosearch.encoder.bundle.manifest import ViewManifest
from echosearch.encoder.forward import in_batches, on_device
from echosearch.encoder.raw_pixels import check_raw, make_raw
from echosearch.encoder.torch_encoder import pick_device
from echosearch.encoder.towers.build import (
    build_view_tower,
    check_weights,
    load_weights,
    normalise,
    save_weights,
    use_weights,
    weight_shapes,
)
from echosearch.encoder_info import ViewProbabilities
from echosearch.errors import GoldenMismatch
from echosearch.vector import Vectors

__all__ = ["ViewClassifier", "frame_logits", "load_views", "save_views"]

BATCH = {"cpu": 4, "cuda": 64}  # clips


class ViewClassifier:
    """A ViewModel on torch, made by load_views. ``name`` goes into ViewLabel.source; ``clip_spec`` brings frames closer
    in short cines.
    """

    def __init__(self, manifest: ViewManifest, tower: nn.Module, device: torch.device) -> None:
        self.manifest = manifest
        self.clip_spec = manifest.seen_clip
        self.labels = tuple(manifest.labels)
        self.fingerprint = view_fingerprint(manifest)
        self.name = f"{manifest.name} {manifest.version} ({self.fingerprint[:12]})"
        self.tower = tower  # (B, 3, 1, S, S) normalised -> (B, classes) logits
        self._device = device
        self._batch = BATCH.get(device.type, 4)

    def classify(self, clips: Sequence[Clip]) -> list[ViewProbabilities]:
        """Return one value for each clip, in order: the mean softmax over its frames without padding.

        Raises ValueError for a clip that was not made by this classifier's ClipSpec.
        """
        spec = self.clip_spec
        for clip in clips:
            if clip.pixels.shape != (spec.frames, spec.size, spec.size, 3):
                raise ValueError(f"{self.name} takes clips of {spec.frames} frames of {spec.size}, got {clip!r}")
        if not clips:
            return []
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._device.type == "cuda"):
            means, self._batch = in_batches(self._run, clips, self._batch)
        assert means.shape == (len(clips), len(self.labels))
        views = tuple(self.manifest.labels.values())
        return [ViewProbabilities(self.labels, views, tuple(map(float, row)), self.name) for row in means]

    def _run(self, clips: Sequence[Clip]) -> Tensor:
        pixels, n_valid = on_device(clips, self._device)
        video = normalise(pixels, n_valid, self.clip_spec)  # (B, 3, T, S, S)
        probabilities = frame_logits(self.tower, video).float().softmax(dim=-1)  # (B, T, classes)
        seen = torch.arange(video.shape[2], device=self._device)[None] < n_valid[:, None]
        return (probabilities * seen[..., None]).sum(dim=1) / n_valid[:, None]


def frame_logits(tower: nn.Module, video: Tensor) -> Tensor:
    """Run (B, 3, T, S, S) normalised through the tower, every frame on its own: (B, T, classes)."""
    b, _, frames = video.shape[:3]
    images = video.transpose(1, 2).flatten(0, 1)[:, :, None]  # (B*T, 3, 1, S, S)
    return torch.unflatten(tower(images), 0, (b, frames))


def load_views(folder: Path, device: str = "auto") -> ViewClassifier:
    """Load a view-classifier bundle, verified as an encoder's is. Raises BundleError, GoldenMismatch, ConfigError."""
    manifest = load_view_manifest(folder)
    verify_files(folder, manifest.files)
    picked = pick_device(device)
    with torch.device("meta"):  # before memory is taken for the measures that bundle.toml states
        check_weights(build_view_tower(manifest).state_dict(), weight_shapes(folder / WEIGHTS))
    tower = build_view_tower(manifest)
    use_weights(tower, load_weights(folder / WEIGHTS))
    classifier = ViewClassifier(manifest, tower.requires_grad_(False).to(picked), picked)
    _check_golden(folder, classifier, "bfloat16" if picked.type == "cuda" else "float32")
    verify_files(folder, manifest.other_files)
    return classifier


def _check_golden(folder: Path, classifier: ViewClassifier, precision: str) -> None:
    pixels, expected = read_golden_views(folder / GOLDEN)
    spec = classifier.clip_spec
    if pixels.shape[1:] != (spec.frames, spec.size, spec.size, 3):
        raise GoldenMismatch(
            f"{folder}: golden.npz has a clip of {pixels.shape[1:]}, bundle.toml says {spec.frames} frames of "
            f"{spec.size}: copy or import the bundle again"
        )
    clips = [Clip("golden", pixels[0], pixels.shape[1])]
    raw = read_raw(folder / GOLDEN)
    if raw is not None:
        clips += check_raw(raw, spec)[:1]
        expected = np.concatenate([expected, raw.vectors]) if raw.vectors.shape == expected.shape else raw.vectors
    check_vectors(f"{classifier.name}: view", _probabilities(classifier, clips), expected, precision)


def _probabilities(classifier: ViewClassifier, clips: Sequence[Clip]) -> Vectors:
    return np.array([found.probabilities for found in classifier.classify(clips)], np.float32)


def save_views(
    out: Path, manifest: ViewManifest, weights: Mapping[str, Tensor], documents: Mapping[str, str] | None = None
) -> ViewManifest:
    """Write a view-classifier bundle; ``weights`` by stored name, ``documents`` as save_encoder takes them.

    Raises BundleError.
    """
    tower = build_view_tower(manifest)
    use_weights(tower, weights)

    def fill(folder: Path) -> None:
        save_weights(folder / WEIGHTS, dict(weights))
        clip = golden_clip(manifest.clip)
        whole = Clip("golden", clip.pixels, manifest.clip.frames)
        classifier = ViewClassifier(manifest, tower, torch.device("cpu"))
        raw = make_raw(classifier.clip_spec, lambda clips: _probabilities(classifier, clips))
        np.savez_compressed(
            folder / GOLDEN,
            allow_pickle=False,
            pixels=whole.pixels[None],
            probabilities=_probabilities(classifier, [whole]),
            made_by="creation",
            **raw_arrays(raw),
        )
        for name, text in (documents or {}).items():
            (folder / name).write_text(text, encoding="utf-8")

    return write_bundle(out, manifest, fill)
