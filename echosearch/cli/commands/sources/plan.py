"""echosearch plan: what an archive of a given size needs."""

from __future__ import annotations

from dataclasses import asdict

import click

from echosearch.archive import open_archive
from echosearch.cli.output import say, say_json, table
from echosearch.db.files.runs import run_rates
from echosearch.settings import load_settings

__all__ = ["plan"]


@click.command(short_help="Show what an archive of a given size needs.")
@click.option("--videos", required=True, metavar="N", help="How many: 10M, 250k, 1000000.")
@click.option("--gpus", type=click.IntRange(1, 1000), default=1, show_default=True, help="GPUs, one a node.")
@click.option("--cores", type=click.IntRange(1, 1024), default=32, show_default=True, help="Of each GPU's node.")
@click.option("--storage-gbit", type=click.FloatRange(0.01), default=10.0, show_default=True, help="Of the export's.")
@click.option("--replicas", type=click.IntRange(1, 9), default=1, show_default=True, help="Of each Qdrant collection.")
@click.option("--small-vectors", default="4 bits", show_default=True, help="In Qdrant's memory: float16, int8, binary.")
@click.option("--assumed", is_flag=True, help="From the assumptions alone: no archive is opened.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def plan(
    videos: str,
    gpus: int,
    cores: int,
    storage_gbit: float,
    replicas: int,
    small_vectors: str,
    assumed: bool,
    as_json: bool,
) -> None:
    """Show the disk, memory and hours that an archive needs, and what limits its ingest.

    From what an ingest of this archive has measured, and from assumptions where it has not; each is named.

    \b
    echosearch plan --videos 10M --gpus 4 --storage-gbit 25
    echosearch plan --videos 250k --cores 16 --assumed --json
    """
    from ingest.site_plan import Site, make_plan, rates_here, read_count

    site = Site(read_count(videos), gpus, cores, storage_gbit, replicas, small_vectors)
    measured = None
    if not assumed:
        with open_archive(load_settings()) as archive, archive.engine.connect() as connection:
            measured = run_rates(connection)
    made = make_plan(site, rates_here(measured))
    if as_json:
        say_json(asdict(made))
        return
    hours = f"{made.hours:.1f} hours" if made.hours < 72 else f"{made.hours / 24:.1f} days"
    say(f"{site.videos:,} videos: {hours}, {made.cines_per_second:,.0f} a second; {made.limit} is the limit")
    say()
    table(
        ("part", "cines a second"),
        [(name, f"{rate:,.0f}") for name, rate in made.rates.items()],
        right=("cines a second",),
    )
    say()
    sizes = (
        ("the export", made.export_gb),
        ("PostgreSQL, the first encoder", made.postgres_gb),
        ("PostgreSQL, each further encoder", made.further_generation_gb),
        (f"Qdrant's memory, {site.small_vectors}, replicas: {site.replicas}", made.qdrant_memory_gb),
        ("Qdrant's disk", made.qdrant_disk_gb),
    )
    table(("what", "GB"), [(name, f"{size:,.1f}") for name, size in sizes], right=("GB",))
    say()
    rows = [(one.name, f"{one.value:g} {one.unit}", one.source) for one in made.basis]
    table(("rate", "value", "from"), rows)
