"""Previews: what lettering is left of a lettered phantom, what tissue is kept, and what a preview costs.

    python tests/benchmarks/bench_preview.py [--studies 4] [--large]

Lettering left: of the pixels that letters cover by more than a quarter, the share that the mask shows. Tissue kept: of
the fan's pixels that are ever lit and not covered, the share that it shows. Seconds are processor time of one process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from echosearch.clip import Uint8
from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.cinefile import write_cine
from echosearch.phantom.imaging.lettering import PLACES, lettering_pixels, plan_lettering
from echosearch.phantom.imaging.ultrasound import sector_frame
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.preview.mask import fan_mask
from echosearch.preview.task import PreviewTask, make_preview, shrinking
from echosearch.preview.values import SIZES, MadePreview, NoPreview, PreviewSize
from echosearch.reading.source import open_shown

COVERED = 64  # of 255
LIT = 24  # grey levels


@dataclass(frozen=True)
class Seen:
    """What the mask of one cine leaves, in per cent."""

    left: dict[str, float]  # of the lettering, by place
    tissue: float


def fan_of(study: PhantomStudy, rows: int, columns: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    x0, y0, scale = sector_frame(rows, columns, study.look.half_angle)
    y, x = np.mgrid[:rows, :columns]
    angle = np.degrees(np.arctan2(x - x0, y - y0))
    return np.asarray((np.hypot(x - x0, y - y0) < scale) & (np.abs(angle) < study.look.half_angle))


def seen(study: PhantomStudy, mask: Uint8, frames: list[Uint8]) -> Seen:
    rows, columns = mask.shape
    lines = plan_lettering(study, rows, columns)
    left = {}
    for place in PLACES:
        covered = lettering_pixels([line for line in lines if line.place == place], rows, columns) > COVERED
        left[place] = 100 * float((mask[covered] > 0).mean())
    letters = cv2.dilate(lettering_pixels(lines, rows, columns), np.ones((3, 3), np.uint8)) > 0
    tissue = fan_of(study, rows, columns) & (np.max(frames, axis=(0, 3)) > LIT) & ~letters
    return Seen(left, 100 * float((mask[tissue] > 0).mean()))


def psnr(mp4: bytes, frames: Iterator[Uint8]) -> float:
    rgb = {"src_colorspace": Colorspace.ITU709, "src_color_range": ColorRange.MPEG}
    with av.open(BytesIO(mp4), "r") as container:
        pairs = zip(container.decode(video=0), frames, strict=True)
        errors = [
            np.mean((one.reformat(format="rgb24", **rgb).to_ndarray().astype(float) - two) ** 2) for one, two in pairs
        ]
    return float(10 * np.log10(255**2 / np.mean(errors)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=4)
    parser.add_argument("--large", action="store_true", help="also 600 x 800, 90 frames")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    shapes = [(48, 240, 320), *([(90, 600, 800)] if args.large else [])]
    studies = list(phantom_studies(args.studies, seed=1))[:: max(1, args.studies // 2)][: args.studies]
    with tempfile.TemporaryDirectory() as folder:
        for frames, rows, columns in shapes:
            for color in (False, True):
                measure(Path(folder), studies, frames, rows, columns, color)


def measure(folder: Path, studies: list[PhantomStudy], frames: int, rows: int, columns: int, color: bool) -> None:
    masks: list[Seen] = []
    costs: dict[PreviewSize, list[tuple[float, float, float]]] = defaultdict(list)
    for number, study in enumerate(studies):
        for plan in [plan for plan in study_cines(study) if plan.color == color][: 2 if rows < 500 else 1]:
            path = folder / f"{rows}-{number}-{plan.number}"
            lines = plan_lettering(study, rows, columns)
            write_cine(path, study, plan, frames, rows, columns, lettering=lines)
            cine = open_shown(path)
            pictures = [frame.copy() for frame in cine.source.frames(range(cine.source.n_frames))]
            mask = fan_mask(pictures, cine.regions)
            assert not isinstance(mask, NoPreview)
            masks.append(seen(study, mask, pictures))
            for size in SIZES:
                began = time.process_time()
                made = make_preview(PreviewTask(path, path.stat().st_size, path.stat().st_mtime_ns, size))
                seconds = time.process_time() - began
                assert isinstance(made, MadePreview)
                shrink = shrinking(mask, *SIZES[size])
                costs[size].append((seconds, len(made.mp4) / 1000, psnr(made.mp4, map(shrink, pictures))))
    print(f"{frames} frames of {columns} x {rows}, {'colour' if color else 'B-mode'}, {len(masks)} cines")
    for place in PLACES:
        left = [one.left[place] for one in masks]
        print(f"  lettering left, {place:6s}  mean {np.mean(left):5.2f} %   worst {np.max(left):5.2f} %")
    kept = [one.tissue for one in masks]
    print(f"  tissue kept             mean {np.mean(kept):5.1f} %   worst {np.min(kept):5.1f} %")
    for size, each in costs.items():
        seconds, kilobytes, quality = np.mean(each, axis=0)
        print(f"  {size:5s}  {seconds:.2f} CPU s from file to preview, {kilobytes:.0f} kB, PSNR {quality:.1f} dB")


if __name__ == "__main__":
    main()
