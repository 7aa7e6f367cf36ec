"""What is asked of a server: the same plans, rescoring, and never more than strict mode allows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest
from httpx import Headers
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from echosearch.errors import ArchiveError
from echosearch.filters import Comparison
from echosearch.index.base import Collection, Payload, Point
from echosearch.index.server.collection import Known, known_of
from echosearch.index.server.filter import server_filter
from echosearch.index.server.index import ServerIndex
from echosearch.index.server.search import nearest

pytestmark = [
    pytest.mark.filterwarnings("ignore:Local mode performs exact"),
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect"),
]
VIDEOS = Collection("videos", "ab" * 32, 4)
POINTS = 16_000
MALE = server_filter(Comparison("sex", "=", "M"))
STRICT = models.StrictModeConfigOutput(
    enabled=True,
    max_query_limit=100,
    search_max_hnsw_ef=200,
    search_allow_exact=False,
    search_max_oversampling=2.0,
    upsert_max_batchsize=50,
    condition_max_size=80,
)


class Recording(QdrantClient):
    """qdrant-client's in-process collections, which remember what they were asked; ``strict`` is what they say."""

    strict: models.StrictModeConfigOutput | None = None
    refuses_turbo = False

    def __init__(self) -> None:
        super().__init__(":memory:")
        self.queries: list[dict[str, Any]] = []
        self.batches: list[int] = []
        self.scrolls: list[int] = []
        self.quantizations: list[object] = []

    def query_points(self, *args: Any, **kwargs: Any) -> Any:
        self.queries.append(kwargs)
        return super().query_points(*args, **kwargs)

    def upsert(self, collection_name: str, points: Any, *args: Any, **kwargs: Any) -> Any:
        self.batches.append(len(points.ids))
        return super().upsert(collection_name, points, *args, **kwargs)

    def scroll(self, *args: Any, **kwargs: Any) -> Any:
        self.scrolls.append(kwargs["limit"])
        return super().scroll(*args, **kwargs)

    def get_collection(self, *args: Any, **kwargs: Any) -> Any:
        info = super().get_collection(*args, **kwargs)
        info.config.strict_mode_config = self.strict
        return info

    def create_collection(self, *args: Any, **kwargs: Any) -> Any:
        self._quantize(kwargs)
        return super().create_collection(*args, **kwargs)

    def update_collection(self, *args: Any, **kwargs: Any) -> Any:
        self._quantize(kwargs)
        return super().update_collection(*args, **kwargs)

    def _quantize(self, given: dict[str, Any]) -> None:
        if self.refuses_turbo and isinstance(given["quantization_config"], models.TurboQuantization):
            raise UnexpectedResponse(400, "Bad Request", b"unknown variant turbo", Headers())
        self.quantizations.append(given["quantization_config"])


@pytest.fixture
def client() -> Recording:
    client = Recording()
    index = ServerIndex(client)
    index.ensure(VIDEOS)
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((POINTS, 4)).astype(np.float32)
    index.upsert(
        VIDEOS,
        [
            Point(UUID(int=i + 1), row, Payload(str(i), "s", "p", 1, "h", sex="M" if row[0] > 0 else "F"))
            for i, row in enumerate(rows)
        ],
    )
    client.queries.clear()
    return client


def keys(points: list[models.ScoredPoint]) -> list[str]:
    return [str(point.id) for point in points]


def test_many_matches_are_sieved_from_the_nearest(client: Recording) -> None:
    near, known = [1.0, 0.0, 0.0, 0.0], Known(points=POINTS, compared=0)
    found = nearest(client, VIDEOS, known, near, 12, MALE, exact=False)
    first, second = client.queries
    assert first["query_filter"] is None
    assert first["search_params"].quantization.rescore is False
    assert first["search_params"].hnsw_ef >= first["limit"] > 24
    assert second["search_params"].exact is True
    assert any(isinstance(part, models.HasIdCondition) for part in second["query_filter"].must)
    client.queries.clear()
    assert keys(found) == keys(nearest(client, VIDEOS, known, near, 12, MALE, exact=True))
    assert [asked["search_params"].exact for asked in client.queries] == [True]


def test_too_few_near_ones_end_in_an_exact_comparison(client: Recording) -> None:
    """The query is on the other side of every match."""
    far, known = [-1.0, 0.0, 0.0, 0.0], Known(points=POINTS, compared=0)
    found = nearest(client, VIDEOS, known, far, 12, MALE, exact=False)
    assert len(found) == 12
    assert client.queries[-1]["query_filter"] == MALE
    assert client.queries[-1]["search_params"].exact is True
    assert keys(found) == keys(nearest(client, VIDEOS, known, far, 12, MALE, exact=True))


def test_what_is_walked_is_rescored(client: Recording) -> None:
    for chosen in (None, MALE):
        client.queries.clear()
        nearest(client, VIDEOS, Known(points=POINTS, compared=POINTS), [1.0, 0.0, 0.0, 0.0], 12, chosen, exact=False)
        (asked,) = client.queries
        params = asked["search_params"]
        assert (params.quantization.rescore, params.quantization.oversampling) == (True, 4.0)
        assert (params.acorn is not None) == (chosen is not None)


@pytest.mark.parametrize("compared", [0, POINTS])
def test_strict_mode_is_kept_within(client: Recording, compared: int) -> None:
    client.strict = STRICT
    known = known_of(VIDEOS, client.get_collection(VIDEOS.name))
    known = Known(**{**known.__dict__, "compared": compared})
    for chosen in (None, MALE):
        nearest(client, VIDEOS, known, [-1.0, 0.0, 0.0, 0.0], 12, chosen, exact=False)
    for asked in client.queries:
        params = asked["search_params"]
        assert asked["limit"] <= 100
        assert not params.exact
        assert params.hnsw_ef <= 200
        assert (params.quantization.oversampling or 0) <= 2.0
    with pytest.raises(ArchiveError, match="search_allow_exact"):
        nearest(client, VIDEOS, known, [1.0, 0.0, 0.0, 0.0], 12, None, exact=True)


def test_strict_mode_of_a_whole_index(client: Recording) -> None:
    client.strict = STRICT
    index = ServerIndex(client)
    client.batches.clear()
    rows = np.random.default_rng(2).standard_normal((120, 4)).astype(np.float32)
    index.upsert(
        VIDEOS, [Point(UUID(int=10**6 + i), row, Payload(str(i), "s", "p", 1, "h")) for i, row in enumerate(rows)]
    )
    assert client.batches == [50, 50, 20]
    assert len(index.search(VIDEOS, rows[0], 100)) == 100
    with pytest.raises(ArchiveError, match=r"100 results.*max_query_limit.*101"):
        index.search(VIDEOS, rows[0], 101)
    assert sum(1 for _ in index.scroll(VIDEOS)) == POINTS + 120
    assert max(client.scrolls) == 100


def test_strict_mode_that_is_off_limits_nothing(client: Recording) -> None:
    client.strict = STRICT.model_copy(update={"enabled": False})
    known = known_of(VIDEOS, client.get_collection(VIDEOS.name))
    assert (known.limit, known.width, known.oversampling, known.batch, known.values) == (None,) * 5
    assert known.exact


def test_small_vectors_are_the_first_kind_that_the_server_knows() -> None:
    new = Recording()
    ServerIndex(new).ensure(VIDEOS)
    assert isinstance(new.quantizations[0], models.TurboQuantization)
    assert new.quantizations[0].turbo.bits == models.TurboQuantBitSize.BITS4
    older = Recording()
    older.refuses_turbo = True
    ServerIndex(older).ensure(VIDEOS)
    assert isinstance(older.quantizations[0], models.ScalarQuantization)
    assert older.quantizations[0].scalar.type == models.ScalarType.INT8


def test_a_collection_of_an_older_version_is_given_small_vectors() -> None:
    client = Recording()
    vectors = models.VectorParams(size=4, distance=models.Distance.COSINE)
    QdrantClient.create_collection(client, VIDEOS.name, vectors)
    ServerIndex(client).ensure(VIDEOS)
    assert isinstance(client.quantizations[0], models.TurboQuantization)


def test_a_server_that_gives_no_small_vectors_is_used_without() -> None:
    class Busy(Recording):
        def update_collection(self, *args: Any, **kwargs: Any) -> Any:
            raise UnexpectedResponse(503, "Service Unavailable", b"optimizing", Headers())

    client = Busy()
    QdrantClient.create_collection(client, VIDEOS.name, models.VectorParams(size=4, distance=models.Distance.COSINE))
    index = ServerIndex(client)
    index.ensure(VIDEOS)
    assert index.search(VIDEOS, np.ones(4, np.float32), 3) == []
