"""Open an untrusted file safely, and recognise DICOM by its first bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.limits import MAX_FILE_BYTES

__all__ = [
    "ByteReader",
    "Stamp",
    "file_status",
    "given",
    "looks_like_dicom",
    "open_descriptor",
    "open_regular",
]

HEAD_BYTES = 64 * 1024
HASH_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Stamp:
    """The fields of fstat that must not change while a file is read."""

    device: int
    inode: int
    size: int
    mtime_ns: int


class ByteReader:
    """Bounded reads from one regular file.

    A header may claim a value of 4 GB: ``read`` never asks the system for more than the file holds
    (a buffered file would allocate the claim first), and ``pread`` gives an OSError where a memory
    map of a shrinking file, or of a failing disk, would kill the process with SIGBUS.
    """

    def __init__(self, fd: int, stamp: Stamp) -> None:
        self.fd = fd
        self.stamp = stamp
        self.size = stamp.size
        self.is_truncated = False  # some read or seek went past the end of the file
        self._at = 0
        self._head = self._pread(min(HEAD_BYTES, self.size), 0)

    @property
    def head(self) -> bytes:
        return self._head

    def _pread(self, length: int, offset: int) -> bytes:
        try:
            return os.pread(self.fd, length, offset)
        except OSError as exc:
            raise FileRefused(Quarantined(Reason.UNREADABLE, f"read failed: {_errno_name(exc)}")) from exc

    def read(self, length: int = -1, /) -> bytes:
        """Read like a file's ``read``: fewer bytes at the end, which ``is_truncated`` remembers."""
        left = max(self.size - self._at, 0)
        wanted = left if length is None or length < 0 else length
        if wanted > left:
            self.is_truncated = (
                self.is_truncated or left > 0 or wanted != 8
            )  # pydicom asks for 8 more bytes at a clean end
            wanted = left
        data = self.at(self._at, wanted)
        self._at += len(data)
        return data

    def at(self, offset: int, length: int) -> bytes:
        """Return ``length`` bytes from ``offset``, fewer at the end of the file."""
        end = offset + length
        if end <= len(self._head):
            return self._head[offset:end]
        data = self._pread(max(min(end, self.size) - offset, 0), offset)
        while len(data) < min(end, self.size) - offset:  # network file systems may give less at a time
            more = self._pread(min(end, self.size) - offset - len(data), offset + len(data))
            if not more:
                raise FileRefused(Quarantined(Reason.CHANGED, "the file became shorter while it was read"))
            data += more
        return data

    def fill(self, buffer: memoryview, offset: int) -> None:
        """Fill ``buffer`` with the bytes from ``offset``. Raises FileRefused(CHANGED) if the file is shorter now."""
        done = 0
        while done < len(buffer):
            try:
                got = os.preadv(self.fd, [buffer[done:]], offset + done)
            except OSError as exc:
                raise FileRefused(Quarantined(Reason.UNREADABLE, f"read failed: {_errno_name(exc)}")) from exc
            if not got:
                raise FileRefused(Quarantined(Reason.CHANGED, "the file became shorter while it was read"))
            done += got

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._at = {0: 0, 1: self._at, 2: self.size}[whence] + offset
        if self._at > self.size:
            self.is_truncated = True
        return self._at

    def tell(self) -> int:
        return self._at

    def sha256(self) -> bytes:
        """Return the SHA-256 of the whole file; memory stays at one block."""
        digest = hashlib.sha256()
        for block, _ in self._blocks():
            digest.update(block)
        return digest.digest()

    def hashes(self, start: int, end: int) -> tuple[bytes, bytes]:
        """Return two digests in one pass over the file; memory stays at one block.

        The second is the SHA-256 of the bytes [start, end). The first identifies the whole file: the SHA-256 of the
        other bytes followed by the second. Hashing the middle twice would cost a third of the header stage.
        """
        rest, part = hashlib.sha256(), hashlib.sha256()
        for block, offset in self._blocks():
            first, last = (min(max(edge - offset, 0), len(block)) for edge in (start, end))
            rest.update(block[:first])
            part.update(block[first:last])
            rest.update(block[last:])
        rest.update(part.digest())
        return rest.digest(), part.digest()

    def _blocks(self) -> Iterator[tuple[memoryview, int]]:
        """The file from its beginning, block by block, each with its offset."""
        offset = 0
        while block := self._pread(HASH_BYTES, offset):
            yield memoryview(block), offset
            offset += len(block)
        if offset != self.size:
            raise FileRefused(Quarantined(Reason.CHANGED, "the file's size changed while it was read"))


_given: dict[Path, int | Exception] = {}  # what this process is handed in place of the right to open


@contextmanager
def given(path: Path, opened: int | Exception) -> Iterator[None]:
    """Open ``path`` as this descriptor inside the block, or fail with this reason."""
    _given[path] = opened
    try:
        yield
    finally:
        del _given[path]


def open_descriptor(path: Path) -> int:
    """Open ``path`` for reading, without following a link. Raises OSError, ValueError for a NUL in the name."""
    match _given.get(path):
        case None:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        case int(fd):
            return os.dup(fd)
        case error:
            raise error


def file_status(path: Path) -> os.stat_result:
    """Return the status of a file, of a link itself. Raises OSError."""
    match _given.get(path):
        case None:
            return os.lstat(path)
        case int(fd):
            return os.fstat(fd)
        case error:
            raise error


@contextmanager
def open_regular(path: Path, expect: Stamp | None = None) -> Iterator[ByteReader]:
    """Open ``path`` for reading: regular files only, symbolic links are not followed.

    Raises FileRefused: NOT_AN_IMAGE for links, folders, pipes; EMPTY; UNREADABLE; TOO_LARGE; CHANGED
    where ``expect`` is given and the file is another one now.
    """
    try:
        fd = open_descriptor(path)
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise FileRefused(Skipped(Reason.NOT_AN_IMAGE, "a symbolic link")) from exc
        if exc.errno == errno.ENXIO:
            raise FileRefused(Skipped(Reason.NOT_AN_IMAGE, "not a regular file")) from exc
        raise FileRefused(Quarantined(Reason.UNREADABLE, f"cannot be opened: {_errno_name(exc)}")) from exc
    except ValueError as exc:  # a NUL in the name
        raise FileRefused(Quarantined(Reason.UNREADABLE, "the file name cannot be opened")) from exc
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode):
            raise FileRefused(Skipped(Reason.NOT_AN_IMAGE, "not a regular file"))
        stamp = Stamp(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns)
        if expect is not None and stamp != expect:
            raise FileRefused(Quarantined(Reason.CHANGED, "the file changed while it was read"))
        if stamp.size == 0:
            raise FileRefused(Skipped(Reason.EMPTY))
        if stamp.size > MAX_FILE_BYTES:
            raise FileRefused(Quarantined(Reason.TOO_LARGE, f"file of {stamp.size} bytes, limit {MAX_FILE_BYTES}"))
        yield ByteReader(fd, stamp)
        after = os.fstat(fd)
        if (after.st_size, after.st_mtime_ns) != (stamp.size, stamp.mtime_ns):
            raise FileRefused(Quarantined(Reason.CHANGED, "the file changed while it was read"))
    finally:
        os.close(fd)


def looks_like_dicom(head: bytes) -> bool:
    """Return True for ``DICM`` at byte 128, or for a first element of group 0002 or 0008 without preamble.

    pydicom's force=True would take any garbage; old archives do hold files without a preamble.
    """
    if head[128:132] == b"DICM":
        return True
    little = head[:2] in (b"\x02\x00", b"\x08\x00") and head[3:4] == b"\x00"
    big = head[:2] == b"\x00\x08" and head[2:3] == b"\x00"
    if len(head) < 16 or not (little or big):
        return False
    if head[4:6].isalpha() and head[4:6].isupper():  # explicit VR
        return True
    return little and int.from_bytes(head[4:8], "little") < 4096  # implicit VR: the first value is short


def _errno_name(exc: OSError) -> str:
    return errno.errorcode.get(exc.errno or 0, "unknown error")
