"""Draw the phantom studies that an encoder is taught by, and say which have what is taught."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from echosearch.errors import ConfigError
from echosearch.insight.probes.territory import TERRITORIES
from echosearch.phantom.patients.history import LEVELS
from echosearch.search.arms.prompts import MILD
from trainer.closed_form.prompt_places import ORDERED, WALLS
from trainer.config import DataConfig
from trainer.data.pairs import Drawn, Study
from trainer.progress import say

__all__ = ["ClosedFormConfig", "data_of", "having"]


@dataclass(frozen=True)
class ClosedFormConfig:
    """From which phantom studies it is taught, and how much it counts."""

    seed: int = 70201  # of phantoms that no figure is measured on, at both levels
    patients: int = 200  # of each level, as they come
    enrich_from: int = 1500  # further patients of each level, of whom those with dyssynchrony or a bad wall join
    takes: int = 2  # cines of each view and mode of a study, at most
    turns: int = 24  # numbers of a frame whose order is kept
    ridge: float = 0.1  # against inputs whose mean squared length is 1
    loud: float = 0.15  # standard deviation of what is added along a direction, as a share of a study vector's length
    loud_wall: float = 0.1  # the same of each territory: three of them take more of a vector


def data_of(config: ClosedFormConfig) -> list[DataConfig]:
    """Return what is drawn, a level each."""
    return [
        DataConfig.model_validate(
            {
                "level": level,
                "patients": config.patients,
                "phantom_seed": config.seed,
                "enrich": (ORDERED, WALLS) if config.enrich_from else (),
                "enrich_from": config.enrich_from,
                "takes": config.takes,
            }
        )
        for level in LEVELS
    ]


def having(studies: Sequence[Study]) -> dict[str, list[bool]]:
    """Return what is taught -> whether each study has it. Raises ConfigError if none has it, or all have."""
    found: dict[str, list[bool]] = {name: [] for name in (ORDERED, *TERRITORIES)}
    for study in studies:
        drawn = study.videos[0].source
        assert study.truth is not None
        assert isinstance(drawn, Drawn)
        found[ORDERED].append(study.truth.grades[ORDERED] >= MILD)
        for territory in TERRITORIES:
            there = study.truth.grades[WALLS] >= MILD
            found[territory].append(there and drawn.study.findings.territory == territory)
    for name, each in found.items():
        told = f"{name}: {sum(each)} of {len(each)} studies have it"
        if not 0 < sum(each) < len(each):
            raise ConfigError(f"{told}: draw more patients (--patients, --enrich-from)")
        say(told)
    return found
