"""EF with few labels, for bench_parts.py: CardiacCLIP's head whole and less a part, over clips and over frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from echosearch.insight.intervals import mean_interval
from tests.benchmarks.parts_data import Set
from tests.benchmarks.study_attention import FOLDS, fold_of
from trainer.evaluation.few_shot import DRAWS, RIDGE, SHOTS, EfPrompts, EfStudies, ShotErrors, Way, shot_errors
from trainer.evaluation.ordinal_head import STEPS, Part

Floats = NDArray[np.float64]
SETTINGS = {"head": (12, 25, 50, 100, 200), "probe": (0.1, 0.3, 1.0, 3.0, 10.0)}  # steps, ridges
ARMS: dict[str, tuple[Way, Part | None]] = {  # of EF
    "prompts": ("prompts", None),
    "a line through them": ("line", None),
    "probe": ("probe", None),
    "head": ("ordinal", None),
    "head without attention": ("ordinal", "attention"),
    "head without KL": ("ordinal", "kl"),
}
FRAMES = {"head over frames as they are": 400, "head over frames about their clip": 0}  # steps; 0: the whole head's
SHOWN: dict[str, tuple[int | None, ...]] = {  # a clip has twelve frames, and takes twelve times as long
    "prompts": (0,),
    **dict(zip(FRAMES, ((None,), (1, 2, None)), strict=True)),
}


@dataclass(frozen=True)
class Errors:
    """The error of one arm at one number of shots, (N,) means over the draws, and with what setting."""

    labels: float
    apart: Floats
    setting: str


def part_of(studies: EfStudies, rows: NDArray[np.int64]) -> EfStudies:
    return EfStudies(studies.ef[rows], studies.vectors[rows], tuple(studies.clips[row] for row in rows))


def tried(
    prompts: EfPrompts, train: EfStudies, test: EfStudies, shots: int | None, arm: str, setting: float, draws: int
) -> ShotErrors:
    way, without = ARMS.get(arm, ("ordinal", None))
    steps, ridge = (int(setting), RIDGE) if way == "ordinal" else (STEPS, setting)
    found = shot_errors(prompts, train, test, (shots,), draws, (way,), steps=steps, ridge=ridge, without=without)
    return next(found)


def best_setting(
    prompts: EfPrompts,
    train: EfStudies,
    patients: Sequence[str],
    shots: int | None,
    arm: str,
    settings: Sequence[float],
) -> float:
    """Return the steps of a head, or the ridge of a probe, with the least error in folds of the training patients."""
    folds = np.array([fold_of(patient) for patient in patients])
    wrong = {}
    for setting in settings:
        each = []
        for fold in range(FOLDS):
            kept, held = (part_of(train, np.flatnonzero(one)) for one in (folds != fold, folds == fold))
            each.append(tried(prompts, kept, held, shots, arm, setting, 1).errors[0])
        wrong[setting] = float(np.concatenate(each).mean())
    return min(wrong, key=lambda setting: wrong[setting])


def seen_by(arm: str, one: Set) -> EfStudies:
    """Return the studies with what an arm sees of each: its clips, or all frames of them.

    About their clip, frames are moved by one vector so that their mean is the clip's: the tower's vector of a frame
    alone lacks what a clip's has by extremes over time, and lies where no text is.
    """
    if arm not in FRAMES:
        return one.ef
    shown = one.frames
    if not FRAMES[arm]:
        moved = [(each, clips - each.mean(axis=1)) for each, clips in zip(shown, one.ef.clips, strict=True)]
        shown = tuple(each + by[:, None] for each, by in moved)
    return replace(one.ef, clips=tuple(each.reshape(-1, each.shape[2]) for each in shown))


def ef_errors(
    prompts: EfPrompts, train: Set, test: Set, arms: Sequence[str]
) -> Iterator[tuple[str, int | None, Errors]]:
    """Yield each arm at each number of shots. A head less a part, and one over frames that begin at the whole head's
    prompts, is trained as long as the whole."""
    steps: dict[int | None, float] = {}
    for arm in arms:
        known, asked = (seen_by(arm, one) for one in (train, test))
        for shots in SHOWN.get(arm, (*SHOTS, None)):
            setting = FRAMES.get(arm) or steps.get(shots, RIDGE)
            if arm in SETTINGS:
                setting = best_setting(prompts, known, train.patients, shots, arm, SETTINGS[arm])
            if arm == "head":
                steps[shots] = setting
            found = tried(prompts, known, asked, shots, arm, setting, DRAWS)
            yield arm, shots, Errors(found.labels, found.errors.mean(axis=0), f"{setting:g}" if arm in SETTINGS else "")


def span(values: Floats, patients: Sequence[str]) -> str:
    found = mean_interval(values, patients)
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def show_ef(found: Mapping[tuple[str, int | None], Errors], test: Set, guess: float) -> None:
    columns = (*SHOTS, None)

    def cells(arm: str) -> list[Errors | None]:
        return [found.get((arm, k)) for k in columns]

    apart = np.abs(test.ef.ef - guess)
    print(f"\nEF, mean absolute error in points; always guessing the training mean: {span(apart, test.patients)}")
    if ("prompts", 0) in found:
        print(f"prompts: {span(found['prompts', 0].apart, test.patients)}")
    arms = list(dict.fromkeys(arm for arm, shots in found if shots != 0))
    labels = {shots: next(one.labels for (_, k), one in found.items() if k == shots) for shots in columns}
    print("| | " + " | ".join(f"{'all' if k is None else k} ({labels[k]:.0f} labels)" for k in columns) + " |")
    for arm in arms:
        shown = [
            f"{span(one.apart, test.patients)}{one.setting and f' [{one.setting}]'}" if one else ""
            for one in cells(arm)
        ]
        print(f"| {arm} | {' | '.join(shown)} |")
    print("\nThe head's error less another's, paired:")
    for arm in arms:
        if arm != "head":
            pairs = zip(cells("head"), cells(arm), strict=True)
            less = [span(one.apart - other.apart, test.patients) if one and other else "" for one, other in pairs]
            print(f"| less {arm} | {' | '.join(less)} |")
