"""A site: a PostgreSQL that several processes reach by its URL, one key, one export; and what an archive holds."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from echosearch.archive import Archive, open_archive
from echosearch.db.upkeep.comparison import ledger_faults
from echosearch.db.vectors.generation import active_encoder, encoder_row
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.base import KINDS
from echosearch.pseudonyms import load_keyring
from echosearch.settings import Settings
from ingest.verify import verify
from tests.ingest.conftest import write_cine
from tests.support.forked_program import python

HERE = Path(__file__).parent
LEASE_SECONDS = 10.0


@dataclass(frozen=True)
class Site:
    """Settings that every process of it has. Two sites of one test have one key, so that their keys compare."""

    settings: Settings
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        settings = self.settings
        assert settings.database_url is not None
        return os.environ | {
            "ECHOSEARCH_HOME": str(settings.home),
            "ECHOSEARCH_KEY_FILE": str(settings.key_path),
            "ECHOSEARCH_DATABASE_URL": settings.database_url.get_secret_value(),
            "ECHOSEARCH_QDRANT_URL": "embedded",
            "ECHOSEARCH_WORKERS": "1",
            "ECHOSEARCH_LEASE_SECONDS": str(settings.lease_seconds),
            "ECHOSEARCH_LOCK_BY_KEY": str(settings.lock_by_key),
            "PYTHONPATH": str(HERE.parents[2]),
            "STARTED_BY": python(),
        }

    @contextmanager
    def open(self, salt: str = "") -> Iterator[Archive]:
        """Open the archive with the fake encoder of this salt in use."""
        with open_archive(self.settings, FakeEncoder(salt=salt)) as archive:
            yield archive

    def start(self, script: str, *arguments: object, program: str = "", **changed: str) -> subprocess.Popen[str]:
        """Start a script of this folder with the site's settings, by another ``program`` than python() if given."""
        process = subprocess.Popen(
            [program or python(), str(HERE / script), *map(str, arguments)],
            env=self.environment | changed,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the process; return what it printed."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def contents(site: Site, salt: str = "") -> dict[str, Any]:
    """What an archive holds by the encoder that answers, but for which of two copies backs a video, and how often a
    row changed."""
    with site.open(salt) as archive:
        report = verify(archive)
        assert report.clean, report
        assert [found.due for found in report.collections] == [0, 0, 0]
        with archive.engine.connect() as connection:
            encoder = active_encoder(connection)
            assert encoder is not None
            of_it = {"encoder": encoder_row(connection, encoder.fingerprint)}
            assert ledger_faults(connection, of_it["encoder"] or 0) == []
            assert connection.scalar(text("select count(*) from core.source_file where claimed_by is not null")) == 0
            states = connection.execute(text("select state, reason from core.source_file"))
            videos = connection.execute(
                text("select cast(video_key as text), vector from core.embedding where encoder_id = :encoder"), of_it
            )
            means = connection.execute(
                text(
                    "select cast(study_key as text), vector, n_videos, gated from core.study_embedding"
                    " where encoder_id = :encoder"
                ),
                of_it,
            )
            return {
                "states": Counter(tuple(row) for row in states),
                "videos": {row[0]: bytes(row[1]) for row in videos},
                "means": {row[0]: (bytes(row[1]), row[2], row[3]) for row in means},
                "index": {
                    (kind, point.key): point_of(point)
                    for kind in KINDS
                    for point in archive.index.scroll(archive.collection(kind, encoder), whole=True)
                },
            }


def point_of(point: Any) -> tuple[Any, ...]:
    """A point without its generation, which counts how often it was sent."""
    key, _, *rest = str(point.payload["ref"]).split()
    others = sorted((name, str(value)) for name, value in point.payload.items() if name != "ref")
    return key, tuple(rest), tuple(others), point.vector.tobytes()


@pytest.fixture
def sites(database: Engine, tmp_path: Path) -> Iterator[Any]:
    """Make sites: each with an empty database in the session's server, and a home of its own."""
    admin = database.execution_options(isolation_level="AUTOCOMMIT")
    made: list[Site] = []
    key = tmp_path / "key"
    load_keyring(key)

    def make(by_key: bool = False) -> Site:
        name = f"site_{len(made)}"
        with admin.connect() as connection:
            connection.execute(text(f"drop database if exists {name} with (force)"))
            connection.execute(text(f"create database {name}"))
            folder = connection.scalar(text("show data_directory"))
        url = f"postgresql://postgres@/{name}?host={folder}"
        home = tmp_path / name
        site = Site(
            Settings(
                home=home,
                key_file=key,
                database_url=SecretStr(url),
                qdrant_url="embedded",
                workers=2,
                lease_seconds=LEASE_SECONDS,
                lock_by_key=by_key,
            )
        )
        made.append(site)
        return site

    yield make
    for process in (one for site in made for one in site.started if one.poll() is None):
        process.kill()
        process.communicate()
    with admin.connect() as connection:
        for number in range(len(made)):
            connection.execute(text(f"drop database site_{number} with (force)"))


def write_strewn(root: Path, studies: int, a_study: int, odd: int) -> Path:
    """Cines of ``studies``, and ``odd`` copies, UID conflicts and patient conflicts each, strewn over other folders."""
    for study in range(studies):
        for number in range(a_study):
            write_cine(
                root / f"ST{study:03d}/IM_{number:03d}", f"1.2.{study + 1}.{number + 1}", study=f"1.2.{study + 1}",
                patient=f"{study:07d}", seed=a_study * study + number, frames=3,
            )  # fmt: skip
    for place in range(odd):
        source, folder = root / f"ST{place:03d}/IM_001", root / f"ST{(place + studies // 2) % studies:03d}"
        shutil.copy(source, folder / f"COPY_{place}")
        write_cine(
            folder / f"UID_{place}", f"1.2.{place + 1}.1", study=f"1.2.{place + 1}", patient=f"{place:07d}",
            seed=5000 + place, frames=3,
        )  # fmt: skip
    for place in range(odd // 2):
        study = studies - 1 - place
        write_cine(
            root / f"ST{place:03d}/WHOSE_{place}", f"1.3.{place}", study=f"1.2.{study + 1}", patient="9999999",
            seed=6000 + place, frames=3,
        )  # fmt: skip
    return root
