"""schemathesis over the whole of the API's description: known and invented keys, well-formed requests and others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from echosearch.web.address import API as PREFIX
from echosearch.web.app import create_app
from echosearch.web.serving import ServeOptions
from tests.web.conftest import Served
from tests.web.test_rights import API, WHO

EXAMPLES = 5  # of each operation and mode; more by hand
TAKE_NOTHING = {"GET /cohorts", "GET /me", "GET /status", "GET /accounts", "GET /openapi.json"}
# why a request is refused that the description permits: no schema says what a query or a file means
MEANINGLESS = {"/problems/input", "/problems/condition", "/problems/file-refused"}


@pytest.fixture(scope="module")
def known(served: Served) -> dict[str, str]:
    """Values of path parameters that exist."""
    researcher = served.client("researcher")
    made = researcher.post("/api/v1/searches", json={"text": "MR"}).json()
    researcher.post("/api/v1/cohorts", json={"name": "mr", "text": "MR", "replace": True})
    study = served.corpus.studies[1]
    return {
        "study": study.key,
        "patient": study.patient,
        "video": served.corpus.of(study)[0].key,
        "search_id": made["id"],
        "reference": "mr",
        "name": "mr",
    }


@pytest.fixture(scope="module")
def app(served: Served) -> FastAPI:
    """The server under the names that schemathesis calls it by."""
    options = ServeOptions(hosts=frozenset({"testserver", "localhost"}))
    return create_app(replace(served.serving, options=options))


@pytest.fixture(scope="module")
def schema(served: Served, app: FastAPI) -> Any:
    headers = {"authorization": f"Bearer {served.tokens['searcher']}"}
    return schemathesis.openapi.from_asgi(f"{PREFIX}/openapi.json", app, headers=headers)


@pytest.mark.parametrize(
    ("operation", "mode"),
    [(one, mode) for one in API for mode in GenerationMode if mode.is_positive or one not in TAKE_NOTHING],
)
def test_an_operation_answers_as_it_is_described(
    served: Served, schema: Any, known: dict[str, str], operation: str, mode: GenerationMode
) -> None:
    method, _, path = operation.partition(" ")
    role = "researcher" if "researcher" in WHO[API[operation]] else min(WHO[API[operation]])
    headers = {"authorization": f"Bearer {served.tokens[role]}"}
    described = schema[f"{PREFIX}{path}"][method]

    @given(case=described.as_strategy(generation_mode=mode), data=st.data())
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate])
    def holds(case: Any, data: st.DataObject) -> None:
        for name in {*case.path_parameters} & {*known} if mode.is_positive else ():
            if data.draw(st.booleans()):
                case.path_parameters[name] = known[name]
        answer = case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance], timeout=120)
        if answer.status_code == 422 and mode.is_positive:
            assert answer.json()["type"] in MEANINGLESS, answer.text

    holds()
