"""contours: what a head drew on videos, and measured

Revision: 0027
Follows: 0024
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0027"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contour",
        sa.Column("video_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("content_digest", sa.LargeBinary(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("ef", sa.Float(), nullable=True),
        sa.Column("no_figure", sa.Text(), nullable=True),
        sa.Column("found", JSONB(), nullable=False),
        sa.Column("outlines", sa.LargeBinary(), nullable=True),
        sa.Column("areas", sa.LargeBinary(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(ef is null) = (no_figure is not null)", name=op.f("ck_contour_figure")),
        sa.ForeignKeyConstraint(["video_key"], ["core.video.video_key"], name=op.f("fk_contour_video_key_video")),
        sa.PrimaryKeyConstraint("video_key", "head", name=op.f("pk_contour")),
        schema="core",
    )


def downgrade() -> None:
    op.drop_table("contour", schema="core")
