"""Users of a server, for bench_serve.py: each signs in, searches, looks at cards, opens a study and turns the page."""

from __future__ import annotations

import http.client
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Lock
from urllib.parse import urlencode, urlsplit

__all__ = ["PASSWORD", "Taken", "User", "questions"]

PASSWORD = "correct horse battery"
FINDINGS = ("MR", "TR", "AS", "AR", "左室拡大", "左房拡大", "左室肥大", "心嚢液貯留", "右室拡大", "肺高血圧")
GRADES = ("軽度の{}", "中等度以上の{}", "高度の{}", "{}なし", "{}あり")
PEOPLE = ("", "、女性", "、男性", "、65歳以上", "、70歳未満", "、EF 40%未満", "、EF 50%以上")
IDLE_SECONDS = 4.0  # of a connection; uvicorn closes one after 5
PART = 64 * 1024  # bytes of a cine that a browser asks for at once


@dataclass
class Taken:
    """Milliseconds of every answer by route, and what went wrong; any number of threads may add."""

    times: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def add(self, route: str, milliseconds: float, error: str | None) -> None:
        with self.lock:
            self.times.setdefault(route, []).append(milliseconds)
            if error is not None:
                self.errors.append(f"{route}: {error}")


def questions(seed: int) -> Iterator[str]:
    """Different questions without end: after 350 they come again."""
    every = [grade.format(finding) + who for finding in FINDINGS for grade in GRADES for who in PEOPLE]
    random.Random(seed).shuffle(every)
    while True:
        yield from every


class User:
    """A browser's requests over one connection, with a session of its own."""

    def __init__(self, url: str, name: str, taken: Taken) -> None:
        self._http = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._taken, self._used = taken, time.monotonic()
        self._cookie = self._csrf = ""
        self._http.request("POST", "/sign-in", urlencode({"name": name, "password": PASSWORD}), _FORM)
        answer = self._http.getresponse()
        answer.read()
        self._cookie = (answer.headers["set-cookie"] or "").partition(";")[0]
        found = re.search(r'name="csrf" value="([^"]+)"', self.home())
        assert found is not None, f"{name} could not sign in"
        taken.times.clear()  # signing in is not measured: a password is meant to take its time
        self._csrf = found[1]

    def ask(
        self, route: str, method: str, path: str, body: str | None = None, **headers: str
    ) -> tuple[str, http.client.HTTPMessage]:
        """Send a request, note how long its whole answer took, and return it."""
        given = {"cookie": self._cookie, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if (
            time.monotonic() - self._used > IDLE_SECONDS
        ):  # the server is about to close it, or has: a browser opens another
            self._http.close()
        began, error = time.perf_counter(), None
        try:
            self._http.request(method, path, body.encode() if body else None, given)
            answer = self._http.getresponse()
            content, told = answer.read(), answer.headers
            if answer.status >= 400:
                error = f"{answer.status} {content[:200].decode(errors='replace')}"
        except (OSError, http.client.HTTPException) as exc:
            self._http.close()
            content, told, error = b"", http.client.HTTPMessage(), repr(exc)
        self._used = time.monotonic()
        self._taken.add(route, 1000 * (time.perf_counter() - began), error)
        return content.decode(errors="replace"), told

    def home(self) -> str:
        return self.ask("home", "GET", "/")[0]

    def search(self, text: str) -> str:
        """Search by the form; return the page of the hits, empty where it failed."""
        form = urlencode({"text": text, "csrf": self._csrf})
        _, told = self.ask("search", "POST", "/searches", form, **_FORM)
        place = told.get("location")
        return self.ask("hits page", "GET", place)[0] if place else ""

    def search_api(self, text: str) -> None:
        body = '{"text": "' + text + '", "limit": 12}'
        self.ask(
            "API search", "POST", "/api/v1/searches", body, content_type="application/json", x_csrf_token=self._csrf
        )

    def look(self, page: str, cines: int = 3) -> None:
        """Ask for the posters of a page's cards, and for the beginnings of the first cines."""
        videos = re.findall(r'data-cine="([^"]+)"', page)
        for video in videos:
            self.ask("poster", "GET", f"/api/v1/videos/{video}/poster.jpg")
        for video in videos[:cines]:
            self.play(video)

    def play(self, video: str, size: str = "card") -> None:
        """Ask for a cine as a browser does, part by part."""
        place, begin = f"/api/v1/videos/{video}/preview.mp4?size={size}", 0
        while True:
            _, told = self.ask("cine range", "GET", place, range=f"bytes={begin}-{begin + PART - 1}")
            begin += PART
            if begin >= int((told.get("content-range") or "/0").rpartition("/")[2]):
                return

    def open_study(self, page: str, chance: random.Random) -> None:
        """Open one of a page's studies: its page, the pictures of its cines, the frames of one."""
        studies = re.findall(r'class="open" href="(/studies/[^"]+)"', page)
        if not studies:
            return
        shown, _ = self.ask("study page", "GET", chance.choice(studies))
        for place in re.findall(r'<img [^>]*src="([^"]+)"', shown):
            self.ask("poster", "GET", place)
        found = re.search(r'id="player" data-video="([^"]+)"', shown)
        if found is not None:
            self.ask("samples", "GET", f"/api/v1/videos/{found[1]}/samples?size=study")
            self.play(found[1], "study")

    def next_page(self, page: str) -> None:
        found = re.search(r'rel="next" href="([^"]+)"', page)
        if found is not None:
            self.look(self.ask("next page", "GET", found[1].replace("&amp;", "&"))[0], 1)


_FORM = {"content-type": "application/x-www-form-urlencoded"}
