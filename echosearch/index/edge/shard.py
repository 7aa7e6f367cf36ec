"""One collection's shard of the embedded engine: its configuration, creation, loading and checks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import qdrant_edge as engine

from echosearch.errors import ArchiveError, EchosearchError, StoreUnreachable
from echosearch.index.base import Collection
from echosearch.index.fields import (
    FULL_SCAN_KB,
    HNSW_EF_CONSTRUCT,
    HNSW_M,
    PAYLOAD_INDEXES,
    IndexType,
    full_scan_kb,
    points_compared,
)
from echosearch.index.panic import EnginePanic, panics_caught

__all__ = [
    "Shard",
    "check_shard",
    "create_shard",
    "engine_errors",
    "folder_size",
    "load_shard",
    "load_to_optimize",
    "sync_folder",
    "whole_records",
]

INDEX_KB = 4_000  # from this size on optimize() makes a segment of its own, with a graph

# The graph is walked on 4 bits a number and what it finds is compared anew in float16 (edge.py asks for that): at the
# same time this allows a search three times as wide.
_FOUR_BITS = engine.TurboQuantQuantizationConfig(bits=engine.TurboQuantBitSize.Bits4, memory=engine.Memory.Pinned)
_SCHEMAS: dict[IndexType, engine.PayloadSchemaParams] = {
    # Extra links of the graph for each value that many points have: for words only. A key has few points and is
    # scanned; for numbers links double the time of building and find nothing more (bench_index.py). A number is
    # only ever compared as a range: a table of its values too would be one more index to write.
    "words": engine.IntegerIndexParams(lookup=True, range=False),
    "integer": engine.IntegerIndexParams(lookup=False, range=True, enable_hnsw=False),
    "float": engine.FloatIndexParams(enable_hnsw=False),
}
_TYPES: dict[IndexType, engine.PayloadSchemaType] = {
    "words": engine.PayloadSchemaType.Integer,
    "integer": engine.PayloadSchemaType.Integer,
    "float": engine.PayloadSchemaType.Float,
}


@dataclass(frozen=True)
class Shard:
    """An open shard; ``compared``: up to so many matches the engine compares rather than walk its graph."""

    edge: engine.EdgeShard = field(repr=False)
    dimension: int
    compared: int


@contextmanager
def engine_errors(name: str) -> Iterator[None]:
    """Turn the engine's plain Exceptions and panics into our errors."""
    try:
        with panics_caught():
            yield
    except EnginePanic as exc:
        raise StoreUnreachable(_damaged(name, str(exc))) from exc
    except (EchosearchError, ValueError, TypeError):
        raise
    except Exception as exc:
        reason = " ".join(str(exc).split())
        if "incompatible" in reason.lower():
            raise ArchiveError(
                f"collection {name} was made for other vectors ({reason}): make it anew with echosearch index rebuild"
            ) from exc
        raise StoreUnreachable(
            f"the embedded vector engine failed on {name}: {reason}; check the free space under ECHOSEARCH_HOME, "
            "then run echosearch index rebuild, which needs no encoder"
        ) from exc


@contextmanager
def whole_records(name: str) -> Iterator[None]:
    """Guard the reading of records: one without its payload or vector comes from a damaged index."""
    try:
        yield
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as exc:
        raise StoreUnreachable(_damaged(name, "a point lacks its payload or its vector")) from exc


def _damaged(name: str, reason: str) -> str:
    return f"collection {name} of the index is damaged ({reason}): run echosearch index rebuild, which needs no encoder"


def folder_size(place: Path) -> int:
    """Return the bytes that the files below take on the disk; the engine's maps have holes."""
    return sum(file.stat().st_blocks * 512 for file in place.rglob("*") if file.is_file())


def load_shard(collection: Collection, place: Path) -> Shard:
    """Open a shard. Raises ArchiveError if its dimension, distance or datatype differ."""
    with engine_errors(collection.name):
        shard = engine.EdgeShard.load(str(place), _config(collection, None, None))
    return Shard(shard, collection.dimension, _compared(collection, place))


def load_to_optimize(collection: Collection, place: Path, points: int) -> engine.EdgeShard:
    """Open a shard of so many ``points`` that optimize() is about to give 4-bit vectors and a graph, for good."""
    with engine_errors(collection.name):
        hnsw = _hnsw(full_scan_kb(collection, points))
        return engine.EdgeShard.load(str(place), _config(collection, hnsw, _FOUR_BITS))


def _compared(collection: Collection, place: Path) -> int:
    """Read what the graphs were made with; a shard without one compares all."""
    found = []
    for file in (place / "segments").glob("*/vector_index/hnsw_config.json"):
        try:
            found.append(int(json.loads(file.read_bytes())["full_scan_threshold"]))
        except (OSError, ValueError, KeyError, TypeError):  # a search is planned by it, and right with any number
            found.append(points_compared(collection))
    return min(found, default=points_compared(collection))


def create_shard(collection: Collection, place: Path) -> None:
    """Make a shard with its payload indexes, under another name first: it is there whole or not at all.

    Without 4-bit vectors: to make each point's as it comes costs a first ingest or a rebuild a sixth of its time.
    """
    making = place.with_name(f".new-{place.name}")
    making.mkdir(mode=0o700)
    with engine_errors(collection.name):
        shard = engine.EdgeShard.create(str(making), _config(collection, _hnsw(FULL_SCAN_KB), None))
        for name, kind in PAYLOAD_INDEXES.items():
            shard.update(engine.UpdateOperation.create_field_index(name, _SCHEMAS[kind]))
        shard.flush()
        shard.close()
    making.rename(place)
    sync_folder(place.parent)


def check_shard(collection: Collection, shard: Shard) -> None:
    """Check the payload indexes: make a missing one, raise ArchiveError for one of another type."""
    with engine_errors(collection.name):
        have = shard.edge.info().payload_schema
        for name, kind in PAYLOAD_INDEXES.items():
            if name not in have:
                shard.edge.update(engine.UpdateOperation.create_field_index(name, _SCHEMAS[kind]))
            elif have[name].data_type != _TYPES[kind]:
                raise ArchiveError(
                    f"collection {collection.name} indexes {name} as {have[name].data_type}, not as {kind}: "
                    "make it anew with echosearch index rebuild"
                )
        shard.edge.flush()


def sync_folder(folder: Path) -> None:
    """Force a rename inside ``folder`` to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hnsw(compared_kb: int) -> engine.HnswIndexConfig:
    return engine.HnswIndexConfig(m=HNSW_M, ef_construct=HNSW_EF_CONSTRUCT, full_scan_threshold=compared_kb)


def _config(
    collection: Collection,
    hnsw: engine.HnswIndexConfig | None,
    quantization: engine.TurboQuantQuantizationConfig | None,
) -> engine.EdgeConfig:
    """Return the shard's configuration; a value of None leaves the shard's own."""
    return engine.EdgeConfig(
        vectors=engine.EdgeVectorParams(
            collection.dimension,
            engine.Distance.Cosine,
            datatype=engine.VectorStorageDatatype.Float16,  # the float32 originals are in Postgres
        ),
        hnsw_config=hnsw,
        quantization_config=quantization,
        optimizers=engine.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=INDEX_KB),
        wal_enabled=False,  # see edge.py: every write is flushed
    )
