"""What every VectorIndex must do, held against a naive numpy oracle."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID, uuid5

import numpy as np
import pytest

from echosearch.errors import ArchiveError
from echosearch.filters import FIELDS, And, Comparison, Field, Not, Op, Or, Where
from echosearch.index.base import POINT_NAMESPACE, Collection, Payload, Point, Scored, VectorIndex, point_id
from echosearch.index.fields import payload_values, same_values
from echosearch.vector import unit

# what qdrant-client's stand-in says that it leaves to a real server
pytestmark = [
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
]
VIDEOS = Collection("videos", "0123456789abcdef" * 4, 16)
F16 = 2e-3  # what float16 storage does to a cosine of 16 dimensions
STUDIES = Collection("studies", "0123456789abcdef" * 4, 16)


T = TypeVar("T")


def key(name: object) -> str:
    return str(uuid5(POINT_NAMESPACE, str(name)))


def make_points(n: int, seed: int = 0) -> list[Point]:
    """Points with every attribute, each sometimes unknown."""
    rng = np.random.default_rng(seed)

    def maybe(values: list[T]) -> T | None:
        return None if rng.random() < 0.2 else values[rng.integers(len(values))]

    return [
        Point(
            point_id(VIDEOS.fingerprint, key(i)),
            (rng.standard_normal(VIDEOS.dimension) * 10 ** rng.uniform(-3, 3)).astype(np.float32),
            Payload(
                key=key(i),
                study=key(f"study{i // 4}"),
                patient=key(f"patient{i // 8}"),
                gen=i % 3,
                vector_hash=f"{i:016x}",
                view=maybe(["4CH", "2CH", "LAX"]),
                view_prob=maybe([0.25, 0.5, 0.9, 0.95]),
                mode=maybe(["bmode", "color"]),
                sex=maybe(["F", "M"]),
                age=maybe([20, 64, 65, 66, 90]),
                month=maybe([201912, 202001, 202002]),
                device=maybe(["Philips EPIQ 7C", "GE Vivid E95"]),
            ),
        )
        for i in range(n)
    ]


OPS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda value, values: value in values,
}


def matches(where: Where, payload: Payload) -> bool:
    match where:
        case And(parts):
            return all(matches(part, payload) for part in parts)
        case Or(parts):
            return any(matches(part, payload) for part in parts)
        case Not(part):
            return not matches(part, payload)
        case Comparison(field, op, value):
            have = getattr(payload, field)
            return have is not None and OPS[op](have, value)


def oracle(points: list[Point], query: np.ndarray, limit: int, where: Where | None = None) -> list[tuple[str, float]]:
    """(key, cosine), best first, from the float32 originals."""
    kept = [point for point in points if where is None or matches(where, point.payload)]
    score = {point.id: float(unit(point.vector).astype(float) @ unit(query).astype(float)) for point in kept}
    kept.sort(key=lambda point: (-score[point.id], point.id.bytes))
    return [(point.payload.key, score[point.id]) for point in kept[:limit]]


def assert_as_oracle(
    index: VectorIndex, points: list[Point], query: np.ndarray, limit: int, where: Where | None = None
) -> None:
    """Same points, best first. Neighbours closer than float16 storage can tell apart may change places."""
    hits = index.search(VIDEOS, query, limit, where)
    expected = oracle(points, query, limit, where)
    true = dict(oracle(points, query, len(points), where))
    assert len({hit.key for hit in hits}) == len(hits) == len(expected), where
    for hit, (_, score) in zip(hits, expected, strict=True):
        assert hit.key in true, where
        assert hit.score == pytest.approx(true[hit.key], abs=F16), where
        assert hit.score == pytest.approx(score, abs=F16), where
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.fixture
def filled(index: VectorIndex) -> tuple[VectorIndex, list[Point]]:
    points = make_points(120)
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, points[:70])
    index.upsert(VIDEOS, points[70:])
    return index, points


def ours(index: VectorIndex) -> list[str]:
    """A real server may hold more than the tests' collections."""
    return [name for name in index.collections() if name in (VIDEOS.name, STUDIES.name)]


def keys(hits: Sequence[Scored]) -> list[str]:
    return [hit.key for hit in hits]


def test_ensure_twice_changes_nothing(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    index.ensure(VIDEOS)
    index.upsert(VIDEOS, [])
    assert index.count(VIDEOS) == len(points)
    assert ours(index) == [VIDEOS.name]


def test_ensure_refuses_another_dimension(index: VectorIndex) -> None:
    index.ensure(VIDEOS)
    with pytest.raises(ArchiveError, match=r"16.*rebuild"):
        index.ensure(replace(VIDEOS, dimension=8))


def test_collection_that_does_not_exist(index: VectorIndex) -> None:
    query = np.ones(16, np.float32)
    assert ours(index) == []
    assert index.search(VIDEOS, query, 5) == []
    assert index.count(VIDEOS) == 0
    assert list(index.scroll(VIDEOS)) == []
    index.delete(VIDEOS, [UUID(int=1)])
    index.drop(VIDEOS)
    index.optimize(VIDEOS)
    with pytest.raises(ArchiveError, match="rebuild"):
        index.upsert(VIDEOS, make_points(1))


def test_same_point_again_overwrites(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    newer = replace(points[3], vector=-points[3].vector, payload=replace(points[3].payload, gen=99, view=None))
    index.upsert(VIDEOS, [newer])
    index.upsert(VIDEOS, [newer])
    assert index.count(VIDEOS) == len(points)
    best = index.search(VIDEOS, newer.vector, 1)[0]
    assert (best.key, best.gen, best.study, best.patient) == (
        newer.payload.key,
        99,
        newer.payload.study,
        newer.payload.patient,
    )
    assert best.score == pytest.approx(1.0, abs=1e-3)
    only = Comparison("study", "=", newer.payload.study)
    assert newer.payload.key in keys(
        index.search(VIDEOS, newer.vector, 9, And((only, Not(Comparison("view", "in", ("4CH", "2CH", "LAX"))))))
    )


@pytest.mark.parametrize("limit", [1, 10, 500])
def test_order_and_limit(filled: tuple[VectorIndex, list[Point]], limit: int) -> None:
    index, points = filled
    for seed in range(5):
        query = np.random.default_rng(100 + seed).standard_normal(16).astype(np.float32)
        assert_as_oracle(index, points, query, limit)
        hits = index.search(VIDEOS, query, limit)
        assert keys(index.search(VIDEOS, query * 1000, limit, exact=True)) == keys(hits)
        assert all(-1 <= hit.score <= 1 for hit in hits)


def test_ties_are_in_the_order_of_ids_wherever_the_limit_cuts(index: VectorIndex) -> None:
    index.ensure(VIDEOS)
    same = np.arange(1, 17, dtype=np.float32)
    points = [replace(point, vector=same) for point in make_points(90, seed=4)]
    index.upsert(VIDEOS, points)
    expected = [point.payload.key for point in sorted(points, key=lambda point: point.id.bytes)]
    for limit in (1, 7, 40, 90):
        assert keys(index.search(VIDEOS, same, limit)) == expected[:limit]


def comparisons() -> list[Comparison]:
    numbers: dict[Field, list[float]] = {
        "view_prob": [0.25, 0.9, 0.6],
        "age": [65, 64.5, 65.0, 90, 1000],
        "month": [202001, 202000.5],
    }
    words: dict[Field, list[str]] = {
        "view": ["4CH", "SAX"],
        "mode": ["bmode"],
        "sex": ["F"],
        "device": ["GE Vivid E95", "GE"],
        "study": [key("study3"), key("nobody")],
        "patient": [key("patient2")],
    }
    ops: tuple[Op, ...] = ("=", "<", "<=", ">", ">=")
    made = [Comparison(f, op, v) for f, vs in numbers.items() for v in vs for op in ops]
    made += [Comparison(f, "=", v) for f, vs in words.items() for v in vs]
    made += [Comparison(f, "in", tuple(vs)) for f, vs in numbers.items()]
    made += [Comparison(f, "in", tuple(vs)) for f, vs in words.items()]
    made += [Comparison("view", "in", ()), Comparison("age", "in", ())]
    assert {comparison.field for comparison in made} == set(FIELDS)
    return made


def test_every_field_and_operator(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    query = np.ones(16, np.float32)
    for comparison in comparisons():
        for where in (comparison, Not(comparison)):
            assert_as_oracle(index, points, query, 500, where)


def test_and_or_not(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    query = np.linspace(-1, 1, 16).astype(np.float32)
    some = comparisons()[::5]
    trees: list[Where] = [And(()), Or(()), Not(And(())), Not(Or(())), And(tuple(some[:1])), Or(tuple(some))]
    for a, b in itertools.combinations(some, 2):
        trees += [And((a, b)), Or((a, b)), And((a, Not(b))), Not(Or((a, b))), Or((Not(a), And((b, Not(Not(a))))))]
    for where in trees:
        assert_as_oracle(index, points, query, 20, where)


def test_delete(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    index.delete(VIDEOS, [points[0].id, points[5].id, UUID(int=12345)])
    index.delete(VIDEOS, [])
    left = [point for i, point in enumerate(points) if i not in (0, 5)]
    assert index.count(VIDEOS) == len(left)
    query = points[0].vector
    assert_as_oracle(index, left, query, 10)


@pytest.mark.parametrize("batch", [1, 7, 60, 120, 1000])
def test_scroll_gives_every_point_once_in_the_order_of_ids(filled: tuple[VectorIndex, list[Point]], batch: int) -> None:
    index, points = filled
    seen = list(index.scroll(VIDEOS, batch=batch))
    assert [stored.id for stored in seen] == sorted((point.id for point in points), key=lambda i: i.bytes)
    by_id = {point.id: point for point in points}
    for stored in seen:
        payload = by_id[stored.id].payload
        assert (stored.key, stored.gen, stored.vector_hash) == (payload.key, payload.gen, payload.vector_hash)
        assert stored.vector is None
        assert stored.payload is None


def test_scroll_gives_whole_points(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    by_id = {point.id: point for point in points}
    for stored in index.scroll(VIDEOS, whole=True, batch=50):
        assert stored.vector is not None
        assert stored.vector.dtype == np.float32
        assert stored.payload == payload_values(by_id[stored.id].payload)
        np.testing.assert_allclose(stored.vector, unit(by_id[stored.id].vector), atol=1e-3)


def test_drop_takes_one_collection(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    index.ensure(STUDIES)
    index.upsert(STUDIES, points[:2])
    index.drop(VIDEOS)
    assert ours(index) == [STUDIES.name]
    assert index.search(VIDEOS, points[0].vector, 3) == []
    assert index.count(STUDIES) == 2
    index.ensure(VIDEOS)
    assert index.count(VIDEOS) == 0


@pytest.mark.parametrize("bad", [np.zeros(16), np.full(16, np.nan), np.r_[np.inf, np.ones(15)], np.ones(15)])
def test_vectors_without_a_direction_are_refused(index: VectorIndex, bad: np.ndarray) -> None:
    index.ensure(VIDEOS)
    good, other = make_points(2)
    with pytest.raises(ValueError, match=str(other.id)):
        index.upsert(VIDEOS, [good, replace(other, vector=bad.astype(np.float32))])
    assert index.count(VIDEOS) == 0  # nothing of the batch went in
    with pytest.raises(ValueError, match=VIDEOS.name):
        index.search(VIDEOS, bad.astype(np.float32), 3)


def test_optimize_keeps_the_answers(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    index.optimize(VIDEOS)
    query = points[9].vector
    where = Comparison("age", ">=", 65)
    assert_as_oracle(index, points, query, 10, where)


@pytest.mark.parametrize("where", [None, Comparison("age", ">=", 65), Comparison("study", "in", (key("study1"),))])
def test_several_vectors_at_once_find_what_each_finds(
    filled: tuple[VectorIndex, list[Point]], where: Where | None
) -> None:
    index, points = filled
    vectors = np.stack([points[place].vector for place in (0, 5, 11)])
    limits = [3, 40, 10_000]
    alone = [index.search(VIDEOS, vector, limit, where) for vector, limit in zip(vectors, limits, strict=True)]
    found = index.search_each(VIDEOS, vectors, limits, where)
    assert [keys(each) for each in found] == [keys(each) for each in alone]
    for each, expected in zip(found, alone, strict=True):
        assert [hit.score for hit in each] == pytest.approx([hit.score for hit in expected], abs=1e-6)
        assert [hit._replace(score=0.0) for hit in each] == [hit._replace(score=0.0) for hit in expected]
    assert index.search_each(VIDEOS, vectors[:0], [], where) == []
    assert index.search_each(STUDIES, vectors, limits, where) == [[], [], []]


def test_ties_of_several_vectors_are_in_the_order_of_ids(index: VectorIndex) -> None:
    index.ensure(VIDEOS)
    same = [replace(point, vector=np.ones(VIDEOS.dimension, dtype=np.float32)) for point in make_points(30)]
    index.upsert(VIDEOS, same)
    first = [point.payload.key for point in sorted(same, key=lambda point: point.id.bytes)]
    found = index.search_each(VIDEOS, np.stack([same[0].vector] * 2), [4, 7])
    assert [[hit.key for hit in each] for each in found] == [first[:4], first[:7]]


def test_search_without_a_limit_to_reach(filled: tuple[VectorIndex, list[Point]]) -> None:
    index, points = filled
    assert index.search(VIDEOS, points[0].vector, 0) == []


def test_a_probability_comes_back_as_the_same(index: VectorIndex) -> None:
    """A classifier's doubles: the embedded engine gives the last digit of some back wrong, and verify must not mind."""
    index.ensure(VIDEOS)
    chances = np.random.default_rng(5).random(2000).astype(np.float32).astype(float).tolist()
    chances += [0.0, 1.0, 0.9, 0.9999999999999999, 0.48165833950042725]
    sent = [
        Point(
            point_id(VIDEOS.fingerprint, str(i)), np.ones(16, np.float32), Payload(str(i), "s", "p", 1, "h", None, one)
        )
        for i, one in enumerate(chances)
    ]
    index.upsert(VIDEOS, sent)
    stored = {found.id: found.payload for found in index.scroll(VIDEOS, whole=True)}
    assert all(same_values(stored[point.id] or {}, payload_values(point.payload)) for point in sent)
    other = Payload("0", "s", "p", 1, "h", view_prob=chances[0] + 1e-6)
    assert not same_values(stored[sent[0].id] or {}, payload_values(other))
    assert not same_values(stored[sent[0].id] or {}, payload_values(Payload("0", "s", "p", 1, "h")))
