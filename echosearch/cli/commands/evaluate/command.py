"""echosearch evaluate: the papers' evaluation of an encoder."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from echosearch.cli.commands.evaluate.shown import show_benchmark, show_robustness
from echosearch.cli.interval_cell import interval_cell
from echosearch.cli.output import note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.encoder.bundle.folder import load_manifest, load_view_manifest
from echosearch.encoder.bundle.shipped import find_bundle

if TYPE_CHECKING:
    from trainer.config import DataConfig, TrainConfig
    from trainer.evaluation.evaluate import Evaluation
    from trainer.evaluation.retrieval import BothWays

__all__ = ["evaluate"]

Part = Literal["train", "validation", "test", "all"]
FIGURES = (".png", ".pdf", ".svg")


@click.command(short_help="Score an encoder as the papers do.")
@click.argument("bundle", metavar="FOLDER|NAME", type=as_path)
@click.option(
    "--split", type=click.Choice(("train", "validation", "test", "all")), default="test", show_default=True,
    help="Which patients.",
)  # fmt: skip
@click.option("--config", type=as_path, metavar="TOML", help="Data other than those the bundle was trained with.")
@click.option("--folder", type=as_path, metavar="ARCHIVE", help="All studies of a folder as `phantom write` makes it.")
@click.option(
    "--benchmark",
    type=as_path,
    metavar="FOLDER|CSV",
    help="A public benchmark: EchoNet-Dynamic, CAMUS, a CardioBench list.",
)
@click.option("--target", metavar="COLUMN", help="Of a CardioBench list with several labels, the one to read.")
@click.option("--root", type=as_path, metavar="FOLDER", help="Where the paths of a CardioBench list begin.")
@click.option("--robustness", is_flag=True, help="Score altered videos and words instead: depth, gain, order, ...")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Overrides a key of --config.")
@click.option("--view-classifier", type=as_path, metavar="BUNDLE", help="Also score this view classifier.")
@click.option("--figure", type=as_path, metavar="PNG", help="Draw the table; needs the extra train.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/training.md.")
def evaluate(
    bundle: Path,
    split: Part,
    config: Path | None,
    settings: tuple[str, ...],
    folder: Path | None,
    benchmark: Path | None,
    target: str | None,
    root: Path | None,
    robustness: bool,
    view_classifier: Path | None,
    figure: Path | None,
    device: str,
    as_json: bool,
) -> None:
    """Evaluate the encoder in FOLDER: retrieval both ways (MCMRR, MRR, R@1, 5, 10), zero-shot findings and EF, and the
    calibration of the search's probabilities if half of the reports are withheld.

    With --robustness: what it loses to another wording, depth, gain, gamma, shift, zoom, a mirrored picture, frames in
    another order, exchanged colours, text in the picture, another vendor.

    NAME, here and of the view classifier, is one that ships with this program (`echosearch encoder list`).

    Scores have 95 % intervals over patients. A patient, or a near-duplicate video, on both sides of the
    split ends the run.

    With --benchmark: EF with no, few and all labels of the training split, scored on the test split; of a CardioBench
    list also a finding that is there or not. Clips are kept in ./cache. Nothing is downloaded.

    \b
    echosearch evaluate ./run/bundle --split test --figure table.png
    echosearch evaluate ./run/bundle --split all --config other.toml --json
    echosearch evaluate phantom-tiny --view-classifier phantom-views --split all --config other.toml
    echosearch evaluate phantom-tiny --folder ./archive --robustness
    echosearch evaluate bundles/echoclip --benchmark ./EchoNet-Dynamic --json
    """
    alone = {"--folder": folder, "--config": config, "--robustness": robustness, "--figure": figure}
    alone["--view-classifier"] = view_classifier
    _check_together(alone, settings, benchmark, target or root)
    if figure is not None and (figure.suffix.lower() not in FIGURES or figure.is_dir() or not figure.parent.is_dir()):
        raise click.UsageError(f"--figure {figure}: give a file in a folder that is there, {', '.join(FIGURES)}")
    place = find_bundle(bundle)
    load_manifest(place)
    if benchmark is not None:
        _benchmark(place, benchmark, target, root, device, as_json)
        return
    from trainer.config import DataConfig
    from trainer.config_file import load

    data = load(config, settings) if config else None
    source = data if folder is None else DataConfig(source="folder", folder=str(folder))
    part = split if folder is None else "all"
    if robustness:
        _robustness(place, part, source, device, as_json)
    else:
        _evaluate(place, part, source, view_classifier, figure, device, as_json)


def _check_together(
    alone: Mapping[str, object], settings: tuple[str, ...], benchmark: Path | None, of_benchmark: object
) -> None:
    """Refuse options that do not go together; ``alone`` are those of a score on studies with reports."""
    given = [name for name, value in alone.items() if value]
    if settings and "--config" not in given:
        raise click.UsageError("--set overrides a key of --config: give --config TOML too")
    if {"--folder", "--config"} <= {*given}:
        raise click.UsageError("--folder and --config both say what the data are: give one of them")
    if "--robustness" in given and {"--figure", "--view-classifier"} & {*given}:
        raise click.UsageError("--robustness goes with neither --figure nor --view-classifier")
    if benchmark is not None and given:
        raise click.UsageError(f"--benchmark goes with --target, --root, --device and --json, not with {given[0]}")
    if benchmark is None and of_benchmark:
        raise click.UsageError("--target and --root are about a --benchmark")


def _benchmark(place: Path, benchmark: Path, target: str | None, root: Path | None, device: str, as_json: bool) -> None:
    from trainer.evaluation.benchmark import evaluate_benchmark
    from trainer.progress import say_clips

    done = say_clips if sys.stderr.isatty() else None
    show_benchmark(
        evaluate_benchmark(place, benchmark, target=target, root=root, device=device, clips_done=done), as_json
    )


def _robustness(place: Path, part: Part, source: TrainConfig | DataConfig | None, device: str, as_json: bool) -> None:
    from trainer.evaluation import robustness as robust
    from trainer.progress import say_studies

    done = say_studies if sys.stderr.isatty() else None
    show_robustness(robust.robustness(place, part, source, device=device, progress=done), as_json)


def _evaluate(
    place: Path,
    part: Part,
    source: TrainConfig | DataConfig | None,
    view_classifier: Path | None,
    figure: Path | None,
    device: str,
    as_json: bool,
) -> None:
    views = find_bundle(view_classifier) if view_classifier else None
    if views:
        load_view_manifest(views)  # before all the videos are read, which takes long
    if figure is not None:
        from trainer.evaluation.figure import draw  # raises ConfigError without matplotlib: before all the work
    from trainer.evaluation import evaluate as evaluation
    from trainer.progress import say_clips

    done = say_clips if sys.stderr.isatty() else None
    found = evaluation.evaluate(place, part, source, view_classifier=views, device=device, clips_done=done)
    if as_json:
        say_json(evaluation.as_json(found))
    else:
        _show(found)
    if figure is not None:  # last: a file that cannot be written must not lose the scores
        draw(found, figure)


def _show(found: Evaluation) -> None:
    note(f"{found.encoder}, split {found.split}: {found.studies} studies of {found.patients} patients")
    recalls = (f"{way} R@{k}" for way in ("v>r", "r>v") for k in (1, 5, 10))
    columns = ("videos", "asked", "gallery", "alike", "MCMRR", "MRR", *recalls)
    ways = [("all", found.retrieval)]
    ways += [("all, held-out wording", found.retrieval_held_out)] if found.retrieval_held_out else []
    ways += [*found.by_view.items(), *((f"with {name}", way) for name, way in found.by_finding.items())]
    table(columns, [(name, *_retrieval(way)) for name, way in ways], right=columns[1:])
    if found.findings:
        say()
        shown = [
            (f.name, f.positives, f.negatives, *map(interval_cell, scores))
            for f in found.findings
            for scores in [(f.present, f.contrast, f.chosen, f.held_out, f.held_out_referral)]
        ]
        headings = (
            "finding",
            "with",
            "without",
            "AUC, present",
            "contrast",
            "chosen",
            "held-out wording",
            "of letters",
        )
        table(headings, shown, right=headings[1:])
    if found.calibration is not None:
        say()
        checked = (found.calibration.pooled, *found.calibration.findings)
        rows_of = [(one.name, one.studies, one.positives, interval_cell(one.error)) for one in checked]
        named = ("probabilities of", "withheld studies", "with", "calibration error")
        table(named, rows_of, right=named[1:])
    say()
    table(("score", "value"), list(_single(found)), right=("value",))
    if found.left_out:
        note(f"{found.left_out} studies have no usable video of the views and are left out")
    if not found.patients_checked:
        note("the training data are not known here: whether these patients were trained on could not be checked")
    elif not found.near_duplicates_checked:
        note("the training videos are not among these data: near-duplicate videos were not looked for")


def _single(found: Evaluation) -> Iterator[tuple[str, str | None]]:
    ef = found.ejection_fraction
    if ef is not None:
        yield "EF, mean absolute error (points)", interval_cell(ef.mean_absolute_error, 1.0, 1)
        yield "EF, error in the held-out wording", interval_cell(ef.held_out, 1.0, 1)
        yield "EF, error in that of letters", interval_cell(ef.held_out_referral, 1.0, 1)
        yield "EF, error of always guessing the mean", interval_cell(ef.of_the_mean, 1.0, 1)
        yield "EF, correlation", interval_cell(ef.correlation, digits=2)
    same = found.same_patient
    yield f"same patient, AUC, {same.pairs} pairs", interval_cell(same.all)
    yield f"the same, matched on findings and vendor, {same.matched_pairs} pairs", interval_cell(same.matched)
    yield "index against exact search, recall@10", interval_cell(found.ann_recall, digits=4)
    if found.view_accuracy is not None:
        views = found.view_accuracy
        yield f"views of {views.videos} videos, accuracy", interval_cell(views.accuracy, digits=4)
        yield "views, mean over views", interval_cell(views.balanced, digits=4)


def _retrieval(way: BothWays) -> tuple[str | None, ...]:
    recall = [side.recall[k] for side in (way.video_to_report, way.report_to_video) for k in (1, 5, 10)]
    return (
        str(way.queries),
        str(way.candidates),
        interval_cell(way.alike, digits=2),
        interval_cell(way.mcmrr, digits=1),
        interval_cell(way.mrr),
        *(interval_cell(value, 100.0, 1) for value in recall),
    )
