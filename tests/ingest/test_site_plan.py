"""The plan of a site, compared with the simulation of ten million cines: GPU nodes, cores, storage and the limit."""

from __future__ import annotations

import pytest

from echosearch.archive import Archive
from echosearch.db.files.runs import RunRates, last_run, run_rates
from echosearch.errors import InputError
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.site_plan import ASSUMED, Site, make_plan, rates_here, read_count
from tests.ingest.conftest import Export

TEN_MILLION = 10_000_000


@pytest.mark.parametrize(
    ("gpus", "cores", "gbit", "cines", "hours", "limit"),
    [
        (1, 16, 1, 23, 5.1 * 24, "reading"),
        (1, 16, 10, 168, 16.5, "cores"),
        (1, 32, 10, 225, 12.4, "reading"),
        (2, 32, 10, 225, 12.4, "reading"),
        (2, 32, 25, 555, 5.0, "reading"),
        (4, 32, 25, 555, 5.0, "reading"),
        (4, 32, 100, 592, 4.7, "writer"),
        (8, 32, 100, 592, 4.7, "writer"),
    ],
)
def test_ten_million_cines_as_they_were_simulated(
    gpus: int, cores: int, gbit: float, cines: float, hours: float, limit: str
) -> None:
    made = make_plan(Site(TEN_MILLION, gpus, cores, gbit))
    assert made.limit == limit
    assert made.cines_per_second == pytest.approx(cines, rel=0.03)
    assert made.hours == pytest.approx(hours, rel=0.03)
    twice = make_plan(Site(2 * TEN_MILLION, gpus, cores, gbit))
    assert twice.hours == pytest.approx(2 * made.hours, rel=0.01)


@pytest.mark.parametrize(
    ("videos", "postgres", "further", "memory"),
    [(1_000_000, 4.7, 3.1, 0.6), (TEN_MILLION, 47, 31, 6.4), (2 * TEN_MILLION, 93, 62, 13)],
)
def test_sizes_as_they_were_measured(videos: int, postgres: float, further: float, memory: float) -> None:
    made = make_plan(Site(videos))
    assert made.postgres_gb == pytest.approx(postgres, rel=0.02)
    assert made.further_generation_gb == pytest.approx(further, rel=0.02)
    assert made.qdrant_memory_gb == pytest.approx(memory, rel=0.08)  # rounded to one figure at a million
    assert make_plan(Site(videos, replicas=2)).qdrant_memory_gb == pytest.approx(2 * made.qdrant_memory_gb, rel=0.01)


def test_what_an_ingest_measured_takes_the_place_of_an_assumption(archive: Archive, mixed: Export) -> None:
    ingest(archive, mixed.root, IngestOptions())
    with archive.engine.connect() as connection:
        measured, last = run_rates(connection), last_run(connection)
    assert measured is not None
    assert last is not None
    assert (measured.videos, last.new_videos, last.quarantined) == (10, 10, 1)
    assert measured.workers == archive.settings.workers
    assert measured.mean_bytes > 0
    assert rates_here(measured) == ASSUMED  # so few videos say nothing
    many = RunRates(20_000, 100.0, 4, True, "decode", 50.0, 10.0, 2e6)
    assert [one.value for one in rates_here(many)] == [2.0, 20.0, 400.0, 2000.0]
    other = RunRates(20_000, 100.0, 4, False, "encode", 50.0, 10.0, 2e6)
    assert [one.value for one in rates_here(other)] == [2.0, 95.0, 875.0, 2000.0]


@pytest.mark.parametrize(("written", "count"), [("10M", TEN_MILLION), ("250k", 250_000), ("1.5m", 1_500_000), ("7", 7)])
def test_counts(written: str, count: int) -> None:
    assert read_count(written) == count


@pytest.mark.parametrize("written", ["", "0", "-1", "10G", "ten", "1e6", "１０"])
def test_what_is_no_count(written: str) -> None:
    with pytest.raises(InputError, match="--videos"):
        read_count(written)


def test_what_are_no_small_vectors() -> None:
    with pytest.raises(InputError, match="float16, int8, 4 bits, binary"):
        make_plan(Site(1, small_vectors="2 bits"))
