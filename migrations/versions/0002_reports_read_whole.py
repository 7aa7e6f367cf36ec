"""how a report was read, and reports that end the process that reads them

Revision: 0002
Follows: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, default in (("text_form", "1"), ("left_out", "0")):
        column = sa.Column(name, sa.BigInteger(), server_default=default, nullable=False)
        op.add_column("report_embedding", column, schema="core")
    op.create_table(
        "report_attempt",
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("report_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_report_attempt_encoder_id")),
        sa.ForeignKeyConstraint(["report_key"], ["core.report.report_key"], name=op.f("fk_report_attempt_report_key")),
        sa.PrimaryKeyConstraint("encoder_id", "report_key", name=op.f("pk_report_attempt")),
        schema="core",
    )


def downgrade() -> None:
    op.drop_table("report_attempt", schema="core")
    for name in ("left_out", "text_form"):
        op.drop_column("report_embedding", name, schema="core")
