"""What parts of two papers bring on the phantom's hard level: bench_parts.py --out runs/parts

ef         CardiacCLIP's head for EF with few labels (trainer/evaluation/few_shot.py), whole, without its attention over
           clips, and without its KL term, beside the prompts, a line and a probe
frames     the head's attention over frames, as in the paper, in place of clips
findings   EchoPrime's weights of views for each finding: by prompts with the weights that ship, and attention over a
           study's clips before a logistic head (study_attention.py)

The encoder is the shipped phantom-tiny, as it is. Labels are the truth of one seed's patients, figures are of another
seed's; steps and strengths are chosen by folds of the training patients. Videos are those of the five views. Intervals,
95 %, are over patients; draws of labels are averaged within a study first.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder.torch_encoder import load_encoder
from tests.benchmarks.parts_data import drawn
from tests.benchmarks.parts_ef import ARMS, FRAMES, Errors, ef_errors, show_ef
from tests.benchmarks.parts_findings import score_findings, show_attention, show_findings
from trainer.evaluation.few_shot import ef_prompts

TRAIN, TEST, PATIENTS = 48611, 97213, 200  # phantom seeds, and patients of each
PARTS = ("ef", "frames", "findings")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--patients", type=int, default=PATIENTS, help="of each seed")
    parser.add_argument("--seeds", type=int, nargs=2, default=(TRAIN, TEST), help="to learn from, and to score on")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    encoder = load_encoder(find_bundle(Path("phantom-tiny")), "cpu")
    train, test = (drawn(encoder, seed, args.patients, args.out) for seed in args.seeds)
    arms = [*(ARMS if "ef" in args.parts else ["head"]), *(FRAMES if "frames" in args.parts else [])]
    if {"ef", "frames"} & {*args.parts}:
        found: dict[tuple[str, int | None], Errors] = {}
        for arm, shots, one in ef_errors(ef_prompts(encoder), train, test, arms):
            found[arm, shots] = one
            print(f"{arm}, {shots}: {one.apart.mean():.2f} {one.setting}", flush=True)
        show_ef(found, test, float(train.ef.ef.mean()))
    if "findings" in args.parts:
        there, scores, reads, kinds = score_findings(train, test, encoder)
        show_findings(there, scores, test)
        show_attention([*there], reads, test, kinds)


if __name__ == "__main__":
    main()
