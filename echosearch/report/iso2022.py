"""ISO-2022-JP ("JIS") as Japanese systems write it: one decoder for all its parts, strict.

Python has a codec for each edition (RFC 1468, JIS X 0212, JIS X 0213, half-width kana), and none for a file that uses
two of them, or the vendors' row 13 (①, Ⅲ, ㎜) under the escape of JIS X 0208, as Windows writes it.
"""

from __future__ import annotations

import codecs
import io
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

__all__ = ["Iso2022JpDecoder", "decoded_stream"]

_NAME = "iso-2022-jp"
# escape -> (bytes a character, what makes EUC of them, codecs that know them)
_Charset = tuple[int, bytes, tuple[str, ...]]
_ASCII: _Charset = (1, b"", ("ascii",))
_KANA: _Charset = (1, b"\x8e", ("euc_jp",))
_ESCAPES: dict[bytes, _Charset] = {
    b"\x1b(B": _ASCII,
    b"\x1b(J": _ASCII,  # JIS X 0201 Roman: ASCII but for ¥ and the overline
    b"\x1b(H": _ASCII,  # an old slip for (J
    b"\x1b(I": _KANA,
    b"\x1b$@": (2, b"", ("euc_jp", "euc_jis_2004")),
    b"\x1b$B": (2, b"", ("euc_jp", "euc_jis_2004")),
    b"\x1b$(@": (2, b"", ("euc_jp", "euc_jis_2004")),
    b"\x1b$(B": (2, b"", ("euc_jp", "euc_jis_2004")),
    b"\x1b$(D": (2, b"\x8f", ("euc_jp",)),  # JIS X 0212
    b"\x1b$(O": (2, b"", ("euc_jis_2004",)),  # JIS X 0213
    b"\x1b$(P": (2, b"\x8f", ("euc_jis_2004",)),
    b"\x1b$(Q": (2, b"", ("euc_jis_2004",)),
}
_ROMAN = {b"\x1b(J": {0x5C: "\u00a5", 0x7E: "\u203e"}, b"\x1b(H": {0x5C: "\u00a5", 0x7E: "\u203e"}}
_ESCAPE_BYTES = 4
_PRINTED = bytes(range(0x21, 0x7F))
_EIGHTH_BIT = bytes(byte | 0x80 for byte in range(256))
_BLOCK = 1 << 16


class Iso2022JpDecoder(codecs.BufferedIncrementalDecoder):
    """Strict. A line that ends within two-byte characters is refused: some systems begin the next one in ASCII."""

    def __init__(self, errors: str = "strict") -> None:
        super().__init__(errors)
        self._escape = b"\x1b(B"
        self._shifted = False  # SO: half-width kana in seven bits

    def _buffer_decode(self, data: ReadableBuffer, errors: str, final: bool) -> tuple[str, int]:
        given = bytes(data)
        made: list[str] = []
        at = 0
        while at < len(given):
            byte = given[at]
            if byte == 0x1B:
                taken = self._switch(given, at, final)
                if taken == 0:
                    break  # the rest of the escape comes with the next block
                at += taken
                continue
            if byte in (0x0E, 0x0F):
                self._shifted, at = byte == 0x0E, at + 1
                continue
            end = at
            while end < len(given) and given[end] not in (0x0E, 0x0F, 0x1B):
                end += 1
            text, used = self._run(given, at, end, final or end < len(given))
            made.append(text)
            at += used
            if at < end:
                break  # half a character
        return "".join(made), at

    def _switch(self, given: bytes, at: int, final: bool) -> int:
        """Take an escape: its length, 0 where it is not all there yet."""
        for length in (3, _ESCAPE_BYTES):
            if given[at : at + length] in _ESCAPES:
                self._escape = given[at : at + length]
                return length
        if len(given) - at < _ESCAPE_BYTES and not final:
            return 0
        raise UnicodeDecodeError(_NAME, given, at, at + 1, "an escape of none of its character sets")

    def _run(self, given: bytes, start: int, end: int, whole: bool) -> tuple[str, int]:
        """The text of bytes without escapes, and how many were used."""
        size, prefix, names = _KANA if self._shifted else _ESCAPES[self._escape]
        if size == 1 and not prefix:
            return self._ascii(given, start, end), end - start
        run = given[start:end]
        if size == 2 and not prefix and len(run) % 2 == 0 and not run.translate(None, _PRINTED):
            with suppress(UnicodeDecodeError):  # nearly always the whole run at once
                return run.translate(_EIGHTH_BIT).decode(names[0]), end - start
        made, at = [], start
        while at < end:
            byte = given[at]
            if byte in (0x0A, 0x0D) and size == 2:
                raise UnicodeDecodeError(_NAME, given, at, at + 1, "a line that ends within two-byte characters")
            if byte <= 0x20:
                made.append(chr(byte))
                at += 1
                continue
            if at + size > end and not whole:
                break
            made.append(_character(given, at, min(at + size, end), size, prefix, names))
            at += size
        return "".join(made), at - start

    def _ascii(self, given: bytes, start: int, end: int) -> str:
        part = given[start:end]
        if not part.isascii():
            bad = start + next(i for i, byte in enumerate(part) if byte > 0x7F)
            raise UnicodeDecodeError(_NAME, given, bad, bad + 1, "a byte above 0x7F")
        return part.decode("ascii").translate(_ROMAN.get(self._escape, {}))


def _character(given: bytes, at: int, end: int, size: int, prefix: bytes, names: tuple[str, ...]) -> str:
    code = given[at:end]
    if len(code) == size and all(0x21 <= byte <= 0x7E for byte in code):
        euc = prefix + bytes(byte | 0x80 for byte in code)
        for name in names:
            try:
                return euc.decode(name)
            except UnicodeDecodeError:
                continue
    raise UnicodeDecodeError(_NAME, given, at, at + 1, "a code of no character")


class _Utf8(io.RawIOBase):
    """A file in ISO-2022-JP as a stream of UTF-8."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._handle = path.open("rb")
        self._decoder = Iso2022JpDecoder()
        self._made = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._made and not self._ended:
            block = self._handle.read(_BLOCK)
            self._ended = not block
            self._made = self._decoder.decode(block, final=self._ended).encode()
        view = memoryview(buffer)
        count = min(len(view), len(self._made))
        view[:count], self._made = self._made[:count], self._made[count:]
        return count

    def close(self) -> None:
        self._handle.close()
        super().close()


def decoded_stream(path: Path) -> io.BufferedReader:
    """Return the file's text in UTF-8, decoded as it is read."""
    return io.BufferedReader(_Utf8(path))
