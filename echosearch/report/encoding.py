"""Which of the two encodings of Japanese CSVs a file has: UTF-8 (with or without BOM) or cp932. Strict, and loud."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Literal

from echosearch.errors import TableError

__all__ = ["Encoding", "detect_encoding"]

Encoding = Literal["utf-8-sig", "cp932"]

_BLOCK = 1 << 20
# What hiragana and katakana turn into when UTF-8 is read as cp932; these three kanji are all but unused.
_MOJIBAKE = frozenset("縺繧繝")


def detect_encoding(path: Path) -> Encoding:
    """Read the whole file once, in blocks. "utf-8-sig" reads UTF-8 with and without BOM.

    Raises TableError for anything else: UTF-16, NUL bytes, a damaged UTF-8 file (which cp932 could
    often read, as nonsense), an unreadable file.
    """
    try:
        with path.open("rb") as handle:
            if handle.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                raise TableError(f"{path} is UTF-16: save it as CSV in UTF-8")
        damaged = _first_bad_line(path, "utf-8")
        if damaged is None:
            return "utf-8-sig"
        line, japanese_before = damaged
        if japanese_before < 4:  # else it was UTF-8 so far: no cp932 file gets there
            other = _first_bad_line(path, "cp932")
            if other is None:
                return "cp932"
    except OSError as exc:
        raise TableError(f"{path}: cannot be read: {exc.strerror}") from exc
    raise TableError(f"{path}, line {line}: neither UTF-8 nor cp932 (Shift_JIS): save the file as CSV in UTF-8")


def _first_bad_line(path: Path, encoding: str) -> tuple[int, int] | None:
    """Line of the first byte that ``encoding`` cannot read and the Japanese characters before it, or None."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line, japanese, wide, mojibake = 1, 0, 0, 0
    with path.open("rb") as handle:
        while True:
            block = handle.read(_BLOCK)
            pending = decoder.getstate()[0]
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as exc:
                good = (pending + block)[: exc.start].decode(encoding, "replace")
                return line + good.count("\n"), japanese + _japanese(good)
            if "\0" in text:
                raise TableError(
                    f"{path}, line {line + text[: text.index(chr(0))].count(chr(10))}: NUL byte, not a CSV"
                )
            if encoding == "cp932":
                # Python's cp932 passes bytes that no Shift_JIS file holds
                if any(c in text for c in "\x80\xa0\uf8f0\uf8f1\uf8f2\uf8f3"):
                    return line, 0
                wide += sum(not c.isascii() for c in text)
                mojibake += sum(c in _MOJIBAKE for c in text)
            line += text.count("\n")
            japanese += _japanese(text)
            if not block:
                return (line, 0) if mojibake >= 2 and mojibake * 10 >= wide else None


def _japanese(text: str) -> int:
    return sum("\u3000" <= c <= "\u9fff" for c in text)
