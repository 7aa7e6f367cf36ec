"""A search by a file that need not be in the archive: read by a worker with limits, and nothing of it is kept."""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from echosearch.access.rights import Right
from echosearch.search.results import MAX_TOP_K, Group, SearchOptions
from echosearch.search.similar import similar
from echosearch.web.address import API
from echosearch.web.problems import Problem, problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import StoredAnswer, answer_json, cut, keep
from echosearch.web.shapes import SearchAnswer

__all__ = ["MOST_FILE", "router"]

router = APIRouter(prefix=API, tags=["searches"])
MOST_FILE = 512 << 20  # bytes
BODY = {"required": True, "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}


@router.post(
    "/searches/file",
    status_code=201,
    response_model=SearchAnswer,
    responses=problem_responses("file-refused", "too-large", "empty-archive", "encoder", "busy", "store"),
    openapi_extra={"requestBody": BODY},
)
async def search_by_file(
    request: Request,
    caller: Annotated[Caller, needs(Right.SEARCH)],
    limit: Annotated[int, Query(ge=1, le=MAX_TOP_K)] = 12,
    group: Group = "study",
) -> JSONResponse:
    """Search by one DICOM cine, mp4 or avi, which is the body of the request."""
    folder = caller.archive.settings.home
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".upload-") as file:  # 0600, gone with the answer
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > MOST_FILE:
                raise Problem("too-large", f"at most {MOST_FILE >> 20} MiB")
            await run_in_threadpool(file.write, part)
        file.flush()
        answer = await run_in_threadpool(_search, caller, Path(file.name), group)
    hits, after, left_out = await run_in_threadpool(cut, caller, answer, None, limit)
    await run_in_threadpool(caller.record, "search by file", [hit["study"] for hit in hits])
    body: dict[str, Any] = answer_json(answer, hits, after, left_out)
    return JSONResponse(body, 201, {"location": f"/api/v1/searches/{answer.id}/hits"})


def _search(caller: Caller, file: Path, group: Group) -> StoredAnswer:
    with caller.serving.searching():
        found = similar(caller.archive, os.fspath(file), SearchOptions(top_k=MAX_TOP_K, group=group))
    return keep(caller, replace(found, query={"file": "given"}), group)
