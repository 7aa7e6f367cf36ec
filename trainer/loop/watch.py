"""Report on a run: losses, validation scores, the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from trainer.config import TrainConfig
from trainer.loop.chance import chance, set_chance
from trainer.loop.metrics_file import MetricsFile
from trainer.model.trainee import Trainee

__all__ = ["Moment", "Watch"]


@dataclass(frozen=True)
class Moment:
    """What a run says of itself after a step."""

    step: int
    steps: int
    losses: dict[str, float]
    lr: float
    studies_per_second: float
    eta_seconds: float


class Watch:
    """The metrics file and the callbacks of a run, in process 0."""

    def __init__(
        self,
        config: TrainConfig,
        metrics: MetricsFile,
        done: int,
        progress: Callable[[Moment], None] | None,
        validate: Callable[[], dict[str, float]] | None,
    ) -> None:
        self._config, self._metrics, self._progress, self._validate = config, metrics, progress, validate
        self._first, self._began = done, time.monotonic()

    def losses(self, done: int, losses: dict[str, float], lr: float) -> None:
        """Write and say the losses of step ``done`` if they are due."""
        if self._is_due(done, self._config.run.log_every):
            moment = self._moment(done, losses, lr)
            self._metrics.write(done, "train", {**losses, "lr": lr, "studies_per_second": moment.studies_per_second})
            if self._progress:
                self._progress(moment)

    def scores(self, done: int, trainee: Trainee, device: torch.device) -> None:
        """Write the validation scores after step ``done`` if they are due; what the next step draws is not changed."""
        if self._validate and self._is_due(done, self._config.run.validate_every):
            before = chance(device)
            trainee.eval()
            self._metrics.write(done, "validation", self._validate())
            set_chance(before, device)

    def _is_due(self, done: int, every: int) -> bool:
        return done % every == 0 or done == self._config.optim.steps

    def _moment(self, done: int, losses: dict[str, float], lr: float) -> Moment:
        """With rate and time left over the steps of this process's life."""
        per_step = (time.monotonic() - self._began) / max(done - self._first, 1)
        steps = self._config.optim.steps
        return Moment(done, steps, losses, lr, self._config.optim.batch / per_step, per_step * (steps - done))
