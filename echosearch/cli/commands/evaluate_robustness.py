"""Print what an encoder loses to altered videos and words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echosearch.cli.interval_cell import interval_cell
from echosearch.cli.output import note, say, say_json, table

if TYPE_CHECKING:
    from trainer.evaluation.robustness import Robustness

__all__ = ["show_robustness"]


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
