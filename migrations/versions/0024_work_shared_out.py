"""what all files are compared by is in one index; a re-embedding can be a job of many workers

Revision: 0024
Follows: 0017
"""

from __future__ import annotations

from alembic import op

revision = "0024"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # which files back a video is read from the index alone: by the keys, the rows of the table lie at random
    op.create_index(
        "ix_source_file_video_key_state",
        "source_file",
        ["video_key", "state"],
        schema="core",
        postgresql_include=["id"],
    )
    op.drop_index("ix_source_file_video_key", "source_file", schema="core")


def downgrade() -> None:
    op.create_index("ix_source_file_video_key", "source_file", ["video_key"], schema="core")
    op.drop_index("ix_source_file_video_key_state", "source_file", schema="core")
