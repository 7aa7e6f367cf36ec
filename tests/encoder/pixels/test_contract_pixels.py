"""The preprocessing contracts of published encoders: what their authors' loaders made of two cines, from any file."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
import pydicom
import pytest
import torch
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian

from echosearch.clip import ClipSpec, PictureScale, Uint8
from echosearch.encoder.pixels.color import COLORS, to_ycbcr
from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.encoder.pixels.sector import sector_mask
from echosearch.encoder.published import echoprime, videoechoclip
from echosearch.encoder.towers.build import normalise
from echosearch.errors import FileRefused
from echosearch.outcome import Reason
from echosearch.reading.source import open_source

DATA = Path(__file__).parents[2] / "data" / "encoder"
VIDEOECHOCLIP = videoechoclip.manifest("videomae2", ()).video.clip
ECHOPRIME = echoprime.manifest(()).video.clip
CINES = ("ybr_48f_240x320", "ybr_20f_300x220")


class Cine:
    """Frames in memory as a source."""

    def __init__(self, pixels: Uint8) -> None:
        self.pixels = pixels
        self.n_frames = len(pixels)
        self.frame_seconds: float | None = None
        self.predicted = False
        self.scale: PictureScale | None = None

    def frames(self, indices: Sequence[int]) -> Iterator[Uint8]:
        for i in indices:
            yield self.pixels[i]


def tensor_of(source: object, spec: ClipSpec) -> np.ndarray:
    """(3, T, S, S) float32, what the tower sees."""
    clip = make_clip("k", source, spec)  # type: ignore[arg-type]
    return normalise(torch.from_numpy(clip.pixels)[None], torch.tensor([clip.n_valid]), spec)[0].numpy()


def agree(found: np.ndarray, expected: np.ndarray, mean: float = 0.02, within: float = 0.06) -> None:
    difference = np.abs(found - expected.astype(np.float32))
    assert difference.mean() <= mean
    assert (difference <= within).mean() >= 0.999


@pytest.mark.parametrize("name", CINES)
def test_videoechoclip_sees_what_its_authors_loader_made(name: str) -> None:
    with np.load(DATA / "pre.npz") as expected:
        agree(tensor_of(open_source(DATA / f"{name}.dcm"), VIDEOECHOCLIP)[:, [0, 7, 15]].swapaxes(0, 1), expected[name])


@pytest.mark.parametrize("name", CINES)
def test_echoprime_sees_what_its_authors_loader_made(name: str) -> None:
    with np.load(DATA / "prime_pre.npz") as expected:
        agree(tensor_of(open_source(DATA / f"{name}.dcm"), ECHOPRIME)[:, [0, 7, 15]], expected[name])


@pytest.mark.parametrize("spec", [VIDEOECHOCLIP, ECHOPRIME], ids=["videoechoclip", "echoprime"])
def test_the_same_cine_as_mp4_gives_the_same_tensor(tmp_path: Path, spec: ClipSpec) -> None:
    """As far as H.264 lets it: colours and speckle suffer, and the rim of the mask moves by a pixel or two."""
    source = open_source(DATA / f"{CINES[0]}.dcm")
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv444p"
        for frame in source.frames(range(source.n_frames)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    difference = np.abs(tensor_of(open_source(tmp_path / "x.mp4"), spec) - tensor_of(source, spec))
    assert difference.mean() < 0.05
    assert (difference <= 0.25).mean() >= 0.97


def saturated() -> Uint8:
    """(32, 120, 160, 3): speckle, and a jet of the purest red, then blue."""
    rng = np.random.default_rng(1)
    frames = np.repeat(rng.integers(0, 90, (32, 120, 160, 1), np.uint8), 3, axis=-1)
    for i, frame in enumerate(frames):
        cv2.circle(frame, (70 + i, 60), 25, (255, 20, 0) if i % 8 < 4 else (0, 20, 255), -1)
    return frames


def encoded(frames: Uint8, subsampling: int) -> list[bytes]:
    streams = []
    for frame in frames:
        file = BytesIO()
        Image.fromarray(frame).save(file, "JPEG", quality=75, subsampling=subsampling)
        streams.append(file.getvalue())
    return streams


def write_jpegs(path: Path, streams: list[bytes]) -> Path:
    dataset = pydicom.dcmread(DATA / f"{CINES[0]}.dcm")
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 120, 160, len(streams)
    dataset.PixelData = encapsulate(streams)
    dataset.save_as(path)
    return path


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_saturated_jets_are_what_the_authors_loader_makes_of_the_stored_ycbcr(tmp_path: Path, subsampling: int) -> None:
    """By way of RGB, which clips, they would be up to 0.5 off; 0.026 is one grey level."""
    streams = encoded(saturated(), subsampling)
    found = tensor_of(open_source(write_jpegs(tmp_path / "x.dcm", streams)), VIDEOECHOCLIP)
    for number, stream in enumerate(streams[::2]):
        stored = Image.open(BytesIO(stream))
        stored.draft("YCbCr", stored.size)  # what pydicom 2 handed out
        shown = Image.fromarray(cv2.cvtColor(np.asarray(stored), cv2.COLOR_YCrCb2RGB))
        resized = np.asarray(shown.resize((298, 224), Image.Resampling.BILINEAR))[:, 37:261]
        expected = (resized / 255 - np.array(VIDEOECHOCLIP.mean)) / np.array(VIDEOECHOCLIP.std)
        assert np.abs(found[:, number] - expected.transpose(2, 0, 1)).max() <= 0.027


def test_uncompressed_ycbcr_gives_the_same_tensor_as_jpeg(tmp_path: Path) -> None:
    streams = encoded(saturated(), 0)
    path = write_jpegs(tmp_path / "jpeg.dcm", streams)
    dataset = pydicom.dcmread(path)
    stored = []
    for stream in streams:
        image = Image.open(BytesIO(stream))
        image.draft("YCbCr", image.size)
        stored.append(np.asarray(image).tobytes())
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "YBR_FULL", 0
    dataset.PixelData = b"".join(stored)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset["PixelData"].is_undefined_length = False
    dataset.save_as(tmp_path / "native.dcm")
    for spec in (VIDEOECHOCLIP, ECHOPRIME):
        one, two = (tensor_of(open_source(path), spec) for path in (path, tmp_path / "native.dcm"))
        assert np.abs(one - two).max() <= 0.027


def test_mp4_that_the_authors_converter_wrote_is_not_exchanged_again(tmp_path: Path) -> None:
    source = open_source(DATA / f"{CINES[0]}.dcm")
    path = tmp_path / "x.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30, options={"crf": "4"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv444p"
        for frame in source.frames(range(source.n_frames)):
            exchanged = COLORS["ycbcr_read_as_ycrcb"](frame)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(exchanged, format="rgb24")))
        container.mux(stream.encode())
    expected = tensor_of(source, VIDEOECHOCLIP)
    difference = np.abs(tensor_of(open_source(path), replace(VIDEOECHOCLIP, media_converted=True)) - expected)
    assert difference.mean() < 0.05
    assert np.abs(tensor_of(open_source(path), VIDEOECHOCLIP) - expected).max() > 2 * difference.max()
    again = tensor_of(source, replace(VIDEOECHOCLIP, media_converted=True))
    assert (again == expected).all()  # a DICOM file is not an export


def test_red_and_blue_are_exchanged() -> None:
    red = np.full((4, 4, 3), (200, 40, 40), np.uint8)
    assert np.abs(COLORS["ycbcr_read_as_ycrcb"](red)[0, 0].astype(int) - (50, 80, 228)).max() <= 3
    assert COLORS["bgr"](red)[0, 0].tolist() == [40, 40, 200]
    assert COLORS["rgb"](red) is red
    grey = np.full((4, 4, 3), 77, np.uint8)
    for color in COLORS:
        assert COLORS[color](grey)[0, 0].tolist() == [77, 77, 77], color


def cine(rows: int, columns: int, frames: int = 20) -> Uint8:
    """A bright fan on black, its speckle moving, a steady line of text at the upper left."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:rows, :columns]
    depth, angle = np.hypot(y, x - columns / 2), np.arctan2(x - columns / 2, y + 1)
    fan = (depth < rows * 0.9) & (np.abs(angle) < 0.7) & (depth > rows * 0.05)
    pixels = np.zeros((frames, rows, columns, 3), np.uint8)
    for frame in pixels:
        frame[fan] = rng.integers(30, 255, fan.sum(), dtype=np.uint8)[:, None]
        cv2.putText(frame, "YAMADA", (25, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2)
    return pixels


@pytest.mark.parametrize("shape", [(600, 601), (601, 600), (600, 600), (240, 320), (320, 241)])
def test_a_nearly_square_cine_gives_a_picture(shape: tuple[int, int]) -> None:
    clip = make_clip("k", Cine(cine(*shape)), ECHOPRIME)
    assert clip.pixels.shape == (16, 224, 224, 3)
    assert clip.n_valid == 10
    assert clip.pixels[:10].mean() > 20
    assert clip.pixels[10:].max() == 0


def test_the_mask_keeps_the_sector_and_drops_the_text() -> None:
    pixels = cine(300, 400)
    mask = sector_mask(to_ycbcr(frame) for frame in pixels)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[150, 200] == 255
    assert mask[40:60, 30:130].max() == 0


@pytest.mark.parametrize("kind", ["still", "black"])
def test_where_no_sector_is_found_the_video_is_refused(kind: str) -> None:
    pixels = {
        "still": np.repeat(cine(300, 400, 1), 10, axis=0),
        "black": np.zeros((10, 300, 400, 3), np.uint8),
    }[kind]
    with pytest.raises(FileRefused, match="MASK_FAILED") as refused:
        make_clip("k", Cine(pixels), ECHOPRIME)
    assert refused.value.outcome.reason is Reason.MASK_FAILED
