"""Signing in: the one-time link, passwords, sessions, and what a page of another site may not do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import pytest
from sqlalchemy import Engine

from echosearch.access.password import hash_password
from echosearch.access.trail import open_trail
from echosearch.db.access.accounts import account_named, add_account
from echosearch.db.access.viewer import Role
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


def password_of(served: Served) -> None:
    with served.archive.engine.begin() as connection:
        if account_named(connection, "suzuki") is None:
            add_account(connection, "suzuki", Role.CLINICIAN, None, hash_password(PASSWORD))


PAGE = {"accept": "text/html"}


@pytest.mark.parametrize("asked", ["/cohorts", "/cohorts/重症MR@1", "/searches/1?after=2.a~b", "/status"])
def test_signing_in_leads_to_the_page_that_was_asked_for(served: Served, asked: str) -> None:
    password_of(served)
    browser = Client(served.app)
    sent = browser.get(asked, headers=PAGE)
    assert sent.status_code == 303
    assert sent.headers["location"] == f"/sign-in?{urlencode({'back': asked})}"
    page = browser.get(sent.headers["location"]).text
    assert f'name="back" value="{asked}"' in page
    wrong = browser.post("/sign-in", data={"name": "suzuki", "password": "wrong", "back": asked})
    assert parse_qs(urlsplit(wrong.headers["location"]).query) == {"failed": ["true"], "back": [asked]}
    right = browser.post("/sign-in", data={"name": "suzuki", "password": PASSWORD, "back": asked})
    assert (right.status_code, unquote(right.headers["location"])) == (303, asked)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://elsewhere.example",
        "//elsewhere.example",
        "/\\elsewhere.example",
        "/\t/elsewhere.example",
        "elsewhere",
        "/x\n",
    ],
)
def test_signing_in_leads_to_no_other_server(served: Served, elsewhere: str) -> None:
    password_of(served)
    given = {"name": "suzuki", "password": PASSWORD, "back": elsewhere}
    assert Client(served.app).post("/sign-in", data=given).status_code == 422
    assert Client(served.app).get("/sign-in", params={"back": elsewhere}).status_code == 422
    browser = served.browser()
    given = {"csrf": browser.headers["x-csrf-token"], "back": elsewhere}
    assert browser.post("/sign-out", data=given).status_code == 422


def test_a_page_whose_address_is_not_ours_leads_to_the_first_page(served: Served) -> None:
    for asked in ("//elsewhere.example", "/status?next=https://elsewhere.example/<x>"):
        assert Client(served.app).get(asked, headers=PAGE).headers.get("location", "/sign-in") == "/sign-in"


def test_a_page_that_nobody_used_is_there_again_for_whoever_signs_in(served: Served) -> None:
    browser = served.browser()
    assert (
        'name="back" value="/status" disabled' in browser.get("/status").text
    )  # until the page's script sees idleness
    given = {"csrf": browser.headers["x-csrf-token"], "back": "/status"}
    assert browser.post("/sign-out", data=given).headers["location"] == "/sign-in?back=%2Fstatus"


def test_a_refused_page_keeps_the_pages_that_one_may_see(served: Served) -> None:
    for place in ("/audit", "/studies/00000000-0000-0000-0000-000000000000", "/studies/x"):
        page = served.browser().get(place, headers=PAGE)
        assert page.status_code in (403, 404, 422)
        assert 'href="/map"' in page.text
        assert 'id="sign-out"' in page.text
    assert 'id="sign-out"' not in Client(served.app).get("/nowhere", headers=PAGE).text
