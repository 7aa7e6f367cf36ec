"""Draw the evaluation: Table 1's scores and the zero-shot AUCs with their intervals, and the reliability of the
search's probabilities.

Importing this module raises ConfigError if matplotlib is not installed: before an evaluation, not after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from echosearch.errors import ConfigError
from echosearch.insight.intervals import Interval
from trainer.evaluation.calibration import Calibration
from trainer.evaluation.evaluate import Evaluation

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
except ImportError as exc:
    raise ConfigError("a figure needs matplotlib: pip install 'echosearch[train]'") from exc

__all__ = ["draw"]

ENOUGH = 20  # studies of a bin that a finding's line is drawn through


def draw(evaluation: Evaluation, out: Path) -> None:
    """Draw a PNG, PDF or SVG, by the ending of ``out``."""
    rows = max(len(evaluation.findings), 8)
    checked = evaluation.calibration
    height = 0.35 * rows + 1.6
    figure = Figure(figsize=(12, height + (0 if checked is None else 5)), layout="constrained")
    FigureCanvasAgg(figure)
    if checked is None:
        left, right = figure.subplots(1, 2)
    else:
        (left, right), (reliability, errors) = figure.subplots(2, 2, height_ratios=[height, 5])
        _reliability(reliability, checked)
        shown = (*checked.findings, checked.pooled)
        errors.invert_yaxis()
        _bars(errors, [one.name for one in shown], [one.error for one in shown], "Expected calibration error")
        errors.set_xlim(0, max(0.1, *(one.error.high for one in shown)))
        errors.axvline(0.05, color="0.6", linewidth=0.8)
    way = evaluation.retrieval
    names = ["MRR"] + [f"{name} R@{k}" for name in ("video to report", "report to video") for k in (1, 5, 10)]
    scores = [way.mrr, *(side.recall[k] for side in (way.video_to_report, way.report_to_video) for k in (1, 5, 10))]
    left.invert_yaxis()  # the first row on top
    _bars(left, names, scores, f"Retrieval among {evaluation.studies} studies")
    found = sorted(evaluation.findings, key=lambda finding: finding.contrast.value)
    _bars(right, [f.name for f in found], [f.contrast for f in found], "Zero-shot AUC")
    right.axvline(0.5, color="0.6", linewidth=0.8)
    figure.suptitle(f"{evaluation.encoder}, split {evaluation.split}; 95 % intervals over patients", fontsize=10)
    figure.savefig(out, dpi=150)


def _reliability(axes: Any, checked: Calibration) -> None:
    """Believed and true shares: a thin line for a finding, a thick line for all, its dots sized by their studies."""
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, linestyle="--")
    for one in checked.findings:
        told = [bin for bin in one.bins if bin.studies >= ENOUGH]
        axes.plot([bin.believed for bin in told], [bin.true for bin in told], color="0.75", linewidth=0.8)
    bins = checked.pooled.bins
    believed, true = [bin.believed for bin in bins], [bin.true for bin in bins]
    axes.plot(believed, true, color="0.15", linewidth=1.6)
    axes.scatter(believed, true, s=[8 + 120 * bin.studies / checked.pooled.studies for bin in bins], color="0.15")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_title(f"Probabilities of {len(checked.findings)} findings, half of the reports withheld", fontsize=10)
    axes.set_xlabel("believed", fontsize=8)
    axes.set_ylabel("share that has it" if checked.against_truth else "share whose report states it", fontsize=8)
    axes.tick_params(labelsize=8)


def _bars(axes: Any, names: Sequence[str], scores: Sequence[Interval], title: str) -> None:
    values = [score.value for score in scores]
    spread = [
        [max(score.value - score.low, 0) for score in scores],
        [max(score.high - score.value, 0) for score in scores],
    ]
    axes.barh(list(names), values, xerr=spread, color="0.75", ecolor="0.25")
    axes.set_xlim(0, 1)
    axes.set_title(title, fontsize=10)
    axes.tick_params(labelsize=8)
