"""How collections are laid out over a cluster of Qdrant servers, and how points are sent to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ServerOptions", "SmallVectors"]

SmallVectors = Literal["4-bit", "8-bit", "binary", "none"]


@dataclass(frozen=True)
class ServerOptions:
    """``shards`` to ``graph_later`` hold for collections that are made from now on; None is the server's own choice."""

    shards: int | None = None
    replicas: int = 1  # of each shard, on as many nodes
    write_consistency: int | None = None  # replicas that must have a write before it counts
    small_vectors: SmallVectors = "4-bit"  # in memory, beside the float16 ones that rescore what they find
    graph_later: bool = False  # a new collection gets its graph after its first fill, not while it is filled
    request_points: int = 500  # 512 dimensions as JSON are 5 MB, a server takes 32
    streams: int = 1  # requests under way at one time
