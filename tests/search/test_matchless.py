"""Conditions that nothing can meet: an unknown device is refused, a value that nothing has is said."""

from __future__ import annotations

import pytest

from echosearch.errors import WhereError
from echosearch.search.filter_parser import parse_where
from echosearch.search.query import query_text
from echosearch.search.results import SearchOptions
from echosearch.video import View
from tests.search.conftest import Corpus


def warnings(corpus: Corpus, where: str | None = None, **given: object) -> tuple[str, ...]:
    options = SearchOptions(where=parse_where(where) if where else None, **given)  # type: ignore[arg-type]
    return tuple(said for said in query_text(corpus.archive, "左室", options).warnings if "untrained" not in said)


@pytest.mark.parametrize(
    ("asked", "device"),
    [
        *(("Vivid E95", "Vivid E95"), ("vivid e95", "Vivid E95"), ("ＥＰＩＱ", "EPIQ 7C"), ("e95", "Vivid E95")),
        *(("EPIQ7C", "EPIQ 7C"), ("viv", "Vivid E95")),
    ],
)
def test_a_device_is_found_by_any_part(corpus: Corpus, asked: str, device: str) -> None:
    options = SearchOptions(where=parse_where(f'device = "{asked}"'), group="video", top_k=200)
    hits = query_text(corpus.archive, "左室", options).hits
    assert {hit.device for hit in hits} == {device}
    assert len(hits) == sum(video.device == device for video in corpus.videos)
    negated = SearchOptions(where=parse_where(f'not device in ("{asked}")'), group="video", top_k=200)
    assert len(query_text(corpus.archive, "左室", negated).hits) == len(corpus.videos) - len(hits)


@pytest.mark.parametrize("where", ['device = "Vivid E96"', 'sex = F and not device in (EPIQ, "Vivid E96")'])
def test_an_unknown_device_is_refused(corpus: Corpus, where: str) -> None:
    with pytest.raises(WhereError, match=r"device has no value 'Vivid E96': .* near are Vivid E95"):
        warnings(corpus, where)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("view = SAX", ("no video has the view SAX",)),
        ("mode = dual or mode = color", ("no video has the mode dual",)),
        ("sex = O", ("no study has the sex O",)),
        *((condition, ()) for condition in ("view = 4CH", "mode != color", "age > 89", "date > 2030", "sex = F")),
    ],
)
def test_a_value_that_nothing_has_is_said(corpus: Corpus, where: str, said: tuple[str, ...]) -> None:
    assert warnings(corpus, where) == said


def test_a_view_that_is_nowhere_sure(corpus: Corpus) -> None:
    assert warnings(corpus, view=View.SAX) == ("no video has the view SAX",)
    assert warnings(corpus, view=View.CH4) == ()
    (said,) = warnings(corpus, view=View.CH4, min_view_prob=1.0)
    assert said.startswith("no video has the view 4CH at a probability of 1 or more")
