"""Filters that leave much of a graph: the best are found, wherever in the archive the matches are."""

from __future__ import annotations

import shutil
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest

from echosearch.filters import And, Comparison, Not, Or, Where
from echosearch.index import fields
from echosearch.index.base import Collection, Payload, Point
from echosearch.index.edge import search as edge_search
from echosearch.index.edge import shard as edge_shard
from echosearch.index.edge.index import EdgeIndex
from echosearch.index.plan import SearchPlan, plan_search

WIDE = Collection("videos", "ef" * 32, 32)
POINTS, QUERIES, LIMIT = 20_000, 40, 10
SCAN_KB = 60  # 960 points: a graph of 20,000 is walked as one of a million is
FILTERS: dict[str, Where] = {
    "half": Comparison("sex", "=", "F"),
    "half, two conditions": And((Comparison("month", ">=", 202102), Comparison("age", ">=", 40))),
    "a sixth": Comparison("view", "=", "4CH"),
    "all but a sixth": Not(Comparison("view", "=", "4CH")),
    "a third, either": Or((Comparison("view", "=", "4CH"), Comparison("view", "=", "2CH"))),
    "a twelfth, two conditions": And((Comparison("view", "=", "4CH"), Comparison("sex", "=", "F"))),
    "a hundredth": Comparison("device", "=", "rare"),
    "a thousandth, two conditions": And((Comparison("device", "=", "rare"), Comparison("age", ">=", 81))),
    "everything": Comparison("age", ">=", 0),
    "all but a patient": Not(Comparison("patient", "in", ("p3", "p4", "p5"))),
    "nothing": And((Comparison("view", "=", "4CH"), Comparison("view", "=", "2CH"))),
    "far from most queries": Comparison("mode", "=", "color"),
}


def payload(i: int, vector: np.ndarray) -> Payload:
    return Payload(
        *(str(i), "s", f"p{i // 40}", 1, "h"),
        view=("LAX", "SAX", "2CH", "3CH", "4CH", "Other")[i % 6],
        mode="color" if vector[0] < -1 else "bmode",
        sex="FM"[i // 40 % 2],  # two studies of a patient together
        age=20 + i // 40 % 71,
        month=202101 + i % 4,
        device="rare" if i // 20 % 100 == 0 else "usual",
    )


def meets(where: Where, vector: np.ndarray, i: int) -> bool:
    own = payload(i, vector)
    match where:
        case And(parts):
            return all(meets(part, vector, i) for part in parts)
        case Or(parts):
            return any(meets(part, vector, i) for part in parts)
        case Not(part):
            return not meets(part, vector, i)
        case Comparison(field, "in", value):
            assert isinstance(value, tuple)
            return getattr(own, field) in value
        case Comparison(field, op, value):
            return bool(getattr(own, field) == value if op == "=" else getattr(own, field) >= value)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, np.ndarray]:
    """(folder, rows, queries): vectors whose spectrum falls off, and the graph of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fields, "FULL_SCAN_KB", SCAN_KB)
        patch.setattr(edge_shard, "INDEX_KB", SCAN_KB)
        rng = np.random.default_rng(5)
        rows = (rng.standard_normal((POINTS + QUERIES, 32)) / np.sqrt(np.arange(1, 33))).astype(np.float32)
        folder = tmp_path_factory.mktemp("filtered")
        index = EdgeIndex(folder, 1.0)
        index.ensure(WIDE)
        index.upsert(WIDE, [Point(UUID(int=i + 1), row, payload(i, row)) for i, row in enumerate(rows[:POINTS])])
        index.close()
        shard = edge_shard.load_to_optimize(WIDE, folder / WIDE.name, 0)  # here, where the patches hold
        shard.optimize()
        shard.flush()
        shard.close()
    assert len(list(folder.glob("*/segments/*/vector_index/graph.bin"))) == 1
    return folder, rows[:POINTS], rows[POINTS:]


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_loses_no_hits(
    filled: tuple[Path, np.ndarray, np.ndarray], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, rows, queries = filled
    plans: list[SearchPlan] = []

    def plan(
        points: int, matching: int | None, wanted: int, compared: int, dimension: int, conditions: int
    ) -> SearchPlan:
        assert compared == SCAN_KB * 1024 // 64  # as the graph was made
        plans.append(plan_search(points, matching, wanted, compared, dimension, conditions))
        return plans[-1]

    monkeypatch.setattr(edge_search, "plan_search", plan)
    index = EdgeIndex(folder, 1.0)
    found = best = 0
    for query in queries:
        exact = {hit.key: hit.score for hit in index.search(WIDE, query, LIMIT, FILTERS[name], exact=True)}
        hits = index.search(WIDE, query, LIMIT, FILTERS[name])
        assert all(hit.score == exact[hit.key] for hit in hits if hit.key in exact)  # to the last bit, whatever the way
        assert all(meets(FILTERS[name], rows[int(hit.key)], int(hit.key)) for hit in hits)
        found += len(exact.keys() & {hit.key for hit in hits})
        best += len(exact)
    index.close()
    assert best == (0 if name == "nothing" else QUERIES * LIMIT)
    assert found >= 0.99 * best
    walked = ("a hundredth", "a thousandth, two conditions", "nothing", "everything", "all but a patient")
    assert plans[0].how == "engine" if name in walked else plans[0].how in ("sieve", "exact")


@pytest.mark.parametrize("name", FILTERS)
def test_several_vectors_find_what_each_finds_alone(filled: tuple[Path, np.ndarray, np.ndarray], name: str) -> None:
    folder, _, queries = filled
    index = EdgeIndex(folder, 1.0)
    limits = [LIMIT + number for number in range(5)]
    together = index.search_each(WIDE, queries[:5], limits, FILTERS[name])
    alone = [index.search(WIDE, query, limit, FILTERS[name]) for query, limit in zip(queries[:5], limits, strict=True)]
    index.close()
    assert together == alone


def test_a_larger_archive_compares_more_from_its_next_ingest_on(
    filled: tuple[Path, np.ndarray, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _, queries = filled
    monkeypatch.setattr(edge_shard, "INDEX_KB", SCAN_KB)
    place = tmp_path / WIDE.name
    shutil.copytree(folder / WIDE.name, place)
    shard = edge_shard.load_to_optimize(WIDE, place, 10_000_000)  # as if so many were in it
    shard.optimize()
    shard.flush()
    shard.close()
    loaded = edge_shard.load_shard(WIDE, place)
    assert loaded.compared == fields.points_compared(WIDE, fields.full_scan_kb(WIDE, 10_000_000)) > 600_000
    loaded.edge.close()
    index = EdgeIndex(tmp_path, 1.0)
    hits = index.search(WIDE, queries[0], LIMIT, FILTERS["a sixth"])
    assert hits == index.search(WIDE, queries[0], LIMIT, FILTERS["a sixth"], exact=True)
    index.close()


def test_an_exact_search_is_the_comparison_of_every_match(filled: tuple[Path, np.ndarray, np.ndarray]) -> None:
    folder, rows, queries = filled
    index = EdgeIndex(folder, 1.0)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    kept = np.array([payload(i, row).view == "4CH" for i, row in enumerate(rows)])
    for query in queries[:10]:
        scores = np.where(kept, unit @ query, -np.inf)
        truth = {str(place) for place in np.argsort(-scores)[:LIMIT]}
        hits = index.search(WIDE, query, LIMIT, FILTERS["a sixth"], exact=True)
        assert len(truth & {hit.key for hit in hits}) >= LIMIT - 1  # float16 may change the last for its neighbour
    index.close()
