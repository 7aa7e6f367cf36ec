"""The contents of bundle.toml: the parts of an encoder, as frozen values. Free of torch.

Field defaults are frozen too: the fingerprint leaves out every field at its default, so that a field added
later, with a default that changes nothing, leaves the fingerprints of stored bundles as they are.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from echosearch.clip import ClipSpec
from echosearch.encoder.base import TextSpec
from echosearch.video import View

__all__ = [
    "BertSpec",
    "BundleName",
    "BundlePath",
    "ClipTextSpec",
    "ConvNextSpec",
    "Manifest",
    "MvitSpec",
    "OriginFile",
    "TextPart",
    "TextTowerSpec",
    "TokenizerSpec",
    "VideoConvSpec",
    "VideoPart",
    "VideoTowerSpec",
    "VideoTransformerSpec",
    "ViewManifest",
]

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
# a bundle's name becomes a folder's name
BundleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
# Measures far above those of any encoder: bundle.toml is somebody's file, and a tower is built of what it says
Width = Annotated[int, Field(ge=1, le=65_536)]
Depth = Annotated[int, Field(ge=1, le=512)]
Positions = Annotated[int, Field(ge=1, le=65_536)]
Vocabulary = Annotated[int, Field(ge=1, le=4_000_000)]
Eps = Annotated[float, Field(gt=0, lt=1)]
LARGEST_CLIP = 1 << 30  # bytes
MOST_FRAMES = 4096
MOST_FILES = 100
MOST_LABELS = 1000
FRAMES_OF_A_VIEW = 3  # that an opinion is the mean of, where the cine has them


def _printable(text: str) -> str:
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter not in "\n\t" for letter in text):
        raise ValueError("it has characters that steer a terminal")
    return text


def _inside(name: str) -> str:
    parts = name.split("/")
    if not re.fullmatch(r"[\w .+@-]{1,100}(/[\w .+@-]{1,100}){0,4}", name) or {".", ".."} & set(parts):
        raise ValueError("it is no file's name within the bundle")
    return name


Text = Annotated[str, AfterValidator(_printable)]
BundlePath = Annotated[str, AfterValidator(_inside)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class VideoTransformerSpec(_Part):
    """Pre-norm ViT blocks over tubelets: ViViT and VideoMAE v2 differ only in these fields."""

    architecture: Literal["video_transformer"] = "video_transformer"
    width: Width
    depth: Depth
    heads: Width
    mlp_ratio: Annotated[float, Field(gt=0, le=64)] = 4.0
    tubelet: tuple[Width, Width, Width] = (2, 16, 16)  # frames, rows, columns of one token
    pooling: Literal["class", "mean"]
    positions: Literal["learned", "sine"]  # sine tables are computed, not stored
    gelu: Literal["tanh", "exact"]
    eps: Eps = 1e-6  # of the layer norms


class VideoConvSpec(_Part):
    """Our own small video tower: convolutions on every frame, one over time, then SpatialPool. See video_conv.py."""

    architecture: Literal["video_conv"] = "video_conv"
    widths: tuple[Width, Width, Width]
    readout: Width = 32  # numbers kept of each place
    compressed: Width = 384  # numbers kept of all places
    gates: Width = 10  # compartments for kinds of view
    regions: Annotated[int, Field(ge=0, le=65_536)] = 0  # of the picture, whose movement every place receives; 0: none
    # "neighbours": a frame is seen with the one before and the one after; "bag": by itself, so that order in time does
    # not count; "stills": each frame is a clip of its own, and their vectors are averaged
    time: Literal["neighbours", "bag", "stills"] = "neighbours"
    turns: Annotated[int, Field(ge=0, le=256)] = 0  # numbers of a frame whose order in time is kept; 0: none

    @model_validator(mode="after")
    def _has_time(self) -> VideoConvSpec:
        if self.turns == 1 or (self.turns and self.time == "stills"):
            raise ValueError(
                f"turns {self.turns} with time {self.time!r}: two numbers or more turn, over several frames"
            )
        return self


class ConvNextSpec(_Part):
    """ConvNeXt on every frame, mean over the frames."""

    architecture: Literal["convnext"] = "convnext"
    depths: tuple[Depth, Depth, Depth, Depth]
    widths: tuple[Width, Width, Width, Width]
    eps: Eps = 1e-6
    unit_frames: bool = False  # each frame's vector to length 1 before the mean (EchoCLIP)
    head_bias: bool = True


class MvitSpec(_Part):
    """torchvision's mvit_v2_s at 16 frames of 224 x 224 (EchoPrime). There is no other size."""

    architecture: Literal["mvit_v2_s"] = "mvit_v2_s"


VideoTowerSpec = Annotated[
    VideoTransformerSpec | VideoConvSpec | ConvNextSpec | MvitSpec, Field(discriminator="architecture")
]


class BertSpec(_Part):
    """BERT, first token of the last layer, projected to the shared space."""

    architecture: Literal["bert"] = "bert"
    vocabulary: Vocabulary
    width: Width
    depth: Depth
    heads: Width
    mlp_width: Width
    positions: Positions = 512
    eps: Eps = 1e-12
    # "mlp": Linear -> GELU -> Linear, no biases (VideoEchoCLIP); "linear": one Linear with bias (EchoPrime)
    projection: Literal["mlp", "linear"] = "mlp"
    projection_width: Width = 640  # "mlp" only


class ClipTextSpec(_Part):
    """CLIP's causal text transformer, read at the end-of-text token (EchoCLIP)."""

    architecture: Literal["clip_text"] = "clip_text"
    vocabulary: Vocabulary
    width: Width
    depth: Depth
    heads: Width
    positions: Positions = 77
    eps: Eps = 1e-5


TextTowerSpec = Annotated[BertSpec | ClipTextSpec, Field(discriminator="architecture")]


def _bounded(clip: ClipSpec) -> ClipSpec:
    if clip.frames > MOST_FRAMES or clip.frames * clip.size**2 * 3 > LARGEST_CLIP:
        raise ValueError(f"{clip.frames} frames of {clip.size} x {clip.size} are more than any encoder takes")
    return clip


BoundedClip = Annotated[ClipSpec, AfterValidator(_bounded)]


class VideoPart(_Part):
    tower: VideoTowerSpec
    clip: BoundedClip


class TextPart(_Part):
    tower: TextTowerSpec
    spec: TextSpec

    @model_validator(mode="after")
    def _takes_a_text(self) -> TextPart:
        if self.spec.max_tokens < 3 or self.spec.max_phrases < 1:  # a start, a token, an end
            raise ValueError(f"{self.spec.max_tokens} tokens of {self.spec.max_phrases} phrases hold no text")
        return self


class TokenizerSpec(_Part):
    """How text becomes token ids; its files are in the bundle's tokenizer/ folder."""

    # "absent": imported without a vocabulary: videos are embedded, texts refused
    kind: Literal["mecab_wordpiece", "bert_wordpiece", "clip_bpe", "echo_template", "absent"]
    lower_case: bool = False
    # "open_clip": HTML entities and typographic quotes undone before, as open_clip's tokenizers do
    clean: Literal["none", "open_clip"] = "none"
    # MeCab's words decide the ids, so its dictionary is part of the encoder: a package's name and its version
    dictionary: Text = ""
    dictionary_version: Text = ""

    @property
    def published(self) -> bool:
        """True for a published model's tokenizer: a text that is too long is cut, as its authors' texts were."""
        return self.kind != "mecab_wordpiece" or self.clean != "none"


class OriginFile(_Part):
    """A file the weights came from."""

    name: Text
    sha256: Sha256


class _Bundle(_Part):
    """What every bundle.toml says of itself."""

    format: Literal[1] = 1
    name: BundleName
    version: Text
    licence: Text
    provenance: Text  # where the weights came from, in a sentence
    trained: bool  # False: random weights, its rankings mean nothing
    academic_only: bool = False
    notes: Text = ""
    sources: tuple[OriginFile, ...] = ()
    # path in the bundle -> SHA-256, filled in when the bundle is written: what decides a vector, and what does not
    files: Annotated[dict[BundlePath, Sha256], Field(max_length=MOST_FILES)] = {}
    other_files: Annotated[dict[BundlePath, Sha256], Field(max_length=MOST_FILES)] = {}
    # as it was when the bundle was written, so that an edit of this file is noticed; None: made by an earlier version
    fingerprint: Sha256 | None = None


class Manifest(_Bundle):
    """bundle.toml of an encoder."""

    kind: Literal["encoder"] = "encoder"
    dimension: Width = 512
    video: VideoPart
    text: TextPart
    tokenizer: TokenizerSpec


class ViewManifest(_Bundle):
    """bundle.toml of a view classifier."""

    kind: Literal["view_classifier"] = "view_classifier"
    tower: ConvNextSpec
    clip: BoundedClip
    # its own classes, in the order of its outputs -> ours
    labels: Annotated[dict[Text, View], Field(min_length=1, max_length=MOST_LABELS)]

    @model_validator(mode="after")
    def _looks_at_enough_frames(self) -> ViewManifest:
        if self.clip.frames < FRAMES_OF_A_VIEW:
            raise ValueError(f"a view is judged on at least {FRAMES_OF_A_VIEW} frames, not {self.clip.frames}")
        return self

    @property
    def seen_clip(self) -> ClipSpec:
        """``clip``, with its frames closer together in a cine that would give too few for a classification."""
        return replace(self.clip, at_least=FRAMES_OF_A_VIEW)
