"""What the searchable videos of each device lack."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from echosearch.video import VIEW_GATE

__all__ = ["DeviceQuality", "device_quality"]

MOST = 200  # devices, those with the most videos


@dataclass(frozen=True)
class DeviceQuality:
    """Counts of one device's videos."""

    device: str | None
    videos: int
    colour: int
    untimed: int  # without a frame time
    ungated: int  # whose view is not sure


def device_quality(connection: Connection) -> list[DeviceQuality]:
    """Return the counts of each device. It reads every video once."""
    rows = connection.execute(
        text(
            "select device, count(*) as videos, count(*) filter (where mode = 'color') as colour,"
            " count(*) filter (where frame_seconds is null) as untimed,"
            " count(*) filter (where coalesce(view_prob, 0) < :gate) as ungated"
            " from core.video group by device order by count(*) desc, device limit :most"
        ),
        {"gate": VIEW_GATE, "most": MOST},
    )
    return [DeviceQuality(**row._mapping) for row in rows]
