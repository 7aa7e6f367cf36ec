"""How well changes are found from videos alone, on planted phantom archives. Run by ``make bench``; not a test.

    python tests/benchmarks/bench_changes.py [--patients 150] [--seeds 90211 90212]
    python tests/benchmarks/bench_changes.py --drawn ...           no archive: cines are drawn in memory and embedded
    python tests/benchmarks/bench_changes.py --drawn --level hard  of the hard level; its histories change by themselves
    python tests/benchmarks/bench_changes.py --reuse KEPT ...      what --folder KEPT has kept

Writes an archive of each seed with changes planted in six of ten patients, ingests it with phantom-tiny, and scores
every pair of consecutive studies by `echosearch changed`'s own difference ("on"), and by the cosine distance of the
two study vectors, which knows no finding ("off"). With --drawn a study's vector is the mean of its cines of the five
views, as they are drawn, without JPEG and without a classifier of views; --cache keeps their clips.

For each change the AUC of the pairs that have it (truth.csv) against the pairs in which the finding is the same, with a
95 % interval (bootstrap over patients), and the share of the pairs with it among the first n, n as many as there are.
"on less off" is paired. A change that no concept of the lexicon names has the distance alone. Several seeds are shown
together too. Reports take no part in the order.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from echosearch.archive import Archive, open_archive
from echosearch.db.studies.visit_pairs import VisitPair, pairs_after
from echosearch.encoder.base import Encoder
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.insight.intervals import Interval, Sorted, patient_draws, percentiles
from echosearch.phantom.files.archive import phantom_studies, study_cines, truth_row
from echosearch.phantom.patients.history import LEVELS, Level, PhantomStudy
from echosearch.phantom.patients.identity import study_uid
from echosearch.phantom.patients.plants import parse_plants
from echosearch.report.facts import load_lexicon
from echosearch.search.changes.amount import amounts
from echosearch.search.changes.scale import differences
from echosearch.search.study_hits import searching
from echosearch.settings import Settings
from echosearch.vector import Vectors, mean_vector, unit
from echosearch.video import View
from trainer.data.cache import ClipCache, open_cache
from trainer.data.pairs import Drawn, Video

PLANT = "changes=0.6,wrong-reports=0.05,no-change-reports=0.3"
# what is done to a heart, as the columns of the hard level have it
DONE = ("pacemaker", "prosthetic_valve", "repair_clip", "tavi", "icd", "lvad", "transplant")

Row = Mapping[str, str]
Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """A change: its concept (None: no concept names it), its column of the truth, and which pairs have it, or are the
    same, by before and now.
    """

    name: str
    concept: str | None
    column: str
    has: Callable[[float, float], bool]
    same: Callable[[float, float], bool] = lambda before, now: before == now
    sign: float = 1.0


@dataclass(frozen=True)
class Found:
    """How well the pairs with a change are told from those without; ``on`` is None where no concept names it."""

    name: str
    pairs: int
    same: int
    on: Interval | None
    off: Interval
    less: Interval | None  # on less off
    first_on: float | None
    first_off: float


KINDS = (
    Kind("new pacemaker", "device_lead", "pacemaker", lambda b, n: n > b),
    Kind("new prosthesis", "prosthetic_valve", "prosthetic_valve", lambda b, n: n > b),
    Kind("new MitraClip", "repair_clip", "repair_clip", lambda b, n: n > b),
    Kind("transplant", None, "transplant", lambda b, n: n > b),
    Kind("any device or operation", None, "done", lambda b, n: n > b),
    Kind("MR worse by one grade", "mr", "mr", lambda b, n: n - b == 1),
    Kind("MR worse by one grade, from 1 on", "mr", "mr", lambda b, n: n - b == 1 and b >= 1),
    Kind("TR worse by one grade", "tr", "tr", lambda b, n: n - b == 1),
    Kind("AR worse by one grade", "ar", "ar", lambda b, n: n - b == 1),
    Kind("AS worse by one grade", "as", "as", lambda b, n: n - b == 1),
    Kind("LA larger by one grade", "la_dilation", "la_dilation", lambda b, n: n - b == 1),
    Kind("new effusion", "pericardial_effusion", "pericardial_effusion", lambda b, n: b == 0 and n >= 2),
    Kind("EF falls by 10", "lvef", "ef", lambda b, n: b - n >= 10, lambda b, n: abs(b - n) < 5, -1.0),
    Kind("EF rises by 10", "lvef", "ef", lambda b, n: n - b >= 10, lambda b, n: abs(b - n) < 5),
)


def run(home: Path, *words: str) -> None:
    """An echosearch command, in a process of its own, as a user starts it."""
    program = [sys.executable, "-c", "from echosearch.cli import main; main()"]
    subprocess.run([*program, *words], env=os.environ | {"ECHOSEARCH_HOME": str(home)}, check=True, stdout=sys.stderr)


def make(folder: Path, patients: int, seed: int) -> None:
    """Write a planted phantom and ingest it; its videos are not kept."""
    home, phantom = folder / "home", folder / "ph"
    size = ("--patients", str(patients), "--seed", str(seed))
    run(home, "phantom", "write", str(phantom), *size, "--plant", PLANT)
    for bundle in ("phantom-tiny", "phantom-views"):
        run(home, "encoder", "use", bundle)
    run(home, "ingest", str(phantom / "DICOM"), "--reports", str(phantom / "reports.csv"))
    shutil.rmtree(phantom / "DICOM")


def videos_of(study: PhantomStudy, level: Level) -> tuple[Video, ...]:
    """A study's cines of the five views; of the hard level by the keys that trainer.data.sources gives them."""
    name = f"{'phantom-hard' if level == 'hard' else 'planted'}-{study.seed}-{study.patient}-{study.number}"
    return tuple(
        Video(f"{name}-{plan.number}", View(plan.view), 1.0, Drawn(study, plan.view, plan.color, plan.take), plan.color)
        for plan in study_cines(study)
        if plan.view != "Other"
    )


def drawn_pairs(
    encoder: Encoder, patients: int, seed: int, level: Level, more: int, cache: Path
) -> tuple[list[VisitPair], dict[str, Row]]:
    """All pairs of consecutive studies, from cines that are drawn here, and the truth by study."""
    plants = parse_plants(PLANT) if level == "easy" else None
    studies = list(phantom_studies(patients, seed, plants=plants, level=level))
    behind = phantom_studies(more, seed, patients + 1, plants, level)
    for _, history in groupby(behind, key=lambda study: study.patient):
        own = list(history)
        if any(is_change(truth_row(one), truth_row(two)) for one, two in pairwise(own)):
            studies += own
    truth: dict[str, Row] = {study_uid(study): truth_row(study) for study in studies}
    videos = {study_uid(study): videos_of(study, level) for study in studies}
    clips = open_cache(cache, [video for own in videos.values() for video in own], encoder.clip_spec)
    vectors = {uid: embedded(encoder, clips, own) for uid, own in videos.items()}
    pairs = []
    for one, two in pairwise(studies):
        if one.patient == two.patient:
            first, second = study_uid(one), study_uid(two)
            months = [day.year * 12 + day.month for day in (one.study_date, two.study_date)]
            both = (vectors[first], vectors[second])
            patient = f"{seed}-{one.patient}"
            pairs.append(VisitPair(patient, first, second, 0, 0, months[1] - months[0], None, None, both))
    return pairs, truth


def is_change(before: Row, now: Row) -> bool:
    return any(kind.has(column(before, kind.column), column(now, kind.column)) for kind in KINDS)


def embedded(encoder: Encoder, clips: ClipCache, videos: Sequence[Video]) -> Vectors:
    return mean_vector(list(encoder.encode_clips([clips.clip(video.key) for video in videos])))


def stored_pairs(archive: Archive) -> list[VisitPair]:
    """All pairs of consecutive studies of an archive."""
    pairs: list[VisitPair] = []
    with searching(archive) as search:
        while batch := pairs_after(search.connection, search.encoder_id, pairs[-1].later if pairs else None, 2000):
            pairs += batch
    return pairs


def distances(pairs: Sequence[VisitPair]) -> Scores:
    """The cosine distance of the two study vectors of each pair."""
    before, now = (unit(np.stack([pair.vectors[at] for pair in pairs])).astype(np.float64) for at in (0, 1))
    return np.asarray(1 - (before * now).sum(axis=1))


def column(row: Row, name: str) -> float:
    return float(sum(int(row.get(one, 0)) > 0 for one in DONE)) if name == "done" else float(row.get(name, 0))


def measure(encoder: Encoder, pairs: Sequence[VisitPair], truth: Mapping[str, Row]) -> list[Found]:
    """Score each change that three pairs have."""
    asked = amounts(encoder, load_lexicon(), sorted({kind.concept for kind in KINDS if kind.concept}))
    apart = distances(pairs)
    found = []
    for kind in KINDS:
        known = [(column(truth[pair.earlier], kind.column), column(truth[pair.later], kind.column)) for pair in pairs]
        has = np.array([kind.has(*one) for one in known])
        rows = np.flatnonzero(has | [kind.same(*one) for one in known])
        if has.sum() >= 3:
            on = kind.sign * differences(asked[kind.concept], pairs)[rows] if kind.concept else None
            patients = [pairs[row].patient for row in rows.tolist()]
            found.append(score(kind.name, on, apart[rows], has[rows], patients))
    return found


def score(name: str, on: Scores | None, off: Scores, has: Flags, patients: Sequence[str]) -> Found:
    """``on`` and ``off`` on the same draws of patients."""
    draws, all_once = patient_draws(patients), np.ones(len(has))
    n = int(has.sum())
    areas, firsts = [], []
    for scores in (on, off):
        if scores is None:
            continue
        ordered = Sorted(scores, has)
        areas.append(np.array([ordered.auc(weight) for weight in (all_once, *draws)]))
        firsts.append(float(has[np.argsort(-scores, kind="stable")[:n]].mean()))
    each = [percentiles(float(area[0]), area[1:]) for area in areas]
    less = None if on is None else percentiles(float(areas[0][0] - areas[1][0]), areas[0][1:] - areas[1][1:])
    first_on = None if on is None else firsts[0]
    return Found(name, n, len(has) - n, None if on is None else each[0], each[-1], less, first_on, firsts[-1])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=150)
    parser.add_argument("--seeds", type=int, nargs="+", default=[90211, 90212])
    parser.add_argument("--folder", type=Path, help="keep the archives here; else they are temporary")
    parser.add_argument("--drawn", action="store_true", help="draw the cines in memory")
    parser.add_argument("--reuse", type=Path, help="a folder kept by --folder, measured as it is")
    parser.add_argument("--more", type=int, default=0, help="with --drawn: further patients; those with a change join")
    parser.add_argument("--level", choices=LEVELS, default="easy", help="of the phantoms; hard: with --drawn")
    parser.add_argument(
        "--cache", type=Path, help="with --drawn: a folder that keeps the clips; else they are not kept"
    )
    chosen = parser.parse_args()
    if chosen.level == "hard" and not chosen.drawn:
        parser.error("--level hard: nothing is planted there; add --drawn")
    if chosen.drawn:
        return draw(chosen.patients, chosen.seeds, chosen.level, chosen.more, chosen.cache)
    with ExitStack() as stack:
        kept = chosen.reuse or chosen.folder
        folder = kept or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="echosearch-bench-")))
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)  # the embedded server's user must reach its folder
        for seed in chosen.seeds:
            own = folder.resolve() / str(seed)
            if not chosen.reuse:
                own.mkdir(mode=0o755)
                make(own, chosen.patients, seed)
            with (own / "ph" / "truth.csv").open(encoding="utf-8", newline="") as handle:
                table = list(csv.DictReader(handle))
            with open_archive(Settings(home=own / "home")) as archive:
                known = {archive.keyring.study(row["study_uid"]): row for row in table}
                rows = measure(archive.encoder, stored_pairs(archive), known)
            show(rows, f"seed {seed}, {len(table)} studies")
    return 0


def draw(patients: int, seeds: Sequence[int], level: Level, more: int, cache: Path | None) -> int:
    """Measure each seed, and all of them together."""
    encoder = load_encoder(shipped_bundles()["phantom-tiny"])
    all_pairs: list[VisitPair] = []
    all_truth: dict[str, Row] = {}
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as folder:
        for seed in seeds:
            pairs, truth = drawn_pairs(encoder, patients, seed, level, more, cache or Path(folder))
            show(
                measure(encoder, pairs, truth), f"seed {seed}, {len(truth)} studies, {len(pairs)} pairs, drawn, {level}"
            )
            all_pairs += pairs
            all_truth |= truth
    if len(seeds) > 1:
        title = f"all seeds, {len(all_truth)} studies, {len(all_pairs)} pairs, drawn, {level}"
        show(measure(encoder, all_pairs, all_truth), title)
    return 0


def show(found: Sequence[Found], title: str) -> None:
    heads = ("change", "with it", "the same", "on", "off", "on less off", "first n, on", "off")
    drawn = Table(*heads, title=title)
    for one in found:
        first = "" if one.first_on is None else f"{one.first_on:.2f}"
        cells = (cell(one.on), cell(one.off), cell(one.less), first, f"{one.first_off:.2f}")
        drawn.add_row(one.name, str(one.pairs), str(one.same), *cells)
    Console(width=max(160, Console().width)).print(drawn)


def cell(one: Interval | None) -> str:
    return "" if one is None else f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


if __name__ == "__main__":
    sys.exit(main())
