"""What stands in bundle.toml: the parts of an encoder, as frozen values. Free of torch.

Field defaults are frozen too: the fingerprint leaves out every field at its default, so that a field added
later, with a default that changes nothing, leaves the fingerprints of stored bundles as they are.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, StringConstraints, model_validator

from echosearch.clip import ClipSpec
from echosearch.encoder.base import TextSpec
from echosearch.video import View

__all__ = [
    "BertSpec",
    "BundleName",
    "ClipTextSpec",
    "ConvNextSpec",
    "Manifest",
    "MvitSpec",
    "SourceFile",
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


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class VideoTransformerSpec(_Part):
    """Pre-norm ViT blocks over tubelets: ViViT and VideoMAE v2 differ only in these fields."""

    architecture: Literal["video_transformer"] = "video_transformer"
    width: PositiveInt
    depth: PositiveInt
    heads: PositiveInt
    mlp_ratio: float = 4.0
    tubelet: tuple[int, int, int] = (2, 16, 16)  # frames, rows, columns of one token
    pooling: Literal["class", "mean"]
    positions: Literal["learned", "sine"]  # sine tables are computed, not stored
    gelu: Literal["tanh", "exact"]
    eps: float = 1e-6  # of the layer norms


class VideoConvSpec(_Part):
    """Our own small video tower: convolutions on every frame, one over time, then SpatialPool. See video_conv.py."""

    architecture: Literal["video_conv"] = "video_conv"
    widths: tuple[PositiveInt, PositiveInt, PositiveInt]
    readout: PositiveInt = 32  # numbers kept of each place
    compressed: PositiveInt = 384  # numbers kept of all places
    gates: PositiveInt = 10  # compartments for kinds of view
    regions: NonNegativeInt = 0  # of the picture, whose movement every place is told; 0: none


class ConvNextSpec(_Part):
    """ConvNeXt on every frame, mean over the frames."""

    architecture: Literal["convnext"] = "convnext"
    depths: tuple[int, int, int, int]
    widths: tuple[int, int, int, int]
    eps: float = 1e-6
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
    vocabulary: PositiveInt
    width: PositiveInt
    depth: PositiveInt
    heads: PositiveInt
    mlp_width: PositiveInt
    positions: PositiveInt = 512
    eps: float = 1e-12
    # "mlp": Linear -> GELU -> Linear, no biases (VideoEchoCLIP); "linear": one Linear with bias (EchoPrime)
    projection: Literal["mlp", "linear"] = "mlp"
    projection_width: PositiveInt = 640  # "mlp" only


class ClipTextSpec(_Part):
    """CLIP's causal text transformer, read at the end-of-text token (EchoCLIP)."""

    architecture: Literal["clip_text"] = "clip_text"
    vocabulary: PositiveInt
    width: PositiveInt
    depth: PositiveInt
    heads: PositiveInt
    positions: PositiveInt = 77
    eps: float = 1e-5


TextTowerSpec = Annotated[BertSpec | ClipTextSpec, Field(discriminator="architecture")]


class VideoPart(_Part):
    tower: VideoTowerSpec
    clip: ClipSpec


class TextPart(_Part):
    tower: TextTowerSpec
    spec: TextSpec


class TokenizerSpec(_Part):
    """How text becomes token ids; its files lie in the bundle's tokenizer/ folder."""

    # "absent": imported without a vocabulary: videos are embedded, texts refused
    kind: Literal["mecab_wordpiece", "bert_wordpiece", "clip_bpe", "echo_template", "absent"]
    lower_case: bool = False
    # "open_clip": HTML entities and typographic quotes undone before, as open_clip's tokenizers do
    clean: Literal["none", "open_clip"] = "none"
    # MeCab's words decide the ids, so its dictionary is part of the encoder: a package's name and its version
    dictionary: str = ""
    dictionary_version: str = ""

    @property
    def published(self) -> bool:
        """Whether its authors decide what it is given: then a text that is too long is cut, as theirs were."""
        return self.kind != "mecab_wordpiece" or self.clean != "none"


class SourceFile(_Part):
    """A file the weights came from."""

    name: str
    sha256: Sha256


class _Bundle(_Part):
    """What every bundle.toml says of itself."""

    format: Literal[1] = 1
    name: BundleName
    version: str
    licence: str
    provenance: str  # where the weights came from, in a sentence
    trained: bool  # False: random weights, its rankings mean nothing
    academic_only: bool = False
    notes: str = ""
    sources: tuple[SourceFile, ...] = ()
    files: dict[str, Sha256] = {}  # path in the bundle -> SHA-256; filled in when the bundle is written


class Manifest(_Bundle):
    """bundle.toml of an encoder."""

    kind: Literal["encoder"] = "encoder"
    dimension: PositiveInt = 512
    video: VideoPart
    text: TextPart
    tokenizer: TokenizerSpec


class ViewManifest(_Bundle):
    """bundle.toml of a view classifier."""

    kind: Literal["view_classifier"] = "view_classifier"
    tower: ConvNextSpec
    clip: ClipSpec
    labels: dict[str, View]  # its own classes, in the order of its outputs -> ours

    @model_validator(mode="after")
    def _looks_at_enough_frames(self) -> ViewManifest:
        if self.clip.frames < 3:
            raise ValueError(f"a view is judged on at least 3 frames, not {self.clip.frames}")
        return self
