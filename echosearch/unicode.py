"""What of a string can be stored and sent on."""

from __future__ import annotations

import re

__all__ = ["is_text"]

_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def is_text(given: str) -> bool:
    """Whether UTF-8 and PostgreSQL can hold it: what comes in another encoding comes in as lone surrogates."""
    return not _NO_TEXT.search(given)
