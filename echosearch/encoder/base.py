"""The seam between the archive and any encoder. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass

from echosearch.clip import Clip, ClipSpec
from echosearch.vector import Vectors

__all__ = ["Encoder", "EncoderId", "TextSpec"]


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TextSpec:
    """The text half of an encoder's contract."""

    language: Literal["ja", "en"] = "ja"
    max_tokens: int = 256
    max_phrases: int = 35
    # "phrases_ja": phrases split at 、。 commas and lines, joined with 「。」 and ended with it; "as_is": untouched
    format: Literal["phrases_ja", "as_is"] = "phrases_ja"


@dataclass(frozen=True)
class EncoderId:
    """Who made a vector. The fingerprint (weights + specs + tokenizer) is what counts; the rest is for people."""

    name: str
    version: str
    fingerprint: str  # 64 hex digits
    dimension: int
    licence: str
    provenance: str
    trained: bool  # False: random weights, its rankings mean nothing

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.fingerprint[:12]})"


class Encoder(Protocol):
    """Videos and texts into one space. Raw outputs, not normalised; row i belongs to item i, always."""

    @property
    def id(self) -> EncoderId: ...

    @property
    def clip_spec(self) -> ClipSpec: ...

    @property
    def text_spec(self) -> TextSpec: ...

    def encode_clips(self, clips: Sequence[Clip]) -> Vectors:
        """(N, D) float32."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32. Texts are formatted by text_spec inside."""
        ...
