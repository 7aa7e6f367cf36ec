"""Which encoding a table is in: read, or refused with a sentence, and never guessed.

A byte order mark, zero bytes and escapes (0x1B) each settle it; what is valid UTF-8 is UTF-8. Between cp932 and EUC-JP
a reading must make sense (echosearch/report/known.py). What stays open is asked for: ``--encoding``.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from echosearch.errors import TableError
from echosearch.reading.file_kinds import HEAD_OF_A_KIND, document_as, packed_as
from echosearch.report.iso2022 import Iso2022JpDecoder, decoded_stream
from echosearch.report.known import everyday_share, known_terms

__all__ = ["ENCODINGS", "detect_encoding", "open_table"]

# what a user may call an encoding -> the name that Python knows it by; "iso-2022-jp" is our own decoder
ENCODINGS = {
    "utf-8": "utf-8-sig",
    "cp932": "cp932",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-jis-2004": "euc_jis_2004",
    "iso-2022-jp": "iso-2022-jp",
    "utf-16": "utf-16",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "utf-32": "utf-32",
    "utf-32-le": "utf-32-le",
    "utf-32-be": "utf-32-be",
}
_MARKS = (  # the longer ones first: that of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# zero bytes of the first four: a header is ASCII
_ZEROS = {
    (False, True, False, True): "utf-16-le",
    (True, False, True, False): "utf-16-be",
    (False, True, True, True): "utf-32-le",
    (True, True, True, False): "utf-32-be",
}
_BLOCK = 1 << 20
_SAMPLE = 1 << 18  # characters that are looked at to see whether a reading makes sense
_WIDE = re.compile("[\u0800-\U0010ffff]")
# in UTF-8 bytes that could as well be half-width kana or EUC-JP; nobody types a control character of C1
_NARROW_RUN = re.compile("[\x80-\u07ff]{2}|[\x80-\x9f]")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_NOT_SHIFT_JIS = re.compile("[\x80\xa0\uf8f0-\uf8f3]")  # bytes that Python's cp932 passes and only a Mac writes
_SAY_IT = "say which with --encoding, or save the file as CSV in UTF-8"
_ENOUGH_JAPANESE = 4  # characters read as UTF-8 before the first bad byte: no other encoding gets there
_TRUSTED_SHARE = 0.7


def detect_encoding(path: Path, given: str | None = None) -> str:
    """Find the encoding of a table, proven on the whole file; or prove the one ``given``, a name in ENCODINGS.

    Raises TableError with the first line that breaks it, or where several encodings make sense.
    """
    try:
        _refuse_other_kinds(path)
        if given is not None:
            _prove(path, ENCODINGS[given], given)
            return ENCODINGS[given]
        with path.open("rb") as handle:
            head = handle.read(4)
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                _prove(path, encoding, encoding.removesuffix("-sig").upper())
                return encoding
        return _without_mark(path, head)
    except OSError as exc:
        raise TableError(f"{path}: cannot be read: {exc.strerror}") from exc


def _refuse_other_kinds(path: Path) -> None:
    with path.open("rb") as handle:
        head = handle.read(HEAD_OF_A_KIND)
    if (kind := document_as(head)) is not None:
        raise TableError(f"{path} is {kind}, not a CSV: save its table as CSV in UTF-8")
    if (packed := packed_as(head)) is not None:
        raise TableError(f"{path} is packed ({packed}): unpack it, and give the CSV that is inside")


def open_table(path: Path, encoding: str) -> TextIO:
    """Return the text of a table in an encoding that detect_encoding gave, line ends as they are."""
    if encoding == "iso-2022-jp":
        return io.TextIOWrapper(decoded_stream(path), encoding="utf-8", newline="")
    return path.open(encoding=encoding, newline="")


def _without_mark(path: Path, head: bytes) -> str:
    seen = _bytes_seen(path)
    if 0 in seen:
        encoding = _ZEROS.get(tuple(byte == 0 for byte in head))  # type: ignore[arg-type]  # of any length
        if encoding is None:
            raise TableError(f"{path}: a NUL byte, not a CSV")
        _prove(path, encoding, encoding.upper())
        return encoding
    foreign = any(byte >= 0x80 for byte in seen)
    if 0x1B in seen or {0x0E, 0x0F} & seen:
        if foreign:
            raise TableError(
                f"{path}: an escape (0x1B) or shift (0x0E, 0x0F) of ISO-2022-JP and bytes that it has not: {_SAY_IT}"
            )
        _prove(path, "iso-2022-jp", "ISO-2022-JP")
        return "iso-2022-jp"
    if not foreign:
        return "utf-8-sig"  # ASCII
    utf8 = _read(path, "utf-8")
    if utf8.bad_line is None and (_WIDE.search(utf8.sample) or not _NARROW_RUN.search(utf8.sample)):
        return "utf-8-sig"
    if utf8.bad_line is not None and utf8.japanese >= _ENOUGH_JAPANESE:
        raise TableError(f"{path}, line {utf8.bad_line}: a byte that is not UTF-8, as the text before it is: {_SAY_IT}")
    return _legacy(path, utf8)


def _legacy(path: Path, utf8: _Reading) -> str:
    """cp932 or EUC-JP, where just one of them makes sense."""
    euc = _read(path, "euc_jp")
    if euc.bad_line is not None:
        euc = _read(path, "euc_jis_2004")  # with the vendors' row 13, which JIS X 0213 has taken over
    cp932 = _read(path, "cp932")
    valid = [one for one in (cp932, euc) if one.bad_line is None]
    alone = len(valid) == 1 and utf8.bad_line is not None
    sensible = [one for one in valid if one.terms or (alone and one.looks_japanese)]
    if len(sensible) == 1:
        return sensible[0].encoding
    if not valid and utf8.bad_line is None:
        return "utf-8-sig"
    if not valid:
        got_to = max(one.bad_line or 0 for one in (utf8, cp932, euc))
        raise TableError(
            f"{path}, line {got_to}: neither UTF-8 nor cp932 (Shift_JIS) nor EUC-JP: save the file as CSV in UTF-8"
        )
    names = [one.name for one in valid] + (["UTF-8"] if utf8.bad_line is None else [])
    raise TableError(f"{path}: it could be {' or '.join(names)}, and no known word tells: {_SAY_IT}")


@dataclass(frozen=True)
class _Reading:
    """A file read by one encoding, up to its first bad byte."""

    encoding: str
    bad_line: int | None
    japanese: int  # characters before the bad byte
    sample: str

    @property
    def name(self) -> str:
        return "cp932 (Shift_JIS)" if self.encoding == "cp932" else self.encoding.replace("_", "-").upper()

    @property
    def terms(self) -> int:
        return known_terms(self.sample)

    @property
    def looks_japanese(self) -> bool:
        """Everyday characters; in EUC also kana, for Chinese text reads as EUC-JP kanji."""
        return everyday_share(self.sample) >= _TRUSTED_SHARE and (
            self.encoding == "cp932" or _KANA.search(self.sample) is not None
        )


def _read(path: Path, encoding: str) -> _Reading:
    sample, line, japanese, size = [], 1, 0, 0
    for text, bad in _texts(path, encoding):
        if bad is None and encoding == "cp932" and (odd := _NOT_SHIFT_JIS.search(text)):
            text, bad = text[: odd.start()], "a byte of no Shift_JIS file"
        if bad is None and "\0" in text:
            raise TableError(f"{path}, line {line + text[: text.index(chr(0))].count(chr(10))}: NUL byte, not a CSV")
        line += text.count("\n")
        if size < _SAMPLE:
            sample.append(text[: _SAMPLE - size])
            size += len(sample[-1])
            japanese += sum("\u3000" <= c <= "\u9fff" for c in text)
        if bad is not None:
            return _Reading(encoding, line, japanese, "".join(sample))
    return _Reading(encoding, None, japanese, "".join(sample))


def _prove(path: Path, encoding: str, name: str) -> None:
    found = _read(path, encoding)
    if found.bad_line is not None:
        raise TableError(f"{path}, line {found.bad_line}: not {name}: save the file as CSV in UTF-8")


def _texts(path: Path, encoding: str) -> Iterator[tuple[str, str | None]]:
    """The file's text in blocks, each with None; the last one with what is wrong behind it, where something is."""
    decoder = Iso2022JpDecoder() if encoding == "iso-2022-jp" else codecs.getincrementaldecoder(encoding)("strict")
    with path.open("rb") as handle:
        while True:
            block = handle.read(_BLOCK)
            pending = decoder.getstate()[0]
            try:
                yield decoder.decode(block, final=not block), None
            except UnicodeError as exc:
                if not isinstance(exc, UnicodeDecodeError):  # UTF-16 and UTF-32 without the mark that they begin with
                    yield "", str(exc)
                    return
                good = b"" if encoding == "iso-2022-jp" else (pending + block)[: exc.start]
                lines = "\n" * (exc.object[: exc.start].count(b"\n")) if not good else ""
                yield good.decode(encoding, "replace") if good else lines, exc.reason
                return
            if not block:
                return


def _bytes_seen(path: Path) -> set[int]:
    seen: set[int] = set()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            seen.update(block)
    return seen
