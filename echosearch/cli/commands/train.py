"""echosearch train: an encoder from pairs of videos and reports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from echosearch.cli.output import PUT_IN_USE, note, say, say_json
from echosearch.cli.path_type import as_path

__all__ = ["STOPPED", "train"]

STOPPED = 3  # stopped before the end; the checkpoint is there


@click.command(short_help="Train an encoder.")
@click.argument("config", type=as_path)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Overrides a key, such as optim.lr=1e-4.")
@click.option("--json", "as_json", is_flag=True, help="How it ended, as JSON.")
@click.pass_context
def train(ctx: click.Context, config: Path, settings: tuple[str, ...], as_json: bool) -> None:
    """Train as CONFIG (TOML) says and write RUN.OUT/bundle, an encoder to use.

    A stopped run continues from its last checkpoint if it is started again, with the same result. Several GPUs:
    torchrun --nproc-per-node 8 -m trainer CONFIG. Told to stop (SIGTERM, Ctrl-C), it writes a checkpoint and ends with
    3. Every key, its meaning and its default is in trainer/config.py; docs/training.md says what a run does.

    \b
    echosearch train config.toml
    echosearch train config.toml --set optim.steps=2000 --set run.out=./run2
    """
    from trainer import progress
    from trainer.config_file import load

    made = load(config, settings)  # a mistake in CONFIG is reported before torch is imported
    from trainer.run import train

    outcome = train(made, clips_done=progress.say_clips, progress=progress.say_moment, note=progress.say)
    bundle = Path(made.run.out) / "bundle"
    if as_json:
        say_json({**asdict(outcome), "bundle": str(bundle) if outcome.finished else None})
    elif outcome.finished:
        say(f"{bundle}; {PUT_IN_USE.format(bundle)}")
    if not outcome.finished:
        note(f"stopped behind step {outcome.step}: start the same command again to continue")
        ctx.exit(STOPPED)
