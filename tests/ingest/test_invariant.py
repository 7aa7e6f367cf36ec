"""Whatever happens to a folder of cines between ingests, and to the ingests: no video is found that no file backs.

A state machine writes, copies, moves, edits, damages and deletes small cines, ingests them, and ends some ingests
half-way, at whichever statement. What each file says is known here, and that is what the archive is compared with.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine, event, text

from echosearch.archive import Archive
from echosearch.db.upkeep.comparison import ledger_faults
from echosearch.encoder.fake import FakeEncoder
from echosearch.index.edge.index import EdgeIndex
from echosearch.settings import Settings
from echosearch.vector import from_bytes
from ingest.options import IngestOptions, IngestSummary
from ingest.pipeline import ingest
from ingest.verify import verify
from tests.conftest import empty_tables
from tests.ingest.conftest import Export, write_cine


@dataclass(frozen=True)
class Cine:
    """What a file says, and its picture."""

    sop: int
    study: int
    patient: str  # "" where the file names none
    picture: int
    sex: str = "F"
    whole: bool = True  # or cut short

    def write(self, path: Path) -> None:
        write_cine(
            path, f"1.2.{self.sop}", study=f"1.9.{self.study}", patient=self.patient, seed=self.picture, frames=2,
            PatientSex=self.sex,
        )  # fmt: skip
        if not self.whole:
            os.truncate(path, path.stat().st_size - 200)


NAMES = strategies.sampled_from(["a", "b", "c", "z/a", "z/b"])
CINES = strategies.builds(
    Cine,
    sop=strategies.integers(0, 3),
    study=strategies.integers(0, 2),
    patient=strategies.sampled_from(["A", "A", "B", ""]),
    picture=strategies.integers(0, 2),
    sex=strategies.sampled_from("MF"),
)
EDITS = strategies.sampled_from(
    [
        {"study": 0}, {"study": 1}, {"patient": "A"}, {"patient": "B"}, {"patient": ""}, {"picture": 2}, {"sex": "M"},
        {"sop": 3}, {"whole": False}, {"whole": True}, {},
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A video that the index gives, and the file that backs it."""

    key: str
    study: str
    patient: str
    file: str
    vector: Any
    sex: str | None


class Killed(BaseException):
    """The run ends here."""


@contextmanager
def killed_at(engine: Engine, statement: int) -> Iterator[None]:
    """The given statement of the block, and all after it, never reach the database; the locks are let go."""
    seen = 0

    def count(_connection: Any, _cursor: Any, query: str, *_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > statement and "advisory" not in query:
            raise Killed

    event.listen(engine, "before_cursor_execute", count)
    try:
        yield
    except Killed:
        pass
    finally:
        event.remove(engine, "before_cursor_execute", count)


class Folder(RuleBasedStateMachine):
    """A folder of cines, its archive, and what each file said when it was ingested the last time."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(tempfile.mkdtemp(prefix="echosearch-invariant-"))
        self.root = self.home / "export"
        self.root.mkdir()
        empty_tables(self.engine)
        index = EdgeIndex(self.home / "qdrant", lock_wait_seconds=1.0)
        self.archive = Archive(Settings(home=self.home, workers=1), self.engine, index, FakeEncoder())
        self.files: dict[str, Cine] = {}
        # what each name may have said when it was read the last time: several after runs that were killed
        self.said: dict[str, list[Cine]] = {}
        self.clock = 1

    def teardown(self) -> None:
        self.archive.index.close()
        shutil.rmtree(self.home)

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, cine: Cine) -> None:
        cine.write(self.path(name))
        self.clock += 1
        os.utime(self.path(name), (self.clock, self.clock))  # no two writes look alike
        self.files[name] = cine

    @initialize(cines=strategies.lists(CINES, min_size=2, max_size=4))
    def begin(self, cines: list[Cine]) -> None:
        for name, cine in zip("abc", cines, strict=False):
            self.write(name, cine)
        self.ingest_to_the_end(retry=False)

    @rule(name=NAMES, cine=CINES)
    def put(self, name: str, cine: Cine) -> None:
        """A new file, or another video in the place of one."""
        self.write(name, cine)

    @rule(name=NAMES, change=EDITS)
    def edit(self, name: str, change: dict[str, Any]) -> None:
        """Its header is corrected or spoilt, its pixels change, it is cut, or it is only touched."""
        assume(name in self.files)
        self.write(name, replace(self.files[name], **change))

    @rule(source=NAMES, onto=NAMES)
    def copy(self, source: str, onto: str) -> None:
        assume(source in self.files and source != onto)
        self.write(onto, self.files[source])

    @rule(source=NAMES, onto=NAMES, change=EDITS)
    def move(self, source: str, onto: str, change: dict[str, Any]) -> None:
        """Another name, and perhaps other words in it."""
        assume(source in self.files and source != onto)
        self.path(onto).parent.mkdir(exist_ok=True)
        self.path(source).rename(self.path(onto))
        self.files[onto] = self.files.pop(source)
        if change:
            self.write(onto, replace(self.files[onto], **change))

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        assume(name in self.files)
        self.path(name).unlink()
        del self.files[name]

    @rule(statement=strategies.integers(5, 120), retry=strategies.booleans())
    def ingest_and_be_killed(self, statement: int, retry: bool) -> None:
        for name, cine in self.files.items():
            self.said.setdefault(name, []).append(cine)
        with killed_at(self.engine, statement):
            self.ingest(retry)

    @rule(retry=strategies.sampled_from([False, False, True]))
    def ingest_to_the_end(self, retry: bool) -> None:
        summary = self.ingest(retry)
        assert summary.found == summary.indexed + summary.skipped + summary.quarantined + summary.pending
        vanished = summary.found - len(self.files)  # one may have been about to be read again when its run was killed
        assert vanished >= 0
        assert summary.pending <= vanished
        self.said |= {name: [cine] for name, cine in self.files.items()}
        report = verify(self.archive)
        assert report.clean, report
        assert [found.due for found in report.collections] == [0, 0, 0]
        self.compare()
        if retry:
            self.nothing_is_lost()
        again = self.ingest(retry=False)
        assert (again.new_videos, again.encoder_batches, again.index_writes) == (0, 0, 0)
        assert (again.found, again.indexed, again.reasons) == (summary.found, summary.indexed, summary.reasons)

    @invariant()
    def the_database_agrees_with_itself(self) -> None:
        """Also between ingests, and after one that was killed."""
        with self.engine.connect() as connection:
            assert [fault for fault in ledger_faults(connection, 1) if "no file" in fault or "more than" in fault] == []

    def ingest(self, retry: bool) -> IngestSummary:
        return ingest(self.archive, self.root, IngestOptions(retry_quarantined=retry, batch_size=4))

    def searchable(self) -> list[Found]:
        """Every point of a video; what a filter asks of it is in the database too, and `verify` has compared them."""
        with self.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "select cast(v.video_key as text) as key, p.path, e.vector, s.sex from core.video v"
                    " join core.embedding e using (video_key) join core.study s using (study_key)"
                    " join core.source_file f on f.video_key = v.video_key and f.state = 'indexed'"
                    " join phi.source_path p on p.file_id = f.id"
                )
            )
            backing = {row.key: row for row in rows}
        found = []
        for point in self.archive.index.scroll(self.archive.collection("videos"), whole=True):
            assert point.payload is not None
            key, _, _, study, patient = str(point.payload["ref"]).split()
            row = backing[key]
            name = os.path.relpath(os.fsdecode(bytes(row.path)), self.root)
            found.append(Found(key, study, patient, name, from_bytes(row.vector), row.sex))
        return found

    def compare(self) -> None:
        """Each video that is found is what its file says, and its patient's only."""
        keyring = self.archive.keyring
        patients: dict[str, set[str]] = {}
        sexes: dict[str, set[str]] = {}
        found = self.searchable()
        for one in found:
            may_say = self.said[one.file]
            cine = next(
                cine
                for cine in reversed(may_say)
                if one.key == keyring.video(f"1.2.{cine.sop}")
                and one.study == keyring.study(f"1.9.{cine.study}")
                and np.allclose(one.vector, PICTURES[cine.picture], atol=1e-4)
            )
            assert cine.whole
            if cine.patient:
                assert one.patient == keyring.patient("", cine.patient)
                patients.setdefault(one.study, set()).add(cine.patient)
            sexes.setdefault(one.study, set()).update(cine.sex if len(may_say) == 1 else "MF")
        assert all(len(named) == 1 for named in patients.values())
        for one in found:
            said = sexes[one.study]
            assert one.sex in (said if len(said) == 1 else {None} | said)

    def nothing_is_lost(self) -> None:
        """Where all files that count agree, everything that is there is found."""
        every = [cine for cines in self.said.values() for cine in cines if cine.whole]
        patients = {(cine.study, cine.patient) for cine in every if cine.patient}
        videos = {(cine.sop, cine.picture, cine.study) for cine in every}
        if len({sop for sop, *_ in videos}) < len(videos) or len({study for study, _ in patients}) < len(patients):
            return
        found = {one.key for one in self.searchable()}
        assert {self.archive.keyring.video(f"1.2.{cine.sop}") for cine in self.files.values() if cine.whole} <= found


PICTURES: dict[int, Any] = {}  # what the encoder makes of each picture


@pytest.fixture
def pictures(archive: Archive, export: Export) -> None:
    for picture in range(3):
        export.cine(
            f"{picture}", f"1.2.{picture}", study=f"1.9.{picture}", patient=str(picture), seed=picture, frames=2
        )
    ingest(archive, export.root, IngestOptions())
    with archive.engine.connect() as connection:
        rows = connection.execute(text("select cast(video_key as text) as key, vector from core.embedding")).all()
    keys = {archive.keyring.video(f"1.2.{picture}"): picture for picture in range(3)}
    PICTURES.update({keys[row.key]: from_bytes(row.vector) for row in rows})


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(
    ("examples", "steps", "fixed"),
    [pytest.param(4, 8, True, id="quick"), pytest.param(40, 25, False, id="full", marks=pytest.mark.slow)],
)
def test_no_video_is_found_that_no_file_backs(database: Engine, examples: int, steps: int, fixed: bool) -> None:
    Folder.engine = database
    profile = settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=fixed,
        deadline=None,
        database=None,
        phases=(Phase.generate,) if fixed else (Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Folder, settings=profile)
