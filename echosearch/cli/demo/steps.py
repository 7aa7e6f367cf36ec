"""Run the demo's commands: print each, then run it as a user would, away from the user's own archive."""

from __future__ import annotations

import io
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from shutil import copyfile
from typing import Any

import click

from echosearch.cli.output import say
from echosearch.errors import InputError

__all__ = ["REAL_FILES", "alone", "copy_real_ultrasound", "run_json", "show_command"]

REAL_FILES = (  # one cine and four stills
    "examples_ybr_color.dcm",
    "examples_rgb_color.dcm",
    "examples_palette.dcm",
    "examples_jpeg2k.dcm",
    "ExplVR_BigEnd.dcm",
)


def show_command(folder: Path, args: Sequence[str]) -> None:
    """Run a command in ``folder``, its own line first. Raises ClickException when it ends with anything but 0."""
    say()
    say(f"$ echosearch {shlex.join(args)}", bold=True)
    _run(folder, args)


def run_json(folder: Path, args: Sequence[str]) -> dict[str, Any]:
    """Run a command with --json, and return the document instead of printing it."""
    asked = [*args, "--json"]
    say()
    say(f"$ echosearch {shlex.join(asked)}", bold=True)
    said = io.StringIO()
    with redirect_stdout(said):
        _run(folder, asked)
    document: dict[str, Any] = json.loads(said.getvalue())
    return document


def _run(folder: Path, args: Sequence[str]) -> None:
    from echosearch.cli.main import cli  # the group that this command is part of

    before = Path.cwd()
    os.chdir(folder)
    try:
        code = cli.main(args, prog_name="echosearch", standalone_mode=False)
    finally:
        os.chdir(before)
    if code:
        raise click.ClickException(f"the demo stopped: echosearch {args[0]} ended with {code}")


@contextmanager
def alone(home: Path) -> Iterator[None]:
    """Remove the settings of the user's own archive for the demo, and restore them at the end."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("ECHOSEARCH_")}
    for name in kept:
        del os.environ[name]
    os.environ["ECHOSEARCH_HOME"] = str(home)
    try:
        yield
    finally:
        del os.environ["ECHOSEARCH_HOME"]
        os.environ.update(kept)


def copy_real_ultrasound(folder: Path) -> None:
    """Copy pydicom's own example files into ``folder``, without extensions, as a PACS names them."""
    spec = find_spec("pydicom")  # found without importing it
    if spec is None or spec.origin is None:
        raise InputError("pydicom is not installed: its example files are what the demo ends with")
    folder.mkdir()
    for number, name in enumerate(REAL_FILES, 1):
        copyfile(Path(spec.origin).parent / "data" / "test_files" / name, folder / f"IM_{number:04d}")
