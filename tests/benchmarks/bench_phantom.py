"""How many phantom cines a second one core draws and writes: python tests/benchmarks/bench_phantom.py"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2

from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.cinefile import write_cine
from echosearch.phantom.imaging.cine import VIEWS, render_cine

CINES = 24  # drawn of each kind


def main() -> None:
    cv2.setNumThreads(1)
    studies = list(phantom_studies(patients=12, seed=77))
    render_cine(studies[0], "4CH", color=True)  # fills the caches
    for color, views in ((False, VIEWS), (True, ("4CH", "3CH", "LAX", "2CH"))):
        for clock, name in ((time.perf_counter, "wall"), (time.process_time, "CPU")):
            begin = clock()
            for i in range(CINES):
                render_cine(studies[i % len(studies)], views[i % len(views)], color)
            kind = "colour" if color else "B-mode"
            print(f"{kind}: {CINES / (clock() - begin):.1f} cines a second drawn, 320x240x48 ({name} time)")
    with tempfile.TemporaryDirectory() as folder:
        begin_wall, begin_cpu, n = time.perf_counter(), time.process_time(), 0
        for study in studies[:4]:
            for plan in study_cines(study):
                write_cine(Path(folder) / str(n), study, plan, 48, 240, 320)
                n += 1
        wall, cpu = time.perf_counter() - begin_wall, time.process_time() - begin_cpu
        size = sum(p.stat().st_size for p in Path(folder).iterdir()) / n / 1000
        print(f"mixed, written: {n / wall:.1f} cines a second ({n / cpu:.1f} by CPU time), {size:.0f} kB each")


if __name__ == "__main__":
    main()
