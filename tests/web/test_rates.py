"""How many requests a user may make: pages with their pictures pass, a loop does not."""

from __future__ import annotations

from echosearch.web.app import create_app
from echosearch.web.pages.cards import CARDS
from echosearch.web.rates import BURST_SECONDS, KEPT, OF_ITSELF, RequestRates
from echosearch.web.serving import Serving
from tests.web.conftest import Client, Served


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def taken(rates: RequestRates, account: int, of_itself: bool = False) -> int:
    """How many requests pass at once."""
    passed = 0
    while not rates.wait(account, of_itself):
        passed += 1
    return passed


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    rates = RequestRates(10, clock)
    assert taken(rates, 1) == 10 * BURST_SECONDS
    assert 0 < rates.wait(1, False) <= 0.1
    clock.now += 0.5
    assert taken(rates, 1) == 5
    clock.now += 3600
    assert taken(rates, 1) == 10 * BURST_SECONDS  # never more than the burst
    assert taken(rates, 2) == 10 * BURST_SECONDS  # another account


def test_what_a_page_fetches_of_itself_is_counted_apart() -> None:
    clock = Clock()
    rates = RequestRates(10, clock)
    assert taken(rates, 1) == 10 * BURST_SECONDS
    for _ in range(10):  # ten pages at once: a poster and two parts of a cine for each card
        assert not any(rates.wait(1, True) for _ in range(CARDS * 2))
    clock.now += 3600
    for _ in range(60):  # one page a second, for a minute
        assert not any(rates.wait(1, True) for _ in range(CARDS * 3))
        clock.now += 1
    assert taken(rates, 1, of_itself=True) <= 10 * OF_ITSELF * BURST_SECONDS


def test_buckets_do_not_grow_with_the_accounts() -> None:
    rates = RequestRates(10)
    for account in range(KEPT + 100):
        rates.wait(account, False)
    assert len(rates._buckets) == KEPT


def test_too_many_requests_are_a_problem_that_says_when(served: Served) -> None:
    archive = served.archive.seen_by(served.archive.viewer)
    archive.settings = archive.settings.model_copy(update={"requests_per_second": 1.0})
    app = create_app(Serving(archive, served.serving.trail, ready=True))
    client = Client(app, authorization=f"Bearer {served.tokens['searcher']}")
    answers = [client.get("/api/v1/me") for _ in range(8)]
    assert answers[0].status_code == 200
    refused = answers[-1]
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many")
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) >= 1
    page = client.get("/", headers={"accept": "text/html"})
    assert page.status_code == 429
    assert page.headers["retry-after"] == "1"
    # pictures still come, others are not held up, and who is not signed in is told so
    video = served.corpus.of(served.corpus.studies[1])[0].key
    assert client.get(f"/api/v1/videos/{video}/poster.jpg").status_code == 404
    assert Client(app, authorization=f"Bearer {served.tokens['clinician']}").get("/api/v1/me").status_code == 200
    assert Client(app).get("/api/v1/me").status_code == 401
