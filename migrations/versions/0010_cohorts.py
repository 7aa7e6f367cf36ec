"""cohorts: definitions, frozen snapshots, reviews

Revision: 0010
Follows: 0009
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# What is written once stays: no role can change a row without dropping a trigger, which only the owner can.
REFUSE = """
create function core.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'rows of %.% are written once and never changed', tg_table_schema, tg_table_name
        using errcode = 'restrict_violation';
end $$
"""
# members come with their snapshot, in its own transaction, and never later
ONLY_WITH_SNAPSHOT = """
create function core.members_with_snapshot() returns trigger language plpgsql as $$
begin
    if exists (
        select from (select distinct snapshot_id from added) a join core.cohort_snapshot s on s.id = a.snapshot_id
        where s.xmin <> cast(pg_current_xact_id() as xid)
    ) then
        raise exception 'a frozen cohort takes no more members' using errcode = 'restrict_violation';
    end if;
    return null;
end $$
"""
WRITTEN_ONCE = ("core.cohort_snapshot", "core.cohort_member", "core.review", "phi.review")


def upgrade() -> None:
    op.create_table(
        "cohort",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cohort")),
        schema="core",
    )
    op.create_table(
        "cohort_snapshot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("members", sa.BigInteger(), nullable=False),
        sa.Column("attrition", postgresql.JSONB(), nullable=False),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.Column("lexicons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=True),
        sa.Column("calibration", sa.Text(), nullable=True),
        sa.Column("report_seq", sa.BigInteger(), nullable=False),
        sa.Column("file_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cohort_snapshot")),
        sa.UniqueConstraint("name", "number", name=op.f("uq_cohort_snapshot_name_number")),
        schema="core",
    )
    op.create_table(
        "cohort_member",
        sa.Column("snapshot_id", sa.BigInteger(), nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("patient_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("month", sa.BigInteger(), nullable=True),
        sa.Column("age", sa.SmallInteger(), nullable=True),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.Column("report_key", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("lexicon", sa.Text(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["snapshot_id"], ["core.cohort_snapshot.id"], name=op.f("fk_cohort_member_snapshot_id")
        ),
        sa.PrimaryKeyConstraint("snapshot_id", "study_key", name=op.f("pk_cohort_member")),
        schema="core",
    )
    op.create_table(
        "review",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("question", sa.Text(), nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("reader", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint("answer in ('accept', 'reject', 'unsure')", name=op.f("ck_review_answer")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        schema="core",
    )
    op.create_index("ix_review_topic", "review", ["topic", "study_key", "reader", "id"], unique=False, schema="core")
    op.create_table(
        "review",
        sa.Column("review_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["core.review.id"], name=op.f("fk_review_review_id")),
        sa.PrimaryKeyConstraint("review_id", name=op.f("pk_review")),
        schema="phi",
    )
    op.execute(REFUSE)
    op.execute(ONLY_WITH_SNAPSHOT)
    for table in WRITTEN_ONCE:
        op.execute(
            f"create trigger written_once before update or delete on {table}"
            " for each statement execute function core.refuse_change()"
        )
    op.execute(
        "create trigger with_snapshot after insert on core.cohort_member referencing new table as added"
        " for each statement execute function core.members_with_snapshot()"
    )


def downgrade() -> None:
    op.drop_table("review", schema="phi")
    op.drop_table("review", schema="core")
    op.drop_table("cohort_member", schema="core")
    op.drop_table("cohort_snapshot", schema="core")
    op.drop_table("cohort", schema="core")
    op.execute("drop function core.members_with_snapshot()")
    op.execute("drop function core.refuse_change()")
