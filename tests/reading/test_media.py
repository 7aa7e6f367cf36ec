"""mp4 and avi: frames, counts, limits, and an identity that must come from outside."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason, Skipped
from echosearch.reading.media import MediaIdentity, _decord_reader, open_media, read_media_header
from echosearch.video import Mode, View, ViewLabel

Frames = NDArray[np.uint8]
WriteVideo = Callable[..., Path]
IDENTITY = MediaIdentity("1.2.3", "0001", "A1", date(2024, 4, 1), None, ViewLabel(View.CH4, 0.97, "csv"))


@pytest.fixture
def frames() -> Frames:
    out = np.zeros((12, 96, 128, 3), np.uint8)
    for i in range(12):
        out[i, :, 8 * i : 8 * i + 24] = (210, 100, 15 * i)
    return out


@pytest.fixture
def write_video(tmp_path: Path, frames: Frames) -> WriteVideo:
    def write(name: str, codec: str, pix_fmt: str = "yuv420p", count: int = 12, rate: int = 25) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=rate)
            stream.height, stream.width, stream.pix_fmt, stream.bit_rate = 96, 128, pix_fmt, 4_000_000
            for frame in frames[:count]:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write


FORMATS = [("a.mp4", "libx264", "yuv420p"), ("a.avi", "mjpeg", "yuvj420p"), ("a.avi", "mpeg4", "yuv420p")]


@pytest.mark.parametrize(("name", "codec", "pix_fmt"), FORMATS)
def test_frames(write_video: WriteVideo, frames: Frames, name: str, codec: str, pix_fmt: str) -> None:
    video = open_media(write_video(name, codec, pix_fmt))
    assert video.n_frames == 12
    assert video.frame_seconds == pytest.approx(0.04)
    ours = np.stack([frame.copy() for frame in video.frames(range(12))])
    assert ours.shape == frames.shape
    assert np.abs(ours.astype(int) - frames).mean() < 6  # chroma at half size, lossy
    picked = np.stack([frame.copy() for frame in video.frames([1, 7])])
    assert (picked == ours[[1, 7]]).all()


@pytest.mark.skipif(find_spec("decord") is None, reason="decord has no wheel for this machine")
@pytest.mark.parametrize(("name", "codec", "pix_fmt"), FORMATS)
def test_decord_and_pyav_agree(write_video: WriteVideo, name: str, codec: str, pix_fmt: str) -> None:
    path = write_video(name, codec, pix_fmt)
    video = open_media(path)
    reader = _decord_reader(path.read_bytes())
    assert reader is not None
    assert len(reader) == 12
    with av.open(str(path), "r") as container:
        theirs = np.stack([picture.to_ndarray(format="rgb24") for picture in container.decode(video=0)])
    ours = np.stack([frame.copy() for frame in video.frames(range(12))])
    assert np.abs(ours.astype(int) - theirs).mean() < 2  # two FFmpegs, two scalers of chroma


def test_header(write_video: WriteVideo) -> None:
    path = write_video("a.mp4", "libx264")
    found = read_media_header(path, "SITE", IDENTITY)
    assert (found.study_uid, found.patient_id, found.accession_number, found.issuer) == ("1.2.3", "0001", "A1", "SITE")
    assert (found.rows, found.columns, found.n_frames) == (96, 128, 12)
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


@pytest.mark.parametrize("percent", [5, 50, 90, 99])
@pytest.mark.parametrize(("name", "codec", "pix_fmt"), FORMATS)
def test_a_cut_video(write_video: WriteVideo, name: str, codec: str, pix_fmt: str, percent: int) -> None:
    path = write_video(name, codec, pix_fmt)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * percent // 100])
    with pytest.raises(FileRefused) as refused:
        read_media_header(path, "", IDENTITY)
    assert refused.value.outcome.reason == Reason.TRUNCATED


def test_a_playlist_is_not_followed(tmp_path: Path, write_video: WriteVideo) -> None:
    target = write_video("a.mp4", "libx264")
    playlist = tmp_path / "list.mp4"
    playlist.write_text(f"#EXTM3U\n#EXTINF:1,\nfile://{target}\n#EXT-X-ENDLIST\n")
    with pytest.raises(FileRefused) as refused:
        open_media(playlist)
    assert refused.value.outcome == Skipped(Reason.NOT_AN_IMAGE)
    disguised = tmp_path / "disguised.mp4"
    disguised.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + playlist.read_bytes())
    with pytest.raises(FileRefused):
        open_media(disguised)


def test_decord_and_torch_are_not_loaded_for_headers() -> None:
    heavy = "{'decord', 'torch', 'cv2'}"
    program = f"import sys, echosearch.reading.source, echosearch.workers; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
