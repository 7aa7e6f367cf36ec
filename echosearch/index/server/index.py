"""A Qdrant server, through qdrant-client."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from functools import partial
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models

from echosearch.errors import ArchiveError, StoreUnreachable
from echosearch.filters import Where
from echosearch.index.base import Collection, Point, Scored, Stored
from echosearch.index.fields import (
    HNSW_EF_CONSTRUCT,
    HNSW_M,
    PAYLOAD_INDEXES,
    SCORED_FIELDS,
    TIE_MARGIN,
    IndexType,
    best_first,
    payload_values,
    read_ref,
    scored,
    search_width,
    unit_query,
    unit_rows,
)
from echosearch.index.server.call import NO_QDRANT, NotFound, call, checked_url
from echosearch.index.server.filter import server_filter
from echosearch.vector import Vectors

__all__ = ["ServerIndex", "connect"]

TIMEOUT_SECONDS = 30
UPSERT_POINTS = 500  # in one request: 512 dimensions as JSON are 5 MB, a server takes 32

_SCHEMAS: dict[IndexType, models.PayloadSchemaType] = {
    "words": models.PayloadSchemaType.INTEGER,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
}


def connect(url: str, api_key: str | None) -> ServerIndex:
    """A checked connection: gRPC where its port (6334) answers, REST otherwise.

    Raises ConfigError for a URL that would send data in the clear, StoreUnreachable where nothing answers.
    """
    address = checked_url(url)
    client = _client(address, api_key, prefer_grpc=True)
    try:
        call(client.get_collections, waits=(0.2,))
    except (StoreUnreachable, ArchiveError, NotFound):
        client.close()
        client = _client(address, api_key, prefer_grpc=False)
        try:
            call(client.get_collections)
        except NotFound as exc:
            client.close()
            raise StoreUnreachable(NO_QDRANT) from exc
        except (StoreUnreachable, ArchiveError):
            client.close()
            raise
    return ServerIndex(client)


def _client(address: str, api_key: str | None, prefer_grpc: bool) -> QdrantClient:
    with warnings.catch_warnings():
        # checked_url has decided where a key may go without TLS
        warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
        return QdrantClient(
            url=address,
            api_key=api_key,
            prefer_grpc=prefer_grpc,
            timeout=TIMEOUT_SECONDS,
            check_compatibility=False,  # would warn from a thread; docs/operations.md names the versions
        )


class ServerIndex:
    """VectorIndex on a server. Each write waits until it is applied."""

    def __init__(self, client: QdrantClient) -> None:
        self._client = client

    def __repr__(self) -> str:
        return "ServerIndex()"

    def ensure(self, collection: Collection) -> None:
        try:
            self._check(collection)
        except NotFound:
            try:
                call(lambda: self._create(collection))
            except (ArchiveError, ValueError) as exc:
                if "already exists" not in str(exc):  # another process was first
                    raise
            self._check(collection)

    def collections(self) -> list[str]:
        answer = call(self._client.get_collections)
        return sorted(entry.name for entry in answer.collections)

    def upsert(self, collection: Collection, points: Sequence[Point]) -> None:
        if not points:
            return
        rows = unit_rows(collection, points).tolist()
        for start in range(0, len(points), UPSERT_POINTS):
            some = points[start : start + UPSERT_POINTS]
            batch = models.Batch(
                ids=[str(point.id) for point in some],
                vectors=rows[start : start + UPSERT_POINTS],
                payloads=[payload_values(point.payload) for point in some],
            )
            try:
                call(partial(self._client.upsert, collection.name, batch, wait=True))
            except NotFound as exc:
                raise ArchiveError(
                    f"collection {collection.name} does not exist: run echosearch index rebuild"
                ) from exc

    def delete(self, collection: Collection, ids: Sequence[UUID]) -> None:
        if not ids:
            return
        chosen = models.PointIdsList(points=[str(point_id) for point_id in ids])
        try:
            call(lambda: self._client.delete(collection.name, chosen, wait=True))
        except NotFound:
            return

    def search(
        self, collection: Collection, vector: Vectors, limit: int, where: Where | None = None, exact: bool = False
    ) -> list[Scored]:
        query = unit_query(collection, vector)
        if limit < 1:
            return []
        chosen = server_filter(where) if where is not None else None
        wanted = limit + TIE_MARGIN
        while True:
            try:
                found = self._nearest(collection, query, wanted, chosen, exact)
            except NotFound:
                return []
            if len(found) < wanted or found[-1].score < found[limit - 1].score:
                break
            wanted *= 4  # a tie runs past what was asked for: identical reports have identical vectors
        return best_first([(UUID(str(hit.id)), scored(hit.payload or {}, hit.score)) for hit in found], limit)

    def _nearest(
        self, collection: Collection, query: list[float], limit: int, chosen: models.Filter | None, exact: bool
    ) -> list[models.ScoredPoint]:
        params = models.SearchParams(hnsw_ef=search_width(limit), exact=exact)
        answer = call(
            lambda: self._client.query_points(
                collection.name,
                query=query,
                query_filter=chosen,
                limit=limit,
                search_params=params,
                with_payload=list(SCORED_FIELDS),
            )
        )
        return answer.points

    def count(self, collection: Collection) -> int:
        try:
            return call(lambda: self._client.count(collection.name, exact=True)).count
        except NotFound:
            return 0

    def tally(self, collection: Collection) -> int:
        try:
            return call(lambda: self._client.get_collection(collection.name)).points_count or 0
        except NotFound:
            return 0

    def scroll(self, collection: Collection, whole: bool = False, batch: int = 1000) -> Iterator[Stored]:
        offset: models.ExtendedPointId | None = None
        while True:
            try:
                records, offset = call(
                    partial(
                        self._client.scroll,
                        collection.name,
                        limit=batch,
                        offset=offset,
                        with_payload=whole or ["ref"],
                        with_vectors=whole,
                    )
                )
            except NotFound:
                return
            for record in records:
                values = record.payload or {}
                vector = np.asarray(record.vector, dtype=np.float32) if whole else None
                yield Stored(UUID(str(record.id)), *read_ref(values), values if whole else None, vector)
            if offset is None:
                return

    def drop(self, collection: Collection) -> None:
        try:
            call(lambda: self._client.delete_collection(collection.name))
        except NotFound:
            return

    def optimize(self, collection: Collection) -> bool:
        """A server builds its graph by itself."""
        return True

    def close(self) -> None:
        self._client.close()

    def _create(self, collection: Collection) -> None:
        self._client.create_collection(
            collection.name,
            vectors_config=models.VectorParams(
                size=collection.dimension,
                distance=models.Distance.COSINE,
                datatype=models.Datatype.FLOAT16,  # the float32 originals are in Postgres
            ),
            hnsw_config=models.HnswConfigDiff(m=HNSW_M, ef_construct=HNSW_EF_CONSTRUCT),
        )

    def _check(self, collection: Collection) -> None:
        """Vectors as they must be, and every payload index: a missing one is made. Raises NotFound."""
        info = call(lambda: self._client.get_collection(collection.name))
        vectors = info.config.params.vectors
        if not isinstance(vectors, models.VectorParams) or (vectors.size, vectors.distance) != (
            collection.dimension,
            models.Distance.COSINE,
        ):
            raise ArchiveError(
                f"collection {collection.name} does not hold cosine vectors of {collection.dimension} dimensions "
                f"(it has {getattr(vectors, 'size', 'several')}): make it anew with echosearch index rebuild"
            )
        for name, kind in PAYLOAD_INDEXES.items():
            have = info.payload_schema.get(name)
            if have is None:
                make = partial(self._client.create_payload_index, collection.name, name, field_schema=_SCHEMAS[kind])
                call(partial(make, wait=True))
            elif have.data_type != _SCHEMAS[kind]:
                raise ArchiveError(
                    f"collection {collection.name} indexes {name} as {have.data_type}, not as {kind}: "
                    "make it anew with echosearch index rebuild"
                )
