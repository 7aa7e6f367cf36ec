"""echosearch encoder: make, choose, list and check encoders."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.cli.lazy import LazyGroup
from echosearch.cli.output import PUT_IN_USE, note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.encoder.bundle.catalog import BundleEntry, bundles_at_hand
from echosearch.encoder.bundle.folder import GOLDEN, bundle_kind, load_manifest, load_view_manifest
from echosearch.encoder.bundle.golden import read_raw
from echosearch.encoder.bundle.installed import find_own_bundle, use_bundle, use_views
from echosearch.encoder_info import EncoderInfo
from echosearch.report.csv_tables import read_reports
from echosearch.report.encoding import ENCODINGS
from echosearch.settings import Settings, load_settings

__all__ = [
    "COMMANDS",
    "choose",
    "encoder",
    "init",
    "say_caveats",
    "say_licence",
    "say_override",
    "say_unknown",
    "show_list",
]

SIZES = ("tiny", "small", "base")
ARCHITECTURES = ("vivit", "videomae", "convnext")

# name -> (where it is, what `echosearch encoder --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("echosearch.cli.commands.encoder:init", "Make an untrained encoder."),
    "use": ("echosearch.cli.commands.encoder:choose", "Choose the encoder of this archive."),
    "list": ("echosearch.cli.commands.encoder:show_list", "List the encoders at hand."),
    "import": ("echosearch.cli.commands.encoder_published:import_", "Turn published weights into an encoder."),
    "pull": ("echosearch.cli.commands.encoder_published:pull", "Download published weights and import them."),
    "check": (
        "echosearch.cli.commands.encoder_published:check",
        "Prove that an encoder computes its author's vectors here.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Make, choose, list, check and import encoders.")
def encoder() -> None:
    """Make, choose, list, check and import encoders.

    \b
    echosearch encoder use phantom-tiny
    echosearch encoder init --size tiny --reports reports.csv --out ./tiny
    """


@click.command(short_help="Make an untrained encoder.")
@click.option("--size", type=click.Choice(SIZES), default="tiny", show_default=True, help="tiny runs on any CPU.")
@click.option("--reports", type=as_path, required=True, metavar="CSV", help="For its vocabulary.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of the CSV, where it cannot be found out.")
@click.option("--out", type=as_path, required=True, metavar="FOLDER", help="Where it is written.")
@click.option("--architecture", type=click.Choice(ARCHITECTURES), default="vivit", show_default=True)
@click.option("--name", help="What to call it; default: untrained-ARCHITECTURE-SIZE.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, show_default=True, help="Of the random weights.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def init(reports: Path, out: Path, encoding: str | None, as_json: bool, **given: Any) -> None:
    """Write an encoder with random weights to FOLDER: to train from, or to try the archive with.

    Its word list is learned from the report_text column of CSV.

    \b
    echosearch encoder init --size tiny --reports reports.csv --out ./tiny
    """
    from echosearch.encoder.create import init_bundle  # torch

    made = init_bundle(reports=(row.report_text for row in read_reports(reports, encoding)), out=out, **given)
    if as_json:
        say_json({"folder": str(out), **asdict(made)})
    else:
        say(f"{made} in {out}; {PUT_IN_USE.format(out)}")
    say_caveats(made)


@click.command("use", short_help="Choose the encoder of this archive.")
@click.argument("folder", metavar="FOLDER|NAME", type=as_path)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def choose(folder: Path, as_json: bool) -> None:
    """Copy the encoder in FOLDER into ECHOSEARCH_HOME and use it from now on, for ingest and search.

    NAME is one that ships with this program, or was in use before (`echosearch encoder list`); a folder of that name
    goes first.

    An archive answers by the vectors of one encoder: with another in use, ingest and search refuse and name both, until
    `echosearch reembed` has embedded everything with it. A view classifier is used beside the encoder: ingest labels
    the views of videos with it.

    \b
    echosearch encoder use ./tiny
    echosearch encoder use phantom-tiny
    """
    settings = load_settings()
    folder = find_own_bundle(settings.home, folder)
    if bundle_kind(folder) == "view_classifier":
        name, views = use_views(settings.home, folder), load_view_manifest(folder)
        if as_json:
            say_json({"view_classifier": name, "licence": views.licence, "provenance": views.provenance})
        else:
            say(f"{name} is in use: ingest labels views with it; licence {views.licence}")
        say_licence(folder)
        say_unknown(folder)
        return
    chosen = use_bundle(settings.home, folder)
    if as_json:
        say_json(asdict(chosen))
    else:
        say(f"{chosen} is in use; licence {chosen.licence}")
    say_licence(folder)
    say_unknown(folder)
    say_caveats(chosen)
    say_override(settings)


@click.command("list", short_help="List the encoders at hand.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_list(as_json: bool) -> None:
    """List the encoders in ECHOSEARCH_HOME and those that ship with this program; * marks the one in use.

    One that ships is put in use by its name alone. View classifiers, which label videos for ingest, follow.

    \b
    echosearch encoder list
    """
    bundles = bundles_at_hand(load_settings().home)
    if as_json:
        encoders = [_facts(one) for one in bundles if one.kind == "encoder"]
        say_json({"encoders": encoders, "view_classifiers": [_facts(one) for one in bundles if one.kind != "encoder"]})
        return
    columns = ("in use", "kind", "name", "version", "fingerprint", "dimension", "trained", "shipped", "licence")
    rows = [
        (
            *("*" if one.in_use else "", one.kind.replace("_", " "), one.name, one.version, one.fingerprint[:12]),
            *(one.dimension, _yes(one.trained), _yes(one.shipped), one.licence),
        )
        for one in bundles
    ]
    table(columns, rows, right=("dimension",))


def _facts(one: BundleEntry) -> dict[str, Any]:
    facts = {**asdict(one), "folder": str(one.folder)}
    del facts["kind"]  # its list says so
    return facts


def say_licence(folder: Path) -> None:
    """Write one line if the weights' licence restricts their use."""
    encoder = bundle_kind(folder) == "encoder"
    manifest = load_manifest(folder) if encoder else load_view_manifest(folder)
    if manifest.academic_only:
        note(f"academic use only: {manifest.licence}")


def say_unknown(folder: Path) -> None:
    """Write one line if an earlier version made the bundle, without the proofs of newer ones."""
    manifest = load_manifest(folder) if bundle_kind(folder) == "encoder" else load_view_manifest(folder)
    if manifest.fingerprint is None or read_raw(folder / GOLDEN) is None:
        note("whether this bundle was edited is unknown: an earlier version made it, without the proofs of newer ones")


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"


def say_caveats(one: EncoderInfo) -> None:
    """Write one line if the encoder's hits are not yet meaningful."""
    if not one.trained:
        note("this encoder is untrained: its weights are random, what it finds means nothing yet")


def say_override(settings: Settings) -> None:
    """Write one line if a setting overrides what was put in use."""
    if settings.encoder is not None:
        note("ECHOSEARCH_ENCODER is set, and names the encoder until it is not")
