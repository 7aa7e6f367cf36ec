"""Print what an encoder loses to altered videos and words, and its scores on a public benchmark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echosearch.cli.interval_cell import interval_cell
from echosearch.cli.output import note, say, say_json, table

if TYPE_CHECKING:
    from trainer.evaluation.benchmark import BenchmarkScores
    from trainer.evaluation.robustness import Robustness

__all__ = ["show_benchmark", "show_robustness"]


def show_robustness(found: Robustness, as_json: bool) -> None:
    """Print a line for each condition, or JSON."""
    from trainer.evaluation.evaluate import as_json as plain

    if as_json:
        say_json(plain(found))
        return
    note(f"{found.encoder}, split {found.split}: {found.studies} studies of {found.patients} patients")
    columns = ("videos and words", "cosine", "AUC", "falls most", "EF error", "R@10 v>r", "R@10 lost")
    rows = [
        (
            row.name,
            interval_cell(row.cosine),
            interval_cell(row.auc),
            None if row.worst is None else f"{row.worst.name} {row.worst.before:.3f} -> {row.worst.after:.3f}",
            interval_cell(row.ef_error, 1.0, 1),
            interval_cell(row.recall, 100.0, 1),
            interval_cell(row.loss, 100.0, 1),
        )
        for row in found.rows
    ]
    table(columns, rows, right=(*columns[1:3], *columns[4:]))
    vendor = found.vendor
    if vendor.accuracy is not None:
        say()
        told = f"{vendor.accuracy:.2f} ({vendor.low:.2f}-{vendor.high:.2f}), chance {vendor.chance:.2f}"
        say(f"vendor read off the study vectors, {vendor.classes} vendors, balanced accuracy: {told}")
    if found.left_out:
        note(f"{found.left_out} videos gave no clip under some condition and are left out")
    if found.depth_by == "scaling":
        note("depth: the picture is scaled about the probe; phantoms drawn in memory are drawn at the other depth")


def show_benchmark(found: BenchmarkScores, as_json: bool) -> None:
    """Print the scores on a benchmark's test split, or JSON."""
    from trainer.evaluation.evaluate import as_json as plain

    if as_json:
        say_json(plain(found))
        return
    note(f"{found.encoder} on {found.benchmark}: {found.labelled} labelled studies, {found.test} of the test split")
    scores = (
        (f"{found.target} error by prompts, points", interval_cell(found.error, 1.0, 2)),
        ("error of always guessing the mean", interval_cell(found.of_the_mean, 1.0, 2)),
        ("error of a probe on all labels", interval_cell(found.probe_error, 1.0, 2)),
        (f"{found.target}, AUC by prompts", interval_cell(found.auc)),
        ("AUC of a probe on all labels", interval_cell(found.probe_auc)),
        ("EF of the tracings against the table, points", interval_cell(found.tracings, 1.0, 2)),
    )
    table(("score", "value"), [row for row in scores if row[1] is not None], right=("value",))
    if found.few_shot:
        say()
        rows = [
            (
                one.way,
                "all" if one.shots is None else one.shots,
                f"{one.labels:.0f}",
                _spread(one.error, one.low, one.high),
            )
            for one in found.few_shot
        ]
        columns = ("way", "labels for every integer EF", "labels", "error, points (95 % of the draws)")
        table(columns, rows, right=columns[1:])
    if found.missing or found.unusable:
        note(f"{found.missing} rows have no video or label here; {found.unusable} studies gave no clip")


def _spread(value: float, low: float, high: float) -> str:
    return f"{value:.2f} ({low:.2f}-{high:.2f})"
