"""measurements of structured reports

Revision: 0008
Follows: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sr_value",
        sa.Column("file_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("concept", sa.Text(), nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), server_default="false", nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["core.source_file.id"], name=op.f("fk_sr_value_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", "concept", name=op.f("pk_sr_value")),
        schema="core",
    )
    op.create_index(
        "ix_sr_value_concept",
        "sr_value",
        ["concept", "study_key"],
        unique=False,
        schema="core",
        postgresql_include=["value"],
        postgresql_where=sa.text("trusted"),
    )
    op.create_index(op.f("ix_sr_value_study_key"), "sr_value", ["study_key"], unique=False, schema="core")
    op.create_table(
        "sr_file",
        sa.Column("file_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("trusted", sa.Boolean(), server_default="false", nullable=False),
        sa.ForeignKeyConstraint(
            ["file_id"], ["core.source_file.id"], name=op.f("fk_sr_file_file_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_sr_file")),
        schema="phi",
    )


def downgrade() -> None:
    op.drop_table("sr_file", schema="phi")
    op.drop_index(op.f("ix_sr_value_study_key"), table_name="sr_value", schema="core")
    op.drop_index(
        "ix_sr_value_concept",
        table_name="sr_value",
        schema="core",
        postgresql_include=["value"],
        postgresql_where=sa.text("trusted"),
    )
    op.drop_table("sr_value", schema="core")
