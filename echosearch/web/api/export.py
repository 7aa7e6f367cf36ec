"""The hits of a search as a stream: NDJSON, CSV or Arrow, with an end that shows that nothing is missing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

import pyarrow
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from echosearch.access.rights import Right
from echosearch.report.facts import fact_of_json
from echosearch.search.export import defused, facts_text
from echosearch.web.address import API
from echosearch.web.problems import problem_responses
from echosearch.web.rights import Caller, needs
from echosearch.web.searching import StoredAnswer, pages, stored

__all__ = ["router"]

router = APIRouter(prefix=API, tags=["searches"])
Format = Literal["ndjson", "csv", "arrow"]
MEDIA: dict[Format, str] = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
}
BATCH = 500
_TEXT, _WHOLE, _NUMBER = pyarrow.string(), pyarrow.int64(), pyarrow.float64()
TYPES = {
    "rank": _WHOLE,
    "study": _TEXT,
    "score": _NUMBER,
    "video": _TEXT,
    "video_score": _NUMBER,
    "view": _TEXT,
    "view_prob": _NUMBER,
    "mode": _TEXT,
    "device": _TEXT,
    "date": _TEXT,
    "age": _WHOLE,
    "sex": _TEXT,
    "patient": _TEXT,
    "verdict": _TEXT,
    "facts": _TEXT,
}
SCHEMA = pyarrow.schema(list(TYPES.items()))


@router.get(
    "/searches/{search_id}/export",
    response_class=StreamingResponse,
    responses=problem_responses("not-found", "search-expired", "store")
    | {200: {"description": "All hits that are kept", "content": {media: {} for media in MEDIA.values()}}},
)
def export(
    caller: Annotated[Caller, needs(Right.EXPORT)], search_id: UUID, format: Format = "ndjson"
) -> StreamingResponse:
    """Return all hits that a search keeps.

    The last line of NDJSON is {"end": true, "rows": n}, that of CSV has "end" and n; an Arrow stream has its own end.
    """
    answer = stored(caller, search_id)
    caller.record(f"export {format}", [hit["study"] for hit in answer.hits])  # before the first byte
    writers = {"ndjson": _ndjson, "csv": _csv, "arrow": _arrow}
    name = f"attachment; filename=hits.{format}"
    return StreamingResponse(
        writers[format](caller, answer), media_type=MEDIA[format], headers={"content-disposition": name}
    )


def _ndjson(caller: Caller, answer: StoredAnswer) -> Iterator[bytes]:
    rows = 0
    for hits in pages(caller, answer, BATCH):
        rows += len(hits)
        yield "".join(json.dumps(hit, ensure_ascii=False) + "\n" for hit in hits).encode()
    yield json.dumps({"end": True, "rows": rows}).encode() + b"\n"


def _csv(caller: Caller, answer: StoredAnswer) -> Iterator[bytes]:
    rows = 0
    yield "\ufeff".encode() + _line(TYPES)  # Excel reads UTF-8 by its BOM
    for hits in pages(caller, answer, BATCH):
        rows += len(hits)
        yield b"".join(_line(defused(value) for value in _flat(hit).values()) for hit in hits)
    yield _line(("end", rows))


def _arrow(caller: Caller, answer: StoredAnswer) -> Iterator[bytes]:
    sink = io.BytesIO()
    with pyarrow.ipc.new_stream(sink, SCHEMA) as writer:
        for hits in pages(caller, answer, BATCH):
            writer.write_batch(pyarrow.RecordBatch.from_pylist([_flat(hit) for hit in hits], SCHEMA))
            yield _taken(sink)
    yield _taken(sink)


def _taken(sink: io.BytesIO) -> bytes:
    data = sink.getvalue()
    sink.seek(0)
    sink.truncate()
    return data


def _line(cells: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()


def _flat(hit: dict[str, Any]) -> dict[str, Any]:
    """A hit as one row of TYPES: what is inside ``why`` becomes columns."""
    why = hit.get("why") or {}
    facts = facts_text([fact_of_json(fact) for fact in why.get("facts", ())])
    row = hit | {"verdict": why.get("verdict"), "facts": facts if why else None}
    return {name: row.get(name) for name in TYPES}
