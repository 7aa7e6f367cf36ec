"""facts of reports

Revision: 0007
Follows: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fact_reading",
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("report_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("lexicon", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["report_key"], ["core.report.report_key"], name=op.f("fk_fact_reading_report_key")),
        sa.ForeignKeyConstraint(["study_key"], ["core.study.study_key"], name=op.f("fk_fact_reading_study_key")),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_fact_reading")),
        schema="core",
    )
    op.create_index(op.f("ix_fact_reading_report_key"), "fact_reading", ["report_key"], unique=False, schema="core")
    op.create_table(
        "fact",
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("place", sa.SmallInteger(), nullable=False),
        sa.Column("concept", sa.Text(), nullable=False),
        sa.Column("polarity", sa.Text(), nullable=False),
        sa.Column("severity_lo", sa.SmallInteger(), nullable=True),
        sa.Column("severity_hi", sa.SmallInteger(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("value_hi", sa.Float(), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("start", sa.BigInteger(), nullable=False),
        sa.Column("stop", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_key"], ["core.fact_reading.study_key"], name=op.f("fk_fact_study_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("study_key", "place", name=op.f("pk_fact")),
        schema="core",
    )
    op.create_index(
        "ix_fact_concept",
        "fact",
        ["concept", "study_key"],
        unique=False,
        schema="core",
        postgresql_include=["polarity", "severity_lo", "severity_hi", "value", "value_hi"],
    )


def downgrade() -> None:
    op.drop_index("ix_fact_concept", table_name="fact", schema="core")
    op.drop_table("fact", schema="core")
    op.drop_index(op.f("ix_fact_reading_report_key"), table_name="fact_reading", schema="core")
    op.drop_table("fact_reading", schema="core")
