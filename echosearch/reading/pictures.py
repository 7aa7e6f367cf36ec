"""Decode compressed video by PyAV: every picture that a player shows, in order, and no picture that a decoder guessed.

    bytes -> open_container -> count_pictures          how many pictures are shown; decodes and checks all of them
                            -> pick_frames(indices)    RGB of some of them; decodes in order up to the last one

Decoding goes in order from the first picture. Seeking is not exact: many streams have no time stamps that lead to a
picture (avi, B-frames, edit lists).

Damage is refused, not concealed. FFmpeg fills what it cannot decode with its neighbours and continues; it marks such
pictures, and drops packets without a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from typing import Any

import av
import av.error
import numpy as np

from echosearch.clip import Uint8
from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.limits import MAX_FRAMES, MAX_PIXEL_BYTES, check_size
from echosearch.reading.orientation import UPRIGHT, Orientation, orientation_of
from echosearch.reading.stretch import MOST_STRETCHED

__all__ = ["count_pictures", "first_orientation", "open_container", "pick_frames", "stated_aspect", "video_stream"]

# careful and aggressive: bits left over at the end of a slice are an error
ERRORS = "crccheck+bitstream+buffer+explode+careful+aggressive"
# strict: H.264 that does not state its reordering depth gets the largest, where FFmpeg guesses and shows out of order
OPTIONS = {"err_detect": ERRORS, "strict": "1"}
REORDER = 16  # H.264 and HEVC: a picture is shown at most so many pictures after it was decoded
CHUNK_NAME = 8  # bytes of an avi chunk's name and size
NOT_CODED = 16  # bytes: an MPEG-4 part 2 packet of this size may say "the last picture again"
IDR = re.compile(rb"\x00\x00\x01[\x05\x25\x45\x65]")  # H.264: a picture that nothing after it refers beyond
TIMED = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "mpegts", "mpeg"})  # containers that state when a picture is shown
REPEATS = frozenset({"mpeg4", "msmpeg4", "msmpeg4v2"})


@contextmanager
def open_container(data: bytes, formats: str, codecs: frozenset[str]) -> Iterator[Any]:
    """Open an FFmpeg container over bytes; check its format, codec and dimensions before anything is decoded.

    Raises FileRefused: UNSUPPORTED_SYNTAX, TOO_LARGE, DECODE_FAILED; FFmpeg's errors
    inside the block become DECODE_FAILED.
    """
    options = {"format_whitelist": formats, "protocol_whitelist": "pipe", "enable_drefs": "0"}
    try:
        with av.open(BytesIO(data), mode="r", options=options, metadata_errors="replace") as container:
            context = video_stream(container).codec_context
            if context is None:
                raise FileRefused(Quarantined(Reason.UNSUPPORTED_SYNTAX, "the video stream names no known codec"))
            if context.name not in codecs:
                raise FileRefused(
                    Quarantined(Reason.UNSUPPORTED_SYNTAX, f"video codec {context.name} is not on the list")
                )
            check_size(context.height, context.width, 1)
            context.options = OPTIONS
            context.copy_opaque = True  # a picture names the packet that it came from
            context.thread_count = 1
            yield container
    except (av.error.FFmpegError, ValueError, IndexError, EOFError) as exc:
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, f"unreadable video ({type(exc).__name__})")) from exc


def video_stream(container: Any) -> Any:
    """Return the stream that a player shows: not the cover picture. Raises FileRefused(DECODE_FAILED) without one."""
    stream = container.streams.best("video")
    if stream is None:
        raise FileRefused(Quarantined(Reason.DECODE_FAILED, "no video stream inside"))
    return stream


def stated_aspect(container: Any) -> float | None:
    """Return a pixel's height by its width; None where nothing plausible is stated. A player stretches pictures so."""
    ratio = video_stream(container).sample_aspect_ratio  # width by height, the container's before the codec's
    if not ratio:
        return None
    aspect = float(1 / ratio)
    return aspect if 1 / MOST_STRETCHED <= aspect <= MOST_STRETCHED else None


def count_pictures(container: Any) -> int:
    """Decode every picture, and count them. Raises FileRefused: DECODE_FAILED for damage, TOO_LARGE."""
    context = video_stream(container).codec_context
    rows, columns = context.height, context.width
    most = min(MAX_FRAMES, MAX_PIXEL_BYTES // (rows * columns * 3))
    count = sum(1 for _ in islice(_pictures(container), most + 1))
    check_size(rows, columns, count)
    return count


def first_orientation(container: Any) -> Orientation:
    """Return how a player turns the pictures. Decodes the first one; raises FileRefused as count_pictures does."""
    return next(map(orientation_of, _pictures(container)), UPRIGHT)


def pick_frames(container: Any, indices: Sequence[int]) -> Iterator[Uint8]:
    """Yield (H, W, 3) uint8 RGB frames at ascending ``indices``; the pictures between are decoded, not converted."""
    wanted = list(indices)
    at = 0
    for number, picture in enumerate(_pictures(container)):
        while at < len(wanted) and wanted[at] == number:
            yield np.asarray(picture.to_ndarray(format="rgb24"))
            at += 1
        if at == len(wanted):
            return


def _pictures(container: Any) -> Iterator[Any]:
    """Yield the pictures in the order that they are shown. Raises FileRefused(DECODE_FAILED) at the first damage.

    A packet without a picture is damage, unless an edit list cuts it off, it repeats the last picture, or the
    recording begins in the middle: players skip pictures that refer to what came before the first.
    """
    stream = video_stream(container)
    context = stream.codec_context
    size = (context.height, context.width)
    start = _Start(context.name, timed=container.format.name in TIMED)
    is_avi = container.format.name == "avi"
    indexed = {entry.pos + CHUNK_NAME for entry in stream.index_entries if entry.size} if is_avi else set()
    met = set()
    # an empty packet says "the last picture again"; to a decoder it would mean the end
    for number, packet in enumerate(packet for packet in container.demux(stream) if packet.size):
        if packet.is_corrupt:
            raise _damaged("the container marks a packet as damaged")
        packet.opaque = number
        met.add(packet.pos)
        start.feed(number, packet)
        try:
            pictures = context.decode(packet)
        except av.error.FFmpegError:
            if not start.may_fail(packet):
                raise
            pictures = []
        yield from _checked(pictures, size, start)
    if indexed & met and indexed - met:  # FFmpeg looks for the next chunk where one is damaged or displaced
        raise _damaged(f"{len(indexed - met)} of {len(indexed)} pictures are not where the index says")
    yield from _checked(context.decode(None), size, start)
    if not start.explains_silence():
        raise _damaged("a packet gives no picture")


def _checked(pictures: list[Any], size: tuple[int, int], start: _Start) -> Iterator[Any]:
    for picture in pictures:
        if picture.is_corrupt:
            raise _damaged("the decoder had to guess a part of a picture")
        if (picture.height, picture.width) != size:
            raise _damaged(f"a picture is {picture.height} x {picture.width}, the first {size[0]} x {size[1]}")
        start.saw(picture)
        yield picture


class _Start:
    """Which packets gave no picture, and whether that is how the recording begins.

    ``timed``: the container has the times at which pictures are shown (avi and bare streams have not).
    """

    def __init__(self, codec: str, timed: bool) -> None:
        self.silent: dict[int, tuple[int | None, int]] = {}  # number -> time stamp, bytes
        self._codec = codec
        self._timed = timed
        self._first: tuple[int, int | None] | None = None  # number and time stamp of the first picture shown
        self._open: bool | None = (
            None  # the first key frame does not forbid references to what was before; None: to come
        )

    def may_fail(self, packet: Any) -> bool:
        """Return True if an undecodable packet may precede the first picture; ``explains_silence`` decides."""
        if packet.is_keyframe:
            return False
        if self._open is None:
            return True
        if not self._timed or packet.pts is None:
            return self._open
        return self._first is None or self._leads(packet.pts)

    def feed(self, number: int, packet: Any) -> None:
        """Note a packet before it is decoded."""
        if packet.is_keyframe and self._open is None:
            self._open = self._codec == "h264" and not IDR.search(bytes(packet))
        if not packet.is_discard:
            self.silent[number] = packet.pts, packet.size

    def saw(self, picture: Any) -> None:
        number = picture.opaque or 0
        self.silent.pop(number, None)
        self._first = self._first or (number, picture.pts)

    def explains_silence(self) -> bool:
        if self._first is None:
            return False
        following = self._first[0] + 1
        for number, (pts, length) in self.silent.items():
            if self._codec in REPEATS and length <= NOT_CODED:
                continue
            if self._timed and pts is not None and self._first[1] is not None:
                leads = self._leads(pts)
            else:  # stored right behind the first picture, and shown before it
                leads = number <= following < self._first[0] + REORDER
                following = max(following, number + 1)
            if not leads:
                return False
        return True

    def _leads(self, pts: int) -> bool:
        return self._first is not None and self._first[1] is not None and pts < self._first[1]


def _damaged(what: str) -> FileRefused:
    return FileRefused(Quarantined(Reason.DECODE_FAILED, f"damaged video: {what}"))
