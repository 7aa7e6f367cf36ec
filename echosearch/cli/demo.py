"""echosearch demo: the whole way once, on ultrasound that is already on this machine."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click

from echosearch.cli.demo_material import write_material

__all__ = ["demo"]


@click.command(short_help="Try everything on ultrasound that ships with pydicom.")
@click.option("--keep", is_flag=True, help="Keep the folder with the archive, to go on trying.")
def demo(keep: bool) -> None:
    """Ingest a few ultrasound files into a temporary archive and search it; each command is shown before its output.

    Your own archive is not touched.

    \b
    echosearch demo
    echosearch demo --keep
    """
    folder = Path(tempfile.mkdtemp(prefix="echosearch-demo-"))
    try:
        with _alone(folder / "home"):
            _walk_through(folder)
    finally:
        if keep:
            click.echo(f"\nkept in {folder}; go on with: export ECHOSEARCH_HOME={folder / 'home'}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _walk_through(folder: Path) -> None:
    click.echo(
        "pydicom ships one ultrasound cine and a few stills. The cine, and two altered copies of it as AVI files that\n"
        "stand in for other patients, become three studies; their three reports are made up. The encoder is\n"
        "untrained: every step is real, but its weights are random, so the order of what it finds means nothing."
    )
    write_material(folder)
    _show(folder, ["encoder", "init", "--size", "tiny", "--reports", "reports.csv", "--out", "encoder"])
    _show(folder, ["encoder", "use", "encoder"])
    _show(folder, ["ingest", "export", "--reports", "reports.csv", "--sidecar", "sidecar.csv"])
    _show(folder, ["query", "--report", "重度僧帽弁逆流"])
    _show(folder, ["similar", "export/IM_0001"])
    _show(folder, ["report", "DEMO-2", "--identified"])
    _show(folder, ["status"])


def _show(folder: Path, args: Sequence[str]) -> None:
    """Run a command as a user would in ``folder``, its own line first."""
    from echosearch.cli.main import cli  # the group that this command is part of

    click.secho(f"\n$ echosearch {shlex.join(args)}", bold=True)
    before = Path.cwd()
    os.chdir(folder)
    try:
        code = cli.main(args, prog_name="echosearch", standalone_mode=False)
    finally:
        os.chdir(before)
    if code:
        raise click.ClickException(f"the demo stopped: echosearch {args[0]} ended with {code}")


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """No setting of the user's own archive reaches the demo, and none of the demo's stays."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("ECHOSEARCH_")}
    for name in kept:
        del os.environ[name]
    os.environ["ECHOSEARCH_HOME"] = str(home)
    try:
        yield
    finally:
        del os.environ["ECHOSEARCH_HOME"]
        os.environ.update(kept)
