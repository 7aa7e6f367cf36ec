"""Split texts into parts that fit a text tower, and join the parts' vectors. Free of torch.

A text that fits into the tower is one part. Our own encoders read a longer one in several, so that nothing is lost:

    phrases_ja        halved between phrases until each part has at most max_phrases and max_tokens
    each_phrase_ja    one part a phrase, however many there are
    a longer phrase   stretches of max_tokens that overlap by an eighth, so that no word group falls between two

The vector of the text is the mean of its parts' raw vectors, each weighed by the phrases in it; a stretch has its share
of its phrase. Reports share most of their phrases, so each different part is read once.

A published encoder reads one part, as its authors have it. Of a text that does not fit it is given the phrases (in
English: the sentences) that tell most, in their order: report/content.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from echosearch.encoder.base import TextNotes
from echosearch.encoder.text.tokenizer import Tokenizer
from echosearch.report.content import keep_most_telling
from echosearch.report.text import MAX_READ, TextSpec, phrases, readable_phrases, sliced, split_sentences
from echosearch.vector import Vectors, mean_vector

__all__ = ["TextParts", "read_texts"]

NO_LIMIT = 1 << 20  # tokens
SLICE = 80  # characters: a phrase that does not fit a published tower is weighed in slices

Ids = tuple[int, ...]


@dataclass(frozen=True)
class TextParts:
    """``given``: token ids of the parts, none twice; ``made_of``: for each text (part, weight), at least one."""

    given: tuple[Ids, ...]
    made_of: tuple[tuple[tuple[int, float], ...], ...]
    notes: tuple[TextNotes, ...]

    def vectors(self, of_parts: Vectors) -> Vectors:
        """Return the texts' raw vectors (N, D) from those of the parts (P, D)."""
        if not self.made_of:
            return np.empty((0, of_parts.shape[1]), np.float32)
        return np.stack([_mean(of_parts, parts) for parts in self.made_of])


def _mean(of_parts: Vectors, parts: tuple[tuple[int, float], ...]) -> Vectors:
    rows: Vectors = of_parts[[number for number, _ in parts]]
    weights = [weight for _, weight in parts]
    if len(set(weights)) == 1:
        return mean_vector([*rows])
    share = np.asarray(weights)[:, None] / sum(weights)
    return np.asarray((rows.astype(np.float64) * share).sum(axis=0), dtype=np.float32)


def read_texts(texts: Sequence[str], spec: TextSpec, tokenizer: Tokenizer, published: bool) -> TextParts:
    """Return ``texts`` as the encoder with ``spec`` reads them; ``published``: TokenizerSpec.published."""
    reader = _Reader(spec, tokenizer)
    numbers: dict[Ids, int] = {}
    made_of, notes = [], []
    for text in texts:
        parts, left_out, fits = reader.chosen(text) if published else reader.whole(text)
        made_of.append(tuple((numbers.setdefault(ids, len(numbers)), weight) for ids, weight in parts))
        notes.append(TextNotes(left_out, fits and not reader.respells(text)))
    return TextParts(tuple(numbers), tuple(made_of), tuple(notes))


class _Reader:
    """One text at a time -> (its parts as ids and weight, phrases left out, whether all of it was read before)."""

    def __init__(self, spec: TextSpec, tokenizer: Tokenizer) -> None:
        self._spec, self._tokenizer = spec, tokenizer

    def respells(self, text: str) -> bool:
        said = phrases(text) if self._spec.format != "as_is" else [text]
        return any(self._tokenizer.respells(phrase) for phrase in said)

    def whole(self, text: str) -> tuple[list[tuple[Ids, float]], int, bool]:
        """For our own encoders."""
        said, left_out = readable_phrases(text)
        if self._spec.format == "each_phrase_ja":
            parts = [part for phrase in said or [""] for part in self._part([phrase] if phrase else [])]
            whole = len(parts) == max(len(said), 1)
        else:
            parts = self._part(said)
            whole = len(parts) == 1
        return parts, left_out, whole and not left_out and len(said) <= self._spec.max_phrases

    def _part(self, said: Sequence[str]) -> list[tuple[Ids, float]]:
        most = self._spec.max_tokens
        if len(said) <= self._spec.max_phrases:
            ids = self._ids(_joined(said))
            if len(ids) <= most:
                return [(ids, float(max(len(said), 1)))]
            if len(said) == 1:
                stretches = _stretches(ids, most)
                return [(stretch, 1 / len(stretches)) for stretch in stretches]
        middle = len(said) // 2
        return self._part(said[:middle]) + self._part(said[middle:])

    def chosen(self, text: str) -> tuple[list[tuple[Ids, float]], int, bool]:
        """For a published encoder."""
        japanese, most = self._spec.format != "as_is", self._spec.max_tokens
        said, left_out = readable_phrases(text) if japanese else _readable_sentences(text)
        if not left_out and (not japanese or len(said) <= self._spec.max_phrases):
            ids = self._ids(_joined(said) if japanese else text)
            if len(ids) <= most:
                return [(ids, 1.0)], 0, True
        pieces = [piece for one in said for piece in (sliced(one, SLICE) if self._cost(one) > most // 4 else [one])]
        few = self._spec.max_phrases if japanese else len(pieces)
        kept = keep_most_telling(pieces, self._cost, most - 2, few)
        joined = _joined(kept) if japanese else " ".join(piece.strip() for piece in kept)
        (ids_kept,) = self._tokenizer.encode([joined], most)
        return [(tuple(ids_kept), 1.0)], left_out + len(pieces) - len(kept), False

    def _cost(self, phrase: str) -> int:
        return len(self._ids(_joined([phrase]) if self._spec.format != "as_is" else phrase)) - 2

    def _ids(self, text: str) -> Ids:
        return tuple(self._tokenizer.encode([text], NO_LIMIT)[0])


def _readable_sentences(text: str) -> tuple[list[str], int]:
    if len(text) <= MAX_READ:
        return split_sentences(text), 0
    said = [piece for sentence in split_sentences(text) for piece in sliced(sentence, SLICE)]
    kept = keep_most_telling(said, len, MAX_READ, len(said))
    return kept, len(said) - len(kept)


def _joined(said: Sequence[str]) -> str:
    return "".join(f"{phrase}。" for phrase in said)


def _stretches(ids: Ids, most: int) -> list[Ids]:
    """Cut [CLS] ... [SEP] into as many of at most ``most`` tokens as are needed, alike in length and overlapping."""
    first, inner, last = ids[0], ids[1:-1], ids[-1]
    room = most - 2
    overlap = room // 8
    count = -(-(len(inner) - overlap) // (room - overlap))
    starts = [round(i * (len(inner) - room) / (count - 1)) for i in range(count)]
    return [(first, *inner[start : start + room], last) for start in starts]
