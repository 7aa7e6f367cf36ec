"""The client against a real server over a real port: pages, errors, and what it does when the server is busy."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread, Timer

import pytest
import uvicorn
from sqlalchemy import Engine

from echosearch.client import Connection, ServerProblem, connect
from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions, as_json
from tests.search.conftest import open_empty
from tests.web.conftest import Served, fill_archive, serve


@pytest.fixture(scope="module")
def served(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    archive = open_empty(database, tmp_path_factory.mktemp("client") / "home")
    yield serve(fill_archive(archive))
    archive.index.close()


@pytest.fixture(scope="module")
def url(served: Served) -> Iterator[str]:
    """The server on a free port."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(served.app, access_log=False, log_level="warning"))
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture
def researcher(served: Served, url: str) -> Iterator[Connection]:
    with connect(url, served.tokens["researcher"]) as connection:
        yield connection


def test_a_search_is_read_in_pages_and_gives_what_the_archive_gives(served: Served, researcher: Connection) -> None:
    hits = researcher.search("中等度以上のMR", page_size=4)
    expected = as_json(ask(served.archive, "中等度以上のMR", SearchOptions(top_k=200)))
    assert list(hits) == hits.to_dicts() == expected["hits"]
    assert (len(hits), hits.total, hits.belief) == (len(expected["hits"]), expected["total"], expected["belief"])
    assert hits[len(hits) - 1]["rank"] == len(hits)
    frame = researcher.search("中等度以上のMR").to_pandas()
    assert list(frame["study"]) == [hit["study"] for hit in expected["hits"]]


def test_studies_timelines_cohorts_and_exports(served: Served, researcher: Connection, tmp_path: Path) -> None:
    study = served.corpus.studies[1]
    assert researcher.study(study.key)["patient"] == study.patient
    assert {one["video"] for one in researcher.videos(study.key)} == {one.key for one in served.corpus.of(study)}
    assert researcher.timeline(study.patient)["patient"] == study.patient
    researcher.request("POST", "/cohorts", json={"name": "mr", "text": "MR", "replace": True})
    assert len(list(researcher.members("mr"))) > 3
    similar = researcher.search(study=study.key)
    assert similar[0]["patient"] != study.patient
    researcher.export(similar, tmp_path / "hits.ndjson")
    lines = (tmp_path / "hits.ndjson").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1]) == {"end": True, "rows": len(similar)}
    researcher.export(similar, tmp_path / "hits.arrow", "arrow")
    import pyarrow

    with pyarrow.ipc.open_stream(tmp_path / "hits.arrow") as reader:
        assert reader.read_all()["study"].to_pylist() == [hit["study"] for hit in similar]
    researcher.export(similar, tmp_path / "hits.csv", "csv")
    rows = (tmp_path / "hits.csv").read_text(encoding="utf-8-sig").splitlines()
    assert (rows[0].split(",")[0], rows[-1]) == ("rank", f"end,{len(similar)}")
    assert researcher.status()["ready"]


def test_errors_have_the_servers_code(researcher: Connection, url: str) -> None:
    with pytest.raises(ServerProblem, match="condition") as refused:
        researcher.search("MR", where="viev = 4CH")
    assert (refused.value.status, refused.value.code) == (422, "condition")
    with pytest.raises(ServerProblem) as unknown:
        connect(url, "nonsense")
    assert unknown.value.code == "sign-in"
    with pytest.raises(ServerProblem, match="forbidden"):
        researcher.search("MR", identified=True)


def test_a_busy_server_is_asked_again(served: Served, researcher: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("echosearch.web.serving.WAIT_SECONDS", 0.01)
    with served.serving.searching(), served.serving.searching():  # both places are taken
        busy = researcher._http.post("/api/v1/searches", json={"text": "MR"})
        assert (busy.status_code, busy.headers["retry-after"]) == (503, "1")
        assert busy.json()["type"] == "/problems/busy"
    with served.serving.searching():
        held = served.serving.searching()
        held.__enter__()
        Timer(0.3, held.__exit__, (None, None, None)).start()
        assert len(researcher.search("MR")) > 0


def test_the_client_imports_neither_torch_nor_the_archive() -> None:
    code = (
        "import sys, echosearch.client\n"
        "print(sorted({'torch', 'sqlalchemy', 'pydicom', 'qdrant_edge', 'fastapi', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
