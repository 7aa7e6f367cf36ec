"""sex, age and birth date belong to the study that its files describe

Revision: 0004
Follows: 0003

What was known of a patient is what each of the patient's studies and videos starts with: no point of the index changes,
and a file that is read again speaks for itself.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("two_sexes", "two_birth_dates"):
        op.add_column("patient", sa.Column(name, sa.Boolean(), server_default="false", nullable=False), schema="core")
    op.add_column("study", sa.Column("sex", sa.Text(), nullable=True), schema="core")
    op.add_column(
        "study", sa.Column("contradicts", sa.Boolean(), server_default="false", nullable=False), schema="core"
    )
    op.add_column("video", sa.Column("sex", sa.Text(), nullable=True), schema="core")
    op.add_column("video", sa.Column("age", sa.SmallInteger(), nullable=True), schema="core")
    for table in ("study", "video"):
        op.add_column(table, sa.Column("birth_date", sa.Date(), nullable=True), schema="phi")
        for name in ("authority", "institution"):
            op.add_column(table, sa.Column(name, sa.Text(), nullable=True), schema="phi")
    op.add_column("patient", sa.Column("hospital", sa.Text(), server_default="", nullable=False), schema="phi")
    op.drop_constraint("uq_patient_issuer_patient_id", "patient", schema="phi")
    op.create_unique_constraint(
        "uq_patient_issuer_patient_id_hospital", "patient", ["issuer", "patient_id", "hospital"], schema="phi"
    )
    op.execute("update core.study s set sex = p.sex from core.patient p where p.patient_key = s.patient_key")
    op.execute("update core.video v set sex = s.sex, age = s.age from core.study s where s.study_key = v.study_key")
    op.execute(
        "update phi.study s set birth_date = p.birth_date from phi.patient p where p.patient_key = s.patient_key"
    )
    op.execute(
        "update phi.video i set birth_date = s.birth_date from core.video v join phi.study s using (study_key)"
        " where i.video_key = v.video_key"
    )
    op.drop_column("patient", "sex", schema="core")
    op.drop_column("patient", "birth_date", schema="phi")


def downgrade() -> None:
    op.add_column("patient", sa.Column("sex", sa.Text(), nullable=True), schema="core")
    op.add_column("patient", sa.Column("birth_date", sa.Date(), nullable=True), schema="phi")
    op.execute(
        "update core.patient p set sex = (select min(s.sex) from core.study s where s.patient_key = p.patient_key)"
    )
    op.execute(
        "update phi.patient p set birth_date ="
        " (select min(s.birth_date) from phi.study s where s.patient_key = p.patient_key)"
    )
    # a patient has one sex again: points of studies that had another one differ, and verify --repair mends them
    # two hospitals' patients of one number stay two: their issuers tell them apart from now on
    op.execute("update phi.patient set issuer = issuer || ' ' || hospital where hospital <> ''")
    op.drop_constraint("uq_patient_issuer_patient_id_hospital", "patient", schema="phi")
    op.drop_column("patient", "hospital", schema="phi")
    op.create_unique_constraint("uq_patient_issuer_patient_id", "patient", ["issuer", "patient_id"], schema="phi")
    for table in ("video", "study"):
        for name in ("institution", "authority", "birth_date"):
            op.drop_column(table, name, schema="phi")
    for name in ("age", "sex"):
        op.drop_column("video", name, schema="core")
    for name in ("contradicts", "sex"):
        op.drop_column("study", name, schema="core")
    for name in ("two_birth_dates", "two_sexes"):
        op.drop_column("patient", name, schema="core")
