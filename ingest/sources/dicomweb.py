"""Fetch echo studies from a PACS by DICOMweb into an inbox: QIDO-RS says what there is, WADO-RS gives the bytes.

Day by day from the oldest, study by study. What is in the inbox is not fetched again, and a day whose studies are all
here is not asked for again: so it can be killed at any point, and run again. The objects are stored as they come;
nothing in them is read here.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from dicomweb_client import DICOMwebClient

from echosearch.atomic import whole_file
from echosearch.errors import ConfigError, StoreUnreachable
from echosearch.pseudonyms import Keyring
from ingest.sources.hours import Hours
from ingest.sources.inbox import ObjectFolder
from ingest.sources.multipart import first_part

__all__ = ["Fetched", "PacsAddress", "fetch_studies", "read_pacs_address"]

T = TypeVar("T")
SCHEME = "dicomweb+"
MODALITIES = ("US", "SR")  # series that an ingest may take something from
PAGE = 100  # studies of one answer
SETTLED_DAYS = 7  # a younger day may still get studies: it is asked for each time
TIMEOUT_SECONDS = 60
FIRST_WAIT, LONGEST_WAIT = 1.0, 300.0  # seconds between tries of a PACS that does not answer
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
UID = re.compile(r"[0-9.]{1,64}")


@dataclass(frozen=True)
class PacsAddress:
    """A DICOMweb service. The token is a secret of the site; it goes where the URL leads and nowhere else."""

    url: str
    token: str | None = None
    ca: Path | None = None  # who signs its certificate; None: whom this machine trusts


@dataclass
class Fetched:
    """What has been fetched so far. ``waiting``: why nothing is fetched just now."""

    studies: int = 0
    stored: int = 0  # objects that were new
    here: int = 0  # that were in the inbox
    lost: int = 0  # that the PACS lists and does not give
    day: str = ""
    waiting: str = ""


def read_pacs_address(url: str, token: str | None, ca: Path | None) -> PacsAddress:
    """Return what ``dicomweb+https://host/path`` says. Raises ConfigError."""
    address = url.removeprefix(SCHEME)
    parts = urlsplit(address)
    if not url.startswith(SCHEME) or parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise ConfigError("a DICOMweb source looks like dicomweb+https://pacs.example/dicom-web")
    if parts.username is not None:
        raise ConfigError("a DICOMweb source holds no user or password: set ECHOSEARCH_DICOMWEB_TOKEN")
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ConfigError(f"{parts.hostname} is another machine and http is readable on the way: use dicomweb+https")
    return PacsAddress(address.rstrip("/"), token, ca)


def fetch_studies(
    address: PacsAddress,
    inbox: ObjectFolder,
    keyring: Keyring,
    days: tuple[date, date],
    journal: Path,
    stopping: Event,
    rate: float | None = None,
    hours: Hours | None = None,
    patience_seconds: float = 3600.0,
    on_object: Callable[[Fetched], None] = lambda _: None,
) -> Fetched:
    """Copy the studies of ``days`` (first, last) into the inbox until all are here or ``stopping`` is set.

    The days that are complete are in the file ``journal``.
    At most ``rate`` objects a second, and only within ``hours``. A PACS that does not answer is tried for
    ``patience_seconds``. Raises StoreUnreachable; what was fetched stays, run again.
    """
    return _Fetching(address, inbox, keyring, journal, stopping, rate, hours, patience_seconds, on_object).run(*days)


class _Stopped(Exception):
    """Stop was asked for while waiting."""


class _Fetching:
    def __init__(
        self,
        address: PacsAddress,
        inbox: ObjectFolder,
        keyring: Keyring,
        journal: Path,
        stopping: Event,
        rate: float | None,
        hours: Hours | None,
        patience_seconds: float,
        on_object: Callable[[Fetched], None],
    ) -> None:
        self.session = requests.Session()
        self.session.verify = str(address.ca) if address.ca else True
        self.session.trust_env = False  # a .netrc or proxy of the user that runs this is not the site's word
        self.session.max_redirects = 0  # it goes to the machine that was named, and to no other
        if address.token:
            self.session.headers["Authorization"] = f"Bearer {address.token}"
        self.client = DICOMwebClient(address.url, session=self.session, timeout=TIMEOUT_SECONDS, permissive_uid=True)
        self.client.set_http_retry_params(retry=False)  # it is tried below, and longer
        self.address, self.inbox, self.keyring, self.stopping = address, inbox, keyring, stopping
        self.pause = 1 / rate if rate else 0.0
        self.hours, self.patience, self.on_object = hours, patience_seconds, on_object
        self.fetched = Fetched()
        self.next_at = 0.0
        self.journal = journal

    def run(self, first: date, last: date) -> Fetched:
        complete = set(self.journal.read_text().split()) if self.journal.exists() else set()
        day = first
        try:
            while day <= last:
                if day.isoformat() not in complete:
                    self.fetched.day = day.isoformat()
                    lost = self.fetched.lost
                    for study in self._studies(day):
                        self._fetch_study(study)
                    if day <= date.today() - timedelta(days=SETTLED_DAYS) and self.fetched.lost == lost:
                        complete.add(day.isoformat())
                        with whole_file(self.journal) as partial:
                            partial.write_text("\n".join(sorted(complete)))
                day += timedelta(days=1)
        except _Stopped:
            pass
        finally:
            self.session.close()
        return self.fetched

    def _studies(self, day: date) -> Iterator[str]:
        filters = {"StudyDate": day.strftime("%Y%m%d"), "ModalitiesInStudy": "US"}
        offset = 0
        while True:
            ask = partial(self.client.search_for_studies, limit=PAGE, offset=offset, search_filters=filters)
            page = self._asked(ask)
            yield from filter(None, (_uid(one, "0020000D") for one in page or ()))
            if not page or len(page) < PAGE:
                return
            offset += len(page)

    def _fetch_study(self, study: str) -> None:
        series = self._asked(lambda: self.client.search_for_series(study)) or []
        for one in series:
            uid = _uid(one, "0020000E")
            if uid is None or _value(one, "00080060") not in MODALITIES:
                continue
            instances = self._asked(partial(self.client.search_for_instances, study, uid)) or []
            for instance in filter(None, (_uid(entry, "00080018") for entry in instances)):
                self._fetch_object(study, uid, instance)
        self.fetched.studies += 1
        self.on_object(self.fetched)

    def _fetch_object(self, study: str, series: str, instance: str) -> None:
        name = self.keyring.video(instance).replace("-", "")
        if self.inbox.holds(name):
            self.fetched.here += 1
            return
        self._wait_for_turn()
        url = f"{self.address.url}/studies/{study}/series/{series}/instances/{instance}"
        got = self._asked(lambda: self._get(url, name))
        self.fetched.stored += got is True
        self.fetched.lost += got is None
        self.on_object(self.fetched)

    def _get(self, url: str, name: str) -> bool:
        accept = {"Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        with self.session.get(url, headers=accept, timeout=TIMEOUT_SECONDS, stream=True) as answer:
            answer.raise_for_status()
            return self.inbox.put(
                first_part(answer.headers.get("Content-Type", ""), answer.iter_content(1 << 20)), name
            )

    def _wait_for_turn(self) -> None:
        while self.hours is not None and (left := self.hours.seconds_until(datetime.now())) > 0:
            self._wait(left, f"until {self.hours}")
        now = time.monotonic()
        if self.next_at > now:
            self._wait(self.next_at - now, "")
        self.next_at = max(self.next_at, now) + self.pause

    def _wait(self, seconds: float, why: str) -> None:
        if why:
            self.fetched.waiting = why
            self.on_object(self.fetched)
        if self.stopping.wait(seconds):
            raise _Stopped
        self.fetched.waiting = ""

    def _asked(self, ask: Callable[[], T]) -> T | None:
        """Ask the PACS, again while it does not answer; None if it says that there is no such thing."""
        began, wait = time.monotonic(), FIRST_WAIT
        while True:
            if self.stopping.is_set():
                raise _Stopped
            try:
                return ask()
            except requests.RequestException as exc:
                status = exc.response.status_code if exc.response is not None else None
                if status in (404, 410):
                    return None
                if status in (401, 403):
                    raise StoreUnreachable("the PACS refused access: check ECHOSEARCH_DICOMWEB_TOKEN") from exc
                if isinstance(exc, requests.TooManyRedirects):
                    raise StoreUnreachable("the PACS leads to another address: name that one in the URL") from exc
                if isinstance(exc, requests.exceptions.SSLError):
                    raise StoreUnreachable(
                        "the certificate of the PACS is not trusted: name its authority with ECHOSEARCH_DICOMWEB_CA"
                    ) from exc
                told = f"status {status}" if status is not None else type(exc).__name__
                if (status is not None and status not in PASSING) or time.monotonic() - began > self.patience:
                    raise StoreUnreachable(
                        f"the PACS does not answer as DICOMweb does ({told}); what was fetched stays, run it again"
                    ) from exc
            except ValueError as exc:  # what answers is no JSON, or no part of a multipart
                raise StoreUnreachable(f"what answers at {self.address.url} is no DICOMweb: check the URL") from exc
            self._wait(wait * random.uniform(0.5, 1.0), f"for the PACS to answer ({told})")
            wait = min(2 * wait, LONGEST_WAIT)


def _value(entry: Mapping[str, Any], tag: str) -> str | None:
    found = entry.get(tag, {}).get("Value") or [None]
    return found[0] if isinstance(found[0], str) else None


def _uid(entry: Mapping[str, Any], tag: str) -> str | None:
    """Return a UID that may go into a URL, None if the answer has none."""
    value = _value(entry, tag)
    return value if value is not None and UID.fullmatch(value) else None
