"""What a published model's tokenizer did to a text before it cut it up."""

from __future__ import annotations

import html

__all__ = ["open_clip_clean"]


def open_clip_clean(text: str) -> str:
    """What open_clip's tokenizers do first: control characters out, typographic quotes made plain (as ftfy does; its
    repair of broken encodings is left out), HTML entities, runs of blanks, ends.
    """
    return " ".join(html.unescape(html.unescape(text.translate(_PLAIN))).split())


_CONTROL = [*range(0x09), 0x0B, *range(0x0E, 0x20), 0x7F, *range(0x206A, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFD)]
_PLAIN = str.maketrans(
    {
        **dict.fromkeys(_CONTROL),
        **dict.fromkeys("\u02bc\u2018\u2019\u201a\u201b", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f", '"'),
    }
)
