"""The hours of the day in which a PACS may be asked for its archive: 22:00-06:00."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from echosearch.errors import InputError

__all__ = ["Hours", "read_hours"]

WRITTEN = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])-([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class Hours:
    """From ``begin`` to ``end`` of the local clock, over midnight where the end is earlier."""

    begin: time
    end: time

    def __str__(self) -> str:
        return f"{self.begin:%H:%M}-{self.end:%H:%M}"

    def seconds_until(self, now: datetime) -> float:
        """Return the seconds until the next of these hours, 0 within them."""
        clock = now.time()
        over_midnight = self.end <= self.begin
        inside = clock >= self.begin or clock < self.end if over_midnight else self.begin <= clock < self.end
        if inside:
            return 0.0
        begin = now.replace(hour=self.begin.hour, minute=self.begin.minute, second=0, microsecond=0)
        return ((begin if begin > now else begin + timedelta(days=1)) - now).total_seconds()


def read_hours(written: str) -> Hours:
    """Return the hours that ``22:00-06:00`` says. Raises InputError."""
    found = WRITTEN.fullmatch(written.strip())
    if found is None:
        raise InputError(f"{written!r} are no hours of the day: write them as 22:00-06:00")
    hours = [int(part) for part in found.groups()]
    return Hours(time(hours[0], hours[1]), time(hours[2], hours[3]))
