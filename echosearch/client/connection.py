"""One server and one token: requests, tried again where the server is busy, and its errors as exceptions."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import httpx

from echosearch.client.hits import RemoteHits

__all__ = ["Connection", "ServerProblem", "connect"]

TRIES = 6  # of a request that a busy server refuses
LONGEST_WAIT = 10.0  # seconds between two
API = "/api/v1"


class ServerProblem(Exception):
    """What the server answered in place of what was asked. ``code`` is one of the docs' table (docs/serve.md)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{code} ({status}): {detail}" if detail else f"{code} ({status})")
        self.status, self.code, self.detail = status, code, detail


def connect(url: str, token: str, *, timeout: float = 60.0, verify: bool | str = True) -> Connection:
    """Connect to a server with a token (`echosearch user token`). ``verify``: a file of authorities, for its TLS.

    Raises ServerProblem if the token is not good, httpx.HTTPError if the server cannot be reached.
    """
    connection = Connection(httpx.Client(base_url=url, timeout=timeout, verify=verify), token)
    try:
        connection.me()
    except BaseException:
        connection.close()
        raise
    return connection


class Connection:
    """A server, as an account sees it; close it with ``close`` or by leaving ``with``."""

    def __init__(self, http: httpx.Client, token: str) -> None:
        self._http = http
        self._http.headers["authorization"] = f"Bearer {token}"

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Connection({str(self._http.base_url)!r})"

    def close(self) -> None:
        self._http.close()

    def search(
        self,
        text: str | None = None,
        *,
        study: str | None = None,
        like: Iterable[str] = (),
        unlike: Iterable[str] = (),
        where: str | None = None,
        view: str | None = None,
        group: Literal["study", "video", "patient"] = "study",
        sort: Literal["relevance", "date"] = "relevance",
        exact: bool = False,
        include_denied: bool = False,
        include_same_patient: bool = False,
        identified: bool = False,
        page_size: int = 100,
        kept: int = 200,
    ) -> RemoteHits:
        """Search by text, or for studies that resemble ``study``, or both, as OpenArchive.search and similar do.

        The hits are read in pages as they are needed; the server keeps ``kept`` of them, up to 2,000.
        Raises ServerProblem.
        """
        asked: dict[str, Any] = {
            "text": text,
            "study": study,
            "like": list(like),
            "unlike": list(unlike),
            "where": where,
            "view": view,
            "group": group,
            "sort": sort,
            "exact": exact,
            "include_denied": include_denied,
            "include_same_patient": include_same_patient,
            "identified": identified,
            "limit": min(page_size, 200),
            "kept": kept,
        }
        return RemoteHits(self.request("POST", "/searches", json=asked), self._page, min(page_size, 200), identified)

    def search_file(self, file: str | Path, *, group: Literal["study", "video", "patient"] = "study") -> RemoteHits:
        """Search by one DICOM cine, mp4 or avi; nothing of it stays on the server. Raises ServerProblem, OSError."""
        content, given = Path(file).read_bytes(), {"limit": 100, "group": group}
        found = self.request("POST", "/searches/file", content=content, params=given)
        return RemoteHits(found, self._page, 100, False)

    def study(self, key: str, *, identified: bool = False) -> dict[str, Any]:
        """Return a study: what its report and its measurements state."""
        return self.request("GET", f"/studies/{key}", params={"identified": identified})

    def videos(self, study: str) -> list[dict[str, Any]]:
        """Return the videos of a study."""
        videos: list[dict[str, Any]] = self.request("GET", f"/studies/{study}/videos")["videos"]
        return videos

    def interpretation(self, study: str, *, identified: bool = False) -> dict[str, Any]:
        """Return what a study's videos show, as far as the archive's reports calibrate it; it is no diagnosis."""
        return self.request("GET", f"/studies/{study}/interpretation", params={"identified": identified})

    def disagreements(
        self, finding: str | None = None, *, against: Literal["videos", "sr"] = "videos", limit: int = 20
    ) -> dict[str, Any]:
        """Return studies whose report says what videos, or structured reports, do not."""
        given = {"against": against, "limit": limit, **({"finding": finding} if finding else {})}
        return self.request("GET", "/disagreements", params=given)

    def record_verdict(
        self,
        study: str,
        answer: Literal["accept", "reject", "unsure"],
        *,
        finding: str | None = None,
        reason: str = "",
    ) -> None:
        """Record a verdict on a disagreement: accept, the report is wrong; reject, it is right."""
        body = {"study": study, "answer": answer, "finding": finding, "reason": reason}
        self.request("POST", "/disagreements/verdicts", json=body)

    def timeline(self, patient: str, *, identified: bool = False) -> dict[str, Any]:
        """Return a patient's studies in order."""
        return self.request("GET", f"/patients/{patient}/studies", params={"identified": identified})

    def members(self, cohort: str) -> Iterator[dict[str, Any]]:
        """Yield the members of a cohort, NAME or NAME@N, in pages."""
        after = None
        while True:
            given = {"limit": 1000, **({"after": after} if after else {})}
            page = self.request("GET", f"/cohorts/{cohort}/members", params=given)
            yield from page["members"]
            after = page["next"]
            if after is None:
                return

    def export(self, hits: RemoteHits, file: str | Path, format: Literal["ndjson", "csv", "arrow"] = "ndjson") -> None:
        """Write all kept hits of a search to a file, as the server streams them. Raises ServerProblem, OSError."""
        with self._http.stream("GET", f"{API}/searches/{hits.id}/export", params={"format": format}) as answer:
            if answer.is_error:
                answer.read()
                raise read_problem(answer)
            with Path(file).open("wb") as out:
                for part in answer.iter_bytes():
                    out.write(part)

    def status(self) -> dict[str, Any]:
        """Return what the archive holds, and whether searches are answered."""
        return self.request("GET", "/status")

    def me(self) -> dict[str, Any]:
        """Return the account's name, role and rights."""
        return self.request("GET", "/me")

    def request(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        """Ask once, or again while the server is busy or this was too fast. Raises ServerProblem."""
        for attempt in range(1, TRIES + 1):
            answer = self._http.request(method, API + path, **given)
            if answer.status_code not in (429, 503) or attempt == TRIES:
                break
            time.sleep(min(float(answer.headers.get("retry-after", "1")), LONGEST_WAIT))
        if answer.is_error:
            raise read_problem(answer)
        document: dict[str, Any] = answer.json()
        return document

    def _page(self, search: str, after: str, limit: int, identified: bool) -> dict[str, Any]:
        given = {"after": after, "limit": limit, "identified": identified}
        return self.request("GET", f"/searches/{search}/hits", params=given)


def read_problem(answer: httpx.Response) -> ServerProblem:
    """Return the error that an answer is; what is no problem document has the code "http"."""
    try:
        body = answer.json()
        return ServerProblem(answer.status_code, body["type"].rpartition("/")[2], body.get("detail", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return ServerProblem(answer.status_code, "http", "")
