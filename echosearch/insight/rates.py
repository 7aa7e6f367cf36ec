"""How often reports are surprising, by device and by year."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Rate", "Rates"]

MAX_DEVICES = 1000  # counted apart; a site has dozens


@dataclass(frozen=True)
class Rate:
    """Studies of a device, or of a year, and how many of them are surprising."""

    by: Literal["device", "year"]
    name: str
    studies: int
    surprising: int


@dataclass
class Rates:
    """Counts as studies are read."""

    surprising: int = 0
    _studies: Counter[tuple[str, str]] = field(default_factory=Counter)
    _surprising: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, device: str | None, month: int | None, surprising: bool) -> None:
        """Count one study."""
        self.surprising += surprising
        for by, name in (("device", device), ("year", None if month is None else str(month // 100))):
            if name is None or (len(self._studies) >= MAX_DEVICES and (by, name) not in self._studies):
                continue
            self._studies[by, name] += 1
            self._surprising[by, name] += surprising

    def table(self) -> tuple[Rate, ...]:
        """Return devices and then years, in the order of their names."""
        return tuple(
            Rate("device" if by == "device" else "year", name, count, self._surprising[by, name])
            for (by, name), count in sorted(self._studies.items())
        )
