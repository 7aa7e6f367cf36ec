"""Status, the audit, accounts, and the API's own description."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from echosearch.access.password import hash_password
from echosearch.access.rights import Right
from echosearch.access.trail import entry_json
from echosearch.db.access.accounts import accounts, add_account, project_named, set_disabled
from echosearch.db.access.audit import last_entries
from echosearch.db.access.viewer import Role
from echosearch.db.vectors.generation import active_encoder
from echosearch.web.address import API
from echosearch.web.problems import Problem, problem_responses
from echosearch.web.rights import Caller, needs

__all__ = ["AccountName", "Disabled", "NewAccount", "disable_account", "make_account", "router"]

router = APIRouter(prefix=API)
WAIT = 2.0  # seconds, for counts that were never made
Admin = Annotated[Caller, needs(Right.ACCOUNTS)]
AccountName = Annotated[str, Field(pattern=r"^[\w.@-]{1,64}$")]


class Status(BaseModel):
    """Counts are of the whole archive at ``as_of``; null for somebody who sees a project alone, or not yet made."""

    ready: bool
    encoder: dict[str, Any] | None
    files: dict[str, Any] | None
    searchable: dict[str, int] | None
    as_of: str | None
    index: str
    free_bytes: int


class AuditPage(BaseModel):
    """The newest first."""

    entries: list[dict[str, Any]]
    next: int | None


class AccountShape(BaseModel):
    name: str
    role: Role
    project: str | None
    disabled: bool
    two_factors: bool


class Accounts(BaseModel):
    accounts: list[AccountShape]


class NewAccount(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: AccountName
    role: Role
    project: Annotated[str | None, Field(max_length=64)] = None
    password: Annotated[str, Field(min_length=12, max_length=256)]


class Disabled(BaseModel):
    model_config = ConfigDict(extra="forbid")
    disabled: bool


@router.get("/status", tags=["admin"], response_model=Status, responses=problem_responses("store"))
def status(caller: Annotated[Caller, needs(Right.STATUS, quiet=True)]) -> JSONResponse:
    """Return what the archive holds, and whether searches are answered."""
    archive = caller.archive
    known = caller.serving.holdings.get(WAIT) if archive.viewer.scope is None else None
    with archive.engine.connect() as connection:
        encoder = active_encoder(connection)
    body = {
        "ready": caller.serving.ready,
        "encoder": asdict(encoder) if encoder else None,
        "files": asdict(known.value.files) if known else None,
        "searchable": asdict(known.value.searchable) if known and known.value.searchable else None,
        "as_of": known.as_of.isoformat(timespec="seconds") if known else None,
        "index": repr(archive.index),
        "free_bytes": shutil.disk_usage(archive.settings.home).free,
    }
    return JSONResponse(body)


@router.get("/audit", tags=["admin"], response_model=AuditPage)
def audit(
    caller: Annotated[Caller, needs(Right.AUDIT)],
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> JSONResponse:
    """Return the audit, without what is encrypted. That it was read is written to it."""
    caller.record("audit")
    with caller.archive.engine.connect() as connection:
        found = last_entries(connection, limit, before)
    more = found[-1].seq if found and found[-1].seq > 1 else None
    return JSONResponse({"entries": [entry_json(one) for one in found], "next": more})


@router.get("/accounts", tags=["admin"], response_model=Accounts)
def list_accounts(caller: Admin) -> JSONResponse:
    """Return every account."""
    with caller.archive.engine.connect() as connection:
        found = accounts(connection)
    shown = [
        {
            "name": one.name,
            "role": one.role,
            "project": one.project,
            "disabled": one.disabled,
            "two_factors": one.totp is not None,
        }
        for one in found
    ]
    return JSONResponse({"accounts": shown})


@router.post(
    "/accounts",
    tags=["admin"],
    status_code=201,
    response_model=AccountShape,
    responses=problem_responses("exists", "input"),
)
def make_account(caller: Admin, asked: NewAccount) -> JSONResponse:
    """Add an account; `echosearch user add --totp` makes one with two factors."""
    hashed = hash_password(asked.password)
    with caller.archive.engine.begin() as connection:
        if asked.project is not None and project_named(connection, asked.project) is None:
            raise Problem("input", "no such project")
        if add_account(connection, asked.name, asked.role, asked.project, hashed) is None:
            raise Problem("exists", "an account has this name")
        caller.record(f"account add {asked.name}")
    shown = {"name": asked.name, "role": asked.role, "project": asked.project, "disabled": False, "two_factors": False}
    return JSONResponse(shown, 201)


@router.put("/accounts/{name}/disabled", tags=["admin"], status_code=204, responses=problem_responses("not-found"))
def disable_account(caller: Admin, name: Annotated[str, Path(pattern=r"^[\w.@-]{1,64}$")], asked: Disabled) -> Response:
    """Disable an account and end its sessions, or enable it."""
    if asked.disabled and name == caller.who.viewer.name:
        raise Problem("invalid-request", "nobody disables their own account")
    with caller.archive.engine.begin() as connection:
        if not set_disabled(connection, name, asked.disabled):
            raise Problem("not-found", "no such account")
        caller.record(f"account {'disable' if asked.disabled else 'enable'} {name}")
    return Response(status_code=204)


@router.get("/openapi.json", tags=["admin"], response_model=dict[str, Any])
def description(request: Request, caller: Annotated[Caller, needs(Right.SELF)]) -> JSONResponse:
    """Return this description."""
    return JSONResponse(request.app.openapi())
