"""How far interpretations can be believed, and how many planted wrong reports are found. Run by hand; not a test.

    python tests/benchmarks/bench_insight.py [--patients 100] [--seeds 90213 90214]
    python tests/benchmarks/bench_insight.py --reuse KEPT ...      what --folder KEPT has kept
    python tests/benchmarks/bench_insight.py --drawn --patients 520 --seeds 90301
                                                                   disagree alone, on some 1,000 studies whose cines are
                                                                   drawn in memory and embedded: no archive, no JPEG

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
from uuid import NAMESPACE_OID, uuid5

import numpy as np
from rich.console import Console

from echosearch.archive import Archive, open_archive
from echosearch.db.lookup import StudyRow
from echosearch.encoder.base import Encoder
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.insight.curves import fit_curves
from echosearch.insight.disagree import disagree
from echosearch.insight.interpret import SAMPLE, usual_findings
from echosearch.insight.intervals import patient_bootstrap
from echosearch.insight.judge import judge_by_videos
from echosearch.insight.sample import FOLDS, VectorSample, fold_of, read_sample, unseen_by
from echosearch.insight.values import fit_value
from echosearch.outcome import MeasuredValue
from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.planted import planted_report
from echosearch.phantom.patients.identity import study_uid
from echosearch.phantom.patients.plants import parse_plants
from echosearch.phantom.patients.wording import report_phrases, report_text
from echosearch.phantom.patients.wrong_report import WrongReport, wrong_report
from echosearch.report.facts import load_lexicon, read_facts
from echosearch.search.arms.prompts import MILD
from echosearch.search.arms.reliability import calibration_error
from echosearch.search.arms.view_weights import view_weights
from echosearch.search.study_hits import searching
from echosearch.settings import Settings
from echosearch.video import VIEW_GATE, View
from trainer.data.cache import clip_of
from trainer.data.pairs import Drawn, Video
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


def drawn(encoder: Encoder, patients: int, seed: int) -> tuple[VectorSample, list[WrongReport | None]]:
    """A sample as an ingest would store it, and what is wrong in each report."""
    lexicon, weights = load_lexicon(), view_weights(encoder.id.fingerprint)
    vectors, facts, values, unseen, wrong = [], [], [], [], []
    rows: list[StudyRow] = []
    for study in phantom_studies(patients, seed):
        chance = np.random.default_rng(
            [study.seed, study.patient, study.number, 7003]
        )  # as write_study draws the views
        sure = [
            (plan, 1.0 - chance.beta(1.0, 30.0) if chance.random() < 0.96 else chance.uniform(0.55, 0.9))
            for plan in study_cines(study)
        ]
        plans = [plan for plan, probability in sure if probability >= VIEW_GATE and plan.view != "Other"]
        clips = [
            clip_of(Video(f"{p.number}", View(p.view), 1.0, Drawn(study, p.view, p.color), p.color), encoder.clip_spec)
            for p in plans
        ]
        vectors.append(encoder.encode_clips(clips).mean(axis=0))
        made = planted_report(study, "first", parse_plants(PLANT))
        facts.append(read_facts(report_text(study) if made is None else made[0], lexicon))
        wrong.append(None if made is None else wrong_report(study, report_phrases))
        values.append((MeasuredValue("lvef", round(study.findings.ef, 1), "%"),))
        unseen.append(unseen_by(weights, {(p.view, "color" if p.color else "bmode") for p in plans}))
        name, patient = (str(uuid5(NAMESPACE_OID, f"{seed} {n}")) for n in (study_uid(study), study.patient))
        rows.append(StudyRow(name, name, patient, (1,), 202001, None, None, len(rows)))
    nothing = (None,) * len(rows)
    return VectorSample(tuple(rows), np.stack(vectors), tuple(facts), tuple(values), nothing, tuple(unseen)), wrong


def found_drawn(encoder: Encoder, patients: int, seed: int) -> str:
    sample, wrong = drawn(encoder, patients, seed)
    judged = judge_by_videos(encoder, load_lexicon(), sample).compare(sample)
    surprise = np.array([-np.inf if one is None else one.surprise for one in judged])
    planted = {row for row, one in enumerate(wrong) if one is not None}
    first = round(FIRST * len(planted))
    hit = planted & set(np.argsort(-surprise, kind="stable")[:first].tolist())
    missed = [f"{one.kind} {one.concept} {one.true:g}" for row, one in enumerate(wrong) if one and row not in hit]
    return (
        f"seed {seed}, {len(sample)} studies, drawn: {len(hit)} of {len(planted)} planted among the first {first};"
        f" missed: {', '.join(missed) or 'none'}"
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=100)
    parser.add_argument("--seeds", type=int, nargs="+", default=[90213, 90214])
    parser.add_argument("--folder", type=Path, help="keep the archives here; else they are temporary")
    parser.add_argument("--reuse", type=Path, help="a folder kept by --folder, measured as it is")
    parser.add_argument("--drawn", action="store_true", help="disagree alone, on cines drawn in memory")
    chosen = parser.parse_args()
    console = Console(width=120, highlight=False)
    if chosen.drawn:
        encoder = load_encoder(shipped_bundles()["phantom-tiny"])
        for seed in chosen.seeds:
            console.print(found_drawn(encoder, chosen.patients, seed))
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
