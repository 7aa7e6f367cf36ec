"""echosearch work: one worker of a job that a driver has begun."""

from __future__ import annotations

from dataclasses import asdict

import click

from echosearch.archive import open_archive
from echosearch.cli.output import counted, say, say_json
from echosearch.cli.progress import ingesting
from echosearch.settings import load_settings

__all__ = ["work"]


@click.command(short_help="Work at a job that an ingest on many machines has begun.")
@click.option("--job", type=click.IntRange(1), required=True, metavar="N", help="Its number (echosearch status).")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON.")
def work(job: int, as_json: bool) -> None:
    """Take files of job N, decode and embed them, until none is left. Start as many as there are GPUs, on any machine.

    The machine needs the settings of the driver's, the same key, encoder and version, and the export at the same path;
    it refuses before it takes a file if one of them differs. Of a re-embedding the encoder must be in its HOME, not in
    use. Stop it whenever you like: others take over.

    \b
    echosearch work --job 7
    srun --gpus-per-task=1 echosearch work --job 7
    """
    from ingest.jobs.worker import work as work_at

    with open_archive(load_settings()) as archive, ingesting() as draw:
        summary = work_at(archive, job, draw)
    if as_json:
        say_json(asdict(summary))
        return
    rate = summary.new_videos / summary.seconds if summary.seconds else 0.0
    done = f"{counted(summary.files, 'file')}, {counted(summary.new_videos, 'new video')}"
    say(f"job {job}: {done} in {summary.seconds:.1f} s ({rate:.1f}/s)")
