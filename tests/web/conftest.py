"""A server over a small archive with known reports, in this process; an account of each role, and a project's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, text

from echosearch.access.password import digest, new_secret
from echosearch.access.rights import RIGHTS
from echosearch.access.sign_in import start_session
from echosearch.access.trail import open_trail
from echosearch.archive import Archive
from echosearch.db.access.accounts import account_named, add_account, put_project
from echosearch.db.access.sessions import add_token, set_reason
from echosearch.db.access.viewer import Role
from echosearch.db.vectors.generation import activate, register_encoder
from echosearch.report.facts import load_lexicon
from echosearch.web.app import create_app
from echosearch.web.serving import Serving
from ingest.relay import relay
from tests.search.conftest import Corpus, fill, open_empty
from tests.search.test_ask import REPORTS, read_due

PROJECT = "young"  # studies at an age below 65
BASE = "http://127.0.0.1:8000"


class Client:
    """An HTTP client of the application in this process: a browser's, or a program's with a token."""

    def __init__(self, app: FastAPI, **headers: str) -> None:
        self.app, self.headers, self.cookies = app, headers, httpx.Cookies()

    def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        async def once() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url=BASE, cookies=self.cookies) as client:
                answer = await client.request(method, path, headers=self.headers | given.pop("headers", {}), **given)
                self.cookies = client.cookies
                return answer

        return asyncio.run(once())

    def get(self, path: str, **given: Any) -> httpx.Response:
        return self.ask("GET", path, **given)

    def post(self, path: str, **given: Any) -> httpx.Response:
        return self.ask("POST", path, **given)


@dataclass
class Served:
    """A server and who may use it."""

    corpus: Corpus
    serving: Serving
    app: FastAPI
    tokens: dict[str, str] = field(default_factory=dict)  # of each role, and "project"

    @property
    def archive(self) -> Archive:
        return self.corpus.archive

    def client(self, who: str = "searcher") -> Client:
        """A program with a token of a role, or of the project's searcher ("project")."""
        return Client(self.app, authorization=f"Bearer {self.tokens[who]}")

    def browser(self, who: str = "searcher") -> Client:
        """A browser that is signed in; its unsafe requests carry the CSRF token."""
        with self.archive.engine.begin() as connection:
            account = account_named(connection, who)
            assert account is not None
            session = start_session(connection, account.id)
            set_reason(connection, digest(session.cookie), self.serving.keys.seal("回診".encode()))
        made = Client(self.app, **{"x-csrf-token": session.csrf})
        made.cookies.set(self.serving.options.cookie, session.cookie)
        return made


def fill_archive(archive: Archive) -> Corpus:
    """The corpus of the search's tests, its reports read for facts and words."""
    with archive.engine.begin() as connection:
        encoder_id = register_encoder(connection, archive.encoder.id)
        activate(connection, encoder_id)
    corpus = Corpus(archive, encoder_id)
    fill(corpus, np.random.default_rng(3))
    relay(archive, archive.encoder.id, encoder_id)
    with archive.engine.begin() as connection:
        for number, key in enumerate(sorted(corpus.reports)):
            connection.execute(
                text("update phi.report set text = :text where report_key = :key"),
                {"text": REPORTS[number % len(REPORTS)], "key": key},
            )
        read_due(connection, load_lexicon())
    return corpus


def serve(corpus: Corpus) -> Served:
    """A server with an account, and a token of all its rights, for each role; and the project's searcher."""
    archive = corpus.archive
    archive.settings = archive.settings.model_copy(update={"requests_per_second": 10_000.0})  # tests do not wait
    trail = open_trail(archive)
    tokens = {}
    with archive.engine.begin() as connection:
        put_project(connection, PROJECT, "age < 65")
        accounts = [(str(role), role, None) for role in Role] + [("project", Role.RESEARCHER, PROJECT)]
        for name, role, project in accounts:
            account = add_account(connection, name, role, project, None)
            assert account is not None
            tokens[name] = new_secret()
            reason = trail.keys.seal("回診".encode())
            add_token(connection, account, "test", digest(tokens[name]), [*RIGHTS[role]], 1, reason)
    serving = Serving(archive, trail, ready=True)
    return Served(corpus, serving, create_app(serving), tokens)


@pytest.fixture(scope="module")
def served(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """14 patients, 32 studies, some 130 videos behind a server."""
    archive = open_empty(database, tmp_path_factory.mktemp("web") / "home")
    yield serve(fill_archive(archive))
    archive.index.close()
