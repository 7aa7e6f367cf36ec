"""Scores of encoders: `echosearch evaluate`."""

from __future__ import annotations

from shapes.base import Commands
from trainer.evaluation.benchmark import BenchmarkScores
from trainer.evaluation.evaluate import Evaluation
from trainer.evaluation.robustness import Robustness

__all__ = ["COMMANDS"]


COMMANDS: Commands = {
    "evaluate": ("echosearch evaluate --json", Evaluation),
    "evaluate-benchmark": ("echosearch evaluate --benchmark PATH --json", BenchmarkScores),
    "evaluate-robustness": ("echosearch evaluate --robustness --json", Robustness),
}
