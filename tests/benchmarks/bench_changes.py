"""How well changes are found from videos alone, on planted phantom archives. Run by ``make bench``; not a test.

    python tests/benchmarks/bench_changes.py [--patients 150] [--seeds 90211 90212]
    python tests/benchmarks/bench_changes.py --drawn ...           no archive: cines are drawn in memory and embedded
    python tests/benchmarks/bench_changes.py --reuse KEPT ...      what --folder KEPT has kept

Writes an archive of each seed with changes planted in six of ten patients, ingests it with phantom-tiny, and scores
every pair of consecutive studies by `echosearch changed`'s own difference. With --drawn a study's vector is the mean
of its cines of the five views, as they are drawn, without JPEG and without a classifier of views.

For each change the AUC of the pairs that have it (truth.csv) against the pairs in which the finding is the same, with a
95 % interval (bootstrap over patients), and the share of the pairs with it among the first n, n as many as there are.
Reports take no part in the order.
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
from itertools import pairwise
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
from echosearch.phantom.files.archive import phantom_studies, study_cines, truth_row
from echosearch.phantom.patients.identity import study_uid
from echosearch.phantom.patients.plants import parse_plants
from echosearch.report.facts import load_lexicon
from echosearch.search.changes.amount import amounts
from echosearch.search.changes.scale import differences
from echosearch.search.study_hits import searching
from echosearch.settings import Settings
from echosearch.video import View
from trainer.data.cache import clip_of
from trainer.data.pairs import Drawn, Video

PLANT = "changes=0.6,wrong-reports=0.05,no-change-reports=0.3"
DRAWS = 1000

Row = Mapping[str, str]
Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Kind:
    """A change: its concept, its column of truth.csv, and which pairs have it, or are the same, by before and now."""

    name: str
    concept: str
    column: str
    has: Callable[[float, float], bool]
    same: Callable[[float, float], bool] = lambda before, now: before == now
    sign: float = 1.0


KINDS = (
    Kind("new pacemaker", "device_lead", "pacemaker", lambda b, n: n > b),
    Kind("new prosthesis", "prosthetic_valve", "prosthetic_valve", lambda b, n: n > b),
    Kind("MR worse by one grade", "mr", "mr", lambda b, n: n - b == 1),
    Kind("MR worse by one grade, from 1 on", "mr", "mr", lambda b, n: n - b == 1 and b >= 1),
    Kind("TR worse by one grade", "tr", "tr", lambda b, n: n - b == 1),
    Kind("AR worse by one grade", "ar", "ar", lambda b, n: n - b == 1),
    Kind("AS worse by one grade", "as", "as", lambda b, n: n - b == 1),
    Kind("new effusion", "pericardial_effusion", "pericardial_effusion", lambda b, n: b == 0 and n >= 2),
    Kind("EF falls by 10", "lvef", "ef", lambda b, n: b - n >= 10, lambda b, n: abs(b - n) < 5, -1.0),
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


def drawn_pairs(encoder: Encoder, patients: int, seed: int) -> tuple[list[VisitPair], dict[str, Row]]:
    """All pairs of consecutive studies, from cines that are drawn here, and the truth by study."""
    studies = list(phantom_studies(patients, seed, plants=parse_plants(PLANT)))
    truth: dict[str, Row] = {study_uid(study): truth_row(study) for study in studies}
    vectors = {}
    for study in studies:
        plans = [plan for plan in study_cines(study) if plan.view != "Other"]
        videos = [
            Video(f"{plan.number}", View(plan.view), 1.0, Drawn(study, plan.view, plan.color), plan.color)
            for plan in plans
        ]
        clips = [clip_of(video, encoder.clip_spec) for video in videos]
        vectors[study_uid(study)] = encoder.encode_clips(clips).mean(axis=0)
    pairs = []
    for one, two in pairwise(studies):
        if one.patient == two.patient:
            first, second = study_uid(one), study_uid(two)
            months = [day.year * 12 + day.month for day in (one.study_date, two.study_date)]
            both = (vectors[first], vectors[second])
            pairs.append(VisitPair(str(one.patient), first, second, 0, 0, months[1] - months[0], None, None, both))
    return pairs, truth


def stored_pairs(archive: Archive) -> list[VisitPair]:
    """All pairs of consecutive studies of an archive."""
    pairs: list[VisitPair] = []
    with searching(archive) as search:
        while batch := pairs_after(search.connection, search.encoder_id, pairs[-1].later if pairs else None, 2000):
            pairs += batch
    return pairs


def auc(positive: Scores, negative: Scores) -> float:
    """The chance that a pair with the change scores above one without."""
    order = np.searchsorted(np.sort(negative), positive, side="left") + np.searchsorted(
        np.sort(negative), positive, side="right"
    )
    return float(order.mean() / 2 / len(negative))


def interval(scores: Scores, has: Flags, same: Flags, patients: Sequence[str]) -> tuple[float, float]:
    """95 %, over draws of patients."""
    rng = np.random.default_rng(0)
    drawn: list[float] = []
    groups = [np.flatnonzero(np.array(patients) == one) for one in sorted(set(patients))]
    while len(drawn) < DRAWS:
        at = np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])
        if has[at].any() and same[at].any():
            drawn.append(auc(scores[at][has[at]], scores[at][same[at]]))
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def measure(
    encoder: Encoder, pairs: Sequence[VisitPair], truth: Mapping[str, Row]
) -> list[tuple[str, int, int, float, float, float, float]]:
    """Per change: pairs with it, pairs that are the same, AUC and its interval, share among the first n."""
    asked = amounts(encoder, load_lexicon(), sorted({kind.concept for kind in KINDS}))
    rows = []
    for kind in KINDS:
        known = [(float(truth[pair.earlier][kind.column]), float(truth[pair.later][kind.column])) for pair in pairs]
        scores = kind.sign * differences(asked[kind.concept], pairs)
        has = np.array([kind.has(*one) for one in known])
        same = np.array([kind.same(*one) for one in known])
        n = int(has.sum())
        if n < 3:
            continue
        either = has | same
        first = has[either][np.argsort(-scores[either], kind="stable")[:n]]
        low, high = interval(scores, has, same, [pair.patient for pair in pairs])
        rows.append((kind.name, n, int(same.sum()), auc(scores[has], scores[same]), low, high, float(first.mean())))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=150)
    parser.add_argument("--seeds", type=int, nargs="+", default=[90211, 90212])
    parser.add_argument("--folder", type=Path, help="keep the archives here; else they are temporary")
    parser.add_argument("--drawn", action="store_true", help="draw the cines in memory")
    parser.add_argument("--reuse", type=Path, help="a folder kept by --folder, measured as it is")
    chosen = parser.parse_args()
    if chosen.drawn:
        encoder = load_encoder(shipped_bundles()["phantom-tiny"])
        for seed in chosen.seeds:
            pairs, truth = drawn_pairs(encoder, chosen.patients, seed)
            show(measure(encoder, pairs, truth), f"seed {seed}, {len(truth)} studies, drawn")
        return 0
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


def show(rows: Sequence[tuple[str, int, int, float, float, float, float]], title: str) -> None:
    drawn = Table("change", "with it", "the same", "AUC", "95 %", "of the first n", title=title)
    for name, n, same, value, low, high, first in rows:
        drawn.add_row(name, str(n), str(same), f"{value:.3f}", f"{low:.3f}-{high:.3f}", f"{first:.2f}")
    Console(width=max(100, Console().width)).print(drawn)


if __name__ == "__main__":
    sys.exit(main())
