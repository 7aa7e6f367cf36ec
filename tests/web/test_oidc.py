"""Signing in by an OpenID provider, against a real one on loopback: what is let in, and all that is not."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from sqlalchemy import Engine, text

from echosearch.access.oidc.configuration import is_trusted_address, oidc_client
from echosearch.access.oidc.provider import SignInRefused, pending_from
from echosearch.access.trail import Trail, open_trail
from echosearch.db.access.accounts import account_named, add_account, set_disabled
from echosearch.db.access.audit import last_entries
from echosearch.db.access.identities import link_account
from echosearch.db.access.viewer import Role
from echosearch.errors import ConfigError, StoreUnreachable
from echosearch.settings import load_settings
from echosearch.web.app import create_app
from echosearch.web.serving import Serving
from tests.search.conftest import open_empty
from tests.support.oidc_provider import CLIENT_ID, SECRET, LoopbackProvider, new_key
from tests.web.conftest import Client
from tests.web.test_rights import routes

SATO = {"sub": "8f2c1d7e", "preferred_username": "sato@hospital.example", "groups": ["staff", "echo-doctors"]}
REFUSED, DOWN = "/sign-in?provider=refused", "/sign-in?provider=down"


@dataclass
class Door:
    """A server that a provider signs users in to; ``sato`` is the account of the provider's user."""

    provider: LoopbackProvider
    serving: Serving

    def browser(self) -> Client:
        return Client(create_app(self.serving))

    def configured(self, **settings: Any) -> Door:
        """The same with other settings."""
        archive = self.serving.archive.seen_by(self.serving.archive.viewer)
        archive.settings = archive.settings.model_copy(update=settings)
        return Door(self.provider, Serving(archive, self.serving.trail, ready=True))

    def go(self, browser: Client, change: Callable[[str], str] = lambda address: address) -> httpx.Response:
        """Press the button, sign in there, come back; ``change``: of the address that leads back."""
        return browser.get(change(self.way_back(browser)))

    def way_back(self, browser: Client, query: str = "") -> str:
        begun = browser.get(f"/sign-in/oidc{query}")
        assert begun.status_code == 303
        there = httpx.get(begun.headers["location"])
        assert there.status_code == 302, there.text
        return str(there.headers["location"]).removeprefix("http://127.0.0.1:8000")

    def last_row(self) -> tuple[str, str, str, str, str]:
        """(who, role, via, action, outcome) of the audit's last row."""
        with self.serving.archive.engine.connect() as connection:
            row = last_entries(connection, 1)[0]
        return row.who, row.role, row.via, row.action, row.outcome


@pytest.fixture(scope="module")
def door(database: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    archive = open_empty(database, tmp_path_factory.mktemp("oidc") / "home")
    with archive.engine.begin() as connection:
        add_account(connection, "root", Role.ADMIN, None, "x")
        sato = add_account(connection, "sato", Role.SEARCHER, None, None)
        assert sato is not None
    with LoopbackProvider(dict(SATO)) as provider:
        secret = tmp_path_factory.mktemp("secret") / "secret"
        secret.write_text(f"{SECRET}\n")
        given = {"oidc_issuer": provider.issuer, "oidc_client_id": CLIENT_ID, "oidc_client_secret_file": secret}
        archive.settings = archive.settings.model_copy(update=given)
        with archive.engine.begin() as connection:
            link_account(connection, sato, provider.issuer, SATO["sub"])  # type: ignore[arg-type]
        yield Door(provider, Serving(archive, open_trail(archive), ready=True))
    archive.index.close()


@pytest.fixture(autouse=True)
def _honest(door: Door) -> Iterator[None]:
    """Each test begins with a provider that signs the truth."""
    yield
    door.provider.claims, door.provider.description, door.provider.forge = {}, {}, str
    door.provider.user = dict(SATO)
    if door.provider.key is not door.provider.published[-1]:
        door.provider.rotate()


def test_a_linked_user_is_signed_in_and_the_audit_says_so(door: Door) -> None:
    browser = door.browser()
    assert 'href="/sign-in/oidc"' in browser.get("/sign-in").text
    answer = door.go(browser)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert door.last_row() == ("sato", "searcher", "oidc", "sign in", "done")
    me = browser.get("/api/v1/me").json()
    assert (me["name"], me["role"], me["idle_minutes"]) == ("sato", "searcher", 15)
    cookies = answer.headers.get_list("set-cookie")
    assert all("HttpOnly" in one and "SameSite=lax" in one for one in cookies if "Max-Age=0" not in one)
    assert "echosearch-oidc" not in browser.cookies  # used up
    with door.serving.archive.engine.connect() as connection:
        row = last_entries(connection, 1)[0]
    assert door.serving.trail.opened(row)["query"] == "subject 8f2c1d7e"


def test_it_leads_to_the_page_that_was_asked_for(door: Door) -> None:
    browser = door.browser()
    page = browser.get("/status", headers={"accept": "text/html"}).headers["location"]
    assert 'href="/sign-in/oidc?back=%2Fstatus"' in browser.get(page).text
    assert browser.get(door.way_back(browser, "?back=/status")).headers["location"] == "/status"
    assert browser.get("/sign-in/oidc?back=//elsewhere.example").status_code == 422


def test_the_session_of_a_provider_ends_as_others_do(door: Door) -> None:
    browser = door.browser()
    door.go(browser)
    with door.serving.archive.engine.begin() as connection:
        connection.execute(text("update access.session set seen_at = now() - interval '16 minutes'"))
    assert browser.get("/api/v1/me").status_code == 401
    browser = door.browser()
    door.go(browser)
    with door.serving.archive.engine.begin() as connection:
        connection.execute(text("update access.session set created_at = now() - interval '13 hours'"))
    assert browser.get("/api/v1/me").status_code == 401


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"nonce": "another"}, "InvalidClaimError nonce"),
    ({"nonce": None}, "InvalidClaimError nonce"),
    ({"exp": 1_000_000_000}, "ExpiredTokenError exp"),
    ({"exp": "never"}, "InvalidClaimError exp"),
    ({"iat": 4_000_000_000}, "InvalidClaimError iat"),
    ({"aud": ["another"]}, "InvalidClaimError aud"),
    ({"aud": [CLIENT_ID, "another"]}, "MissingClaimError azp"),
    ({"aud": [CLIENT_ID, "another"], "azp": "another"}, "InvalidClaimError azp"),
    ({"iss": "https://elsewhere.example"}, "InvalidClaimError iss"),
    ({"iss": ["https://elsewhere.example"]}, "InvalidClaimError iss"),
    ({"sub": ""}, "InvalidClaimError sub"),
    ({"sub": "x" * 300}, "a subject of more than 255 characters"),
    ({"at_hash": "another"}, "InvalidClaimError at_hash"),
]


@pytest.mark.parametrize(("claims", "told"), WRONG, ids=[f"{one[0]}"[:40] for one in WRONG])
def test_a_token_with_a_wrong_claim_signs_nobody_in(
    door: Door, caplog: pytest.LogCaptureFixture, claims: dict[str, Any], told: str
) -> None:
    door.provider.claims = claims
    browser = door.browser()
    assert door.go(browser).headers["location"] == REFUSED
    assert [record.getMessage().endswith(told) for record in caplog.records if record.name == "echosearch.oidc"] == [
        True
    ], caplog.text
    assert browser.get("/api/v1/me").status_code == 401
    assert door.last_row() == ("", "", "oidc", "sign in", "refused")


def test_a_signature_must_be_by_a_key_pair_of_the_provider(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    """Not unsigned, not by HMAC with the public key as its secret, not by another key of the same name."""
    public, kid = door.provider.key.as_pem(private=False), door.provider.kid

    def unsigned(token: str) -> str:
        return f"{_part(json.dumps({'alg': 'none', 'kid': kid}).encode())}.{token.split('.')[1]}."

    def confused(token: str) -> str:
        signed = f"{_part(json.dumps({'alg': 'HS256', 'kid': kid}).encode())}.{token.split('.')[1]}"
        return f"{signed}.{_part(hmac.digest(public, signed.encode(), 'sha256'))}"

    for forge, key, told in (
        (unsigned, door.provider.key, "UnsupportedAlgorithmError"),
        (confused, door.provider.key, "UnsupportedAlgorithmError"),
        (str, new_key(), "BadSignatureError"),
    ):
        door.provider.forge, door.provider.key = forge, key
        browser = door.browser()
        assert door.go(browser).headers["location"] == REFUSED, told
        assert browser.get("/api/v1/me").status_code == 401
        assert caplog.records[-1].getMessage().endswith(f"refused: the ID token: {told}")


def test_a_provider_that_signs_by_shared_secrets_alone_is_not_believed(door: Door) -> None:
    door.provider.description = {"id_token_signing_alg_values_supported": ["HS256", "none"]}
    fresh = door.configured()
    browser = fresh.browser()
    assert fresh.go(browser).headers["location"] == REFUSED
    assert browser.get("/api/v1/me").status_code == 401


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_keys_that_the_provider_has_changed_are_read_again(door: Door) -> None:
    assert door.go(door.browser()).headers["location"] == "/"
    door.provider.rotate()
    assert door.go(door.browser()).headers["location"] == "/"


def test_an_answer_belongs_to_the_browser_that_asked(door: Door) -> None:
    """Another state, another browser, no cookie, a forged one, and one that is too old."""
    browser = door.browser()
    changed = door.go(browser, lambda address: address.replace("state=", "state=x"))
    assert changed.headers["location"] == REFUSED
    address = door.way_back(door.browser())
    for other in (door.browser(), door.browser()):
        assert other.get(address).headers["location"] == REFUSED
        other.cookies.set("echosearch-oidc", "forged")
    browser = door.browser()
    address = door.way_back(browser)
    assert "iss" not in parse_qs(urlsplit(address).query)
    assert browser.get(f"{address}&iss=https://elsewhere.example").headers["location"] == REFUSED
    denied = door.go(door.browser(), lambda address: address.replace("code=", "error=access_denied&x="))
    assert denied.headers["location"] == REFUSED


def test_a_sign_in_that_took_too_long_is_refused(door: Door) -> None:
    assert door.serving.provider is not None
    _, pending = door.serving.provider.begin("http://127.0.0.1:8000/sign-in/oidc/back")
    keys = door.serving.keys
    assert pending_from(keys, pending.sealed(keys)) == pending
    with pytest.raises(SignInRefused, match="too long"):
        pending_from(keys, replace(pending, until=int(time.time()) - 1).sealed(keys))


def test_a_code_is_good_for_one_sign_in(door: Door) -> None:
    browser = door.browser()
    address = door.way_back(browser)
    kept = browser.cookies["echosearch-oidc"]
    assert browser.get(address).headers["location"] == "/"
    again = door.browser()
    again.cookies.set("echosearch-oidc", kept)  # even with what the first browser had
    assert again.get(address).headers["location"] == REFUSED
    assert again.get("/api/v1/me").status_code == 401


def test_an_unknown_subject_is_refused_also_one_with_the_name_of_an_account(door: Door) -> None:
    door.provider.user = {"sub": "stranger", "preferred_username": "root", "email": "root@hospital.example"}
    assert door.go(door.browser()).headers["location"] == REFUSED
    assert door.last_row() == ("root", "", "oidc", "sign in", "refused")
    creating = door.configured(oidc_unknown="create")
    assert creating.go(creating.browser()).headers["location"] == REFUSED  # the name is taken


def test_an_unknown_subject_may_be_added_without_rights(door: Door) -> None:
    creating = door.configured(oidc_unknown="create")
    door.provider.user = {"sub": "new", "preferred_username": "suzuki"}
    browser = creating.browser()
    assert creating.go(browser).headers["location"] == REFUSED
    assert browser.get("/api/v1/me").status_code == 401
    with door.serving.archive.engine.begin() as connection:
        made = account_named(connection, "suzuki")
        assert made is not None
        assert (made.role, made.disabled, made.password) == ("searcher", True, None)
        assert [row.action for row in last_entries(connection, 2)] == ["sign in", "account add suzuki"]
        set_disabled(connection, "suzuki", False)  # by an admin
    assert creating.go(browser).headers["location"] == "/"
    assert browser.get("/api/v1/me").json()["name"] == "suzuki"
    door.provider.user = {"sub": "odd", "preferred_username": "鈴木 花子"}
    assert creating.go(creating.browser()).headers["location"] == REFUSED


def test_a_disabled_account_is_not_signed_in(door: Door) -> None:
    engine = door.serving.archive.engine
    browser = door.browser()
    door.go(browser)
    with engine.begin() as connection:
        set_disabled(connection, "sato", True)
    assert browser.get("/api/v1/me").status_code == 401
    assert door.go(browser).headers["location"] == REFUSED
    with engine.begin() as connection:
        set_disabled(connection, "sato", False)
    assert door.go(browser).headers["location"] == "/"


def test_groups_give_the_role_anew_at_each_sign_in(door: Door) -> None:
    mapped = door.configured(oidc_roles={"echo-it": "admin", "echo-doctors": "clinician"})
    browser = mapped.browser()
    assert mapped.go(browser).headers["location"] == "/"
    assert browser.get("/api/v1/me").json()["role"] == "clinician"
    assert door.last_row() == ("sato", "clinician", "oidc", "sign in", "done")
    door.provider.user = {**SATO, "groups": ["staff"]}
    assert mapped.go(mapped.browser()).headers["location"] == REFUSED
    door.provider.user = {**SATO, "groups": "echo-it"}
    assert mapped.go(browser).headers["location"] == "/"
    assert browser.get("/api/v1/me").json()["role"] == "admin"


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://elsewhere.example"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"jwks_uri": None},
    ],
)
def test_a_description_that_makes_no_sense_is_a_provider_that_is_down(door: Door, description: dict[str, Any]) -> None:
    door.provider.description = description
    fresh = door.configured()
    assert fresh.browser().get("/sign-in/oidc").headers["location"] == DOWN


def test_a_provider_that_is_down_is_one_clear_line(
    door: Door, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with LoopbackProvider(dict(SATO)) as other:
        gone = door.configured(oidc_issuer=other.issuer)
        browser = gone.browser()
        address = gone.way_back(browser)
    assert browser.get(address).headers["location"] == DOWN  # the token cannot be fetched
    gone = door.configured(oidc_issuer=other.issuer)
    browser = gone.browser()
    assert browser.get("/sign-in/oidc").headers["location"] == DOWN
    lines = [record.getMessage() for record in caplog.records if record.name == "echosearch.oidc"]
    assert lines == [f"sign-in by {other.issuer} down: ConnectError"] * 2
    page = browser.get(DOWN).text
    assert page.count('role="alert"') == 1
    assert "認証サーバーが応答しません" in page
    browser.cookies.set("echosearch-settings", "en.dark.on")
    assert "does not answer" in browser.get(DOWN).text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"oidc_client_id": "x"}, "ECHOSEARCH_OIDC_ISSUER is not set"),
        ({"oidc_issuer": "https://idp.example"}, "ECHOSEARCH_OIDC_CLIENT_ID is not set"),
        ({"oidc_issuer": "http://idp.example", "oidc_client_id": "x"}, "https address"),
        ({"oidc_issuer": "https://idp.example?x=1", "oidc_client_id": "x"}, "https address"),
        ({"oidc_issuer": "https://a@idp.example", "oidc_client_id": "x"}, "https address"),
        ({"oidc_roles": {"g": "boss"}}, "'boss' is no role"),
        ({"oidc_client_secret_file": Path("/nowhere/secret")}, "No such file"),
        ({"oidc_client_secret": "x", "oidc_client_secret_file": Path("/nowhere/secret")}, "give one of them"),
        ({"oidc_roles": "{"}, "oidc_roles: .*not a JSON object"),
    ],
)
def test_settings_that_make_no_sense_are_refused_at_the_start(given: dict[str, Any], told: str) -> None:
    alone = set(given) <= {"oidc_issuer", "oidc_client_id"}
    whole = {} if alone else {"oidc_issuer": "https://idp.example", "oidc_client_id": "x"}
    with pytest.raises(ConfigError, match=told):
        oidc_client(load_settings(**{**whole, **given}))


def test_an_issuer_by_http_is_trusted_on_this_machine_alone() -> None:
    assert is_trusted_address("http://127.0.0.1:8080/realms/x")
    assert is_trusted_address("http://localhost/x")
    assert is_trusted_address("https://idp.example")
    for other in ("http://idp.example", "http://127.0.0.1.idp.example", "ftp://localhost", "https://", "file:///x"):
        assert not is_trusted_address(other), other


def test_its_routes_exist_where_a_provider_is_configured_alone(door: Door) -> None:
    own = {path for _, path, right in routes(create_app(door.serving)) if right is None and "oidc" in path}
    assert own == {"/sign-in/oidc", "/sign-in/oidc/back"}
    plain = door.configured(oidc_issuer=None, oidc_client_id=None)
    assert plain.serving.provider is None
    browser = plain.browser()
    assert browser.get("/sign-in/oidc").status_code == 404
    assert "/sign-in/oidc" not in browser.get("/sign-in").text


def test_what_cannot_be_audited_signs_nobody_in(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreUnreachable("the disk is full")

    monkeypatch.setattr(Trail, "record", full)
    browser = door.browser()
    assert door.go(browser).status_code == 503
    assert browser.get("/api/v1/me").status_code == 401
