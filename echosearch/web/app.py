"""The application: routes, errors, and what stands around them."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI
from fastapi.staticfiles import StaticFiles

from echosearch import __version__
from echosearch.web import signing
from echosearch.web.api import health, searches
from echosearch.web.guard import Guard
from echosearch.web.pages import search
from echosearch.web.problems import handle_problems
from echosearch.web.rendering import STATIC
from echosearch.web.rights import check_rights
from echosearch.web.serving import Serving

__all__ = ["API", "create_app"]

API = "/api/v1"


def create_app(serving: Serving) -> FastAPI:
    """The ASGI application over an open archive. Raises ValueError if a route declares no right."""
    app = FastAPI(
        title="echosearch",
        version=__version__,
        docs_url=None,  # FastAPI's own pages load a CDN
        redoc_url=None,
        openapi_url=None,
    )
    app.state.serving = serving
    api = APIRouter(prefix=API)
    api.include_router(searches.router)
    app.include_router(api)
    for each in (health.router, signing.router, search.router):
        app.include_router(each)
    app.mount("/static", StaticFiles(directory=STATIC), "static")
    handle_problems(app)
    check_rights(app)
    app.add_middleware(Guard, serving=serving)
    return app
