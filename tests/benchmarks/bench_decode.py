"""Decoding speed as ratios in one run: `make bench`, or `python tests/benchmarks/bench_decode.py`.

Each line is one cine of 800 x 600 and 90 frames to a (32, 3, 224, 224) uint8 tensor, stride 2, on one core.
Reference: how the published loaders do it, written as well as that way allows - every frame decoded and
converted to RGB (pydicom with its pillow plug-in where there is one for the syntax, its own decoder for RLE
and uncompressed data, PyAV for H.264), then every second one resized by Pillow's bilinear filter and cropped.
Ours and the reference take turns; the table shows the medians, the ratio of the medians, the differences in
grey levels, and the peak memory above what the imports need (each measured in a process of its own).
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any

import av
import cv2
import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_fragments
from pydicom.filereader import dcmread
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    MPEG4HP41,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
    UltrasoundMultiFrameImageStorage,
    generate_uid,
)

from echosearch.clip import ClipSpec
from echosearch.encoder.pixels.preprocess import make_clip
from echosearch.reading.source import open_source
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import ClipTask, load_clip

ROWS, COLUMNS, FRAMES = 600, 800, 90
SPEC = ClipSpec(frames=32, stride=2)
REPEATS = 5
# what issue 2 asks for, as ratios to the reference
WANTED = {"JPEG Baseline": 3.5, "uncompressed": 4.0, "RLE": 2.0, "H.264": 1.6}

Pixels = NDArray[np.uint8]


def draw() -> Pixels:
    """Moving speckle in a sector, (90, 600, 800, 3): as an echo cine compresses (50 to 65 kB a JPEG frame)."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    radius, angle = np.hypot(y - 10, x - COLUMNS / 2), np.arctan2(x - COLUMNS / 2, y - 10)
    sector = (radius > 40) & (radius < 560) & (np.abs(angle) < 0.7)
    coarse = rng.rayleigh(60, (ROWS // 2 + 100, COLUMNS // 2 + 100)).astype(np.float32)
    speckle = np.asarray(Image.fromarray(coarse).resize((COLUMNS + 200, ROWS + 200), Image.Resampling.BICUBIC))
    frames = np.zeros((FRAMES, ROWS, COLUMNS, 3), np.uint8)
    for i in range(FRAMES):
        wall = 0.35 + 0.65 * (np.abs(radius - 250 - 60 * np.sin(i / 7) * np.cos(3 * angle)) < 70)
        dy, dx = 50 + round(20 * np.sin(i / 7)), 50 + round(20 * np.cos(i / 9))
        grey = np.clip(speckle[dy : dy + ROWS, dx : dx + COLUMNS] * wall, 0, 255) * sector
        frames[i] = grey.astype(np.uint8)[..., None]
    frames[:, 40:60, 700:760] = (255, 200, 40)  # a colour bar
    return frames


def write(path: Path, syntax: str, photometric: str, pixels: bytes) -> None:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = syntax  # type: ignore[assignment]
    meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset = Dataset()
    dataset.file_meta = meta
    dataset.SOPClassUID, dataset.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.Modality = generate_uid(), "US"
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = ROWS, COLUMNS, FRAMES
    dataset.SamplesPerPixel, dataset.PlanarConfiguration, dataset.PixelRepresentation = 3, 0, 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PhotometricInterpretation, dataset.FrameTime = photometric, 33.3
    dataset.PixelData = pixels
    dataset["PixelData"].VR = "OB"
    if syntax == RLELossless:
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.compress(RLELossless, generate_instance_uid=False)
    dataset.save_as(path, enforce_file_format=True)


def write_all(folder: Path) -> dict[str, Path]:
    frames = draw()
    paths = {name: folder / name.replace(" ", "_") for name in WANTED}
    jpegs = [simplejpeg.encode_jpeg(frame, quality=82, colorspace="RGB", colorsubsampling="420") for frame in frames]
    write(paths["JPEG Baseline"], JPEGBaseline8Bit, "YBR_FULL_422", encapsulate(jpegs))
    write(paths["uncompressed"], ExplicitVRLittleEndian, "RGB", frames.tobytes())
    write(paths["RLE"], RLELossless, "RGB", frames.tobytes())
    write(paths["H.264"], MPEG4HP41, "YBR_PARTIAL_420", encapsulate([h264(frames)]))
    print(f"JPEG: {np.mean([len(jpeg) for jpeg in jpegs]) / 1000:.0f} kB a frame")
    return paths


def h264(frames: Pixels) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format="mpegts") as container:
        stream: Any = container.add_stream("libx264", rate=30, options={"crf": "23"})
        stream.width, stream.height, stream.pix_fmt = COLUMNS, ROWS, "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return file.getvalue()


def ours(path: Path) -> torch.Tensor:
    return torch.from_numpy(make_clip("bench", open_source(path), SPEC).pixels).permute(0, 3, 1, 2)


def reference(path: Path) -> torch.Tensor:
    decoded: list[Pixels]
    if path.name == "H.264":
        dataset = dcmread(path)
        with av.open(BytesIO(b"".join(generate_fragments(dataset.PixelData))), "r") as container:
            container.streams.video[0].thread_count = 1
            decoded = [np.asarray(p.to_ndarray(format="rgb24"), np.uint8) for p in container.decode(video=0)]
    elif path.name == "JPEG_Baseline":  # converted by OpenCV: pydicom's own conversion takes 2.5 times as long in all
        stored = pixel_array(path, raw=True, decoding_plugin="pillow")
        decoded = [cv2.cvtColor(frame[..., (0, 2, 1)], cv2.COLOR_YCrCb2RGB) for frame in stored]
    else:
        decoded = list(pixel_array(path, decoding_plugin="pylibjpeg" if path.name == "RLE" else ""))
    resized = [_pillow(frame) for frame in decoded[: 2 * SPEC.frames : SPEC.stride]]
    return torch.from_numpy(np.stack(resized)).permute(0, 3, 1, 2)


def _pillow(frame: Pixels) -> Pixels:
    width = int(SPEC.size * COLUMNS / ROWS)
    image = np.asarray(Image.fromarray(frame).resize((width, SPEC.size), Image.Resampling.BILINEAR))
    left = (width - SPEC.size) // 2
    return image[:, left : left + SPEC.size]


def seconds(function: Callable[[Path], torch.Tensor], path: Path) -> float:
    start = time.process_time()
    function(path)
    return time.process_time() - start


def peak_megabytes(function: Callable[[Path], torch.Tensor], path: Path) -> float:
    """Memory above the imports', in a fresh process."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak, (function, path))


def _peak(function: Callable[[Path], torch.Tensor], path: Path) -> float:
    torch.set_num_threads(1)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before = _status("VmRSS")
    function(path)
    return (_status("VmHWM") - before) / 1024


def _status(field: str) -> int:
    """Kilobytes, from /proc/self/status: ru_maxrss would still hold the parent's peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def clips_a_second(path: Path, workers: int, clips: int) -> float:
    def tasks() -> Iterator[ClipTask]:
        yield from (ClipTask(path, str(i), SPEC) for i in range(clips))

    with DecodePool(workers, 2048, 60, 120) as pool:
        list(pool.map(load_clip, [ClipTask(path, "warm", SPEC)] * workers))
        start = time.perf_counter()
        list(pool.map(load_clip, tasks()))
        return clips / (time.perf_counter() - start)


def main() -> int:
    torch.set_num_threads(1)
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        paths = write_all(Path(folder))
        print(f"{'':14} {'reference':>10} {'ours':>8} {'ratio':>6} {'wanted':>6} {'max':>4} {'mean':>7} {'MB':>9}")
        for name, path in paths.items():
            theirs, mine = [], []
            for _ in range(REPEATS):
                theirs.append(seconds(reference, path))
                mine.append(seconds(ours, path))
            difference = (ours(path).short() - reference(path).short()).abs()
            ratio = median(theirs) / median(mine)
            memory = peak_megabytes(ours, path), peak_megabytes(reference, path)
            print(
                f"{name:14} {median(theirs):8.3f} s {median(mine):6.3f} s {ratio:6.2f} {WANTED[name]:6.1f} "
                f"{int(difference.max()):4} {float(difference.float().mean()):7.4f} {memory[0]:5.0f} / {memory[1]:.0f}"
            )
            failed = failed or ratio < WANTED[name] or int(difference.max()) > 2 or memory[0] > memory[1] / 3
        rates: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(3):
            for workers in rates:
                rates[workers].append(clips_a_second(paths["JPEG Baseline"], workers, 40))
        one, two = max(rates[1]), max(rates[2])  # the best of each: others may be at work on this machine
        print(f"pool: {one:.1f} clips/s with one worker, {two:.1f} with two: {two / one:.2f} times (wanted 1.7)")
        failed = failed or two / one < 1.7
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
