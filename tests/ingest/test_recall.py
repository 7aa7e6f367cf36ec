"""Measuring searches on an archive of one's own: which conditions occur, what is found, what is said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from uuid import UUID

import numpy as np
import pytest
from click.testing import CliRunner

from echosearch.archive import Archive
from echosearch.cli.commands import verify as command
from echosearch.db.vectors.points import PointRow
from echosearch.filters import And, Comparison, Where
from echosearch.index.base import Collection, Scored
from echosearch.index.edge.index import EdgeIndex
from echosearch.vector import Vectors
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.recall import measure_recall, occurring_conditions
from tests.ingest.conftest import Export


def rows(count: int) -> list[PointRow]:
    rng = np.random.default_rng(0)
    return [
        PointRow(
            *(0, 0, str(UUID(int=i)), 1, None, "s", "p"),
            view=("4CH", "2CH", None)[rng.choice(3, p=[0.17, 0.33, 0.5])],
            view_prob=0.9,
            mode="bmode",
            sex="FM"[rng.integers(2)],
            age=int(rng.integers(20, 91)) if rng.random() < 0.9 else None,
            month=int(202001 + 100 * rng.integers(4) + rng.integers(12)),
            device='GE "Vivid"' if rng.random() < 0.01 else "EPIQ",
        )
        for i in range(count)
    ]


def met(where: Where, row: PointRow) -> bool:
    if isinstance(where, And):
        return all(met(part, row) for part in where.parts)
    assert isinstance(where, Comparison)
    have = getattr(row, where.field)
    return have is not None and (have == where.value if where.op == "=" else have >= where.value)


def test_conditions_leave_what_they_say() -> None:
    sample = rows(5000)
    conditions = occurring_conditions(sample)
    assert len({one.text for one in conditions}) == len(conditions)
    for one in conditions:
        assert one.share == pytest.approx(sum(met(one.where, row) for row in sample) / len(sample))
    singles = [one.share for one in conditions if not isinstance(one.where, And)]
    pairs = [one.share for one in conditions if isinstance(one.where, And)]
    for found in (singles, pairs):
        for share in (0.5, 0.17, 0.08, 0.05, 0.01):
            assert any(share / 2 <= one <= 2 * share for one in found), share
    assert min(pairs) < 0.002


def test_conditions_of_nothing_are_none() -> None:
    assert occurring_conditions([]) == []
    bare = rows(1)[0]._replace(view=None, mode=None, sex=None, age=None, month=None, device=None)
    assert occurring_conditions([bare]) == []


def test_a_condition_is_written_as_a_user_types_it() -> None:
    from echosearch.search.filter_parser import parse_where

    for one in occurring_conditions(rows(3000)):
        assert parse_where(one.text.replace('GE "Vivid"', "GE")) is not None
        assert "month" not in one.text


@pytest.fixture
def searched(archive: Archive, export: Export) -> Archive:
    for number in range(30):
        export.cine(f"IM_{number:02d}", f"1.2.{number + 1}", study=f"1.{number // 3}", seed=number)
    ingest(archive, export.root, IngestOptions())
    return archive


def test_searches_that_find_everything(searched: Archive) -> None:
    measured = [*measure_recall(searched, 12)]
    assert [one.collection for one in measured if not one.condition] == ["videos", "studies"]
    assert {one.queries for one in measured} == {12, 10}
    assert any(one.condition for one in measured)
    assert all(one.recall == 1.0 and one.fine for one in measured)
    assert all(0 < one.p50_ms <= one.p99_ms and one.exact_p50_ms > 0 for one in measured)


class Forgetful(EdgeIndex):
    """Loses the third of the best, unless it is asked to compare exactly."""

    def search(
        self, collection: Collection, vector: Vectors, limit: int, where: Where | None = None, exact: bool = False
    ) -> list[Scored]:
        found: Sequence[Scored] = super().search(collection, vector, limit + 1, where, exact)
        return [*found[:limit]] if exact else [*found[:2], *found[3 : limit + 1]]


def test_searches_that_miss_are_said(searched: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    searched.index.close()
    searched.index = Forgetful(searched.settings.home / "qdrant", 1.0)
    measured = [*measure_recall(searched, 12)]
    assert measured[0].recall == pytest.approx(0.9)
    assert not measured[0].fine
    monkeypatch.setattr(command, "open_archive", lambda _: nullcontext(searched))
    table = CliRunner().invoke(command.verify, ["--recall", "12"])
    assert table.exit_code == 3
    assert "less than 99 %" in table.stderr
    assert "--exact" in table.stderr
    assert "recall@10" in table.stdout
    document = json.loads(CliRunner().invoke(command.verify, ["--recall", "12", "--json"]).stdout)
    assert document["clean"] is True
    assert document["recall"][0]["recall"] == pytest.approx(0.9)
    assert {"collection", "condition", "share", "queries", "p50_ms", "p99_ms", "exact_p50_ms"} < {
        *document["recall"][0]
    }
    default = CliRunner().invoke(command.verify, ["--recall", "--json"])  # 100, and the archive has 30 videos
    assert json.loads(default.stdout)["recall"][0]["queries"] == 30
    assert "recall" not in json.loads(CliRunner().invoke(command.verify, ["--json"]).stdout)
    searched.index.close()
