"""Phantom cines of one heart as files: 4CH and 2CH, one in colour, one of another view; and an archive of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from echosearch.archive import Archive
from echosearch.contour.head import ContourHead, load_head
from echosearch.contour.manifest import shipped_head
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.edge.index import EdgeIndex
from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.files.cinefile import CinePlan, write_cine
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.settings import Settings
from echosearch.workers.pool import DecodePool
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from tests.conftest import empty_tables

PLANS = {
    "4CH": CinePlan(1, "4CH", False),
    "2CH": CinePlan(2, "2CH", False),
    "colour": CinePlan(3, "4CH", True),
    "SAX": CinePlan(4, "SAX", False),
}
ROWS, COLUMNS, FRAMES = 240, 320, 48


@dataclass(frozen=True)
class Heart:
    """One phantom and its files, by the names of PLANS; "short" is the 4CH cine's first frames."""

    study: PhantomStudy
    folder: Path
    uids: dict[str, str]

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="session")
def heart(tmp_path_factory: pytest.TempPathFactory) -> Heart:
    study = next(iter(phantom_studies(1, 77001)))
    folder = tmp_path_factory.mktemp("heart")
    uids = {name: write_cine(folder / name, study, plan, FRAMES, ROWS, COLUMNS) for name, plan in PLANS.items()}
    write_cine(folder.parent / "short" / "short", study, PLANS["4CH"], 8, ROWS, COLUMNS)
    return Heart(study, folder, uids)


@pytest.fixture(scope="session")
def head() -> ContourHead:
    return load_head(shipped_head())


@pytest.fixture(scope="session")
def pool() -> Iterator[DecodePool]:
    with DecodePool(1, memory_mb=2048, cpu_seconds=60, wall_seconds=120) as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(database: Engine, heart: Heart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """An archive of these files, whose views are known."""
    empty_tables(database)
    home = tmp_path_factory.mktemp("home")
    views = home / "views.csv"
    with views.open("w", encoding="utf-8", newline="") as handle:
        rows = [(uid, heart.folder / name, PLANS[name].view, 0.95) for name, uid in heart.uids.items()]
        csv.writer(handle).writerows([("sop_uid", "path", "view", "view_prob"), *rows])
    index = EdgeIndex(home / "qdrant", lock_wait_seconds=1.0)
    archive = Archive(Settings(home=home, workers=1), database, index, FakeEncoder())
    ingest(archive, heart.folder, IngestOptions(views=views))
    yield archive
    index.close()


def key_of(archive: Archive, view: str, mode: str = "bmode") -> str:
    with archive.engine.connect() as connection:
        found = connection.scalar(
            text("select cast(video_key as text) from core.video where view = :view and mode = :mode"),
            {"view": view, "mode": mode},
        )
    assert found is not None
    return str(found)
