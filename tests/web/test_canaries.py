"""Names, identifiers, dates and query texts are in no URL, header, log or error of the server."""

from __future__ import annotations

import logging
import re

import httpx
import pytest

from echosearch.web.guard import ACCESS_LOG
from ingest.sources.metrics import Collector, Metrics
from ingest.sources.metrics import serving as show_metrics
from tests.web.conftest import Client, Served
from tests.web.test_rights import NOBODY, routes

QUERY = "鈴木花子の重度の僧帽弁逆流"


def scraped(collector: Collector) -> str:
    """What Prometheus is shown."""
    with show_metrics("127.0.0.1:0", collector) as port:
        return httpx.get(f"http://127.0.0.1:{port}/metrics").text


def test_canaries(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Every route is asked, with what exists and with what does not; only who may see identifiers sees them."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.INFO, ACCESS_LOG)
    study = served.corpus.studies[1]
    assert study.day is not None
    canaries = {
        "CANARY^Name",
        study.uid,
        study.accession,
        study.patient_id,
        study.day.isoformat(),
        study.day.strftime("%Y%m%d"),
        QUERY,
        "鈴木花子",
    }
    client = served.client("researcher")
    searches = [{"text": QUERY}, {"text": QUERY, "where": "device = '鈴木花子'"}, {"study": study.key, "text": QUERY}]
    answers = [client.post("/api/v1/searches", json=asked) for asked in searches]
    assert [answer.status_code for answer in answers] == [201, 422, 201]
    values = {
        "study": study.key,
        "patient": study.patient,
        "video": served.corpus.of(study)[0].key,
        "search_id": answers[0].json()["id"],
        "reference": "none",
        "name": "none",
    }
    for method, template, _ in routes(served.app):
        for known in (values, {}):
            path = re.sub(r"\{(\w+)\}", lambda name, known=known: known.get(name[1], NOBODY), template)  # type: ignore[misc]
            answer = client.ask(method, path)
            answers.append(answer)
            shown = answer.text if "/searches" not in path else ""  # its owner may read what was asked
            assert not [one for one in canaries if one in shown], (method, template)
    # who may see identifiers is answered with them, and they are nowhere else
    answers.append(served.client("clinician").get(f"/api/v1/studies/{study.key}", params={"identified": "true"}))
    assert study.uid in answers[-1].text
    browser = served.browser("clinician")
    answers.append(browser.post("/searches", data={"text": QUERY, "csrf": browser.headers["x-csrf-token"]}))
    answers.append(browser.get(answers[-1].headers["location"]))
    told = [f"{answer.url} {answer.headers}" for answer in answers] + [record.getMessage() for record in caplog.records]
    assert len(caplog.records) >= len(answers)
    for line in told:
        assert not [one for one in canaries if one in line], line
        # a key is a pseudonym: it is in addresses of the API and of the study's page alone
        assert study.key not in line or re.search(rf"/(api/v1|studies/{study.key})", line), line
    # metrics hold route templates and the names of outcomes
    metrics = scraped(served.serving.counts) + scraped(Metrics(served.archive))
    keys = {*values.values()} - {"none"}
    named = "\n".join(line.rpartition(" ")[0] for line in metrics.splitlines())  # seconds may have any digits
    assert not [one for one in canaries | keys if one in named]
    assert 'route="/api/v1/studies/{study}",status="200"' in metrics
    assert "echosearch_files{" in metrics
    logged = [record.getMessage() for record in caplog.records if record.name == ACCESS_LOG]
    assert not [line for line in logged if study.key in line or values["search_id"] in line]
    assert any(re.match(r"GET /api/v1/studies/\{study\} 200 \d+ ms", line) for line in logged)
    bad = Client(served.app, authorization="Bearer x").ask("GET", f"/api/v1/studies/{study.accession}")
    assert study.accession not in bad.text


def test_canaries_in_what_a_stranger_may_send(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Methods, addresses, headers and bodies of no use: error pages, logs and metrics repeat nothing of them."""
    caplog.set_level(logging.INFO, ACCESS_LOG)
    canary = "CANARY-1.2.392.200036"
    browser = served.browser("clinician")
    page = {"accept": "text/html"}
    answers = [
        browser.ask(method, path, headers=page | headers, **given)
        for headers in ({}, {"x-canary": canary}, {"accept": "application/json"})
        for method, path, given in (
            ("GET", f"/{canary}", {}),
            ("GET", f"/studies/{canary}", {}),
            ("GET", f"/api/v1/studies/{canary}", {}),
            ("GET", f"/api/v1/searches/{NOBODY}/hits?after={canary}", {}),
            ("GET", f"/static/{canary}", {}),
            ("GET", f"/sign-in?provider={canary}", {}),
            ("POST", "/api/v1/searches", {"json": {"text": [canary]}}),
            ("POST", "/api/v1/searches", {"json": {"text": "MR", "where": f"device = {canary}"}}),
            ("POST", "/api/v1/searches", {"json": {"text": "MR", "view": canary}}),
            ("POST", "/api/v1/searches", {"json": {"study": canary}}),
            ("POST", "/api/v1/searches", {"json": {canary: 1}}),
            ("POST", "/searches", {"data": {"text": "x", "where": canary}}),
            ("POST", "/sign-in", {"data": {"name": canary, "password": canary}}),
            ("CANARY", "/", {}),
        )
    ]
    assert {400, 404, 405, 422} & {answer.status_code for answer in answers}
    assert all(answer.status_code < 500 for answer in answers)
    metrics = scraped(served.serving.counts)
    told = [*(record.getMessage() for record in caplog.records if record.name == ACCESS_LOG), metrics]
    assert not [line for line in told if "CANARY" in line]
    assert 'method="other"' in metrics
    shown = [
        (answer.request.method, answer.request.url.path, line)
        for answer in answers
        if answer.request.url.path != "/searches"  # the form with what was typed, to who typed it
        for line in answer.text.splitlines()
        if canary in line
        and '<input type="hidden" name="back"' not in line  # the address where the browser is
        and "/problems/condition" not in line  # which value of a condition there is none of, to who typed it
    ]
    assert shown == []
