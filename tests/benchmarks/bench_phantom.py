"""How many phantom cines a second one core draws and writes, at each level: python tests/benchmarks/bench_phantom.py"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import cv2

from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.cinefile import write_cine
from echosearch.phantom.imaging.cine import VIEWS, render_cine
from echosearch.phantom.patients.history import LEVELS, Level, PhantomStudy

CINES = 24  # drawn of each kind in a round
ROUNDS = 3  # levels take turns, so that other work of the machine falls on both


def main() -> None:
    cv2.setNumThreads(1)
    studies = {level: list(phantom_studies(patients=12, seed=77, level=level)) for level in LEVELS}
    for level in LEVELS:
        render_cine(studies[level][0], "4CH", color=True)  # fills the caches
    for color, views in ((False, VIEWS), (True, ("4CH", "3CH", "LAX", "2CH"))):
        spent = {level: [0.0, 0.0] for level in LEVELS}  # wall, CPU seconds
        for _ in range(ROUNDS):
            for level in LEVELS:
                begin = time.perf_counter(), time.process_time()
                for i in range(CINES):
                    render_cine(studies[level][i % len(studies[level])], views[i % len(views)], color)
                spent[level][0] += time.perf_counter() - begin[0]
                spent[level][1] += time.process_time() - begin[1]
        kind = "colour" if color else "B-mode"
        for level, (wall, cpu) in spent.items():
            cines = ROUNDS * CINES
            print(f"{level}, {kind}: {cines / cpu:.1f} cines a second of CPU time ({cines / wall:.1f} by the clock)")
        print(f"{kind}: a hard cine takes {spent['hard'][1] / spent['easy'][1]:.2f} times an easy one's CPU time")
    for level in LEVELS:
        _written(level, studies[level][:4])


def _written(level: Level, studies: list[PhantomStudy]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        begin_wall, begin_cpu, n = time.perf_counter(), time.process_time(), 0
        for study in studies:
            for plan in study_cines(study)[:10]:
                write_cine(Path(folder) / str(n), study, plan, 48, 240, 320)
                n += 1
        wall, cpu = time.perf_counter() - begin_wall, time.process_time() - begin_cpu
        size = sum(p.stat().st_size for p in Path(folder).iterdir()) / n / 1000
    print(f"{level}, mixed, written: {n / cpu:.1f} cines a second of CPU time ({n / wall:.1f}), {size:.0f} kB each")


if __name__ == "__main__":
    main()
