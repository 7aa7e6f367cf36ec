"""Phantom cines with lettering in them, ingested into an archive with a fake encoder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from echosearch.archive import Archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.edge.index import EdgeIndex
from echosearch.phantom.files.archive import phantom_studies, study_cines
from echosearch.phantom.files.cinefile import write_cine
from echosearch.phantom.imaging.lettering import plan_lettering
from echosearch.preview.store import Previews
from echosearch.settings import Settings
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from tests.conftest import empty_tables

FRAMES, ROWS, COLUMNS = 12, 120, 160


@pytest.fixture(scope="session")
def phantom_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three cines of one study, the last in colour."""
    folder = tmp_path_factory.mktemp("phantom")
    study = next(phantom_studies(1, seed=1))
    lines = plan_lettering(study, ROWS, COLUMNS)
    plans = study_cines(study)
    for plan in (plans[0], plans[1], next(plan for plan in plans if plan.color)):
        write_cine(folder / f"IM_{plan.number}", study, plan, FRAMES, ROWS, COLUMNS, lettering=lines)
    return folder


@pytest.fixture
def cine(phantom_files: Path, tmp_path: Path) -> Path:
    """A copy of one of them, to be changed."""
    return Path(shutil.copy(phantom_files / "IM_1", tmp_path / "cine"))


@dataclass(frozen=True)
class Shown:
    """An archive whose videos can be found, and the previews of it."""

    archive: Archive
    previews: Previews
    folder: Path  # of the files
    keys: tuple[str, ...]  # of the videos

    def ingest(self) -> None:
        ingest(self.archive, self.folder, IngestOptions())


@pytest.fixture
def shown(archive: Archive, phantom_files: Path, tmp_path: Path) -> Iterator[Shown]:
    """An archive for one test, which may change the files and ingest them again."""
    yield from _shown(archive, Path(shutil.copytree(phantom_files, tmp_path / "export")))


@pytest.fixture(scope="module")
def shared(database: Engine, phantom_files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """An archive for the tests of a module, none of which takes ``shown`` or ``engine``, which empty the tables."""
    empty_tables(database)
    home = tmp_path_factory.mktemp("home")
    index = EdgeIndex(home / "qdrant", lock_wait_seconds=1.0)
    archive = Archive(Settings(home=home, workers=2), database, index, FakeEncoder())
    yield from _shown(archive, phantom_files)
    index.close()


def _shown(archive: Archive, folder: Path) -> Iterator[Shown]:
    ingest(archive, folder, IngestOptions())
    with archive.engine.connect() as connection:
        keys = connection.scalars(text("select cast(video_key as text) from core.video order by video_key")).all()
    with Previews(archive) as previews:
        yield Shown(archive, previews, folder, tuple(keys))
