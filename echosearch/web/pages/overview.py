"""The pages for who looks after the archive: status, quality, the audit and accounts."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from echosearch.access.rights import Right
from echosearch.db.access.accounts import accounts, projects
from echosearch.db.access.audit import last_entries
from echosearch.db.access.viewer import Role
from echosearch.db.files.ledger import is_ingest_running
from echosearch.db.vectors.generation import active_encoder
from echosearch.web.api.admin import AccountName, Disabled, NewAccount, disable_account, make_account
from echosearch.web.problems import Problem
from echosearch.web.rendering import page
from echosearch.web.rights import Caller, needs
from echosearch.workers.sandbox import protections

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Admin = Annotated[Caller, needs(Right.ACCOUNTS)]
COUNTED = ("patients", "studies", "videos", "reports")
FILES = ("found", "indexed", "skipped", "quarantined", "pending")
ENTRIES = 100  # of the audit, a page
WAIT = 2.0  # seconds, for counts that were never made


@router.get("/status")
def show_status(request: Request, caller: Annotated[Caller, needs(Right.STATUS)]) -> Response:
    """Return what the archive holds, and how far a running ingest is."""
    return page(request, "status.html", caller, now=_now(caller))


@router.get("/status/now")
def poll_status(request: Request, caller: Annotated[Caller, needs(Right.STATUS, quiet=True)]) -> Response:
    """Return the same numbers, for the page to ask every two seconds; 304 where nothing has changed."""
    answer = JSONResponse(_now(caller))
    tag = f'"{hashlib.sha256(answer.body).hexdigest()[:16]}"'
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"etag": tag})
    answer.headers["etag"] = tag
    return answer


@router.get("/quality")
def show_quality(request: Request, caller: Annotated[Caller, needs(Right.STATUS)]) -> Response:
    """Return what was left out and why, and what the videos of each device lack."""
    if caller.archive.viewer.scope is not None:
        raise Problem("forbidden", "these counts are of the whole archive")
    known = caller.serving.quality.get(WAIT)
    return page(request, "quality.html", caller, known=known, reasons=known.value.reasons if known else {})


@router.get("/audit")
def show_audit(
    request: Request,
    caller: Annotated[Caller, needs(Right.AUDIT)],
    before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
) -> Response:
    """Return the audit, the newest first, without what is encrypted."""
    caller.record("audit")
    with caller.archive.engine.connect() as connection:
        found = last_entries(connection, ENTRIES, before)
    older = found[-1].seq if found and found[-1].seq > 1 else None
    return page(request, "audit.html", caller, entries=found, older=older)


@router.get("/accounts")
def show_accounts(request: Request, caller: Admin) -> Response:
    """Return every account."""
    return _accounts(request, caller)


@router.post("/accounts")
def post_account(
    request: Request,
    caller: Admin,
    name: Annotated[AccountName, Form()],
    password: Annotated[str, Form(min_length=12, max_length=256)],
    role: Annotated[Role, Form()],
    project: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Add an account."""
    try:
        make_account(caller, NewAccount(name=name, role=role, project=project or None, password=password))
    except Problem as exc:
        return _accounts(request, caller, exc)
    return RedirectResponse("/accounts", 303)


@router.post("/accounts/disabled")
def post_disabled(caller: Admin, name: Annotated[AccountName, Form()], disabled: Annotated[bool, Form()]) -> Response:
    """Disable an account and end its sessions, or enable it."""
    disable_account(caller, name, Disabled(disabled=disabled))
    return RedirectResponse("/accounts", 303)


def _accounts(request: Request, caller: Caller, problem: Problem | None = None) -> Response:
    with caller.archive.engine.connect() as connection:
        found, known = accounts(connection), projects(connection)
    status = 200 if problem is None else problem.status
    return page(
        request,
        "accounts.html",
        caller,
        status,
        accounts=found,
        projects=known,
        roles=[*map(str, Role)],
        problem=problem,
    )


def _now(caller: Caller) -> dict[str, Any]:
    """Counts of the whole archive; None each for somebody who sees a part of it, and until they are made."""
    known = caller.serving.holdings.get(WAIT) if caller.archive.viewer.scope is None else None
    none = None if known is None else 0  # without an encoder nothing can be searched
    counts, holds = (known.value.files, known.value.searchable) if known else (None, None)
    with caller.archive.engine.connect() as connection:
        encoder = active_encoder(connection)
        running = is_ingest_running(connection)
    return {
        **{name: getattr(holds, name, none) for name in COUNTED},
        **{name: getattr(counts, name, none) for name in FILES},
        "ingest": running,
        "encoder": str(encoder) if encoder else None,
        "trained": bool(encoder and encoder.trained),
        "ready": caller.serving.ready,
        "protections": list(protections()),
    }
