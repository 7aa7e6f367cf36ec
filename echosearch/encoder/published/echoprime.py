"""EchoPrime (Vukadinovic et al. 2024, arXiv:2410.09704): MViT v2 S, BiomedBERT, and an 11-view ConvNeXt-Base.

Its loader reads raw YCbCr as OpenCV's YUV and hands BGR on, masks everything outside the ultrasound sector, cuts to a
square, then a tenth off each side; the weights want it so.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from echosearch.clip import ClipSpec
from echosearch.encoder.base import TextSpec
from echosearch.encoder.bundle.manifest import (
    BertSpec,
    ConvNextSpec,
    Manifest,
    MvitSpec,
    OriginFile,
    TextPart,
    TokenizerSpec,
    VideoPart,
    ViewManifest,
)
from echosearch.encoder.published.keys import Rule, as_it_is, bert_rules
from echosearch.video import View

__all__ = ["FILES", "LICENCE", "UNUSED_TEXT", "manifest", "text_rules", "video_rules", "view_manifest", "view_rules"]

# below model_data/, or model_data/weights/
FILES = {"video": "echo_prime_encoder.pt", "text": "echo_prime_text_encoder.pt", "view": "view_classifier.pt"}
LICENCE = (
    "Academic Software License, Cedars-Sinai Medical Center (LICENSE of echonet/EchoPrime; its README says MIT): "
    "research and education only, no transfer to others"
)
PROVENANCE = "echonet/EchoPrime release v1.0.0 (arXiv:2410.09704)"
DEPTH = 12
# the masked-LM head of the text encoder: no part of the vector
UNUSED_TEXT = ("backbone.cls.", "backbone.bert.embeddings.position_ids")
MEAN = (29.110628 / 255, 28.076836 / 255, 29.096405 / 255)
STD = (47.989223 / 255, 46.456997 / 255, 47.20083 / 255)
VIEWS = {
    "A2C": View.CH2,
    "A3C": View.CH3,
    "A4C": View.CH4,
    "A5C": View.OTHER,
    "Apical_Doppler": View.OTHER,
    "Doppler_Parasternal_Long": View.OTHER,
    "Doppler_Parasternal_Short": View.OTHER,
    "Parasternal_Long": View.LAX,
    "Parasternal_Short": View.SAX,
    "SSN": View.OTHER,
    "Subcostal": View.OTHER,
}


def clip_spec(frames: int, stride: int) -> ClipSpec:
    return ClipSpec(
        frames=frames,
        stride=stride,
        resize="square",
        kernel="cubic",
        zoom=0.1,
        mask="sector",
        color="ycbcr_read_as_yuv_bgr",
        padding="zeros",
        mean=MEAN,
        std=STD,
    )


def manifest(sources: tuple[OriginFile, ...]) -> Manifest:
    """Describe the authors' code as data."""
    return Manifest(
        name="echoprime",
        version="1.0.0",
        licence=LICENCE,
        provenance=PROVENANCE,
        trained=True,
        academic_only=True,
        sources=sources,
        video=VideoPart(tower=MvitSpec(), clip=clip_spec(16, 2)),
        text=TextPart(
            tower=BertSpec(vocabulary=30522, width=768, depth=DEPTH, heads=12, mlp_width=3072, projection="linear"),
            spec=TextSpec(language="en", max_tokens=512, format="as_is"),
        ),
        tokenizer=TokenizerSpec(kind="bert_wordpiece", lower_case=True),
    )


def view_manifest(sources: tuple[OriginFile, ...]) -> ViewManifest:
    """Describe the view classifier: the authors use the first frame alone, ours averages frames 0, 4, 8 and 12."""
    return ViewManifest(
        name="echoprime-views",
        version="1.0.0",
        licence=LICENCE,
        provenance=PROVENANCE,
        trained=True,
        academic_only=True,
        sources=sources,
        tower=ConvNextSpec(depths=(3, 3, 27, 3), widths=(128, 256, 512, 1024)),
        clip=clip_spec(4, 4),
        labels=VIEWS,
    )


def video_rules(names: Mapping[str, Tensor]) -> list[Rule]:
    """Return the rules: torchvision's names stay, below "video.trunk."; the head is named as in the other towers."""
    trunk = [name for name in names if not name.startswith("head.")]
    return [
        *(Rule(f"video.trunk.{name}", (name,), torch.clone) for name in trunk),
        *as_it_is("video.head", "head.1"),
    ]


def text_rules() -> list[Rule]:
    """Return the rules: the word embedding is the masked-LM head's decoder, which the authors' code loads last."""
    words, *others = bert_rules("text.bert", "backbone.bert", DEPTH)
    tied = ("backbone.cls.predictions.decoder.weight", *words.published)
    return [
        Rule(words.stored, tied, lambda decoder, _: decoder.clone()),
        *others,
        *as_it_is("text.projection.0", "text_projection"),
    ]


def view_rules() -> list[Rule]:
    """Return the rules from torchvision's ConvNeXt to timm's: stages are features 1, 3, 5, 7, downsampling 2, 4, 6."""
    rules = [
        *as_it_is("trunk.stem.0", "features.0.0"),
        *as_it_is("trunk.stem.1", "features.0.1"),
        *as_it_is("trunk.head.norm", "classifier.0"),
        *as_it_is("head", "classifier.2"),
    ]
    for stage, depth in enumerate((3, 3, 27, 3)):
        ours, place = f"trunk.stages.{stage}", 1 + 2 * stage
        if stage:
            rules += as_it_is(f"{ours}.downsample.0", f"features.{place - 1}.0")
            rules += as_it_is(f"{ours}.downsample.1", f"features.{place - 1}.1")
        for i in range(depth):
            theirs = f"features.{place}.{i}"
            rules.append(Rule(f"{ours}.blocks.{i}.gamma", (f"{theirs}.layer_scale",), torch.flatten))
            for part, number in (("conv_dw", 0), ("norm", 2), ("mlp.fc1", 3), ("mlp.fc2", 5)):
                rules += as_it_is(f"{ours}.blocks.{i}.{part}", f"{theirs}.block.{number}")
    return rules
