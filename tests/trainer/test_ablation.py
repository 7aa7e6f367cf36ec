"""The arms of the ablation are the same runs but for what they are named after."""

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.bench_ablation import ARMS, first_stage, second_stage
from trainer.config import TrainConfig

VIEWS = {"data.train_views", "data.eval_views", "data.videos_per_study", "optim.batch"}
DIFFERS = {
    "MultiVideo, order": set[str](),
    "MultiVideo": {"model.video.turns"},
    "MultiVideo, bag": {"model.video.turns", "model.video.time"},
    "SingleVideo": VIEWS,
    "SingleImage": VIEWS | {"model.video.turns", "model.video.time", "data.frames_seen"},
}


def flat(tree: dict[str, Any], path: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        found |= flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return found


def values(config: TrainConfig) -> dict[str, Any]:
    return flat(config.model_dump(mode="json"))


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_differs_from_the_first_by_its_name_alone(arm: str, tmp_path: Path) -> None:
    for stage in (first_stage, second_stage):
        base, own = (values(stage(name, 7, tmp_path)) for name in (next(iter(ARMS)), arm))
        assert {key for key in base if base[key] != own[key]} == DIFFERS[arm]


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_sees_as_many_clips_from_the_same_weights_and_patients(arm: str, tmp_path: Path) -> None:
    config = first_stage(arm, 7, tmp_path)
    assert config.optim.batch * config.data.videos_per_study == 48
    assert (config.model.start_video, config.model.start_text) == ("phantom-tiny", "phantom-tiny")
    seeds = [values(first_stage(arm, seed, tmp_path)) for seed in (1, 2)]
    assert {key for key in seeds[0] if seeds[0][key] != seeds[1][key]} == {"seed"}
