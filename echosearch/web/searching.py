"""A search as a stored object: made once, then cut into pages that stay as they are while an ingest goes on."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from echosearch.access.keys import AccessKeys
from echosearch.db.access.searches import put_search, saved_search
from echosearch.db.lookup import studies_about
from echosearch.db.studies.identified import identified
from echosearch.db.vectors.generation import active_encoder, encoder_row
from echosearch.errors import InputError
from echosearch.report.view_names import view_named
from echosearch.search.ask import ask
from echosearch.search.filter_parser import parse_where
from echosearch.search.query import query_text
from echosearch.search.results import MAX_TOP_K, Results, SearchOptions, as_json
from echosearch.search.similar import similar
from echosearch.video import View
from echosearch.web.problems import Problem
from echosearch.web.rights import Caller
from echosearch.web.shapes import SearchRequest
from echosearch.web.studies import identifiers_json

__all__ = [
    "StoredAnswer",
    "add_identifiers",
    "answer_json",
    "cut",
    "keep",
    "make_search",
    "options_of",
    "pages",
    "seen_studies",
    "stored",
]

Hits = list[dict[str, Any]]


@dataclass(frozen=True)
class StoredAnswer:
    """A search's answer without its pages, and all hits that were kept."""

    id: str
    about: dict[str, Any]  # what the first answer says beside its hits
    hits: Hits


def options_of(asked: SearchRequest) -> SearchOptions:
    """Read the options of a request. Raises InputError, WhereError."""
    wanted = view_named(asked.view) if asked.view is not None else None
    if asked.view is not None and wanted is None:
        raise InputError(f"view: no such view, it is one of {', '.join(View)}")
    return SearchOptions(
        top_k=asked.kept,
        where=parse_where(asked.where) if asked.where is not None else None,
        view=wanted,
        min_view_prob=asked.min_view_prob,
        group=asked.group,
        sort=asked.sort,
        exact=asked.exact,
        rescore=asked.rescore,
        include_denied=asked.include_denied,
        include_same_patient=asked.include_same_patient,
        export=asked.kept > MAX_TOP_K,
    )


def make_search(caller: Caller, asked: SearchRequest) -> StoredAnswer:
    """Search as the caller may, and keep the answer. Raises Problem "busy", and what a search raises."""
    if asked.text is None and asked.study is None:
        raise InputError("give text or study")
    if asked.identified:
        caller.check_identify()
    options = options_of(asked)
    with caller.serving.searching():
        results = _answer(caller, asked, options)
    return keep(caller, results, asked.group, asked)


def _answer(caller: Caller, asked: SearchRequest, options: SearchOptions) -> Results:
    if asked.study is None:
        if asked.like or asked.unlike:
            raise InputError("like and unlike go with study")
        return (query_text if asked.as_typed else ask)(caller.archive, asked.text or "", options)
    examples = {"like": [*map(str, asked.like)], "unlike": [*map(str, asked.unlike)]}
    return similar(caller.archive, str(asked.study), options, also=asked.text, **examples)


def keep(caller: Caller, results: Results, group: str, asked: SearchRequest | None = None) -> StoredAnswer:
    """Store an answer, and how it was asked, encrypted: what was typed may name a patient."""
    document = as_json(results)
    hits: Hits = document.pop("hits")
    total = document.get("total")
    about = {
        "understood": None,
        "total": None,
        "strong": None,
        "belief": None,
        "read_values": [],
        **document,
        "words": results.words,
        "kept": len(hits),
        "count": total if total is not None else len(hits),
        "exact_count": total is not None,
        "group": group,
        "asked": asked.model_dump(mode="json", exclude_defaults=True) if asked is not None else {},
    }
    made = StoredAnswer(str(uuid4()), about, hits)
    packed = zlib.compress(json.dumps({"about": about, "hits": hits}, ensure_ascii=False).encode(), 1)
    with caller.archive.engine.begin() as connection:
        put_search(
            connection,
            made.id,
            caller.who.account_id,
            results.encoder.fingerprint,
            caller.serving.keys.seal(packed),
        )
    return made


def answer_json(answer: StoredAnswer, hits: Hits, after: str | None, left_out: int) -> dict[str, Any]:
    """Return the first answer of a search: all about it, and its first page."""
    return {"id": answer.id, **answer.about, "hits": hits, "next": after, "left_out": left_out}


def stored(caller: Caller, search_id: UUID) -> StoredAnswer:
    """Read a search back. Raises Problem "not-found" for others' searches too, "search-expired"."""
    with caller.archive.connect_reading() as connection:
        found = saved_search(connection, str(search_id))
        if found is None or found.account_id != caller.who.account_id:
            raise Problem("not-found", "no such search of yours")
        active = active_encoder(connection)
    if found.expired or active is None or active.fingerprint != found.encoder:
        raise Problem("search-expired", "search again")
    body = json.loads(zlib.decompress(caller.serving.keys.unseal(found.body)))
    return StoredAnswer(found.id, body["about"], body["hits"])


def cut(caller: Caller, answer: StoredAnswer, after: str | None, limit: int) -> tuple[Hits, str | None, int]:
    """Return a page: hits that may still be shown, the cursor of the next page, and how many were left out."""
    begin = _place(caller.serving.keys, answer.id, after)
    part = answer.hits[begin : begin + limit]
    end = begin + len(part)
    shown = still_visible(caller, part)
    cursor = _cursor(caller.serving.keys, answer.id, end) if end < len(answer.hits) else None
    return shown, cursor, len(part) - len(shown)


def still_visible(caller: Caller, hits: Sequence[dict[str, Any]]) -> Hits:
    """Return those whose study may still be seen."""
    seen = seen_studies(caller, [hit["study"] for hit in hits])
    return [hit for hit in hits if hit["study"] in seen]


def seen_studies(caller: Caller, studies: Sequence[str]) -> set[str]:
    """Return those of these studies that are indexed, claimed by one patient, and that the caller may see."""
    with caller.archive.connect_reading() as connection:
        encoder = encoder_row(connection, caller.archive.encoder_info.fingerprint)
        found = {} if encoder is None else studies_about(connection, encoder, studies)
    viewer = caller.archive.viewer
    return {key for key, row in found.items() if viewer.sees(row.month, row.age, row.sex)}


def add_identifiers(caller: Caller, hits: Hits) -> Hits:
    """Return the same hits with identifiers. Raises Problem "forbidden", "reason-needed"."""
    caller.check_identify()
    with caller.archive.connect_reading() as connection:
        names = identified(connection, [hit["study"] for hit in hits])
    return [hit | identifiers_json(names.get(hit["study"])) for hit in hits]


def pages(caller: Caller, answer: StoredAnswer, size: int) -> Iterator[Hits]:
    """Yield all hits that may be shown, ``size`` at a time."""
    for begin in range(0, len(answer.hits), size):
        yield still_visible(caller, answer.hits[begin : begin + size])


def _cursor(keys: AccessKeys, search_id: str, place: int) -> str:
    signed = keys.mac("cursor", f"{search_id} {place}".encode())[:12]
    return base64.urlsafe_b64encode(place.to_bytes(3, "big") + signed).decode()


def _place(keys: AccessKeys, search_id: str, cursor: str | None) -> int:
    """Raises Problem "input" on a cursor that this server did not make for this search."""
    if cursor is None:
        return 0
    try:
        raw = base64.urlsafe_b64decode(cursor)
    except (binascii.Error, ValueError):
        raw = b""
    place = int.from_bytes(raw[:3], "big")
    if len(raw) != 15 or not hmac.compare_digest(_cursor(keys, search_id, place), cursor):
        raise Problem("input", "after: not a cursor of this search")
    return place
