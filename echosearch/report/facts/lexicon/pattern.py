"""The lexicon's patterns: plain text with alternatives, "(左|左心)室拡大(症|)", spelled out into words."""

from __future__ import annotations

__all__ = ["MAX_WORDS", "PatternError", "pattern_words"]

MAX_WORDS = 4096  # of one pattern


class PatternError(ValueError):
    """A pattern is malformed; the message says how."""


def pattern_words(pattern: str) -> tuple[str, ...]:
    """Return all words that match a pattern, in its order, each once. Raises PatternError."""
    words, at = _alternatives(pattern, 0)
    if at != len(pattern):
        raise PatternError(f"{pattern!r}: a ')' without its '('")
    made = tuple(dict.fromkeys(word.strip() if word.strip() else word for word in words))
    if "" in made or not made:
        raise PatternError(f"{pattern!r}: matches nothing")
    return made


def _alternatives(pattern: str, at: int) -> tuple[list[str], int]:
    found: list[str] = []
    current = [""]
    while at < len(pattern) and pattern[at] != ")":
        char = pattern[at]
        at += 1
        if char == "|":
            found += current
            current = [""]
            continue
        if char == "(":
            inner, at = _alternatives(pattern, at)
            if at >= len(pattern):
                raise PatternError(f"{pattern!r}: a '(' without its ')'")
            at += 1
        else:
            inner = [char]
        current = [head + tail for head in current for tail in inner]
        if len(current) + len(found) > MAX_WORDS:
            raise PatternError(f"{pattern[:40]!r}...: more than {MAX_WORDS} words")
    return found + current, at
