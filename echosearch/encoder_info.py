"""Which encoder made a vector, and what a view classifier says of a video. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass

from echosearch.video import View, ViewLabel

__all__ = ["EncoderInfo", "ViewProbabilities"]


@dataclass(frozen=True)
class EncoderInfo:
    """The encoder that made a vector. Its fingerprint (weights + specs + tokenizer) decides; the rest is for people."""

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
        """The name of its folder in HOME, which no other encoder has."""
        return f"{self.name}-{self.fingerprint[:12]}"


@dataclass(frozen=True)
class ViewProbabilities:
    """A view classifier's result for one cine: a probability for each of its own classes."""

    labels: tuple[str, ...]  # the classifier's own classes
    views: tuple[View, ...]  # what each of them is to us
    probabilities: tuple[float, ...]  # sum to 1
    source: str  # the classifier's name and fingerprint

    def of(self, view: View) -> float:
        """Return the probability of a view: the sum over the classes that map to it."""
        return sum(p for p, own in zip(self.probabilities, self.views, strict=True) if own == view)

    @property
    def best(self) -> ViewLabel:
        """The view of the likeliest class, as EchoPrime's authors choose it, and the probability of that view over all
        its classes.
        """
        _, raw, view = max(zip(self.probabilities, self.labels, self.views, strict=True), key=lambda each: each[0])
        return ViewLabel(view, min(self.of(view), 1.0), self.source, raw)
