"""Words of reports at ingest: made once, made anew when their form is another, and lost for no text's sake."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from echosearch.archive import Archive, open_archive
from echosearch.db.studies.reports import ReportText
from echosearch.encoder.fake import FakeEncoder
from echosearch.encoder.text.report_words import ReportWord
from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions
from echosearch.settings import Settings
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.text_process import WordReader
from tests.ingest.conftest import Export

MAGIC = "この行で落ちる"


class Deadly(WordReader):
    """Ends its process on one text, as a tokenizer in C can."""

    def read(self, reports: Sequence[ReportText]) -> list[list[ReportWord]]:
        if any(MAGIC in report.text for report in reports):
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().read(reports)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    with open_archive(Settings(home=tmp_path / "home", workers=1), FakeEncoder()) as opened:
        yield opened


@pytest.fixture
def options(export: Export, tmp_path: Path) -> IngestOptions:
    texts = ["呼吸困難で来院。軽度のMRあり。", f"呼吸困難あり。重度のMRあり。{MAGIC}", "動悸あり。"]
    path = tmp_path / "reports.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["study_uid", "report_text"])
        for study, said in enumerate(texts):
            export.cine(f"ST{study}/IM", f"1.2.{study + 1}.1", study=f"1.2.{study + 1}", patient=f"{study}", seed=study)
            rows.writerow([f"1.2.{study + 1}", said])
    return IngestOptions(reports=path)


def found(archive: Archive, query: str) -> set[str]:
    return {hit.study for hit in ask(archive, query, SearchOptions()).hits}


def studies(archive: Archive, *numbers: int) -> set[str]:
    return {archive.keyring.study(f"1.2.{number}") for number in numbers}


def test_an_archive_of_the_release_before_gets_words_at_its_next_ingest(
    archive: Archive, export: Export, options: IngestOptions
) -> None:
    ingest(archive, export.root, options)
    assert found(archive, "呼吸困難") == studies(archive, 1, 2)
    assert found(archive, "動悸") == studies(archive, 3)
    with archive.engine.begin() as connection:  # as the migration leaves it
        connection.execute(text("delete from phi.report_words"))
        connection.execute(text("update core.fact_reading set word_form = 0"))
    assert not found(archive, "呼吸困難")
    assert any("wait to be read" in said for said in ask(archive, "MR", SearchOptions()).warnings)
    ingest(archive, export.root, IngestOptions())
    assert found(archive, "呼吸困難") == studies(archive, 1, 2)
    with archive.engine.begin() as connection:
        before = connection.execute(text("select xmin, study_key from phi.report_words")).all()
    ingest(archive, export.root, IngestOptions())
    with archive.engine.begin() as connection:  # nothing was due, so nothing was written
        assert connection.execute(text("select xmin, study_key from phi.report_words")).all() == before


def test_a_new_report_takes_the_words_of_the_one_before(
    archive: Archive, export: Export, options: IngestOptions, tmp_path: Path
) -> None:
    ingest(archive, export.root, options)
    newer = tmp_path / "newer.csv"
    newer.write_text("study_uid,report_text\n1.2.1,胸痛あり。軽度のMRあり。\n", encoding="utf-8")
    ingest(archive, export.root, IngestOptions(reports=newer))
    assert found(archive, "呼吸困難") == studies(archive, 2)
    assert found(archive, "胸痛") == studies(archive, 1)


def test_a_text_that_ends_mecab_costs_its_words_and_not_its_facts(
    archive: Archive, export: Export, options: IngestOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.facts.WordReader", Deadly)
    ingest(archive, export.root, options)
    assert found(archive, "呼吸困難") == studies(archive, 1)
    assert found(archive, "動悸") == studies(archive, 3)
    severe = ask(archive, "重度のMR", SearchOptions()).hits[0]
    assert {severe.study} == studies(archive, 2)
    assert severe.why is not None
    assert severe.why.verdict == "stated"
