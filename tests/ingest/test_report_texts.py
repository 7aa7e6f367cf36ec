"""Reports whose text is a danger: one that ends the process costs that report, and what is not read is counted."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from echosearch.archive import Archive, open_archive
from echosearch.db.studies.reports import ReportText
from echosearch.encoder.base import TextNotes
from echosearch.encoder.fake import FakeEncoder
from echosearch.search.query import query_text
from echosearch.search.results import SearchOptions
from echosearch.settings import Settings
from echosearch.vector import Vectors
from echosearch.workers.jobs import PoolBroken
from ingest.options import IngestOptions, IngestSummary
from ingest.pipeline import ingest
from ingest.text_process import EncoderReader, TextProcess
from tests.ingest.conftest import Export
from tests.support.forked_program import python

MAGIC = "この行で落ちる"


class Deadly(FakeEncoder):
    """Ends its process on one text, as a tokenizer in C can."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if any(MAGIC in one for one in texts):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().encode_texts(texts)


class Respelling(FakeEncoder):
    """Reads the wave dash as another character than before."""

    def text_notes(self, texts: Sequence[str]) -> list[TextNotes]:
        return [TextNotes(as_before="〜" not in one) for one in texts]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def root(export: Export) -> Path:
    for study in range(4):
        export.cine(f"ST{study}/IM", f"1.2.{study + 1}.1", study=f"1.2.{study + 1}", patient=f"{study}", seed=study)
    return export.root


def table(path: Path, texts: Sequence[str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["study_uid", "report_text"])
        rows.writerows([f"1.2.{study + 1}", one] for study, one in enumerate(texts))
    return path


@pytest.fixture
def archive(home: Path) -> Iterator[Archive]:
    with open_archive(Settings(home=home, workers=1), Deadly()) as opened:
        yield opened


def searchable(archive: Archive) -> int:
    with archive.engine.connect() as connection:
        return int(connection.scalar(text("select count(*) from core.report_embedding")) or 0)


def test_a_text_that_ends_the_process_costs_its_report_and_not_the_run(
    archive: Archive, root: Path, tmp_path: Path
) -> None:
    reports = table(tmp_path / "r.csv", ["左室拡大なし。", f"重度のMRあり。{MAGIC}", "軽度のARあり。", "所見なし。"])
    first = ingest(archive, root, IngestOptions(reports=reports))
    assert (first.new_reports, first.quarantined_reports, first.failed) == (3, 1, True)
    assert searchable(archive) == 3
    again = ingest(archive, root, IngestOptions())
    assert (again.new_reports, again.quarantined_reports, again.encoder_batches) == (0, 1, 0)
    archive._given_encoder = FakeEncoder()  # as after a mended tokenizer: the same encoder
    vars(archive).pop("encoder", None)
    kept = ingest(archive, root, IngestOptions())
    assert (kept.new_reports, kept.quarantined_reports) == (0, 1)
    tried = ingest(archive, root, IngestOptions(retry_quarantined=True))
    assert (tried.new_reports, tried.quarantined_reports, tried.failed) == (1, 0, False)


class Dead(FakeEncoder):
    """Ends its process on every text."""

    def encode_texts(self, texts: Sequence[str]) -> Vectors:
        if texts:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_texts(texts)


def test_where_every_text_ends_the_process_it_is_not_the_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.text_process.MAX_DEATHS", 2)
    process = TextProcess(EncoderReader(Dead()))
    assert process.read([ReportText("a", "左室拡大なし。")]) is None
    with pytest.raises(PoolBroken, match="one after another"):
        process.read([ReportText("b", "所見なし。")])


SCRIPT = """
import os, signal, sys
from pathlib import Path
from echosearch.archive import open_archive
from echosearch.encoder.fake import FakeEncoder
from echosearch.settings import Settings
from ingest.options import IngestOptions
from ingest.pipeline import ingest

class Deadly(FakeEncoder):
    def encode_texts(self, texts):
        if any("この行で落ちる" in one for one in texts):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode_texts(texts)

home, root, reports = map(Path, sys.argv[1:])
for _ in range(5):  # each run in a process of its own: a fork of one that has imported everything
    if not (child := os.fork()):
        with open_archive(Settings(home=home, workers=1, lock_wait_seconds=20), Deadly()) as archive:
            print(ingest(archive, root, IngestOptions(reports=reports)).quarantined_reports, flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
    if status == 0:
        break
"""


def test_where_the_run_itself_dies_the_database_remembers(home: Path, root: Path, tmp_path: Path) -> None:
    """An encoder that no other process can load: the text is met in the run."""
    reports = table(tmp_path / "r.csv", ["左室拡大なし。", f"重度のMRあり。{MAGIC}", "軽度のARあり。", "所見なし。"])
    command = [python(), "-c", SCRIPT, str(home), str(root), str(reports)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    killed = [str(-signal.SIGKILL.value)] * 3  # among others, then twice alone
    assert done.stdout.split() == [*killed, "1", "0"], done.stderr
    with open_archive(Settings(home=home, workers=1), FakeEncoder()) as archive:
        assert searchable(archive) == 3


def test_what_an_encoder_does_not_read_is_counted(home: Path, root: Path, tmp_path: Path) -> None:
    reports = table(tmp_path / "r.csv", ["左室拡大なし。", "。".join(f"所見{i}" for i in range(40))])
    with open_archive(Settings(home=home, workers=1), FakeEncoder()) as archive:
        assert ingest(archive, root, IngestOptions(reports=reports)).cut_reports == 1
        assert ingest(archive, root, IngestOptions()).cut_reports == 1  # of the archive, not of the run
        long = query_text(archive, "。".join(f"所見{i}" for i in range(40)), SearchOptions())
        assert any("5 of its phrases" in warning for warning in long.warnings)


@pytest.mark.parametrize(("form", "read_again"), [(1, {"〜"}), (2, {"゛"}), (3, set())])
def test_reports_of_an_older_form_are_read_again_where_their_tokens_are_others(
    home: Path, root: Path, tmp_path: Path, form: int, read_again: set[str]
) -> None:
    reports = table(tmp_path / "r.csv", ["左室拡大なし。", "軽度〜中等度のMRあり。", "カラート゛フ゜ラで異常なし。"])

    def run(archive: Archive) -> IngestSummary:
        return ingest(archive, root, IngestOptions(reports=reports))

    with open_archive(Settings(home=home, workers=1), Respelling()) as archive:
        run(archive)
        with archive.engine.begin() as connection:  # as an archive of a release before
            connection.execute(text("update core.report_embedding set text_form = :f, vector = '\\x00'"), {"f": form})
        assert (run(archive).new_reports, run(archive).encoder_batches) == (0, 0)
        with archive.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "select substring(p.text from '[〜゛]') as sign, length(e.vector) > 1 as fresh, e.text_form"
                    " from core.report_embedding e join phi.report p using (report_key)"
                )
            ).all()
        assert {tuple(row) for row in rows} == {(sign, sign in read_again, 3) for sign in ("〜", "゛", None)}
