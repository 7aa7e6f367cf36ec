"""Encode a masked cine as VP9 in MP4: every frame, in order, at its exact time, the index before the data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from io import BytesIO

import av
from av.video.reformatter import ColorRange, Colorspace

from echosearch.clip import Uint8
from echosearch.preview.values import TIMESCALE, Sample

__all__ = ["encode_mp4", "to_ticks"]

KEY_EVERY = 12  # frames: what a seek decodes at most
# realtime without lookahead or hidden frames: one packet a frame, in order
OPTIONS = {"deadline": "realtime", "cpu-used": "8", "crf": "33", "lag-in-frames": "0", "auto-alt-ref": "0"}
INDEX_BYTES, INDEX_BYTES_A_FRAME = 4000, 32  # room before the data for the boxes that say where each frame is
BT709, LIMITED = 1, 1  # codes of ISO/IEC 23091-2


def to_ticks(times: Sequence[float]) -> list[int]:
    """Return seconds as ticks of TIMESCALE, each later than the one before."""
    ticks: list[int] = []
    for seconds in times:
        ticks.append(max(round(seconds * TIMESCALE), ticks[-1] + 1 if ticks else 0))
    return ticks


def encode_mp4(frames: Iterable[Uint8], ticks: Sequence[int]) -> tuple[bytes, tuple[Sample, ...]]:
    """Return an MP4 of (H, W, 3) uint8 RGB frames of even height and width, and where each frame is in it.

    Frame i is shown from ticks[i] to ticks[i + 1]: one more than there are frames. Raises ValueError if the file that
    was made has other frames or times.
    """
    file = BytesIO()
    room = {"moov_size": str(INDEX_BYTES + INDEX_BYTES_A_FRAME * len(ticks)), "fflags": "+bitexact"}  # no tool's name
    with av.open(file, "w", format="mp4", container_options=room) as container:
        stream = container.add_stream("libvpx-vp9", rate=TIMESCALE, options=OPTIONS)
        context = stream.codec_context
        context.time_base = stream.time_base = Fraction(1, TIMESCALE)
        context.pix_fmt, context.gop_size, context.bit_rate, context.thread_count = "yuv420p", KEY_EVERY, 0, 1
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED
        for number, frame in enumerate(frames):
            if not number:
                context.height, context.width = frame.shape[:2]
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            picture.pts, picture.time_base = ticks[number], Fraction(1, TIMESCALE)
            for packet in stream.encode(picture):
                packet.duration = ticks[number + 1] - ticks[number]
                container.mux(packet)
    data = file.getvalue()
    return data, _samples(data, ticks)


def _samples(data: bytes, ticks: Sequence[int]) -> tuple[Sample, ...]:
    with av.open(BytesIO(data), "r") as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        samples = tuple(Sample(one.pos or 0, one.size, one.is_keyframe, one.pts or 0) for one in packets)
    if [sample.ticks for sample in samples] != list(ticks[:-1]) or data.find(b"moov") > data.find(b"mdat"):
        raise ValueError(f"{len(samples)} of {len(ticks) - 1} frames are in the MP4 as they should be")
    return samples
