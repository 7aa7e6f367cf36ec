"""The seam between the archive and any encoder. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from echosearch.clip import Clip, ClipSpec
from echosearch.report.text import TextSpec
from echosearch.vector import Vectors
from echosearch.video import View, ViewLabel

__all__ = ["Encoder", "EncoderInfo", "TextSpec", "ViewModel", "ViewProbabilities"]


@dataclass(frozen=True)
class EncoderInfo:
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

    @property
    def folder(self) -> str:
        """What its folder in HOME is called: a name that no other encoder has."""
        return f"{self.name}-{self.fingerprint[:12]}"


@dataclass(frozen=True)
class ViewProbabilities:
    """What a view classifier thinks of one cine: a probability for each of its own classes."""

    labels: tuple[str, ...]  # the classifier's own classes
    views: tuple[View, ...]  # what each of them is to us
    probabilities: tuple[float, ...]  # sum to 1
    source: str  # the classifier's name and fingerprint

    def of(self, view: View) -> float:
        """Several classes may mean one view: their probabilities add up."""
        return sum(p for p, own in zip(self.probabilities, self.views, strict=True) if own == view)

    @property
    def best(self) -> ViewLabel:
        """The view of the likeliest class, as EchoPrime's authors choose it; and how likely that view is, by all its
        classes."""
        _, raw, view = max(zip(self.probabilities, self.labels, self.views, strict=True), key=lambda each: each[0])
        return ViewLabel(view, min(self.of(view), 1.0), self.source, raw)


class Encoder(Protocol):
    """Videos and texts into one space. Raw outputs, not normalised; row i belongs to item i, always."""

    @property
    def id(self) -> EncoderInfo: ...

    @property
    def clip_spec(self) -> ClipSpec: ...

    @property
    def text_spec(self) -> TextSpec: ...

    @property
    def reads_texts(self) -> bool:
        """False where it came without its vocabulary: then it is for videos only."""
        ...

    def encode_clips(self, clips: Sequence[Clip]) -> Vectors:
        """(N, D) float32."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """(N, D) float32. Texts are formatted by text_spec inside."""
        ...


class ViewModel(Protocol):
    """Says which view a cine shows."""

    clip_spec: ClipSpec

    def classify(self, clips: Sequence[Clip]) -> list[ViewProbabilities]:
        """One for each clip, in order: averaged over the clip's frames."""
        ...
