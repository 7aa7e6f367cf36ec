"""What a search may be asked, without what it takes to answer: the command line declares its options by it."""

from __future__ import annotations

from typing import Literal

__all__ = ["GROUPS", "MAX_EXPORT", "MAX_TOP_K", "SORTS", "Group", "Sort"]

Group = Literal["study", "video", "patient"]
Sort = Literal["relevance", "date"]
SORTS: tuple[Sort, ...] = ("relevance", "date")
GROUPS: tuple[Group, ...] = ("study", "video", "patient")
MAX_TOP_K = 200
MAX_EXPORT = 100_000  # hits of an export: their vectors are in memory, 200 MB at 512 dimensions
