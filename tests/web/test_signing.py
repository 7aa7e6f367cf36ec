"""Signing in: the one-time link, passwords, sessions, and what a page of another site may not do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from echosearch.access.trail import open_trail
from echosearch.web.app import create_app
from echosearch.web.serving import Serving
from tests.search.conftest import open_empty
from tests.web.conftest import Client, Served

PASSWORD = "correct horse battery"


@pytest.fixture
def fresh(database: Engine, tmp_path: Path) -> Iterator[Serving]:
    """A server of an archive without an account."""
    archive = open_empty(database, tmp_path / "home")
    yield Serving(archive, open_trail(archive), ready=True)
    archive.index.close()


def test_the_one_time_link_makes_the_admin_and_all_else_waits_for_it(fresh: Serving) -> None:
    app = create_app(fresh)
    browser = Client(app)
    assert fresh.setup is not None
    link = f"/setup/{fresh.setup}"
    assert browser.get("/healthz").status_code == 200
    assert browser.get("/").status_code == browser.get("/sign-in").status_code == 503
    assert browser.post("/api/v1/searches", json={"text": "MR"}).json()["type"] == "/problems/setup-needed"
    assert browser.post("/setup/guess", data={"name": "root", "password": PASSWORD}).status_code == 404
    assert browser.post(link, data={"name": "root", "password": "short"}).status_code == 422
    made = browser.post(link, data={"name": "root", "password": PASSWORD})
    assert made.status_code == 303
    assert browser.get("/accounts").status_code == 200
    assert browser.post(link, data={"name": "other", "password": PASSWORD}).status_code == 404
    again = Client(app)
    assert again.get("/").status_code == 401
    assert again.post("/sign-in", data={"name": "root", "password": PASSWORD}).status_code == 303
    assert again.get("/accounts").status_code == 200
    cookie = made.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_five_wrong_passwords_then_a_delay_that_refuses_the_right_one_too(fresh: Serving) -> None:
    app = create_app(fresh)
    Client(app).post(f"/setup/{fresh.setup}", data={"name": "root", "password": PASSWORD})
    for _ in range(5):
        wrong = Client(app).post("/sign-in", data={"name": "root", "password": "wrong"})
        assert wrong.headers["location"] == "/sign-in?failed=true"
    right = Client(app).post("/sign-in", data={"name": "root", "password": PASSWORD})
    assert right.headers["location"] == "/sign-in?failed=true"


def test_an_unsafe_request_of_a_browser_needs_its_token_and_this_site(served: Served) -> None:
    browser = served.browser()
    asked = {"json": {"text": "MR"}}
    assert browser.post("/api/v1/searches", **asked).status_code == 201
    stranger = {"origin": "https://elsewhere.example"}
    assert browser.post("/api/v1/searches", headers=stranger, **asked).status_code == 403
    browser.headers.pop("x-csrf-token")
    assert browser.post("/api/v1/searches", **asked).json()["type"] == "/problems/cross-site"


def test_signing_out_ends_the_session(served: Served) -> None:
    browser = served.browser()
    assert browser.post("/sign-out").status_code == 303
    assert browser.get("/").status_code == 401


def test_every_answer_has_its_headers_and_only_known_hosts_are_served(served: Served) -> None:
    page = served.client().get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"
    other = served.client().get("/healthz", headers={"host": "elsewhere.example"})
    assert other.status_code == 421
    assert "default-src 'none'" in other.headers["content-security-policy"]
