"""Searches over HTTP: the same answer as the command line's, in pages that stay."""

from __future__ import annotations

from echosearch.search.ask import ask
from echosearch.search.results import SearchOptions, as_json
from tests.web.conftest import Served


def test_a_search_gives_what_the_command_line_gives(served: Served) -> None:
    made = served.client().post("/api/v1/searches", json={"text": "中等度以上のMR", "limit": 5}).json()
    expected = as_json(ask(served.archive, "中等度以上のMR", SearchOptions(top_k=200)))
    assert made["hits"] == expected["hits"][:5]
    for name in ("total", "strong", "belief", "understood", "warnings", "encoder"):
        assert made[name] == expected[name]
    assert made["count"] == expected["total"]
    assert made["exact_count"]


def test_pages_give_every_hit_once(served: Served) -> None:
    client = served.client()
    made = client.post("/api/v1/searches", json={"text": "左室拡大", "limit": 3}).json()
    ranks, cursor = [hit["rank"] for hit in made["hits"]], made["next"]
    while cursor is not None:
        page = client.get(f"/api/v1/searches/{made['id']}/hits", params={"after": cursor, "limit": 3}).json()
        ranks += [hit["rank"] for hit in page["hits"]]
        cursor = page["next"]
    assert ranks == [*range(1, made["kept"] + 1)]


def test_a_search_belongs_to_who_made_it(served: Served) -> None:
    made = served.client("searcher").post("/api/v1/searches", json={"text": "MR"}).json()
    place = f"/api/v1/searches/{made['id']}/hits"
    assert served.client("clinician").get(place).json()["type"] == "/problems/not-found"
    assert served.client("searcher").get(place, params={"after": "AAAA"}).status_code == 422


def test_the_search_page_shows_the_hits_of_a_stored_search(served: Served) -> None:
    browser = served.browser()
    sent = browser.post("/searches", data={"text": "重度のMR", "csrf": browser.headers["x-csrf-token"]})
    assert sent.status_code == 303
    assert "MR" not in sent.headers["location"]
    page = browser.get(sent.headers["location"])
    assert page.status_code == 200
    assert 'class="card"' in page.text
