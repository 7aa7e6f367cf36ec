"""How far interpretations can be believed, and how many planted wrong reports are found. Run by hand; not a test.

    python tests/benchmarks/bench_insight.py [--patients 100] [--seeds 90213 90214]
    python tests/benchmarks/bench_insight.py --reuse KEPT ...      what --folder KEPT has kept

Writes an archive of each seed in which one report of twenty is wrong in one statement, ingests it with phantom-tiny,
and prints

    disagree      of the planted reports, how many are among the first 1.2 n studies (50 of 1,000: the first 60)
    interpret     expected calibration error of the probabilities, and the EF's error and how many true values its
                  interval holds: five folds of patients, the fold left out of all that is fitted, against truth.csv
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from rich.console import Console

from echosearch.archive import Archive, open_archive
from echosearch.insight.curves import fit_curves
from echosearch.insight.disagree import disagree
from echosearch.insight.interpret import SAMPLE, usual_findings
from echosearch.insight.intervals import patient_bootstrap
from echosearch.insight.sample import FOLDS, VectorSample, fold_of, read_sample
from echosearch.insight.values import fit_value
from echosearch.report.facts import load_lexicon
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.reliability import calibration_error
from echosearch.search.study_hits import searching
from echosearch.settings import Settings
from trainer.evaluation.zero_shot import FINDINGS

PLANT = "wrong-reports=0.05"
FIRST = 1.2  # times as many studies as there are planted reports

Row = Mapping[str, str]


def run(home: Path, *words: str) -> None:
    """An echosearch command, in a process of its own, as a user starts it."""
    program = [sys.executable, "-c", "from echosearch.cli import main; main()"]
    subprocess.run([*program, *words], env=os.environ | {"ECHOSEARCH_HOME": str(home)}, check=True, stdout=sys.stderr)


def make(folder: Path, patients: int, seed: int) -> None:
    """Write a planted phantom and ingest it; its videos are not kept."""
    home, phantom = folder / "home", folder / "ph"
    run(home, "phantom", "write", str(phantom), "--patients", str(patients), "--seed", str(seed), "--plant", PLANT)
    for bundle in ("phantom-tiny", "phantom-views"):
        run(home, "encoder", "use", bundle)
    run(home, "ingest", str(phantom / "DICOM"), "--reports", str(phantom / "reports.csv"))
    shutil.rmtree(phantom / "DICOM")


def table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def found_plants(archive: Archive, planted: Sequence[Row]) -> str:
    """Count the planted reports among the first studies, and name those that are not."""
    wrong = {archive.keyring.study(row["study_uid"]): row for row in planted if row["kind"].startswith("wrong-")}
    first = round(FIRST * len(wrong))
    found = [one.study for one in disagree(archive, top_k=first).disagreements]
    missed = [f"{row['kind']} {row['concept']} {row['from']}" for key, row in wrong.items() if key not in found]
    hit = len(wrong) - len(missed)
    return f"disagree: {hit} of {len(wrong)} planted among the first {first}; missed: {', '.join(missed) or 'none'}"


def believed(archive: Archive, sample: VectorSample, truth: Mapping[str, Row]) -> list[str]:
    """Lines on calibration and on the EF, of patients that nothing was fitted on."""
    lexicon, encoder = load_lexicon(), archive.encoder
    columns = {concept: name for name, concept in FINDINGS.items()}
    folds = np.array([fold_of(study.patient) for study in sample.studies])
    p: dict[str, list[tuple[float, bool, str]]] = {}
    apart: list[float] = []
    inside: list[bool] = []
    widths: list[float] = []
    patients: list[str] = []
    for fold in range(FOLDS):
        rest, held = (sample.only(np.flatnonzero(each).tolist()) for each in (folds != fold, folds == fold))
        curves = fit_curves(encoder, lexicon, rest, [one for one in usual_findings(rest, lexicon) if one in columns])
        made = curves.probabilities(curves.scores(held.vectors))
        reader = fit_value(encoder, lexicon, rest, "lvef")
        assert reader.width is not None
        values = reader.read(held.vectors, np.full(len(held), -1))
        widths.append(reader.width)
        for row, study in enumerate(held.studies):
            true = truth[study.study]
            for column, curve in enumerate(curves.curves):
                if not np.isnan(made[row, column]):
                    has = int(true[columns[curve.concept]]) >= MILD
                    p.setdefault(curve.concept, []).append((float(made[row, column]), has, study.patient))
            error = abs(values[row] - float(true["ef"]))
            apart.append(error)
            inside.append(error <= reader.width)
            patients.append(study.patient)

    def ece(rows: Sequence[tuple[float, bool, str]]) -> float:
        return calibration_error(np.array([one for one, _, _ in rows]), np.array([has for _, has, _ in rows]))

    pooled = [one for each in p.values() for one in each]
    low, high = patient_bootstrap(lambda kept: ece([pooled[i] for i in kept]), [who for _, _, who in pooled])
    errors, holds = np.array(apart), np.array(inside)
    e_low, e_high = patient_bootstrap(lambda kept: float(errors[kept].mean()), patients)
    h_low, h_high = patient_bootstrap(lambda kept: float(holds[kept].mean()), patients)
    return [
        f"interpret: calibration error {ece(pooled):.3f} ({low:.3f}-{high:.3f}), {len(p)} findings,"
        f" {len(pooled)} probabilities; " + ", ".join(f"{name} {ece(rows):.3f}" for name, rows in sorted(p.items())),
        f"EF: error {errors.mean():.2f} ({e_low:.2f}-{e_high:.2f}), interval +- {np.mean(widths):.1f} holds"
        f" {holds.mean():.3f} ({h_low:.3f}-{h_high:.3f}) of {len(errors)} studies",
    ]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[90213, 90214])
    parser.add_argument("--folder", type=Path, help="keep the archives here; else they are temporary")
    parser.add_argument("--reuse", type=Path, help="a folder kept by --folder, measured as it is")
    chosen = parser.parse_args()
    console = Console(width=120, highlight=False)
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
            with open_archive(Settings(home=own / "home")) as archive:
                truth = {archive.keyring.study(row["study_uid"]): row for row in table(own / "ph" / "truth.csv")}
                with searching(archive) as search:
                    sample = read_sample(search, SAMPLE)
                console.print(f"seed {seed}, {len(sample)} studies")
                for line in (
                    found_plants(archive, table(own / "ph" / "plants.csv")),
                    *believed(archive, sample, truth),
                ):
                    console.print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
