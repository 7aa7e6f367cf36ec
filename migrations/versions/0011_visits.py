"""the order of a patient's studies, and facts that a report inherits

Reports are read for facts again by the next ingest, to learn which of them refer to the study before.

Revision: 0011
Follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("patient", sa.Column("settled", sa.Boolean(), server_default="false", nullable=False), schema="core")
    op.create_index(
        "ix_patient_unsettled",
        "patient",
        ["patient_key"],
        unique=False,
        schema="core",
        postgresql_where=sa.text("not settled"),
    )
    op.add_column("study", sa.Column("visit", sa.BigInteger(), server_default="0", nullable=False), schema="core")
    op.drop_index(op.f("ix_study_patient_key"), table_name="study", schema="core")
    op.create_index(op.f("ix_study_patient_key_visit"), "study", ["patient_key", "visit"], unique=False, schema="core")
    op.add_column(
        "fact_reading", sa.Column("refers_back", sa.Boolean(), server_default="false", nullable=False), schema="core"
    )
    op.add_column("fact", sa.Column("inherited_from", sa.Uuid(as_uuid=False), nullable=True), schema="core")
    op.execute("update core.fact_reading set lexicon = ''")


def downgrade() -> None:
    op.execute("delete from core.fact where inherited_from is not null")
    op.drop_column("fact", "inherited_from", schema="core")
    op.drop_column("fact_reading", "refers_back", schema="core")
    op.drop_index(op.f("ix_study_patient_key_visit"), table_name="study", schema="core")
    op.create_index(op.f("ix_study_patient_key"), "study", ["patient_key"], unique=False, schema="core")
    op.drop_column("study", "visit", schema="core")
    op.drop_index("ix_patient_unsettled", table_name="patient", schema="core", postgresql_where=sa.text("not settled"))
    op.drop_column("patient", "settled", schema="core")
