"""What one server holds while it runs: the archive, the audit, and how many search at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from threading import BoundedSemaphore
from typing import TYPE_CHECKING

from echosearch.access.keys import AccessKeys
from echosearch.access.oidc.configuration import oidc_client
from echosearch.access.password import digest, new_secret
from echosearch.access.trail import Trail
from echosearch.archive import Archive
from echosearch.db.access.accounts import has_admin
from echosearch.errors import ConfigError
from echosearch.insight.disagree import Against, Disagreements, disagree
from echosearch.insight.vector_map import VectorMap, vector_map
from echosearch.preview.store import Previews
from echosearch.search.results import MAX_TOP_K
from echosearch.web.background.counts import Holdings, Quality, count_holdings, count_quality
from echosearch.web.background.refreshed import Refreshed, RefreshedEach
from echosearch.web.metrics import RequestCounts
from echosearch.web.noted import Noted
from echosearch.web.problems import Problem
from echosearch.web.rates import RequestRates

if TYPE_CHECKING:  # the extra echosearch[oidc]; torch
    from echosearch.access.oidc.provider import Provider
    from echosearch.contour.head import ContourHead

__all__ = ["SEARCHES", "WAIT_SECONDS", "ServeOptions", "Serving"]

SEARCHES = 2  # at once: an encoder takes one core each
WAIT_SECONDS = 2.0  # for one of them to end, then 503
LONG_SECONDS = 20.0  # the same for interpretations, which take seconds: one runs at a time
# after which each is computed again, if it is asked for
HOLDINGS_SECONDS, QUALITY_SECONDS, MAP_SECONDS = 2.0, 60.0, 600.0


@dataclass(frozen=True)
class ServeOptions:
    """How a server is reached. ``secure``: by TLS, its own or a proxy's."""

    hosts: frozenset[str] = frozenset({"127.0.0.1", "localhost", "[::1]"})  # names that requests may have in Host
    secure: bool = False
    demo: bool = False

    @property
    def cookie(self) -> str:
        return "__Host-echosearch" if self.secure else "echosearch"


@dataclass
class Serving:
    """One server's state. ``setup`` is the secret of the one-time link that makes the admin."""

    archive: Archive
    trail: Trail
    options: ServeOptions = field(default_factory=ServeOptions)
    ready: bool = False
    setup: str | None = field(default=None, repr=False)
    demo_link: str | None = field(default=None, repr=False)  # the secret of the demo's one-time link
    previews: Previews = field(init=False)  # closed when the server ends
    provider: Provider | None = field(init=False)  # who signs users in beside passwords
    counts: RequestCounts = field(default_factory=RequestCounts)
    noted: Noted = field(default_factory=Noted)
    rates: RequestRates = field(init=False)
    holdings: Refreshed[Holdings] = field(init=False)
    quality: Refreshed[Quality] = field(init=False)
    map: Refreshed[VectorMap] = field(init=False)  # of the generation that answers
    disagreements: RefreshedEach[tuple[str | None, Against], Disagreements] = field(init=False)  # by concept
    _slots: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(SEARCHES))
    _long: BoundedSemaphore = field(default_factory=lambda: BoundedSemaphore(1))

    def __post_init__(self) -> None:
        archive = self.archive
        self.provider = _provider(archive)
        self.rates = RequestRates(archive.settings.requests_per_second)
        self.previews = Previews(archive)
        self.holdings = Refreshed(lambda: count_holdings(archive), HOLDINGS_SECONDS)
        self.quality = Refreshed(lambda: count_quality(archive), QUALITY_SECONDS)
        self.map = Refreshed(lambda: vector_map(archive), MAP_SECONDS, archive.check_encoder)
        self.disagreements = RefreshedEach(
            lambda asked: disagree(archive, finding=asked[0], against=asked[1], top_k=MAX_TOP_K),
            MAP_SECONDS,
            archive.check_encoder,
        )
        with self.archive.engine.connect() as connection:
            if self.options.demo:
                self.demo_link = new_secret()
            elif not has_admin(connection):
                self.setup = new_secret()

    @cached_property
    def contour_head(self) -> ContourHead:
        """The contour head that ships, loaded when it is first asked for. Raises BundleError."""
        from echosearch.contour.head import load_head  # torch
        from echosearch.contour.manifest import shipped_head

        return load_head(shipped_head())

    @property
    def keys(self) -> AccessKeys:
        return self.trail.keys

    def is_setup(self, secret: str) -> bool:
        return self.setup is not None and digest(secret) == digest(self.setup)

    def is_demo(self, secret: str) -> bool:
        return self.demo_link is not None and digest(secret) == digest(self.demo_link)

    @contextmanager
    def searching(self) -> Iterator[None]:
        """Hold one of the places for searches. Raises Problem "busy"."""
        with _held(self._slots, WAIT_SECONDS, f"{SEARCHES} searches run already"):
            yield

    @contextmanager
    def interpreting(self) -> Iterator[None]:
        """Hold the one place for what takes seconds, so that searches keep theirs. Raises Problem "busy"."""
        with _held(self._long, LONG_SECONDS, "an interpretation runs already"):
            yield


@contextmanager
def _held(places: BoundedSemaphore, seconds: float, taken: str) -> Iterator[None]:
    if not places.acquire(timeout=seconds):
        raise Problem("busy", taken, Retry_After="1")
    try:
        yield
    finally:
        places.release()


def _provider(archive: Archive) -> Provider | None:
    client = oidc_client(archive.settings)
    if client is None:
        return None
    try:
        from echosearch.access.oidc.provider import Provider
    except ImportError as exc:
        raise ConfigError(
            f"ECHOSEARCH_OIDC_ISSUER is set, and {exc.name} is not installed: pip install echosearch[oidc]"
        ) from exc
    return Provider(client)
