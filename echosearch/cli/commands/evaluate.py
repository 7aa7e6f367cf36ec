"""echosearch evaluate: the papers' evaluation of an encoder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from echosearch.cli.output import note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.encoder.bundle.folder import load_manifest, load_view_manifest
from echosearch.encoder.bundle.shipped import find_bundle

if TYPE_CHECKING:
    from trainer.evaluation.evaluate import Evaluation
    from trainer.evaluation.retrieval import BothWays, Interval

__all__ = ["evaluate"]

FIGURES = (".png", ".pdf", ".svg")


@click.command(short_help="Score an encoder as the papers do.")
@click.argument("bundle", metavar="FOLDER|NAME", type=as_path)
@click.option(
    "--split", type=click.Choice(("train", "validation", "test", "all")), default="test", show_default=True,
    help="Which patients.",
)  # fmt: skip
@click.option("--config", type=as_path, metavar="TOML", help="Data other than those the bundle was trained with.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Overrides a key of --config.")
@click.option("--view-classifier", type=as_path, metavar="BUNDLE", help="Also score this view classifier.")
@click.option("--figure", type=as_path, metavar="PNG", help="Draw the table; needs the extra train.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/training.md.")
def evaluate(
    bundle: Path,
    config: Path | None,
    settings: tuple[str, ...],
    view_classifier: Path | None,
    figure: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Evaluate the encoder in FOLDER: retrieval both ways (MCMRR, MRR, R@1, 5, 10), zero-shot findings and EF, and the
    calibration of the search's probabilities if half of the reports are withheld.

    NAME, here and of the view classifier, is one that ships with this program (`echosearch encoder list`).

    Scores have 95 % intervals over patients. A patient, or a near-duplicate video, on both sides of the
    split ends the run.

    \b
    echosearch evaluate ./run/bundle --split test --figure table.png
    echosearch evaluate ./run/bundle --split all --config other.toml --json
    echosearch evaluate phantom-tiny --view-classifier phantom-views --split all --config other.toml
    """
    if settings and config is None:
        raise click.UsageError("--set overrides a key of --config: give --config TOML too")
    if figure is not None and (figure.suffix.lower() not in FIGURES or figure.is_dir() or not figure.parent.is_dir()):
        raise click.UsageError(f"--figure {figure}: give a file in a folder that is there, {', '.join(FIGURES)}")
    folder = find_bundle(bundle)
    load_manifest(folder)
    views = find_bundle(view_classifier) if view_classifier else None
    if views:
        load_view_manifest(views)  # before all the videos are looked at, which takes long
    if figure is not None:
        from trainer.evaluation.figure import draw  # raises ConfigError without matplotlib: before all the work
    from trainer.config import load
    from trainer.evaluation import evaluate as evaluation
    from trainer.progress import say_clips

    data = load(config, settings) if config else None
    progress = say_clips if sys.stderr.isatty() else None
    found = evaluation.evaluate(folder, config=data, view_classifier=views, clips_done=progress, **given)
    if as_json:
        say_json(evaluation.as_json(found))
    else:
        _show(found)
    if figure is not None:  # last: a file that cannot be written must not take the scores along
        draw(found, figure)


def _show(found: Evaluation) -> None:
    note(f"{found.encoder}, split {found.split}: {found.studies} studies of {found.patients} patients")
    columns = ("videos", "studies", "MCMRR", "MRR", *(f"{way} R@{k}" for way in ("v>r", "r>v") for k in (1, 5, 10)))
    rows = [("all", found.studies, *_retrieval(found.retrieval, intervals=True))]
    rows += [(view, way.video_to_report.candidates, *_retrieval(way)) for view, way in found.by_view.items()]
    rows += [(f"with {name}", "", *_retrieval(way)) for name, way in found.by_finding.items()]
    table(columns, rows, right=columns[1:])
    if found.findings:
        say()
        shown = [(f.name, f.positives, f.negatives, _cell(f.present), _cell(f.contrast)) for f in found.findings]
        headings = ("finding", "with", "without", "AUC, present", "AUC, contrast")
        table(headings, shown, right=headings[1:])
    if found.calibration is not None:
        say()
        checked = (found.calibration.pooled, *found.calibration.findings)
        rows_of = [(one.name, one.studies, one.positives, _cell(one.error)) for one in checked]
        named = ("probabilities of", "withheld studies", "with", "calibration error")
        table(named, rows_of, right=named[1:])
    say()
    table(("score", "value"), list(_single(found)), right=("value",))
    if found.left_out:
        note(f"{found.left_out} studies have no usable video of the views and are left out")
    if not found.patients_checked:
        note("what it was trained on is not known here: whether it has seen these patients could not be looked at")
    elif not found.near_duplicates_checked:
        note("the training videos are not among these data: near-duplicate videos were not looked for")


def _single(found: Evaluation) -> Iterator[tuple[str, str]]:
    ef = found.ejection_fraction
    if ef is not None:
        yield "EF, mean absolute error (points)", _cell(ef.mean_absolute_error, 1.0, 1)
        yield "EF, error of always guessing the mean", f"{ef.of_the_mean:.1f}"
        yield "EF, correlation", f"{ef.correlation:.2f}"
    yield "same patient, AUC over pairs of studies", f"{found.same_patient_auc:.3f}"
    yield "index against exact search, recall@10", f"{found.ann_recall:.4f}"
    if found.view_accuracy is not None:
        views = found.view_accuracy
        yield f"views of {views.videos} videos, accuracy", f"{views.accuracy:.4f}"
        yield "views, mean over views", f"{views.balanced:.4f}"


def _retrieval(way: BothWays, intervals: bool = False) -> tuple[str, ...]:
    recall = [side.recall[k] for side in (way.video_to_report, way.report_to_video) for k in (1, 5, 10)]
    if intervals:
        return (_cell(way.mcmrr, digits=1), _cell(way.mrr), *(_cell(value, 100.0, 1) for value in recall))
    return (f"{way.mcmrr.value:.1f}", f"{way.mrr.value:.3f}", *(f"{100 * value.value:.1f}" for value in recall))


def _cell(interval: Interval, times: float = 1.0, digits: int = 3) -> str:
    low, value, high = (f"{times * x:.{digits}f}" for x in (interval.low, interval.value, interval.high))
    return f"{value} ({low}-{high})"
