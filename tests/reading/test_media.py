"""mp4 and avi: the frames that a player shows, counts, limits, damage, and an identity that must come from outside."""

from __future__ import annotations

import random
import struct
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.container import InputContainer
from numpy.typing import NDArray
from pydicom.uid import UID

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.dicom.pixels.av_stream import STREAM_CODECS, VIDEO_SYNTAXES
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.reading.media import CODECS, INTRA_CODECS, MediaIdentity, open_media, read_media_header
from echosearch.reading.source import inspect_file
from echosearch.video import Mode, View, ViewLabel

Frames = NDArray[np.uint8]
WriteVideo = Callable[..., Path]
IDENTITY = MediaIdentity("1.2.3", "0001", "A1", date(2024, 4, 1), None, ViewLabel(View.CH4, 0.97, "csv"))
BITS = 6  # of a frame's number, as squares at its top


@pytest.fixture
def frames() -> Frames:
    """48 frames; each says its number by the squares at its top, below them a ring beats."""
    rows, columns = np.mgrid[:96, :128]
    away = np.hypot(rows - 56, columns - 64)
    out = np.empty((48, 96, 128, 3), np.uint8)
    for i in range(48):
        out[i] = (60 + 120 * (np.abs(away - 18 - 6 * np.sin(i / 3)) < 5))[..., None] + np.array([0, 8, 16])
        for bit in range(BITS):
            out[i, 2:16, 4 + 20 * bit : 20 + 20 * bit] = 250 if i >> bit & 1 else 10
    return out


def number_of(frame: Frames) -> int:
    return sum(int(frame[6:12, 8 + 20 * bit : 16 + 20 * bit].mean() > 128) << bit for bit in range(BITS))


def places_of(container: InputContainer) -> list[tuple[int, int]]:
    """(place in the file, size in bytes) of each packet."""
    return [(p.pos, p.size) for p in container.demux(video=0) if p.size and p.pos is not None]


@pytest.fixture
def write_video(tmp_path: Path, frames: Frames) -> WriteVideo:
    def write(name: str, codec: str, pix_fmt: str = "yuv420p", count: int = 48, **options: str) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=25, options={"g": "12", **options})
            stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 96, 128, pix_fmt, 1_000_000
            for frame in frames[:count]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


X265 = "x265-params"
# every codec that is read, in every container that holds it, with and without pictures stored out of order
CODED = [
    ("a.mp4", "libx264", "yuv420p", {}),
    ("a.mp4", "libx264", "yuv420p", {"x264-params": "open-gop=1:bframes=3:keyint=12"}),
    ("a.mp4", "libx264", "yuv420p", {"g": "250", "bf": "8"}),
    ("a.mp4", "libx264", "yuv420p", {"profile": "baseline"}),
    ("a.mp4", "libx264", "yuv420p", {"x264-params": "intra-refresh=1:bframes=0:keyint=12"}),
    ("a.mp4", "libx264", "yuv420p", {"x264-params": "interlaced=1:keyint=12"}),
    ("a.mov", "libx264", "yuv420p", {"bf": "2"}),
    ("a.avi", "libx264", "yuv420p", {"bf": "0"}),
    ("a.avi", "libx264", "yuv420p", {"bf": "2"}),
    ("a.mp4", "libx265", "yuv420p", {X265: "log-level=none:keyint=12:bframes=3"}),
    ("a.mov", "libx265", "yuv420p", {X265: "log-level=none:keyint=12:open-gop=1", "tag": "hvc1"}),
    ("a.mp4", "mpeg4", "yuv420p", {}),
    ("a.mp4", "mpeg4", "yuv420p", {"bf": "2"}),
    ("a.avi", "mpeg4", "yuv420p", {}),
    ("a.avi", "mpeg4", "yuv420p", {"bf": "2"}),
    ("a.avi", "msmpeg4v2", "yuv420p", {}),
    ("a.avi", "msmpeg4", "yuv420p", {}),
    ("a.avi", "mjpeg", "yuvj420p", {}),
    ("a.mov", "mjpeg", "yuvj422p", {}),
    ("a.avi", "rawvideo", "yuv420p", {}),
    ("a.avi", "rawvideo", "bgr24", {}),
    ("a.mov", "rawvideo", "rgb24", {}),
]


@pytest.mark.parametrize(("name", "codec", "pix_fmt", "options"), CODED)
def test_frame_i_is_the_ith_picture_shown(
    write_video: WriteVideo, frames: Frames, name: str, codec: str, pix_fmt: str, options: dict[str, str]
) -> None:
    path = write_video(name, codec, pix_fmt, **options)
    video = open_media(path)
    assert video.n_frames == 48
    assert video.frame_seconds == pytest.approx(0.04)
    in_order = np.stack([frame.copy() for frame in video.frames(range(48))])
    assert [number_of(frame) for frame in in_order] == list(range(48))
    assert np.abs(in_order.astype(int) - frames).mean() < 6  # chroma at half size, lossy
    for picked in ([0], [47], [1, 7, 30], [3, 11, 12, 13, 47], list(range(0, 48, 2)), [5, 5, 40]):
        got = np.stack([frame.copy() for frame in video.frames(picked)])
        assert (got == in_order[picked]).all()
    header = inspect_file(path, "", IDENTITY)
    assert not isinstance(header, Skipped | Quarantined)
    assert header.n_frames == 48


def test_every_codec_of_the_list_is_read_in_the_test_above(write_video: WriteVideo) -> None:
    met = {open_media(write_video(name, codec, pix_fmt)).codec for name, codec, pix_fmt, _ in CODED}
    assert met == CODECS - {"msmpeg4v1"}  # which no encoder writes


def test_the_names_of_codecs_and_syntaxes_are_known_to_their_libraries() -> None:
    for name in CODECS | STREAM_CODECS | INTRA_CODECS:
        assert av.codec.Codec(name, "r").name == name  # raises for a name that no decoder has
    assert INTRA_CODECS <= CODECS
    for uid in VIDEO_SYNTAXES:
        assert UID(uid).type == "Transfer Syntax"


@pytest.mark.parametrize(
    ("codec", "options"), [("libx264", {}), ("mpeg4", {"bf": "2"}), ("libx265", {X265: "log-level=none"})]
)
@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_what_an_edit_list_cuts_is_not_shown(
    write_video: WriteVideo, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_video(name, codec, **options)
    path.write_bytes(trimmed(path.read_bytes(), first=5, count=20))
    video = open_media(path)
    assert video.n_frames == 20
    assert [number_of(frame) for frame in video.frames(range(20))] == list(range(5, 25))
    assert [number_of(frame) for frame in video.frames([0, 7, 19])] == [5, 12, 24]


def trimmed(content: bytes, first: int, count: int, rate: int = 25) -> bytes:
    """The same file with an edit list that shows ``count`` frames from ``first`` on, as a lossless trim leaves it."""
    data = bytearray(content)
    at, media, movie = (data.find(name) for name in (b"elst", b"mdhd", b"mvhd"))
    assert struct.unpack(">II", data[at + 4 : at + 12]) == (0, 1)  # version 0, one edit
    (media_scale,) = struct.unpack(">I", data[media + 16 : media + 20])
    (movie_scale,) = struct.unpack(">I", data[movie + 16 : movie + 20])
    _, start, speed = struct.unpack(">IiI", data[at + 12 : at + 24])
    edit = count * movie_scale // rate, start + first * media_scale // rate, speed
    data[at + 12 : at + 24] = struct.pack(">IiI", *edit)
    return bytes(data)


OPEN = "keyint=12:bframes=3:scenecut=0:open-gop=1"


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"x264-params": OPEN}),
        ("a.avi", "libx264", {"x264-params": OPEN}),
        ("a.mp4", "libx265", {X265: "log-level=none:" + OPEN}),
        ("a.mp4", "mpeg4", {"bf": "2"}),
        ("a.avi", "mpeg4", {"bf": "2"}),
        ("a.mp4", "libx264", {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}),
    ],
)
def test_a_recording_that_begins_in_the_middle(
    write_video: WriteVideo, name: str, codec: str, options: dict[str, str]
) -> None:
    """From a key frame whose neighbours refer to what was before it: players skip these, and so do we."""
    path = write_video(name, codec, **options)
    with av.open(str(path)) as container:
        keys = [number for number, packet in enumerate(container.demux(video=0)) if packet.is_keyframe]
    file = BytesIO()
    with av.open(str(path)) as whole, av.open(file, "w", format=name[2:]) as cut:
        stream = cut.add_stream_from_template(whole.streams.video[0])
        for number, packet in enumerate(whole.demux(video=0)):
            if number >= keys[1] and packet.size:
                packet.stream = stream
                cut.mux(packet)
    path.write_bytes(file.getvalue())
    with av.open(str(path)) as container:
        player = [
            number_of(picture.to_ndarray(format="rgb24").astype(np.uint8)) for picture in container.decode(video=0)
        ]
    video = open_media(path)
    assert [number_of(frame) for frame in video.frames(range(video.n_frames))] == player
    assert len(player) > 20


@pytest.mark.skipif(find_spec("decord") is None, reason="decord has no wheel for this machine")
@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mp4", "libx264", "yuv420p"), ("a.avi", "mjpeg", "yuvj420p"), ("a.avi", "mpeg4", "yuv420p")],
)
def test_decord_on_request(write_video: WriteVideo, name: str, codec: str, pix_fmt: str) -> None:
    path = write_video(name, codec, pix_fmt)
    theirs = np.stack([frame.copy() for frame in open_media(path, decord=True).frames(range(0, 48, 3))])
    ours = np.stack([frame.copy() for frame in open_media(path).frames(range(0, 48, 3))])
    assert [number_of(frame) for frame in theirs] == list(range(0, 48, 3))
    assert np.abs(ours.astype(int) - theirs).mean() < 2  # two FFmpegs, two scalers of chroma


TURNS = [
    ((0, 1, -1, 0), lambda shown: np.rot90(shown, -1, (1, 2))),  # a phone held upright
    ((-1, 0, 0, -1), lambda shown: np.rot90(shown, 2, (1, 2))),
    ((0, -1, 1, 0), lambda shown: np.rot90(shown, 1, (1, 2))),
    ((-1, 0, 0, 1), lambda shown: shown[:, :, ::-1]),
    ((1, 0, 0, -1), lambda shown: shown[:, ::-1]),
    ((0, 1, 1, 0), lambda shown: shown.swapaxes(1, 2)),
    ((0.001, 1, -1, -0.001), lambda shown: np.rot90(shown, -1, (1, 2))),  # rounded
    ((0, 0, 0, 0), lambda shown: shown),
]


def stated(path: Path, matrix: tuple[float, ...]) -> Path:
    """The mp4 with these numbers in its track header: a b, c d."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    a, b, c, d = (round(65536 * value) for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("decord", [False, True])
@pytest.mark.parametrize(("matrix", "turned"), TURNS)
def test_pictures_are_turned_as_a_player_turns_them(
    write_video: WriteVideo, matrix: tuple[float, ...], turned: Callable[[Frames], Frames], decord: bool
) -> None:
    """A phone that films a screen writes its pictures lying, and a matrix."""
    path = write_video("a.mp4", "libx264", count=6)
    shown = np.stack([frame.copy() for frame in open_media(path).frames(range(6))])
    video = open_media(stated(path, matrix), decord)
    got = np.stack([frame.copy() for frame in video.frames(range(6))])
    assert got.shape[1:3] == (video.rows, video.columns)
    close = 2 if decord and (got.shape == shown.shape) else 0  # upright ones come from decord
    assert np.abs(got.astype(int) - turned(shown)).mean() <= close
    header = inspect_file(path, "", IDENTITY)
    assert not isinstance(header, Skipped | Quarantined)
    assert (header.rows, header.columns) == (video.rows, video.columns)


def test_a_slanted_video_is_refused(write_video: WriteVideo) -> None:
    path = stated(write_video("a.mp4", "libx264", count=6), (0.9, 0.4, -0.4, 0.9))
    with pytest.raises(FileRefused, match="no quarter turn"):
        open_media(path)


@pytest.mark.parametrize("box", [b"free", b"skip", b"wide", b"pnot"])
def test_quicktime_from_before_its_file_type_box(write_video: WriteVideo, box: bytes) -> None:
    path = write_video("a.mov", "libx264")
    path.write_bytes(path.read_bytes().replace(b"ftyp", box, 1))
    assert [number_of(frame) for frame in open_media(path).frames(range(48))] == list(range(48))


def test_movie_or_data_box_first(write_video: WriteVideo, tmp_path: Path) -> None:
    whole = write_video("a.mov", "mjpeg", "yuvj420p").read_bytes()
    for at in (whole.index(b"mdat") - 4, whole.index(b"wide") - 4):
        path = tmp_path / "b.mov"
        path.write_bytes(whole[at:])
        found = inspect_file(path, "", IDENTITY)
        assert not isinstance(found, Skipped), "places in the file are wrong now, but it is a video"
    for text in (b"the free wall of the left ventricle", b"LV, free wall: normal", b"one wide box", b"1234wide"):
        (tmp_path / "note.txt").write_bytes(text)
        assert inspect_file(tmp_path / "note.txt") == NO_KNOWN_KIND


def test_header(write_video: WriteVideo) -> None:
    path = write_video("a.mp4", "libx264")
    found = read_media_header(path, "SITE", IDENTITY)
    assert (found.study_uid, found.patient_id, found.accession_number, found.issuer) == ("1.2.3", "0001", "A1", "SITE")
    assert (found.rows, found.columns, found.n_frames) == (96, 128, 48)
    assert found.frame_seconds_source == "container"
    assert found.sop_uid.startswith("2.25.")
    assert found.sop_uid == read_media_header(path, "", IDENTITY).sop_uid
    assert found.view == ViewLabel(View.CH4, 0.97, "csv")
    assert found.mode == Mode.UNKNOWN
    assert "1.2.3" not in repr(IDENTITY) + repr(found)
    assert str(path) not in repr(open_media(path))


def test_no_sidecar_no_identity(write_video: WriteVideo) -> None:
    with pytest.raises(FileRefused) as refused:
        read_media_header(write_video("a.mp4", "libx264"), "", None)
    assert refused.value.outcome.reason == Reason.NO_IDENTITY


def test_one_frame_is_a_still(write_video: WriteVideo) -> None:
    with pytest.raises(FileRefused) as refused:
        read_media_header(write_video("a.mp4", "libx264", count=1), "", IDENTITY)
    assert refused.value.outcome == Skipped(Reason.STILL)


def test_codecs_outside_the_list_are_refused(write_video: WriteVideo) -> None:
    with pytest.raises(FileRefused) as refused:
        open_media(write_video("a.avi", "ffv1"))
    assert refused.value.outcome == Quarantined(Reason.UNSUPPORTED_SYNTAX, "video codec ffv1 is not on the list")


def test_a_stream_without_a_codec(write_video: WriteVideo) -> None:
    path = write_video("a.mp4", "libx264")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    outcome = inspect_file(path, "", IDENTITY)
    assert outcome == Quarantined(Reason.UNSUPPORTED_SYNTAX, "the video stream names no known codec")


def test_a_file_without_a_video_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    assert inspect_file(path, "", IDENTITY) == Quarantined(Reason.DECODE_FAILED, "no video stream inside")


@pytest.mark.parametrize("percent", [5, 50, 90, 99])
@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("a.mp4", "libx264", "yuv420p"), ("a.avi", "mjpeg", "yuvj420p"), ("a.avi", "mpeg4", "yuv420p")],
)
def test_a_cut_video(write_video: WriteVideo, name: str, codec: str, pix_fmt: str, percent: int) -> None:
    path = write_video(name, codec, pix_fmt)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * percent // 100])
    with pytest.raises(FileRefused) as refused:
        read_media_header(path, "", IDENTITY)
    assert refused.value.outcome.reason == Reason.TRUNCATED


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {}),
        ("a.avi", "libx264", {"profile": "baseline"}),
        ("a.avi", "mpeg4", {}),
        ("a.mp4", "mpeg4", {"bf": "2"}),
    ],
)
def test_what_a_decoder_conceals_is_refused(
    write_video: WriteVideo, name: str, codec: str, options: dict[str, str]
) -> None:
    """Three flipped bits: FFmpeg fills what it cannot decode with its neighbours, and says so only to who asks."""
    path = write_video(name, codec, count=16, **options)
    whole = path.read_bytes()
    good = np.stack([frame.copy() for frame in open_media(path).frames(range(16))]).astype(int)
    with av.open(BytesIO(whole), "r") as container:
        stored = places_of(container)
    places = [
        at for start, size in stored[1:] for at in range(start + 8, start + size)
    ]  # the first has x264's settings
    chance, refused, wrong = random.Random(7), 0, 0
    for _ in range(40):
        damaged = bytearray(whole)
        for _ in range(3):
            damaged[chance.choice(places)] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            read_media_header(path, "", IDENTITY)
            frames = np.stack([frame.copy() for frame in open_media(path).frames(range(16))])
        except FileRefused:
            refused += 1
            continue
        wrong += bool(np.abs(frames - good).mean() >= 4)
    assert refused >= 20
    assert wrong <= 1


def test_a_packet_that_gives_no_picture_is_damage(write_video: WriteVideo) -> None:
    path = write_video("a.mp4", "libx265", **{X265: "log-level=none:bframes=2:keyint=48:scenecut=0"})
    data = bytearray(path.read_bytes())
    with av.open(BytesIO(data), "r") as container:
        places = [at for at, _ in places_of(container)]
    spare = [at for at in places if data[at + 4] == 0x00]  # slices that no other picture refers to
    data[spare[3] + 4] = 41 << 1  # the NAL unit's type: a reserved one, which decoders pass over
    path.write_bytes(data)
    with av.open(str(path)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 47  # without a word
    assert inspect_file(path, "", IDENTITY) == Quarantined(
        Reason.DECODE_FAILED, "damaged video: a packet gives no picture"
    )


@pytest.mark.parametrize(("name", "pix_fmt"), [("a.avi", "yuvj420p"), ("a.mov", "yuvj422p")])
def test_a_damaged_jpeg_of_a_video(write_video: WriteVideo, name: str, pix_fmt: str) -> None:
    """FFmpeg alone refuses none of the avi files and four of the mov files."""
    path = write_video(name, "mjpeg", pix_fmt)
    data = path.read_bytes()
    with av.open(BytesIO(data), "r") as container:
        at, size = places_of(container)[20]
    chance, refused = random.Random(1), 0
    for _ in range(12):
        damaged = bytearray(data)
        start = at + size // 2 + chance.randrange(size // 4)
        damaged[start : start + 60] = chance.randbytes(60)
        path.write_bytes(damaged)
        refused += isinstance(inspect_file(path, "", IDENTITY), Quarantined)
    assert refused >= 6


def test_a_chunk_of_an_avi_that_is_passed_over(write_video: WriteVideo) -> None:
    """FFmpeg looks for the next chunk where a name is damaged; the index knows of the one that is missing."""
    path = write_video("a.avi", "mpeg4")
    data = bytearray(path.read_bytes())
    with av.open(BytesIO(data), "r") as container:
        places = places_of(container)
    at = data.rfind(b"00dc", 0, places[20][0] + 1)
    data[at] ^= 0x40
    path.write_bytes(data)
    assert inspect_file(path, "", IDENTITY) == Quarantined(
        Reason.DECODE_FAILED, "damaged video: 1 of 48 pictures are not where the index says"
    )


@pytest.mark.parametrize("number", [20, 47])
def test_bytes_inserted_into_an_uncompressed_avi(write_video: WriteVideo, number: int) -> None:
    path = write_video("a.avi", "rawvideo", "bgr24")
    data = path.read_bytes()
    with av.open(BytesIO(data), "r") as container:
        at, size = places_of(container)[number]
    path.write_bytes(data[: at + size // 2] + bytes(7) + data[at + size // 2 :])
    outcome = inspect_file(path, "", IDENTITY)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason == Reason.DECODE_FAILED


def test_damage_behind_the_frames_that_are_looked_at(write_video: WriteVideo) -> None:
    path = write_video("a.avi", "mpeg4")
    data = bytearray(path.read_bytes())
    with av.open(BytesIO(data), "r") as container:
        *_, (at, size) = places_of(container)
    data[at + 12 : at + size] = random.Random(1).randbytes(size - 12)
    path.write_bytes(data)
    outcome = inspect_file(path, "", IDENTITY)
    assert isinstance(outcome, Quarantined)
    assert outcome.reason == Reason.DECODE_FAILED
    with pytest.raises(FileRefused):
        _ = open_media(path).n_frames


def test_a_playlist_is_not_followed(tmp_path: Path, write_video: WriteVideo) -> None:
    target = write_video("a.mp4", "libx264")
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{target}\n#EXT-X-ENDLIST\n")
    with pytest.raises(FileRefused) as refused:
        open_media(playlist)
    assert refused.value.outcome == NO_KNOWN_KIND
    disguised = tmp_path / "disguised.mp4"
    disguised.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + playlist.read_bytes())
    with pytest.raises(FileRefused):
        open_media(disguised)


def test_decord_and_torch_are_not_loaded_for_headers() -> None:
    heavy = "{'decord', 'torch', 'cv2'}"
    program = f"import sys, echosearch.reading.source, echosearch.workers; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
