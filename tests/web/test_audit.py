"""What the audit says of requests: every route that shows patients writes before it answers, or does not answer."""

from __future__ import annotations

import re

import pytest

from echosearch.access.rights import Right
from echosearch.db.access.audit import last_entries
from tests.web.conftest import Served
from tests.web.test_rights import NOBODY, routes

SHOWS = {Right.SEARCH, Right.SEE, Right.IDENTIFY, Right.PACS, Right.EXPORT, Right.COHORT, Right.REVIEW}


def last(served: Served) -> tuple[int, str, str, tuple[str, ...]]:
    with served.archive.engine.connect() as connection:
        (row,) = last_entries(connection, 1)
    return row.seq, row.who, row.action, row.keys


def test_a_search_and_its_pages_say_whom_they_showed(served: Served) -> None:
    client = served.client("clinician")
    made = client.post("/api/v1/searches", json={"text": "MR", "limit": 3}).json()
    before, who, action, keys = last(served)
    assert (who, action, keys) == ("clinician", "search", tuple(hit["study"] for hit in made["hits"]))
    client.get(f"/api/v1/searches/{made['id']}/hits", params={"after": made["next"]})
    assert last(served)[:3] == (before + 1, "clinician", "hits")
    study = made["hits"][0]["study"]
    client.get(f"/api/v1/studies/{study}", params={"identified": "true"})
    assert last(served)[2:] == ("study identified", (study,))
    served.client("searcher").get("/api/v1/audit")
    assert last(served)[1:3] == ("searcher", "refused")
    assert served.serving.trail.verify().problems == ()


def test_nothing_is_answered_if_the_audit_cannot_be_written(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every route of the API that shows something of a patient, with the audit broken."""
    study, video = served.corpus.studies[1], served.corpus.videos[5]
    made = served.client("researcher").post("/api/v1/searches", json={"text": "MR"}).json()
    served.client("researcher").post("/api/v1/cohorts", json={"name": "mr", "text": "MR", "replace": True})
    values = {
        "study": study.key,
        "patient": study.patient,
        "video": video.key,
        "search_id": made["id"],
        "reference": "mr",
        "name": "mr",
    }
    bodies = {
        "/api/v1/searches": {"text": "MR"},
        "/api/v1/cohorts": {"name": "other", "text": "MR"},
        "/api/v1/cohorts/{reference}/reviews": {"study": study.key, "answer": "unsure"},
        "/api/v1/disagreements/verdicts": {"study": study.key, "answer": "unsure"},
    }

    def broken(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(served.serving.trail, "record", broken)
    tried = []
    for method, template, right in routes(served.app):
        if right not in SHOWS or not template.startswith("/api/v1") or template.endswith(("/file", "/viewer")):
            continue
        path = re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], NOBODY), template)
        answer = served.client("researcher").ask(method, path, json=bodies.get(template))
        kind = answer.json()["type"]
        member = kind == "/problems/input" and "no member" in answer.json()["detail"]
        assert kind in ("/problems/audit", "/problems/no-preview") or member, (template, answer.text)
        tried.append(template)
    assert len(tried) > 12
