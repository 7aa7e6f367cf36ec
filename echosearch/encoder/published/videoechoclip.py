"""VideoEchoCLIP (Takizawa et al. 2025, arXiv:2504.18800): ViViT or VideoMAE v2 and BERT-Japanese, 512 dimensions.

Its loader reads raw YCbCr as YCrCb, so that red and blue are exchanged; the weights want it so.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from echosearch.clip import ClipSpec
from echosearch.encoder.base import TextSpec
from echosearch.encoder.bundle.manifest import (
    BertSpec,
    Manifest,
    OriginFile,
    TextPart,
    TokenizerSpec,
    VideoPart,
    VideoTransformerSpec,
)
from echosearch.encoder.published.keys import Rule, as_it_is, bert_rules, join
from echosearch.encoder.text.tokenizer import installed_dictionary

__all__ = ["LICENCE", "VARIANTS", "Variant", "manifest", "rules"]

LICENCE = "none stated by the authors: ask them before any use beyond research"

Variant = Literal["videomae2", "vivit-kinetics400", "vivit-scratch"]
VARIANTS: tuple[Variant, ...] = ("videomae2", "vivit-kinetics400", "vivit-scratch")
FRAMES: dict[Variant, int] = {"videomae2": 16, "vivit-kinetics400": 32, "vivit-scratch": 16}
DEPTH = 12
VOCABULARY = 32768
VIVIT = VideoTransformerSpec(width=768, depth=DEPTH, heads=12, pooling="class", positions="learned", gelu="tanh")
VIDEOMAE = VideoTransformerSpec(width=768, depth=DEPTH, heads=12, pooling="mean", positions="sine", gelu="exact")


def manifest(variant: Variant, sources: tuple[OriginFile, ...]) -> Manifest:
    """Describe the authors' code as data."""
    dictionary, version = installed_dictionary()
    return Manifest(
        name=f"videoechoclip-{variant}",
        version="2025",
        licence=LICENCE,
        provenance="UTcardiology/video-echo-clip, trained on 60,747 video-report pairs (arXiv:2504.18800)",
        trained=True,
        academic_only=True,
        sources=sources,
        video=VideoPart(
            tower=VIDEOMAE if variant == "videomae2" else VIVIT,
            clip=ClipSpec(
                frames=FRAMES[variant],
                stride=2,
                color="ycbcr_read_as_ycrcb",
                mean=(0.0878, 0.0873, 0.0932),
                std=(0.1510, 0.1492, 0.1570),
            ),
        ),
        text=TextPart(
            tower=BertSpec(vocabulary=VOCABULARY, width=768, depth=DEPTH, heads=12, mlp_width=3072),
            spec=TextSpec(),
        ),
        tokenizer=TokenizerSpec(
            kind="mecab_wordpiece", clean="open_clip", dictionary=dictionary, dictionary_version=version
        ),
    )


def rules(variant: Variant) -> list[Rule]:
    """Return the rules for every key of the checkpoint."""
    return [
        Rule("logit_scale", ("logit_scale",), lambda scale: scale.reshape(())),
        *(_videomae() if variant == "videomae2" else _vivit()),
        *bert_rules("text.bert", "text.transformer", DEPTH),
        *as_it_is("text.projection.0", "text.proj.0", "weight"),
        *as_it_is("text.projection.2", "text.proj.2", "weight"),
    ]


def _vivit() -> list[Rule]:
    theirs = "visual.model"
    rules = [
        Rule("video.class_token", (f"{theirs}.embeddings.cls_token",), torch.flatten),
        Rule("video.positions", (f"{theirs}.embeddings.position_embeddings",), lambda x: x.squeeze(0)),
        Rule("video.embed.weight", (f"{theirs}.embeddings.patch_embeddings.projection.weight",), _unfolded),
        *as_it_is("video.embed", f"{theirs}.embeddings.patch_embeddings.projection", "bias"),
        *as_it_is("video.norm", f"{theirs}.layernorm"),
        *as_it_is("video.head", f"{theirs}.pooler.dense"),
    ]
    for i in range(DEPTH):
        ours, layer = f"video.blocks.{i}", f"{theirs}.encoder.layer.{i}"
        for part in ("weight", "bias"):
            separate = tuple(f"{layer}.attention.attention.{x}.{part}" for x in ("query", "key", "value"))
            rules.append(Rule(f"{ours}.attn.qkv.{part}", separate, join))
        rules += as_it_is(f"{ours}.attn.proj", f"{layer}.attention.output.dense")
        rules += as_it_is(f"{ours}.norm1", f"{layer}.layernorm_before")
        rules += as_it_is(f"{ours}.norm2", f"{layer}.layernorm_after")
        rules += as_it_is(f"{ours}.mlp.fc1", f"{layer}.intermediate.dense")
        rules += as_it_is(f"{ours}.mlp.fc2", f"{layer}.output.dense")
    return rules


def _videomae() -> list[Rule]:
    theirs = "visual.model.model"
    rules = [
        Rule("video.embed.weight", (f"{theirs}.patch_embed.proj.weight",), _unfolded),
        *as_it_is("video.embed", f"{theirs}.patch_embed.proj", "bias"),
        *as_it_is("video.norm", f"{theirs}.fc_norm"),
        *as_it_is("video.head", f"{theirs}.head"),
    ]
    for i in range(DEPTH):
        ours, block = f"video.blocks.{i}", f"{theirs}.blocks.{i}"
        rules += as_it_is(f"{ours}.attn.qkv", f"{block}.attn.qkv", "weight")
        rules.append(Rule(f"{ours}.attn.qkv.bias", (f"{block}.attn.q_bias", f"{block}.attn.v_bias"), _no_key_bias))
        for part in ("attn.proj", "norm1", "norm2", "mlp.fc1", "mlp.fc2"):
            rules += as_it_is(f"{ours}.{part}", f"{block}.{part}")
    return rules


def _unfolded(kernel: Tensor) -> Tensor:
    """A Conv3d's (width, 3, t, h, w) -> a Linear's (width, 3*t*h*w). Raises ValueError: another order of axes."""
    if kernel.shape[1:] != (3, *VIVIT.tubelet):
        raise ValueError(f"a kernel of {tuple(kernel.shape)}")
    return kernel.flatten(1)


def _no_key_bias(query: Tensor, value: Tensor) -> Tensor:
    return torch.cat([query, torch.zeros_like(query), value])
