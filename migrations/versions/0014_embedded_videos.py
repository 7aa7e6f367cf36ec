"""how many videos of a study have a vector, so that a cohort need not count them

Revision: 0014
Follows: 0011
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "study_embedding",
        sa.Column("embedded_videos", sa.BigInteger(), server_default="0", nullable=False),
        schema="core",
    )
    op.execute(
        "update core.study_embedding s set embedded_videos = n.videos from"
        " (select e.encoder_id, v.study_key, count(*) as videos from core.embedding e"
        " join core.video v using (video_key) group by e.encoder_id, v.study_key) n"
        " where n.encoder_id = s.encoder_id and n.study_key = s.study_key"
    )


def downgrade() -> None:
    op.drop_column("study_embedding", "embedded_videos", schema="core")
