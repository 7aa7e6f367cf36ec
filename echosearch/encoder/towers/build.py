"""Build the two towers as one torch module, and turn pixels into its input."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from echosearch.clip import ClipSpec
from echosearch.encoder.bundle.manifest import (
    BertSpec,
    ClipTextSpec,
    ConvNextSpec,
    Manifest,
    MvitSpec,
    TextPart,
    VideoConvSpec,
    VideoPart,
    VideoTransformerSpec,
    ViewManifest,
)
from echosearch.errors import BundleError

__all__ = [
    "PARTS",
    "Part",
    "TwoTowers",
    "build_text_tower",
    "build_towers",
    "build_video_tower",
    "build_view_tower",
    "check_weights",
    "load_weights",
    "normalise",
    "save_weights",
    "stored_weights",
    "use_weights",
    "weight_shapes",
]


Part = Literal["video", "text"]
PARTS: tuple[Part, ...] = ("video", "text")


class TwoTowers(nn.Module):
    """Towers of videos and texts into one space; ``logit_scale`` is training's temperature, log(1/0.07) at first."""

    def __init__(self, video: nn.Module, text: nn.Module) -> None:
        super().__init__()
        self.video = video
        self.text = text
        self.logit_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))


@contextmanager
def _fitting(what: str) -> Iterator[None]:
    """What torch and timm say of measures that do not fit each other, as a BundleError."""
    try:
        yield
    except (ValueError, TypeError, AssertionError, ZeroDivisionError, RuntimeError) as exc:
        raise BundleError(f"{what}: the measures of its manifest do not fit: {exc}") from exc


# The towers are imported where they are built: timm brings torchvision along, seconds that a text query need not wait.
def build_video_tower(part: VideoPart, dimension: int) -> nn.Module:
    """Build (B, 3, T, H, W) normalised -> (B, dimension), random weights. Raises BundleError if the specs do not
    fit.
    """
    with _fitting("video"):
        match part.tower:
            case VideoTransformerSpec():
                from echosearch.encoder.towers.video_transformer import VideoTransformer

                return VideoTransformer(part.tower, part.clip.frames, part.clip.size, dimension)
            case VideoConvSpec():
                from echosearch.encoder.towers.video_conv import VideoConv

                return VideoConv(part.tower, part.clip.size, dimension)
            case ConvNextSpec():
                from echosearch.encoder.towers.convnext import FrameConvNext

                return FrameConvNext(part.tower, dimension)
            case MvitSpec():
                from echosearch.encoder.towers import mvit

                if (part.clip.frames, part.clip.size) != (mvit.FRAMES, mvit.SIZE):
                    raise BundleError(f"video: mvit_v2_s takes {mvit.FRAMES} frames of {mvit.SIZE} x {mvit.SIZE}")
                return mvit.Mvit(dimension)


def build_text_tower(part: TextPart, dimension: int) -> nn.Module:
    """Build (B, L) ids -> (B, dimension), random weights. Raises BundleError if the specs do not fit."""
    if part.spec.max_tokens > part.tower.positions:
        raise BundleError(f"text: max_tokens {part.spec.max_tokens} is more than the {part.tower.positions} positions")
    with _fitting("text"):
        match part.tower:
            case BertSpec():
                from echosearch.encoder.towers.bert import TextTower

                return TextTower(part.tower, dimension)
            case ClipTextSpec():
                from echosearch.encoder.towers.clip_text import ClipText

                return ClipText(part.tower, dimension)


def build_towers(manifest: Manifest) -> TwoTowers:
    """Build the model that the manifest describes, with random weights, in eval mode."""
    video = build_video_tower(manifest.video, manifest.dimension)
    return TwoTowers(video, build_text_tower(manifest.text, manifest.dimension)).eval()


def build_view_tower(manifest: ViewManifest) -> nn.Module:
    """Build (B, 3, T, H, W) normalised -> (B, classes) logits, in eval mode. Raises BundleError if it does not fit."""
    from echosearch.encoder.towers.convnext import FrameConvNext

    with _fitting("view"):
        return FrameConvNext(manifest.tower, len(manifest.labels)).eval()


def normalise(pixels: Tensor, n_valid: Tensor, spec: ClipSpec) -> Tensor:
    """Turn (B, T, S, S, 3) uint8 on any device into a video tower's input, (B, 3, T, S, S) float32, there.

    The only place where pixels are scaled and normalised. With padding "zeros", frames from ``n_valid`` (B,) on are
    zero after normalising, a value that no pixel has.
    """
    # made here and sent: made there, each would wait until a GPU has done all that it still works on
    mean, std = (torch.tensor(each).to(pixels.device, non_blocking=True) for each in (spec.mean, spec.std))
    x = (pixels.float() / 255 - mean) / std
    if spec.padding == "zeros":
        padded = torch.arange(pixels.shape[1], device=pixels.device)[None] >= n_valid.to(pixels.device)[:, None]
        x = x.masked_fill(padded[:, :, None, None, None], 0.0)
    return x.permute(0, 4, 1, 2, 3)


def stored_weights(model: TwoTowers) -> dict[str, Tensor]:
    """Return all weights by their names in bundles ("video.", "text.", "logit_scale"), detached, on their device."""
    weights = {"logit_scale": model.logit_scale}
    weights |= {f"video.{name}": tensor for name, tensor in model.video.state_dict().items()}
    weights |= {f"text.{name}": tensor for name, tensor in model.text.state_dict().items()}
    return {name: tensor.detach() for name, tensor in weights.items()}


def use_weights(tower: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy one tower's stored weights into it. Raises BundleError that lists what is missing, unexpected, misshapen."""
    check_weights(tower.state_dict(), {name: tensor.shape for name, tensor in weights.items()})
    tower.load_state_dict(dict(weights))


def check_weights(own: Mapping[str, Tensor], weights: Mapping[str, Sequence[int]]) -> None:
    """Compare a tower's state with the shapes of stored weights. Raises BundleError, as use_weights does."""
    wrong = [
        *(f"missing {name}" for name in own if name not in weights),
        *(f"unexpected {name}" for name in weights if name not in own),
        *(
            f"{name} is {tuple(weights[name])}, should be {tuple(tensor.shape)}"
            for name, tensor in own.items()
            if name in weights and tuple(weights[name]) != tuple(tensor.shape)
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - 12} more" if len(wrong) > 12 else ""
        listed = "; ".join("".join(c if c.isprintable() else " " for c in one[:200]) for one in wrong[:12])
        raise BundleError(f"the weights do not fit the architecture: {listed}{more}")


def save_weights(file: Path, weights: Mapping[str, Tensor]) -> None:
    """Write stored weights, on any device, as safetensors."""
    save_file({name: tensor.cpu().contiguous() for name, tensor in weights.items()}, file)


def load_weights(file: Path, part: Part | None = None) -> dict[str, Tensor]:
    """Load one tower's stored weights from a safetensors file without reading the other's; all without ``part``.

    Raises BundleError.
    """
    with _weights(file, part) as (stored, names):
        return {name: stored.get_tensor(full) for name, full in names.items()}


def weight_shapes(file: Path, part: Part | None = None) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the weights alone. Raises BundleError."""
    with _weights(file, part) as (stored, names):
        return {name: tuple(stored.get_slice(full).get_shape()) for name, full in names.items()}


@contextmanager
def _weights(file: Path, part: Part | None) -> Iterator[tuple[Any, dict[str, str]]]:
    """An opened safetensors file, and its names by the names within the tower."""
    try:
        with safe_open(file, framework="pt") as stored:
            names = list(stored.keys())
            if part is None:
                yield stored, {name: name for name in names}
                return
            if stray := [name for name in names if not name.startswith(("video.", "text.")) and name != "logit_scale"]:
                listed = ", ".join(repr(name[:100]) for name in stray[:5])
                raise BundleError(f"{file} holds weights of no tower: {listed}")
            start = f"{part}."
            yield stored, {name.removeprefix(start): name for name in names if name.startswith(start)}
    except (SafetensorError, OSError) as exc:
        why = "".join(letter if letter.isprintable() else " " for letter in str(exc)[:200])
        raise BundleError(f"{file} cannot be read as safetensors: {why}") from exc
