"""What single frames and grey levels cannot tell of a hard phantom: python tests/benchmarks/bench_hard.py

Septal motion early in systole or in diastole, from short-axis cines: the frames as a bag, and in their order.
A shunt's direction, from colour cines of the four-chamber view: without the colours, and with them. Frames are those
that phantom-tiny sees, 12 at 0.1 s, in cells of 8 x 8 or 12 x 12. The probe is a linear one (ridge on standardised
features, its strength chosen inside), in five folds by patient; AUC with 95 % intervals over patients. Both
also from the vectors of the encoder that ships.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from echosearch.clip import Clip, ClipSpec, Uint8
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.insight.intervals import auc_interval
from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.heart.features import Features
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.video import View
from trainer.data.cache import clip_of
from trainer.data.pairs import Drawn, Video

Floats = NDArray[np.float64]
SPEC = ClipSpec(frames=12, seconds=0.1, size=64)
CELLS, COLOR_CELLS = 8, 12
STRENGTHS = (1e1, 1e2, 1e3, 1e4, 1e5)


def hearts(kind: str, wanted: int, seed: int) -> list[tuple[PhantomStudy, bool]]:
    """First studies of patients with disease, in turn with the one and the other of a pair of features."""
    found: list[tuple[PhantomStudy, bool]] = []
    rng = np.random.default_rng(seed)
    for study in phantom_studies(8 * wanted, seed, level="hard"):
        if study.number or study.hard is None or study.hard.normal or len(found) == wanted:
            continue
        one = bool(rng.random() < 0.5)
        f = replace(study.findings, dyssynchrony=0, wall_motion=0, severities=())
        if kind == "septal":
            features = Features(septal="early" if one else "late")
        else:
            features = Features(shunt="left-right" if one else "right-left")
        hard = replace(study.hard, features=features, rhythm="sinus")
        found.append((replace(study, findings=f, hard=hard), one))
    return found


def clip(study: PhantomStudy, view: str, color: bool) -> Clip:
    name = f"{study.patient}-{view}-{color}"
    return clip_of(Video(name, View(view), 1.0, Drawn(study, view, color), color), SPEC)


def cells(pixels: Floats, side: int) -> Floats:
    """(T, 64, 64) -> (T, side * side), means of cells."""
    small = [cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in pixels]
    return np.stack(small).reshape(len(small), -1)


def bag(pixels: Uint8) -> Floats:
    """All that is symmetric in the frames up to second order, and extremes: sorted in time, a bag has nothing else."""
    seen = cells(pixels.max(axis=3).astype(np.float64), CELLS)
    around = seen - seen.mean(axis=0)
    pairs = (around.T @ around)[np.triu_indices(seen.shape[1])]
    return np.concatenate((seen.mean(axis=0), seen.min(axis=0), seen.max(axis=0), pairs / len(seen)))


def ordered(pixels: Uint8) -> Floats:
    """The area that each pair of cells goes around in time: it changes its sign when a cine is played backwards."""
    seen = cells(pixels.max(axis=3).astype(np.float64), CELLS)
    around = seen - seen.mean(axis=0)
    loop = around[:-1].T @ around[1:]
    turned: Floats = (loop - loop.T)[np.triu_indices(seen.shape[1], 1)]
    return turned


def grey(pixels: Uint8) -> Floats:
    seen = cells(pixels.max(axis=3).astype(np.float64), COLOR_CELLS)
    return np.concatenate((seen.mean(axis=0), seen.max(axis=0), seen.std(axis=0)))


def colors(pixels: Uint8) -> Floats:
    wide = pixels.astype(np.float64)
    seen = cells(wide[..., 0] - wide[..., 2], COLOR_CELLS)
    return np.concatenate((seen.mean(axis=0), seen.max(axis=0), seen.min(axis=0)))


def ridge(x: Floats, y: Floats, new: Floats, strength: float) -> Floats:
    gram = x @ x.T + strength * np.eye(len(x))
    return new @ (x.T @ np.linalg.solve(gram, y - y.mean()))


def scores(x: Floats, y: Floats) -> Floats:
    """Out of fold, the strength by an inner split of the rest."""
    fold = np.arange(len(y)) % 5
    out = np.zeros(len(y))
    for held in range(5):
        fit = fold != held
        middle, spread = x[fit].mean(axis=0), x[fit].std(axis=0) + 1e-9
        z = (x - middle) / spread
        inner = fit & (fold != (held + 1) % 5)
        check = fit & ~inner
        errors = [np.corrcoef(ridge(z[inner], y[inner], z[check], s), y[check])[0, 1] for s in STRENGTHS]
        out[~fit] = ridge(z[fit], y[fit], z[~fit], STRENGTHS[int(np.argmax(errors))])
    return out


def show(name: str, features: Floats, truth: NDArray[np.bool_]) -> None:
    auc = auc_interval(scores(features, truth.astype(np.float64)), truth, [str(at) for at in range(len(truth))])
    print(f"{name}: AUC {auc.value:.3f} ({auc.low:.3f}-{auc.high:.3f}) of {len(truth)} hearts", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hearts", type=int, default=400)
    parser.add_argument("--seed", type=int, default=24681)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    encoder = load_encoder(shipped_bundles()["phantom-tiny"])
    cases: tuple[tuple[str, str, bool, dict[str, Callable[[Uint8], Floats]]], ...] = (
        ("septal", "SAX", False, {"frames as a bag": bag, "frames in order": ordered}),
        ("shunt", "4CH", True, {"without colours": grey, "with colours": colors}),
    )
    for kind, view, color, features in cases:
        drawn = [(clip(study, view, color), one) for study, one in hearts(kind, args.hearts, args.seed)]
        truth = np.array([one for _, one in drawn])
        for name, of in features.items():
            show(f"{kind}, {name}", np.stack([of(clip.pixels) for clip, _ in drawn]), truth)
        vectors = [encoder.encode_clips([one for one, _ in drawn[at : at + 16]]) for at in range(0, len(drawn), 16)]
        show(f"{kind}, vectors of phantom-tiny", np.concatenate(vectors).astype(np.float64), truth)


if __name__ == "__main__":
    main()
