"""The application: routes, errors, and what stands around them."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from echosearch import __version__
from echosearch.web import signing
from echosearch.web.api import (
    admin,
    cohorts,
    contours,
    export,
    file_search,
    health,
    insights,
    media,
    searches,
    self,
    studies,
)
from echosearch.web.guard import Guard
from echosearch.web.pages import cohorts as cohort_pages
from echosearch.web.pages import disagree, members, overview, preferences, search, study, timeline
from echosearch.web.pages import map as map_pages
from echosearch.web.pages.problems import show_problems
from echosearch.web.problems import handle_problems, problem_responses
from echosearch.web.rendering import STATIC
from echosearch.web.rights import check_rights
from echosearch.web.serving import Serving

__all__ = ["create_app"]

COMMON = problem_responses(
    "invalid-request",
    "sign-in",
    "forbidden",
    "cross-site",
    "method",
    "too-many",
    "setup-needed",
    "audit",
    "misdirected",
)  # of every route


def create_app(serving: Serving) -> FastAPI:
    """Return the ASGI application over an open archive. Raises ValueError if a route declares no right."""
    app = FastAPI(
        title="echosearch",
        version=__version__,
        docs_url=None,  # FastAPI's own pages load a CDN
        redoc_url=None,
        openapi_url=None,
    )
    app.state.serving = serving
    for each in (searches, file_search, export, studies, media, contours, cohorts, insights, self, admin):
        app.include_router(each.router, responses=COMMON)
    for router in (health.router, signing.router):
        app.include_router(router)
    if serving.provider is not None:
        from echosearch.web import oidc

        app.include_router(oidc.router)
    for pages in (search, study, timeline, cohort_pages, members, map_pages, disagree, overview, preferences):
        app.include_router(pages.router)
    app.mount("/static", StaticFiles(directory=STATIC), "static")
    handle_problems(app)
    show_problems(app)
    check_rights(app)
    app.add_middleware(Guard, serving=serving)
    return app
