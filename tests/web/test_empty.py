"""The pages over an archive that nothing was ingested into: what is missing is said, with what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.search.conftest import Corpus, open_empty
from tests.web.conftest import Served, serve


@pytest.fixture
def empty(database: Engine, tmp_path: Path) -> Iterator[Served]:
    archive = open_empty(database, tmp_path / "home")
    yield serve(Corpus(archive, 0))
    archive.index.close()


def test_an_empty_archive_is_said_with_what_to_do(empty: Served) -> None:
    browser = empty.browser("clinician")
    page = {"accept": "text/html"}
    answers = [browser.get(path, headers=page) for path in ("/map", "/disagree")]
    answers.append(browser.post("/searches", data={"text": "重度MR"}, headers=page))
    for answer in answers:
        assert answer.status_code == 409
        assert "アーカイブが空です" in answer.text
        assert "<code>echosearch ingest FOLDER" in answer.text
    for path in ("/", "/cohorts", "/quality", "/status"):
        assert browser.get(path, headers=page).status_code == 200
    assert "検索に答えられます" not in browser.get("/status").text  # there is no encoder
