"""The hits of a remote search: a sequence that reads the server's pages as they are needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

__all__ = ["RemoteHits"]

Page = Callable[[str, str, int, bool], dict[str, Any]]


class RemoteHits:
    """Hits, best first, as dicts with the names of docs/search.md. ``total`` is None where it is not counted."""

    def __init__(self, answer: dict[str, Any], page: Page, size: int, identified: bool) -> None:
        self.id: str = answer["id"]
        self.total: int | None = answer["total"]
        self.strong: int | None = answer["strong"]
        self.belief: str | None = answer["belief"]
        self.words: str = answer["words"]  # what was understood, in one line
        self.warnings: list[str] = answer["warnings"]
        self.encoder: dict[str, Any] = answer["encoder"]
        self._kept: int = answer["kept"]
        self._hits: list[dict[str, Any]] = answer["hits"]
        self._next: str | None = answer["next"]
        self._page, self._size, self._identified = page, size, identified

    def __len__(self) -> int:
        """How many hits the server keeps; fewer are given if some may no longer be shown."""
        return self._kept

    def __iter__(self) -> Iterator[dict[str, Any]]:
        place = 0
        while True:
            while place < len(self._hits):
                yield self._hits[place]
                place += 1
            if not self._read():
                return

    def __getitem__(self, place: int) -> dict[str, Any]:
        while place >= len(self._hits) and self._read():
            pass
        return self._hits[place]

    def __repr__(self) -> str:
        return f"RemoteHits({self._kept} kept, {len(self._hits)} read)"

    def to_dicts(self) -> list[dict[str, Any]]:
        """Read all pages and return the hits."""
        return list(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return all hits as a data frame. Raises ImportError where pandas is not installed."""
        import pandas

        return pandas.DataFrame(self.to_dicts())

    def _read(self) -> bool:
        """Read the next page; return whether there was one."""
        if self._next is None:
            return False
        page = self._page(self.id, self._next, self._size, self._identified)
        self._hits += page["hits"]
        self._next = page["next"]
        return True
