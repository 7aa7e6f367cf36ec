"""echosearch encoder import, pull and check: published encoders, and the proof that they compute the same here."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from echosearch.cli.commands.encoder import say_licence
from echosearch.cli.output import PUT_IN_USE, note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.encoder.bundle.folder import bundle_kind, load_manifest
from echosearch.encoder.bundle.installed import find_own_bundle
from echosearch.errors import InputError
from echosearch.settings import load_settings

__all__ = ["check", "import_", "pull"]

TOKENIZER_HELP = "The authors' vocabulary (vocab.txt; CLIP's merges), or a folder that has it."


@click.command("import", short_help="Turn published weights into an encoder.")
@click.argument("kind")
@click.argument("source", type=as_path)
@click.option("--tokenizer", type=as_path, metavar="PATH", help=TOKENIZER_HELP)
@click.option("--out", type=as_path, required=True, metavar="FOLDER", help="Where it is written.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def import_(kind: str, source: Path, tokenizer: Path | None, out: Path, as_json: bool) -> None:
    """Turn the weights in SOURCE, as their authors publish them, into an encoder in FOLDER.

    KIND says whose they are, such as videoechoclip-vivit-kinetics400 or echoprime; a wrong one lists them all. No code
    in SOURCE runs.

    \b
    echosearch encoder import videoechoclip-vivit-kinetics400 model.pt --tokenizer ./bert-base-japanese-v3 --out k400
    echosearch encoder import echoprime model_data/ --tokenizer ./biomedbert --out echoprime
    """
    _import(kind, source, tokenizer, out, as_json)


@click.command(short_help="Download published weights and import them.")
@click.argument("kind")
@click.option("--tokenizer", type=as_path, metavar="PATH", help=TOKENIZER_HELP)
@click.option("--out", type=as_path, required=True, metavar="FOLDER", help="Where it is written.")
@click.option("--repo", metavar="OWNER/NAME", help="The hub's repository, where it is another than the authors'.")
@click.option("--file", "file", metavar="NAME", help="The checkpoint's name in that repository.")
@click.option("--sha256", metavar="HEX", help="What the download must be.")
@click.option("--yes", is_flag=True, help="Agree to the licence without being asked.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def pull(
    kind: str,
    tokenizer: Path | None,
    out: Path,
    repo: str | None,
    file: str | None,
    sha256: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Show the licence of published weights, ask, download them, and import them into FOLDER.

    Needs a network; on a closed one use `echosearch encoder import` with files that you bring.

    \b
    echosearch encoder pull echoprime --tokenizer ./biomedbert --out bundles/echoprime
    echosearch encoder pull videoechoclip-videomae2 --repo OWNER/NAME --file model.pt --tokenizer ./bert --out videomae2
    """
    from echosearch.encoder.published import PUBLISHED_MODELS, check_import, licence_of  # torch
    from echosearch.encoder.published.pull import ORIGINS, Origin, fetch

    chosen = next((known for known in PUBLISHED_MODELS if known == kind), None)
    if chosen is None:
        raise InputError(f"no importer for {kind!r}: it is one of {', '.join(PUBLISHED_MODELS)}")
    origin = ORIGINS.get(chosen)
    if repo is not None and file is not None:
        origin = Origin(repo=repo, files=(file,))
    if origin is None or (repo is None) != (file is None):
        raise InputError(f"no address of {kind} is known: give --repo OWNER/NAME and --file NAME")
    if sha256 is not None and not re.fullmatch("[0-9a-fA-F]{64}", sha256):
        raise InputError(f"--sha256 {sha256!r}: a SHA-256 has 64 hexadecimal digits")
    if tokenizer is not None and not tokenizer.exists():
        raise InputError(f"--tokenizer {tokenizer}: no such file or folder")
    check_import(chosen, out)
    origin = replace(origin, sha256=sha256 or origin.sha256)
    say(f"{kind}: {licence_of(chosen)}", err=True)
    if not yes and not _agreed():
        raise InputError("the terms were not agreed to: nothing was downloaded")
    if not origin.sha256:
        say("no SHA-256 is known for this download: it is taken as it comes (--sha256)", err=True)
    with TemporaryDirectory() as scratch:
        _import(kind, fetch(origin, Path(scratch)), tokenizer, out, as_json)


def _agreed() -> bool:
    try:
        return click.confirm("Do you agree to these terms, and have you the right to use the weights so?", err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        return False  # nobody is there to answer


@click.command(short_help="Prove that an encoder computes its author's vectors here.")
@click.argument("folder", metavar="FOLDER|NAME", type=as_path)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def check(folder: Path, as_json: bool) -> None:
    """Load the encoder in FOLDER, compare what it computes here with the vectors that came with it, measure its speed.

    NAME is one that ships with this program, or was in use before. Of a view classifier the speed is not measured.

    \b
    echosearch encoder check ./tiny
    echosearch encoder check phantom-tiny
    """
    from echosearch.encoder.check import check_bundle, check_views  # torch

    settings = load_settings()
    folder = find_own_bundle(settings.home, folder)
    checked = check_bundle if bundle_kind(folder) == "encoder" else check_views
    report = checked(folder, settings.device)
    if as_json:
        say_json(asdict(report))
    else:
        table(("what", "found"), report.rows())


def _import(kind: str, source: Path, tokenizer: Path | None, out: Path, as_json: bool) -> None:
    from echosearch.encoder.published import PUBLISHED_MODELS, import_published, views_folder  # torch

    if kind not in PUBLISHED_MODELS:
        raise InputError(f"no importer for {kind!r}: it is one of {', '.join(PUBLISHED_MODELS)}")
    made = import_published(kind, source, tokenizer, out)
    if as_json:
        say_json({"folder": str(out), **asdict(made)})
    else:
        say(f"{made} in {out}; {PUT_IN_USE.format(out)}")
    if kind == "echoprime":
        views = views_folder(out)
        note(f"its view classifier is in {views}: echosearch encoder use {views} labels the views of what is ingested")
    if load_manifest(out).tokenizer.kind == "absent":
        note("it came without its vocabulary, so it reads videos and no text: --tokenizer gives it one")
    say_licence(out)
