"""probes: readings of findings and values off study vectors, fitted to labels

Revision: 0021
Follows: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "probe",
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("concept", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("figures", JSONB(), nullable=False),
        sa.Column("weights", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("labels in ('sr', 'facts', 'csv')", name=op.f("ck_probe_labels")),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_probe_encoder_id_encoder")),
        sa.PrimaryKeyConstraint("encoder_id", "concept", "version", name=op.f("pk_probe")),
        schema="core",
    )


def downgrade() -> None:
    op.drop_table("probe", schema="core")
