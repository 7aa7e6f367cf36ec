"""The table of opt-outs: whose files and reports the archive refuses. It names nobody."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base, Key

__all__ = ["OptOutRow"]


class OptOutRow(Base):
    """A pseudonym that files and reports are refused by, and whose opt-out it belongs to (db/opt_out/registry.py)."""

    __tablename__ = "opt_out"
    __table_args__ = (
        CheckConstraint("kind in ('patient_id', 'shared_id', 'patient', 'study', 'accession')", name="kind"),
        Index("ix_opt_out_owner", "owner"),
        {"schema": "core"},
    )
    key: Mapped[str] = mapped_column(Key, primary_key=True)
    owner: Mapped[str] = mapped_column(Key, primary_key=True)  # of a patient id; of a patient without one, the patient
    kind: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
