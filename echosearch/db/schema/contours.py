"""The table of contours: what a head drew on a video and measured, a source of its own beside reports and SR."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base

__all__ = ["ContourRow"]


class ContourRow(Base):
    """One head's contours of one video, as its content was; an EF, or the reason why there is none."""

    __tablename__ = "contour"
    __table_args__ = (CheckConstraint("(ef is null) = (no_figure is not null)", name="figure"), {"schema": "core"})
    video_key: Mapped[str] = mapped_column(ForeignKey("core.video.video_key"), primary_key=True)
    head: Mapped[str] = mapped_column(primary_key=True)  # its fingerprint; "seg": imported from DICOM SEG
    content_digest: Mapped[bytes] = mapped_column(LargeBinary)  # of the video when it was drawn
    view: Mapped[str]
    ef: Mapped[float | None]  # points
    no_figure: Mapped[str | None]
    found: Mapped[dict[str, Any]] = mapped_column(JSONB)  # frames, beats, volumes, discs, why
    outlines: Mapped[bytes | None] = mapped_column(LargeBinary)  # (T, POINTS, 2) uint16, little-endian; 65535: none
    areas: Mapped[bytes | None] = mapped_column(LargeBinary)  # (T,) float32, little-endian; NaN: none
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
