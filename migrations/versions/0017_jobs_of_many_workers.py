"""jobs that many workers share, leases of runs, and a check of the archive's key

Revision: 0017
Follows: 0021
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0017"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "archive",
        sa.Column("id", sa.SmallInteger(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("key_check", sa.Uuid(as_uuid=False), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_archive_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archive")),
        schema="core",
    )
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("options", JSONB(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("walked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_job_encoder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        schema="core",
    )
    op.create_table(
        "job",
        sa.Column("job_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("witnesses", ARRAY(sa.LargeBinary()), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["core.job.id"], name=op.f("fk_job_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job")),
        schema="phi",
    )
    op.add_column("ingest_run", sa.Column("job", sa.BigInteger(), nullable=True), schema="core")
    op.add_column(
        "ingest_run", sa.Column("drives", sa.Boolean(), server_default="false", nullable=False), schema="core"
    )
    op.add_column("ingest_run", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True), schema="core")
    op.add_column("ingest_run", sa.Column("host", sa.Text(), nullable=True), schema="core")
    op.create_foreign_key(
        op.f("fk_ingest_run_job"), "ingest_run", "job", ["job"], ["id"], source_schema="core", referent_schema="core"
    )
    op.create_index("ix_ingest_run_job", "ingest_run", ["job"], schema="core")
    op.create_index(
        "ix_ingest_run_open", "ingest_run", ["id"], schema="core", postgresql_where=sa.text("finished_at is null")
    )
    op.add_column("source_file", sa.Column("job", sa.BigInteger(), nullable=True), schema="core")
    op.create_index(
        "ix_source_file_claimable",
        "source_file",
        ["job", "id"],
        schema="core",
        postgresql_where=sa.text("claimed_by is null and state in ('registered', 'admitted')"),
    )
    op.create_index(
        "ix_source_file_claimed_by",
        "source_file",
        ["claimed_by"],
        schema="core",
        postgresql_where=sa.text("claimed_by is not null"),
    )


def downgrade() -> None:
    op.drop_index("ix_source_file_claimed_by", "source_file", schema="core")
    op.drop_index("ix_source_file_claimable", "source_file", schema="core")
    op.drop_column("source_file", "job", schema="core")
    op.drop_index("ix_ingest_run_open", "ingest_run", schema="core")
    op.drop_index("ix_ingest_run_job", "ingest_run", schema="core")
    for name in ("host", "lease_until", "drives", "job"):
        op.drop_column("ingest_run", name, schema="core")
    op.drop_table("job", schema="phi")
    op.drop_table("job", schema="core")
    op.drop_table("archive", schema="core")
