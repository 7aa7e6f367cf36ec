"""Every route with every role: what a role may do, said once more here, and nothing else."""

from __future__ import annotations

import re

import pytest
from fastapi import APIRouter, FastAPI

from echosearch.access.rights import RIGHTS, Right
from echosearch.db.access.viewer import Role
from echosearch.web.rights import check_rights, declared
from tests.web.conftest import Client, Served

# right -> who has it
WHO: dict[Right, set[str]] = {
    Right.SEARCH: {"searcher", "clinician", "researcher"},
    Right.SEE: {"searcher", "clinician", "researcher"},
    Right.IDENTIFY: {"clinician"},
    Right.PACS: {"clinician"},
    Right.EXPORT: {"researcher"},
    Right.COHORT: {"clinician", "researcher"},
    Right.REVIEW: {"searcher", "clinician", "researcher"},
    Right.STATUS: {"searcher", "clinician", "researcher", "admin", "auditor"},
    Right.AUDIT: {"auditor"},
    Right.ACCOUNTS: {"admin"},
    Right.SELF: {"searcher", "clinician", "researcher", "admin", "auditor"},
}
# what may be asked without signing in
OPEN = {"/healthz", "/readyz", "/sign-in", "/settings", "/setup/{secret}", "/demo/{secret}"}
# route -> right, of the API: a change of one is a change of this table
API = {
    "POST /searches": Right.SEARCH,
    "POST /searches/file": Right.SEARCH,
    "GET /searches/{search_id}/hits": Right.SEARCH,
    "GET /searches/{search_id}/export": Right.EXPORT,
    "GET /studies/{study}": Right.SEE,
    "GET /studies/{study}/videos": Right.SEE,
    "POST /studies/{study}/viewer": Right.PACS,
    "GET /patients/{patient}/studies": Right.SEE,
    "GET /videos/{video}": Right.SEE,
    "GET /videos/{video}/preview.mp4": Right.SEE,
    "GET /videos/{video}/poster.jpg": Right.SEE,
    "GET /videos/{video}/samples": Right.SEE,
    "GET /videos/{video}/contour": Right.SEE,
    "GET /cohorts": Right.COHORT,
    "POST /cohorts": Right.COHORT,
    "GET /cohorts/{reference}/steps": Right.COHORT,
    "GET /cohorts/{reference}/members": Right.COHORT,
    "POST /cohorts/{name}/freeze": Right.COHORT,
    "GET /cohorts/{reference}/sample": Right.REVIEW,
    "POST /cohorts/{reference}/reviews": Right.REVIEW,
    "GET /studies/{study}/interpretation": Right.SEE,
    "GET /disagreements": Right.REVIEW,
    "POST /disagreements/verdicts": Right.REVIEW,
    "GET /me": Right.SELF,
    "PUT /me/reason": Right.SELF,
    "GET /status": Right.STATUS,
    "GET /audit": Right.AUDIT,
    "GET /accounts": Right.ACCOUNTS,
    "POST /accounts": Right.ACCOUNTS,
    "PUT /accounts/{name}/disabled": Right.ACCOUNTS,
    "GET /openapi.json": Right.SELF,
}
NOBODY = "00000000-0000-0000-0000-000000000000"


def routes(app: FastAPI) -> list[tuple[str, str, Right | None]]:
    """(method, path, right) of every route."""
    return [
        (method, route.path or "", right)
        for route, (right,) in declared(app)
        for method in sorted((route.methods or set()) - {"HEAD"})
    ]


def test_the_api_has_these_routes_with_these_rights(served: Served) -> None:
    found = {
        f"{method} {path.removeprefix('/api/v1')}": right
        for method, path, right in routes(served.app)
        if path.startswith("/api/v1")
    }
    assert found == API
    assert {role: {right for right, who in WHO.items() if role in who} for role in Role} == RIGHTS


def test_every_route_with_every_role(served: Served) -> None:
    """A right that a role lacks is a 403, one that it has never is; nobody gets a 401, but where all are welcome."""
    pairs = 0
    for method, template, right in routes(served.app):
        path = re.sub(r"\{\w+\}", NOBODY, template)
        alone = Client(served.app).ask(method, path)
        assert (alone.status_code == 401) == (right is not None), (method, template)
        assert (template in OPEN) == (right is None), template
        for role in Role if right is not None else ():
            answer = served.client(role).ask(method, path)
            assert right is not None
            kind = answer.json()["type"] if answer.status_code == 403 else ""
            assert (kind == "/problems/forbidden") != (role in WHO[right]), (role, method, template, answer.text)
            pairs += 1
    assert pairs > 5 * len(API)


def test_a_token_has_no_more_than_its_rights_and_its_role(served: Served) -> None:
    from echosearch.access.password import digest
    from echosearch.db.access.accounts import account_named
    from echosearch.db.access.sessions import add_token, revoke_token

    with served.archive.engine.begin() as connection:
        account = account_named(connection, "researcher")
        assert account is not None
        add_token(connection, account.id, "small", digest("small"), ["search", "audit"], 1, None)
        add_token(connection, account.id, "old", digest("old"), ["search"], 0, None)
    small = Client(served.app, authorization="Bearer small")
    assert small.get("/api/v1/me").json()["rights"] == ["search", "self"]
    assert small.post("/api/v1/searches", json={"text": "MR"}).status_code == 201
    assert small.get("/api/v1/cohorts").status_code == small.get("/api/v1/audit").status_code == 403
    assert Client(served.app, authorization="Bearer old").get("/api/v1/me").status_code == 401
    with served.archive.engine.begin() as connection:
        revoke_token(connection, account.id, "small")
    assert small.get("/api/v1/me").status_code == 401


def test_an_application_with_a_route_without_a_right_does_not_start(served: Served) -> None:
    router = APIRouter()
    router.add_api_route("/forgotten", lambda: "shown")
    app = FastAPI()
    app.include_router(router)
    with pytest.raises(ValueError, match="/forgotten declares 0 rights"):
        check_rights(app)


def test_identifiers_are_for_clinicians_who_give_a_reason(served: Served) -> None:
    study = served.corpus.studies[1]
    place, given = f"/api/v1/studies/{study.key}", {"identified": "true"}
    shown = served.client("clinician").get(place, params=given).json()
    assert (shown["study_uid"], shown["patient_id"]) == (study.uid, study.patient_id)
    assert shown["report_text"]
    for role in ("searcher", "researcher"):
        assert served.client(role).get(place, params=given).status_code == 403
        assert study.uid not in served.client(role).get(place).text
    browser = served.browser("clinician")
    with served.archive.engine.begin() as connection:
        from sqlalchemy import text

        connection.execute(text("update access.session set reason = null"))
    assert browser.get(place, params=given).json()["type"] == "/problems/reason-needed"
    assert browser.ask("PUT", "/api/v1/me/reason", json={"reason": "カンファレンス"}).status_code == 204
    assert browser.get(place, params=given).json()["study_uid"] == study.uid


def test_a_study_opens_in_the_pacs_by_post(served: Served) -> None:
    from dataclasses import replace

    from echosearch.web.app import create_app

    study = served.corpus.studies[1]
    place = f"/api/v1/studies/{study.key}/viewer"
    assert served.client("clinician").post(place).json()["type"] == "/problems/not-found"
    archive = served.archive.seen_by(served.archive.viewer)
    archive.settings = archive.settings.model_copy(update={"viewer_url": "https://pacs/v?uid={study_uid}"})
    app = create_app(replace(served.serving, archive=archive))
    answer = Client(app, authorization=f"Bearer {served.tokens['clinician']}").post(place)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"https://pacs/v?uid={study.uid}"
    assert "form-action 'self' https://pacs" in answer.headers["content-security-policy"]
