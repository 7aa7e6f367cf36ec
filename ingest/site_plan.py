"""What an archive of a given size needs: disk, memory, hours, and what limits the ingest.

    cores      decoding and headers: the processor time of a cine
    reading    a file is read once over the storage's link, of which 90 % is reached
    GPUs       clips a second of each
    writer     one transaction at a time in the whole archive

The least of the four is the rate. What an ingest here has measured takes the place of an assumption.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from echosearch.db.files.runs import RunRates
from echosearch.errors import InputError

__all__ = ["QUANTISED", "Basis", "Site", "SitePlan", "make_plan", "rates_here", "read_count"]

Limit = Literal["cores", "reading", "GPUs", "writer"]
LINK_SHARE = 0.9
DIMENSION = 512
POSTGRES_BYTES, GENERATION_BYTES = 4666, 3100  # of a video, measured at a million with raw vectors of 2,048 bytes
QDRANT_GB = {"float16": 1.4, "int8": 0.9, "4 bits": 0.6, "binary": 0.45}  # in memory, of a million and a replica
QUANTISED = tuple(QDRANT_GB)
QDRANT_DISK_GB = (
    2.1  # of a million, as 208 MB at 100,000 (docs/operations.md); up to three times that while it is ordered
)
LEAST_VIDEOS = 1000  # of a run that says how fast something is
UNITS = {"": 1, "k": 1_000, "m": 1_000_000}


@dataclass(frozen=True)
class Basis:
    """A rate, and where it comes from."""

    name: str
    value: float
    unit: str
    source: str


@dataclass(frozen=True)
class Site:
    """What there is to work with."""

    videos: int
    gpus: int = 1
    cores: int = 32  # of each GPU's node
    storage_gbit: float = 10.0
    replicas: int = 1
    small_vectors: str = "4 bits"  # in Qdrant's memory, one of QUANTISED


@dataclass(frozen=True)
class SitePlan:
    """The answer. Sizes in GB of 10^9 bytes; ``rates`` in cines a second."""

    site: Site
    rates: dict[str, float]
    limit: Limit
    cines_per_second: float
    hours: float
    export_gb: float
    postgres_gb: float
    further_generation_gb: float
    qdrant_memory_gb: float  # of all replicas
    qdrant_disk_gb: float
    basis: tuple[Basis, ...]


SIMULATED = "assumed: the simulation of ten million cines"
ASSUMED = (
    Basis("size of a cine", 5.0, "MB", "assumed"),
    Basis("processor time of a cine", 95.0, "ms", SIMULATED),
    Basis("clips of a GPU", 875.0, "a second", "assumed: computed, no GPU was measured"),
    Basis("files of the writer", 600.0, "a second", "assumed: measured in groups of 64"),
)


def make_plan(site: Site, basis: tuple[Basis, ...] = ASSUMED) -> SitePlan:
    """Return what a site needs for so many videos. Raises InputError for a small_vectors that is none."""
    if site.small_vectors not in QDRANT_GB:
        raise InputError(f"small vectors {site.small_vectors!r} are none of {', '.join(QUANTISED)}")
    megabytes, milliseconds, clips, files = (one.value for one in basis)
    rates: dict[Limit, float] = {
        "cores": site.gpus * site.cores * 1000 / milliseconds,
        "reading": site.storage_gbit * LINK_SHARE * 1000 / 8 / megabytes,
        "GPUs": site.gpus * clips,
        "writer": files,
    }
    limit = min(rates, key=lambda name: rates[name])
    millions = site.videos / 1e6
    return SitePlan(
        site=site,
        rates={name: round(rate, 1) for name, rate in rates.items()},
        limit=limit,
        cines_per_second=round(rates[limit], 1),
        hours=round(site.videos / rates[limit] / 3600, 2),
        export_gb=round(site.videos * megabytes / 1000, 1),
        postgres_gb=round(site.videos * POSTGRES_BYTES / 1e9, 1),
        further_generation_gb=round(site.videos * GENERATION_BYTES / 1e9, 1),
        qdrant_memory_gb=round(millions * QDRANT_GB[site.small_vectors] * site.replicas, 1),
        qdrant_disk_gb=round(millions * QDRANT_DISK_GB * site.replicas, 1),
        basis=basis,
    )


def rates_here(measured: RunRates | None) -> tuple[Basis, ...]:
    """Return the assumptions, each replaced where an ingest here of 1,000 videos or more has measured it.

    Processor time is known from above: all of the workers' time, where the run waited for them.
    """
    if measured is None or measured.videos < LEAST_VIDEOS:
        return ASSUMED
    source = f"measured here: a run of {measured.videos:,} videos"
    size, time, clips, writer = ASSUMED
    if measured.mean_bytes:
        size = replace(size, value=round(measured.mean_bytes / 1e6, 2), source=source)
    if measured.bottleneck in ("decode", "headers") and measured.workers:
        value = measured.seconds * measured.workers * 1000 / measured.videos
        time = replace(time, value=round(value, 1), source=f"{source}, at most")
    if measured.on_gpu and measured.encode_seconds:
        clips = replace(clips, value=round(measured.videos / measured.encode_seconds, 1), source=source)
    if measured.write_seconds:
        writer = replace(writer, value=round(measured.videos / measured.write_seconds, 1), source=source)
    return size, time, clips, writer


def read_count(written: str) -> int:
    """Return the number that 10M, 250k or 1000000 says. Raises InputError."""
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([kKmM]?)", written.strip())
    count = round(float(found[1]) * UNITS[found[2].lower()]) if found else 0
    if count < 1:
        raise InputError(f"--videos {written!r} is no number of videos: write 10M, 250k or 1000000")
    return count
