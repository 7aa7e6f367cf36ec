"""echosearch encoder: make, choose, list and check encoders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.cli.lazy import LazyGroup
from echosearch.cli.show import note, say_json, table
from echosearch.encoder.base import EncoderId
from echosearch.encoder.bundle import load_manifest
from echosearch.encoder.store import list_bundles, use_bundle
from echosearch.errors import InputError
from echosearch.report.table import read_reports
from echosearch.settings import load_settings

__all__ = ["COMMANDS", "check", "choose", "encoder", "import_", "init", "show_list"]

SIZES = ("tiny", "small", "base")
ARCHITECTURES = ("vivit", "videomae", "convnext")

# name -> (where it is, what `echosearch encoder --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("echosearch.cli.encoder:init", "Make an untrained encoder."),
    "use": ("echosearch.cli.encoder:choose", "Choose the encoder of this archive."),
    "list": ("echosearch.cli.encoder:show_list", "List the encoders at hand."),
    "import": ("echosearch.cli.encoder:import_", "Turn published weights into an encoder."),
    "check": ("echosearch.cli.encoder:check", "Prove that an encoder computes its author's vectors here."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Make, choose, list, check and import encoders.")
def encoder() -> None:
    """Make, choose, list, check and import encoders.

    \b
    echosearch encoder init --size tiny --reports reports.csv --out ./tiny
    echosearch encoder use ./tiny
    """


@click.command(short_help="Make an untrained encoder.")
@click.option("--size", type=click.Choice(SIZES), default="tiny", show_default=True, help="tiny runs on any CPU.")
@click.option("--reports", type=click.Path(path_type=Path), required=True, metavar="CSV", help="For its vocabulary.")
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="Where it is written.")
@click.option("--architecture", type=click.Choice(ARCHITECTURES), default="vivit", show_default=True)
@click.option("--name", help="What to call it; default: untrained-ARCHITECTURE-SIZE.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random weights.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def init(reports: Path, out: Path, as_json: bool, **given: Any) -> None:
    """Write an encoder with random weights to FOLDER: to train from, or to try the archive with.

    Its word list is learned from the report_text column of CSV.

    \b
    echosearch encoder init --size tiny --reports reports.csv --out ./tiny
    """
    from echosearch.encoder.init import init_bundle  # torch

    made = init_bundle(reports=(row.report_text for row in read_reports(reports)), out=out, **given)
    if as_json:
        say_json({"folder": str(out), **asdict(made)})
    else:
        click.echo(f"{made} in {out}; echosearch encoder use {out} puts it in use")
    _say_caveats(made)


@click.command("use", short_help="Choose the encoder of this archive.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def choose(folder: Path, as_json: bool) -> None:
    """Copy the encoder in FOLDER into ECHOSEARCH_HOME and use it from now on, for ingest and search.

    An archive holds the vectors of one encoder: with another in use, ingest and search refuse and name both.

    \b
    echosearch encoder use ./tiny
    """
    chosen = use_bundle(load_settings().home, folder)
    if as_json:
        say_json(asdict(chosen))
    else:
        click.echo(f"{chosen} is in use; licence {chosen.licence}")
    _say_licence(folder)
    _say_caveats(chosen)


@click.command("list", short_help="List the encoders at hand.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_list(as_json: bool) -> None:
    """List the encoders in ECHOSEARCH_HOME; * marks the one in use.

    \b
    echosearch encoder list
    """
    bundles = list_bundles(load_settings().home)
    if as_json:
        say_json(
            {"encoders": [{"folder": str(folder), "in_use": used, **asdict(one)} for folder, one, used in bundles]}
        )
        return
    rows = [
        ("*" if used else "", one.name, one.version, one.fingerprint[:12], one.dimension, _trained(one), one.licence)
        for _, one, used in bundles
    ]
    table(("in use", "name", "version", "fingerprint", "dimension", "trained", "licence"), rows, right=("dimension",))


@click.command("import", short_help="Turn published weights into an encoder.")
@click.argument("kind")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--tokenizer", type=click.Path(path_type=Path), metavar="PATH", help="vocab.txt, or a folder that has it."
)
@click.option("--out", type=click.Path(path_type=Path), required=True, metavar="FOLDER", help="Where it is written.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def import_(kind: str, source: Path, tokenizer: Path | None, out: Path, as_json: bool) -> None:
    """Turn the weights in SOURCE, as their authors publish them, into an encoder in FOLDER.

    KIND says whose they are, such as videoechoclip-vivit-kinetics400 or echoprime; a wrong one lists them all. No code
    in SOURCE runs.

    \b
    echosearch encoder import videoechoclip-vivit-kinetics400 model.pt --tokenizer ./bert-base-japanese-v3 --out k400
    echosearch encoder import echoprime model_data/ --out echoprime
    """
    from echosearch.encoder.published import KINDS, import_published  # torch

    if kind not in KINDS:
        raise InputError(f"no importer for {kind!r}: it is one of {', '.join(KINDS)}")
    made = import_published(kind, source, tokenizer, out)
    if as_json:
        say_json({"folder": str(out), **asdict(made)})
    else:
        click.echo(f"{made} in {out}; echosearch encoder use {out} puts it in use")
    _say_licence(out)


@click.command(short_help="Prove that an encoder computes its author's vectors here.")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check(folder: Path, as_json: bool) -> None:
    """Load the encoder in FOLDER and compare what it computes here with the vectors that came with it.

    \b
    echosearch encoder check ./tiny
    """
    from echosearch.encoder.golden import TOLERANCE, read_golden
    from echosearch.encoder.torch_encoder import load_encoder  # torch

    loaded = load_encoder(folder, load_settings().device)
    golden = read_golden(folder / "golden.npz")
    facts = {
        **asdict(loaded.id),
        "clip": asdict(loaded.clip_spec),
        "text": asdict(loaded.text_spec),
        "device": str(loaded.device),
        "precision": loaded.precision,
        "golden_made_by": golden.made_by,
        "golden_difference": {part: float(value) for part, value in loaded.golden_difference.items()},
        "golden_tolerance": TOLERANCE[loaded.precision],
    }
    if as_json:
        say_json(facts)
    else:
        table(("what", "is"), list(facts.items()))


def _say_licence(folder: Path) -> None:
    manifest = load_manifest(folder)
    if manifest.academic_only:
        note(f"academic use only: {manifest.licence}")


def _trained(one: EncoderId) -> str:
    return "yes" if one.trained else "no"


def _say_caveats(one: EncoderId) -> None:
    if not one.trained:
        note("this encoder is untrained: its weights are random, what it finds means nothing yet")
