"""The seam between the archive and any encoder. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from echosearch.clip import Clip, ClipSpec
from echosearch.encoder_info import EncoderInfo, ViewProbabilities
from echosearch.report.text import TextSpec
from echosearch.vector import Vectors

__all__ = ["Encoder", "TextNotes", "TextSpec", "ViewModel", "WordCount"]


@dataclass(frozen=True)
class TextNotes:
    """How an encoder treated a text: what its vector leaves out."""

    left_out: int = 0  # phrases, or stretches of a long one, that the encoder does not read
    as_before: bool = True  # whether TEXT_FORM 1 gave the same tokens (report/text.py)


@dataclass(frozen=True)
class WordCount:
    """How many of a text's words an encoder knows. Particles, numbers and 「あり」 are not counted."""

    known: int
    unknown: int


class Encoder(Protocol):
    """An encoder of videos and texts into one space. Outputs are raw, not normalised; row i belongs to item i."""

    @property
    def id(self) -> EncoderInfo: ...

    @property
    def clip_spec(self) -> ClipSpec: ...

    @property
    def text_spec(self) -> TextSpec: ...

    @property
    def reads_texts(self) -> bool:
        """False if the encoder was imported without its vocabulary: then it is for videos only."""
        ...

    def encode_clips(self, clips: Sequence[Clip]) -> Vectors:
        """Return (N, D) float32."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        """Return (N, D) float32. Texts are formatted by text_spec inside."""
        ...

    def text_notes(self, texts: Sequence[str]) -> list[TextNotes]:
        """Return, for each text, what ``encode_texts`` does not read of it."""
        ...

    def known_words(self, text: str) -> WordCount:
        """Count the words of ``text`` that the tokenizer knows."""
        ...


class ViewModel(Protocol):
    """A model that classifies the view of a cine."""

    clip_spec: ClipSpec

    def classify(self, clips: Sequence[Clip]) -> list[ViewProbabilities]:
        """Return one value for each clip, in order: averaged over the clip's frames."""
        ...
