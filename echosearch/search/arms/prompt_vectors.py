"""The vectors of prompts, which a process embeds once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from echosearch.encoder.base import Encoder
from echosearch.vector import Vectors, unit

__all__ = ["prompt_vectors"]

_CACHED = 20_000  # prompt vectors of this process, 40 MB at 512 dimensions
_KNOWN: OrderedDict[tuple[str, str], Vectors] = OrderedDict()  # (fingerprint, prompt) -> unit vector


def prompt_vectors(encoder: Encoder, texts: Sequence[str]) -> dict[str, Vectors]:
    """Return unit vectors of prompts; a process embeds each once."""
    maker = encoder.id.fingerprint
    new = [text for text in texts if (maker, text) not in _KNOWN]
    if new:
        _KNOWN.update(zip(((maker, text) for text in new), unit(encoder.encode_texts(new)), strict=True))
    found = {text: _KNOWN[maker, text] for text in texts}
    while len(_KNOWN) > _CACHED:
        _KNOWN.popitem(last=False)
    return found
