"""Debian's Chromium, driven by Playwright, and a server over a small phantom archive with real previews.

The browser may reach this machine and nothing else. ECHOSEARCH_PICTURES=docs/images makes the archive twice as
large, and writes the pictures of docs/serve.md there.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from sqlalchemy import text

from echosearch.access.sign_in import start_session
from echosearch.access.trail import open_trail
from echosearch.archive import Archive, open_archive
from echosearch.db.access.accounts import account_named, add_account
from echosearch.db.access.viewer import Role
from echosearch.db.files.shown import shown_digests
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.phantom.files.archive import write_archive
from echosearch.preview.encode import encode_mp4, to_ticks
from echosearch.preview.job import make_previews
from echosearch.preview.values import MadePreview, Preview
from echosearch.settings import Settings
from echosearch.web.app import create_app
from echosearch.web.rendering import SETTINGS_COOKIE
from echosearch.web.running import warm_up
from echosearch.web.serving import Serving
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from tests.preview.barcode import barcodes

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
PICTURES = os.environ.get("ECHOSEARCH_PICTURES")
PATIENTS, FRAMES = (8, 24) if PICTURES else (4, 16)
BARCODES = 24  # frames of a barcoded cine


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing: run make test-web, which installs it"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@dataclass(frozen=True)
class Site:
    """A running server."""

    url: str
    serving: Serving

    @property
    def archive(self) -> Archive:
        return self.serving.archive

    def cookie(self, role: str) -> str:
        """Begin a session of a role, and return its cookie."""
        with self.archive.engine.begin() as connection:
            account = account_named(connection, role)
            assert account is not None
            return start_session(connection, account.id).cookie

    def videos(self, study: str) -> list[str]:
        with self.archive.engine.connect() as connection:
            return list(
                connection.scalars(
                    text(
                        "select cast(video_key as text) from core.video where study_key = cast(:s as uuid) order by 1"
                    ),
                    {"s": study},
                )
            )

    def put_barcodes(self, video: str, step: float = 1 / 30) -> None:
        """Keep a cine with a barcode in every frame as both previews of a video."""
        with self.archive.engine.connect() as connection:
            digest = shown_digests(connection, [video])[video]
        ticks = to_ticks([*accumulate([step] * BARCODES, initial=0.0)])
        mp4, samples = encode_mp4(barcodes(BARCODES, 96, 192), ticks)
        folder = self.serving.previews.folder
        for size in ("card", "study"):
            kept = folder.read(video, digest, "card")
            assert isinstance(kept, Preview)
            poster = kept.poster.read_bytes()
            made = MadePreview(mp4, poster, 192, 96, samples, ticks[-1], step != 1 / 30)
            folder.write(video, digest, size, made)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server over phantoms, embedded by the encoder that ships, with an account of each role."""
    folder = tmp_path_factory.mktemp("site")
    write_archive(folder / "phantom", PATIENTS, 21, frames=FRAMES)
    settings = Settings(home=folder / "home", workers=2, encoder=shipped_bundles()["phantom-tiny"])
    with open_archive(settings) as archive:
        options = IngestOptions(reports=folder / "phantom/reports.csv", views=folder / "phantom/views.csv")
        ingest(archive, folder / "phantom/DICOM", options)
        with archive.engine.begin() as connection:
            for role in Role:
                add_account(connection, str(role), role, None, None)
        serving = Serving(archive, open_trail(archive))
        make_previews(serving.previews)
        warm_up(serving)
        yield from _served(serving)
        serving.previews.close()


def _served(serving: Serving) -> Iterator[Site]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(create_app(serving), log_level="warning", access_log=False))
        thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.05)
        yield Site(f"http://127.0.0.1:{port}", serving)
        server.should_exit = True
        thread.join(20)


@dataclass
class Watch:
    """What a browser did and complained about."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self.requests.append(f"{request.method} {request.url}"))
        page.on("console", lambda said: self.hear(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def hear(self, kind: str, said: str) -> None:
        """Keep what is no fault of these tests: they read pixels, which the browser calls slow."""
        if kind in ("error", "warning") and not said.startswith("Canvas2D: Multiple readback"):
            self.complaints.append(said)


Open = Callable[..., Page]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def visit(browser: Browser, site: Site, watch: Watch) -> Iterator[Open]:
    """Open a page as a role, in a language and a theme; what the browser complains of fails the test."""
    contexts: list[BrowserContext] = []

    def opened(path: str = "/", role: str | None = "searcher", settings: str = "ja.dark.on", **given: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1400, "height": 900}} | given)
        contexts.append(context)
        cookies: list[Any] = [{"name": SETTINGS_COOKIE, "value": settings, "url": site.url}]
        if role is not None:
            cookies.append({"name": site.serving.options.cookie, "value": site.cookie(role), "url": site.url})
        context.add_cookies(cookies)
        page = context.new_page()
        page.set_default_timeout(60_000)
        # reported beside the console, so that no other message hides it
        page.add_init_script(
            "addEventListener('securitypolicyviolation',"
            " event => console.error(`CSP: ${event.violatedDirective} ${event.sourceFile}`))"
        )
        watch.follow(page)
        page.goto(site.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert watch.complaints == []
    assert [one for one in watch.requests if site.url not in one] == []


def search(page: Page, words: str, **fields: str) -> None:
    """Search from the first page, and wait for the answer."""
    page.fill("#box", words)
    for name, value in fields.items():
        page.eval_on_selector(f"#ask [name={name}]", "(field, value) => { field.value = value; }", value)
    page.press("#box", "Enter")
    page.wait_for_url("**/searches/*-*")
