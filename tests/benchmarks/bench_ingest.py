"""End to end against the decode pool's own rate: python tests/benchmarks/bench_ingest.py [cines] [--on ray|workers]

The same cines, the same workers, the same clip contract: once only decoded by the pool, once ingested with
FakeEncoder (walk, headers with hashes, PostgreSQL, the embedded index, everything). What the rest costs is the
difference. Rounds alternate, so that a noisy machine disturbs both alike. With --on it is one process against a driver
and its workers (ingest_on.py).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pydicom
import simplejpeg
from pydicom.encaps import encapsulate
from pydicom.uid import UID

from echosearch.archive import open_archive
from echosearch.clip import ClipSpec
from echosearch.encoder.fake import FakeEncoder
from echosearch.settings import Settings
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import ClipTask, load_clip
from ingest.options import IngestOptions
from ingest.pipeline import ingest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.benchmarks.ingest_on import compare  # noqa: E402
from tests.ingest.conftest import write_cine  # noqa: E402

SPEC = ClipSpec(frames=32, stride=2, size=224)
ROUNDS = 3


def write_export(root: Path, cines: int) -> None:
    """800 x 600, 90 frames, JPEG Baseline 4:2:2, about 60 kB a frame."""
    rng = np.random.default_rng(0)
    frames = []
    for i in range(90):
        speckle = np.kron(rng.normal(0, 9, (300, 400)), np.ones((2, 2)))[..., None]  # as coarse as ultrasound's
        shade = 70 + 50 * np.sin(np.linspace(0, 9, 800) + i / 8)[None, :, None]
        picture = np.clip(shade + speckle, 0, 255).astype(np.uint8).repeat(3, axis=2)
        frames.append(simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=60, colorsubsampling="422"))
    write_cine(root / "template", "1.2.3")
    dataset = pydicom.dcmread(root / "template")
    dataset.Rows, dataset.Columns, dataset.NumberOfFrames = 600, 800, 90
    dataset.PixelData = encapsulate(frames)
    box = pydicom.Dataset()  # real cines say where their picture is: then no pixel is looked at for the mode
    box.RegionSpatialFormat, box.RegionDataType, box.RegionFlags = 1, 1, 0
    box.RegionLocationMinX0, box.RegionLocationMinY0 = 100, 40
    box.RegionLocationMaxX1, box.RegionLocationMaxY1 = 700, 560
    box.PhysicalUnitsXDirection = box.PhysicalUnitsYDirection = 3
    box.PhysicalDeltaX = box.PhysicalDeltaY = 0.03
    dataset.SequenceOfUltrasoundRegions = [box]
    (root / "template").unlink()
    for number in range(cines):
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID(f"1.2.9.{number}")
        dataset.StudyInstanceUID = f"1.2.9.100.{number // 20}"
        dataset.PatientID = f"{number // 20:07d}"
        dataset.PixelData = encapsulate(frames[number % 7 :] + frames[: number % 7])
        dataset.save_as(root / f"IM_{number:05d}")


def pool_rate(files: list[Path], settings: Settings) -> float:
    limits = (settings.worker_memory_mb, settings.worker_cpu_seconds, settings.worker_wall_seconds)
    with DecodePool(settings.workers, *limits) as pool:
        list(pool.map(load_clip, [ClipTask(path, "warm", SPEC) for path in files[:2]]))
        began = time.perf_counter()
        assert sum(1 for _ in pool.map(load_clip, (ClipTask(path, "key", SPEC) for path in files))) == len(files)
        return len(files) / (time.perf_counter() - began)


def ingest_rate(root: Path, settings: Settings, cines: int) -> float:
    """Of the run itself: process start, database start and the workers' imports are paid once, whatever the archive."""
    shutil.rmtree(settings.home, ignore_errors=True)
    with open_archive(settings, FakeEncoder(clip_spec=SPEC, dimension=512)) as archive:
        warm = root.parent / "warm"
        ingest(archive, warm, IngestOptions())
        summary = ingest(archive, root, IngestOptions(batch_size=32))
        assert summary.new_videos == cines, summary
        print("   ", {stage: seconds for stage, seconds in summary.stage_seconds.items() if seconds > 0.05})
        return cines / summary.seconds


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("cines", type=int, nargs="?", default=300)
    parser.add_argument("--on", choices=("ray", "workers"))
    parser.add_argument("--workers", type=int, default=1, help="with --on: how many")
    parser.add_argument("--decoders", type=int, default=2, help="with --on: decoding processes, of all together")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    chosen = parser.parse_args()
    cines = chosen.cines
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as folder:
        root = Path(folder) / "export"
        root.mkdir()
        write_export(root, cines)
        if chosen.on:
            compare(root, cines, chosen.on, chosen.workers, chosen.decoders, chosen.rounds)
            return
        (Path(folder) / "warm").mkdir()
        shutil.copy(root / "IM_00000", Path(folder) / "warm")
        settings = Settings(home=Path(folder) / "home", workers=2)
        files = sorted(root.iterdir())
        ratios = []
        for number in range(chosen.rounds):
            alone, whole = pool_rate(files, settings), ingest_rate(root, settings, cines - 1)
            ratios.append(whole / alone)
            print(f"round {number + 1}: pool {alone:.2f} cines/s, ingest {whole:.2f} cines/s, ratio {ratios[-1]:.3f}")
        print(f"end to end / decode pool: median {statistics.median(ratios):.3f} of {chosen.rounds} (aim 0.85)")


if __name__ == "__main__":
    main()
