"""kill -9 at random moments: nothing lost, nothing twice, and the end is the same."""

from __future__ import annotations

import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from echosearch.archive import open_archive
from echosearch.db.schema.tables import SourceFile, StudyEmbedding
from echosearch.encoder.fake import FakeEncoder
from echosearch.settings import Settings
from echosearch.vector import from_bytes
from ingest.verify import verify
from tests.ingest.conftest import write_cine
from tests.support.forked_program import python

SCRIPT = Path(__file__).with_name("ingest_once.py")


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="echosearch-kill-") as folder:
        yield Path(folder)


def write_export(root: Path, cines: int) -> Path:
    for number in range(cines):
        study = number // 8
        write_cine(
            root / f"ST{study:03d}/IM_{number:04d}", f"1.2.{study + 1}.{number + 1}", study=f"1.2.{study + 1}",
            patient=f"{study:07d}", seed=number,
        )  # fmt: skip
    return root


def start(home: Path, root: Path) -> subprocess.Popen[str]:
    command = [python(), str(SCRIPT), str(home), str(root)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(home: Path, root: Path) -> str:
    process = start(home, root)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


def contents(home: Path) -> tuple[int, dict[str, np.ndarray]]:
    with open_archive(Settings(home=home), FakeEncoder()) as archive:
        report = verify(archive)
        assert report.clean, report
        assert {found.collection: found.due for found in report.collections} == {
            "videos": 0,
            "studies": 0,
            "reports": 0,
        }
        points = {found.collection: found.points for found in report.collections}
        with archive.engine.connect() as connection:
            states = connection.scalars(select(SourceFile.state)).all()
            assert set(states) == {"indexed"}
            assert len(states) == points["videos"] == report.counts.found == report.counts.indexed
            rows = connection.execute(select(StudyEmbedding.study_key, StudyEmbedding.vector))
            return points["videos"], {row.study_key: from_bytes(row.vector) for row in rows}


@pytest.mark.parametrize(
    ("cines", "kills"), [pytest.param(40, 3, id="quick"), pytest.param(200, 20, id="full", marks=pytest.mark.slow)]
)
def test_killed_and_restarted(home: Path, tmp_path: Path, cines: int, kills: int) -> None:
    root = write_export(tmp_path / "export", cines)
    finish(home / "unbroken", root)
    chance = random.Random(2024)
    broken = home / "broken"
    for _ in range(kills):
        process = start(broken, root)
        assert process.stdout is not None
        process.stdout.read(chance.randint(0, max(1, cines // 4 // kills)))  # so many steps forward, then anywhere
        time.sleep(chance.uniform(0.0, 0.2) if chance.random() < 0.8 else chance.uniform(0.0, 2.0))
        process.kill()
        process.communicate()
    finish(broken, root)
    count, studies = contents(broken)
    expected_count, expected = contents(home / "unbroken")
    assert count == expected_count == cines
    # each home has its own key file, so keys differ and the order of summing with them: compare to 1e-5
    one = np.sort(np.stack(list(studies.values())), axis=0)
    other = np.sort(np.stack(list(expected.values())), axis=0)
    assert np.abs(one - other).max() < 1e-5
    assert finish(broken, root).split()[-3:] == [str(cines), "0", "0"]
