"""One collection of a Qdrant server: how it is made and brought up to date, and what the server allows with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from qdrant_client import QdrantClient, models

from echosearch.errors import ArchiveError, StoreUnreachable
from echosearch.index.base import Collection
from echosearch.index.fields import (
    FULL_SCAN_KB,
    HNSW_EF_CONSTRUCT,
    HNSW_M,
    PAYLOAD_INDEXES,
    IndexType,
    points_compared,
)
from echosearch.index.server.call import call
from echosearch.index.server.options import ServerOptions, SmallVectors

__all__ = ["Known", "build_graph", "check_collection", "create_collection", "known_of"]

_SCHEMAS: dict[IndexType, models.PayloadSchemaType] = {
    "words": models.PayloadSchemaType.INTEGER,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
}
# Small vectors in memory, for the walk; what it finds is compared anew in float16 (search.py asks for that: without it
# an eighth of the hits is lost). Of those of one choice, the first that the server knows is taken.
_EIGHT_BIT = models.ScalarQuantization(
    scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
)
_SMALL_VECTORS: dict[SmallVectors, tuple[models.QuantizationConfig | None, ...]] = {
    "4-bit": (
        models.TurboQuantization(
            turbo=models.TurboQuantQuantizationConfig(bits=models.TurboQuantBitSize.BITS4, always_ram=True)
        ),
        _EIGHT_BIT,
    ),
    "8-bit": (_EIGHT_BIT,),
    "binary": (models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True)),),
    "none": (None,),
}


@dataclass(frozen=True)
class Known:
    """The server's description of a collection; the limits are those of its strict mode, None if it has none."""

    points: int
    compared: int  # up to so many matches it compares all rather than walk the graph
    limit: int | None = None
    width: int | None = None
    oversampling: float | None = None
    batch: int | None = None
    values: int | None = None  # of one condition
    exact: bool = True


def known_of(collection: Collection, info: models.CollectionInfo) -> Known:
    points = info.points_count or 0
    compared = points_compared(collection, info.config.hnsw_config.full_scan_threshold)
    strict = info.config.strict_mode_config
    if strict is None or not strict.enabled:
        return Known(points, compared)
    return Known(
        points,
        compared,
        strict.max_query_limit,
        strict.search_max_hnsw_ef,
        strict.search_max_oversampling,
        strict.upsert_max_batchsize,
        strict.condition_max_size,
        strict.search_allow_exact is not False,
    )


def create_collection(client: QdrantClient, collection: Collection, options: ServerOptions) -> None:
    """Make a collection with the first kind of small vectors, of those that were chosen, that the server knows."""
    choices = _SMALL_VECTORS[options.small_vectors]
    for small in choices:
        try:
            call(partial(_create, client, collection, small, options))
            return
        except (ArchiveError, ValueError) as exc:
            if "already exists" in str(exc):  # another process was first
                return
            if small is choices[-1]:
                raise


def _create(
    client: QdrantClient, collection: Collection, small: models.QuantizationConfig | None, options: ServerOptions
) -> None:
    client.create_collection(
        collection.name,
        vectors_config=models.VectorParams(
            size=collection.dimension,
            distance=models.Distance.COSINE,
            datatype=models.Datatype.FLOAT16,  # the float32 originals are in Postgres
        ),
        hnsw_config=models.HnswConfigDiff(
            m=0 if options.graph_later else HNSW_M,
            ef_construct=HNSW_EF_CONSTRUCT,
            full_scan_threshold=FULL_SCAN_KB,
        ),
        quantization_config=small,
        shard_number=options.shards,
        replication_factor=options.replicas,
        write_consistency_factor=options.write_consistency,
    )


def build_graph(client: QdrantClient, collection: Collection) -> None:
    """Let the server build the graph of a collection that was filled without one. Raises NotFound, ArchiveError."""
    info = call(lambda: client.get_collection(collection.name))
    if info.config.hnsw_config.m == 0:
        graph = models.HnswConfigDiff(m=HNSW_M)
        call(lambda: client.update_collection(collection.name, hnsw_config=graph))


def check_collection(client: QdrantClient, collection: Collection, options: ServerOptions) -> Known:
    """Check the vectors, and make what is missing: a payload index, small vectors. Raises NotFound, ArchiveError."""
    info = call(lambda: client.get_collection(collection.name))
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
            make = partial(client.create_payload_index, collection.name, name, field_schema=_SCHEMAS[kind])
            call(partial(make, wait=True))
        elif have.data_type != _SCHEMAS[kind]:
            raise ArchiveError(
                f"collection {collection.name} indexes {name} as {have.data_type}, not as {kind}: "
                "make it anew with echosearch index rebuild"
            )
    if info.config.quantization_config is None:
        _add_small_vectors(client, collection, options)
    return known_of(collection, info)


def _add_small_vectors(client: QdrantClient, collection: Collection, options: ServerOptions) -> None:
    """Give a collection that an older version made what a new one has; the server converts it in the background.

    Searches are right without, and slower: a server that refuses, or is too busy building to say yes, is let be.
    """
    for small in _SMALL_VECTORS[options.small_vectors] if options.small_vectors != "none" else ():
        try:
            call(partial(client.update_collection, collection.name, quantization_config=small), waits=())
            return
        except StoreUnreachable:
            return
        except ArchiveError:
            continue
