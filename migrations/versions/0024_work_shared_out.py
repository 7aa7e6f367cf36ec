"""what all files are compared by is in one index; a re-embedding can be a job of many workers

Revision: 0024
Follows: 0022
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0022"
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
    op.add_column("job", sa.Column("kind", sa.Text(), server_default="ingest", nullable=False), schema="core")
    op.create_check_constraint("kind", "job", "kind in ('ingest', 'reembed')", schema="core")
    op.create_table(
        "study_range",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("job", sa.BigInteger(), nullable=False),
        sa.Column("first", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("last", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("claimed_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["job"], ["core.job.id"], name=op.f("fk_study_range_job")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study_range")),
        schema="core",
    )
    op.create_index(
        "ix_study_range_free",
        "study_range",
        ["job", "id"],
        schema="core",
        postgresql_where=sa.text("claimed_by is null"),
    )
    op.create_index(
        "ix_study_range_claimed_by",
        "study_range",
        ["claimed_by"],
        schema="core",
        postgresql_where=sa.text("claimed_by is not null"),
    )


def downgrade() -> None:
    op.drop_table("study_range", schema="core")
    op.drop_constraint("ck_job_kind", "job", schema="core")
    op.drop_column("job", "kind", schema="core")
    op.create_index("ix_source_file_video_key", "source_file", ["video_key"], schema="core")
    op.drop_index("ix_source_file_video_key_state", "source_file", schema="core")
