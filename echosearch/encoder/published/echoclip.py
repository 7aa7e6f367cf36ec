"""EchoCLIP and EchoCLIP-R (Christensen et al. 2024, Nature Medicine): ConvNeXt-Base on frames, CLIP's text tower.

Its video reader hands OpenCV's BGR to code that takes it for RGB; the weights want it so. A video's vector is the mean
of its frames' unit vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from echosearch.clip import ClipSpec
from echosearch.encoder.base import TextSpec
from echosearch.encoder.bundle.manifest import (
    ClipTextSpec,
    ConvNextSpec,
    Manifest,
    OriginFile,
    TextPart,
    TokenizerSpec,
    VideoPart,
)
from echosearch.encoder.published.checkpoint import read_small_json
from echosearch.encoder.published.keys import Rule, as_it_is
from echosearch.errors import BundleError

__all__ = ["CONFIG", "LICENCE", "WEIGHTS", "manifest", "read_config", "rules"]

CONFIG = "open_clip_config.json"  # beside the weights, as open_clip's hub folders have it
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
LICENCE = (
    "Academic Software License, Cedars-Sinai Medical Center (LICENSE of echonet/echo_CLIP): "
    "research and education only, no transfer to others"
)
DEPTHS, WIDTHS = (3, 3, 27, 3), (128, 256, 512, 1024)  # ConvNeXt-Base
MEAN = (0.48145466, 0.4578275, 0.40821073)  # OpenAI's, open_clip's default
STD = (0.26862954, 0.26130258, 0.27577711)
HEAD_WIDTH = 64
MIN_POSITIONS = 3  # a start, a token, an end


def read_config(folder: Path) -> dict[str, Any]:
    """Read open_clip_config.json; {} if there is none. Raises BundleError for another architecture."""
    file = folder / CONFIG
    if not file.is_file():
        return {}
    try:
        config: dict[str, Any] = read_small_json(file)
        trunk = config["model_cfg"]["vision_cfg"]["timm_model_name"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as exc:
        raise BundleError(f"{file} is no open_clip configuration: {exc!r}") from exc
    if trunk != "convnext_base":
        raise BundleError(f"{file}: the image tower is {trunk!r}, EchoCLIP's is 'convnext_base'")
    return config


def manifest(
    state: Mapping[str, Tensor], config: Mapping[str, Any], with_template: bool, sources: tuple[OriginFile, ...]
) -> Manifest:
    """Describe the authors' code as data; the text tower's sizes come from the weights. Raises BundleError."""
    try:
        return _manifest(state, config, with_template, sources)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as exc:
        raise BundleError(f"this is not EchoCLIP: its measures cannot be read: {exc!r}") from exc


def _manifest(
    state: Mapping[str, Tensor], config: Mapping[str, Any], with_template: bool, sources: tuple[OriginFile, ...]
) -> Manifest:
    vocabulary, width = state["token_embedding.weight"].shape
    positions = len(state["positional_embedding"])
    if positions < MIN_POSITIONS:
        raise ValueError(f"{positions} positions")
    dimension = state["text_projection"].shape[1]
    preprocess = config.get("preprocess_cfg") or {}
    return Manifest(
        name="echoclip-r" if with_template else "echoclip",
        version="2024",
        licence=LICENCE,
        provenance="echonet/echo_CLIP, trained on over a million echo images and reports (Nature Medicine 2024)",
        trained=True,
        academic_only=True,
        sources=sources,
        dimension=dimension,
        video=VideoPart(
            tower=ConvNextSpec(depths=DEPTHS, widths=WIDTHS, unit_frames=True, head_bias=False),
            clip=ClipSpec(
                frames=20,
                stride=2,
                color="bgr",
                resize="square",
                kernel="cubic",
                zoom=0.1,
                mean=tuple(preprocess.get("mean") or MEAN),
                std=tuple(preprocess.get("std") or STD),
            ),
        ),
        text=TextPart(
            tower=ClipTextSpec(
                vocabulary=vocabulary,
                width=width,
                depth=_depth(state),
                heads=width // HEAD_WIDTH,
                positions=positions,
            ),
            spec=TextSpec(language="en", max_tokens=positions, format="as_is"),
        ),
        tokenizer=TokenizerSpec(kind="echo_template" if with_template else "clip_bpe", lower_case=not with_template),
    )


def rules(state: Mapping[str, Tensor]) -> list[Rule]:
    """Return the rules: timm's names of the image trunk stay, below "video."; every other key is named."""
    rules = [
        Rule("logit_scale", ("logit_scale",), lambda scale: scale.reshape(())),
        *(Rule(f"video.{name[7:]}", (name,), torch.clone) for name in state if name.startswith("visual.trunk.")),
        *as_it_is("video.head", "visual.head.proj", "weight"),
        *as_it_is("text.words", "token_embedding", "weight"),
        Rule("text.positions", ("positional_embedding",), torch.clone),
        *as_it_is("text.norm", "ln_final"),
        Rule("text.projection.weight", ("text_projection",), torch.t),
    ]
    for i in range(_depth(state)):
        ours, theirs = f"text.blocks.{i}", f"transformer.resblocks.{i}"
        rules += as_it_is(f"{ours}.norm1", f"{theirs}.ln_1")
        rules += as_it_is(f"{ours}.norm2", f"{theirs}.ln_2")
        for part in ("weight", "bias"):
            rules.append(Rule(f"{ours}.attn.qkv.{part}", (f"{theirs}.attn.in_proj_{part}",), torch.clone))
        rules += as_it_is(f"{ours}.attn.proj", f"{theirs}.attn.out_proj")
        rules += as_it_is(f"{ours}.mlp.fc1", f"{theirs}.mlp.c_fc")
        rules += as_it_is(f"{ours}.mlp.fc2", f"{theirs}.mlp.c_proj")
    return rules


def _depth(state: Mapping[str, Tensor]) -> int:
    return sum(name.endswith(".ln_1.weight") for name in state)
