"""bit strings of studies, one for each fact, and what is to be made anew of them

Revision: 0013
Follows: 0014
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BIT

revision = "0013"
down_revision = "0014"
branch_labels = None
depends_on = None

# What is read of facts and measurements: every study of the statement's rows.
FACTS = """
create function core.note_stale_facts() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into core.stale_study (study_key) select distinct study_key from new_rows;
    elsif tg_op = 'DELETE' then
        insert into core.stale_study (study_key) select distinct study_key from old_rows;
    else
        insert into core.stale_study (study_key)
        select study_key from new_rows union select study_key from old_rows;
    end if;
    return null;
end $$
"""
# What a report inherits comes and goes without a reading.
INHERITED = """
create function core.note_stale_inherited() returns trigger language plpgsql as $$
begin
    if tg_op <> 'DELETE' then
        insert into core.stale_study (study_key)
        select distinct study_key from new_rows where inherited_from is not null;
    end if;
    if tg_op <> 'INSERT' then
        insert into core.stale_study (study_key)
        select distinct study_key from old_rows where inherited_from is not null;
    end if;
    return null;
end $$
"""
# What the index has of studies, where that has changed. A study gets its number with the first vector that it has: the
# next one, without a sequence, which a role would need a right to; one process writes at a time.
VECTORS = """
create function core.note_stale_vectors() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into core.stale_study (study_key)
        select distinct study_key from new_rows where indexed_gen is not null;
    elsif tg_op = 'DELETE' then
        insert into core.stale_study (study_key)
        select distinct study_key from old_rows where indexed_gen is not null;
    else
        insert into core.stale_study (study_key)
        select distinct study_key from new_rows n join old_rows o using (encoder_id, study_key)
        where (n.indexed_gen is null) <> (o.indexed_gen is null);
    end if;
    if tg_op <> 'DELETE' then
        update core.study s set number = n.number from (
            select study_key, row_number() over (order by study_key)
             + (select coalesce(max(number), -1) from core.study) as number
            from core.study where number is null
             and study_key in (select study_key from new_rows where indexed_gen is not null)
        ) n where n.study_key = s.study_key;
    end if;
    return null;
end $$
"""
STUDIES = """
create function core.note_stale_studies() returns trigger language plpgsql as $$
begin
    insert into core.stale_study (study_key)
    select study_key from new_rows n join old_rows o using (study_key)
    where (n.conflict, n.month, n.sex, n.age) is distinct from (o.conflict, o.month, o.sex, o.age);
    return null;
end $$
"""
TRANSITIONS = {
    "insert": "referencing new table as new_rows",
    "update": "referencing old table as old_rows new table as new_rows",
    "delete": "referencing old table as old_rows",
}
NOTED = {
    "fact_reading": ("note_stale_facts", ("insert", "update", "delete")),
    "fact": ("note_stale_inherited", ("insert", "update", "delete")),
    "sr_value": ("note_stale_facts", ("insert", "update", "delete")),
    "study_embedding": ("note_stale_vectors", ("insert", "update", "delete")),
    "study": ("note_stale_studies", ("update",)),
}


def upgrade() -> None:
    op.create_table(
        "study_bits",
        sa.Column("block", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("concept", sa.Text(), nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("polarity", sa.Text(), nullable=False),
        sa.Column("severity_lo", sa.SmallInteger(), nullable=True),
        sa.Column("severity_hi", sa.SmallInteger(), nullable=True),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("value_hi", sa.Float(), nullable=True),
        sa.Column("studies", BIT(16_384), nullable=False),
        sa.PrimaryKeyConstraint("block", "concept", "place", name=op.f("pk_study_bits")),
        schema="core",
    )
    op.create_index("ix_study_bits_concept", "study_bits", ["concept", "value"], unique=False, schema="core")
    op.create_table(
        "stale_study",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stale_study")),
        schema="core",
    )
    op.create_index(op.f("ix_stale_study_study_key"), "stale_study", ["study_key"], unique=False, schema="core")
    op.create_index("ix_fact_reading_read", "fact_reading", ["lexicon", "word_form"], unique=False, schema="core")
    op.add_column("study", sa.Column("number", sa.BigInteger(), nullable=True), schema="core")
    op.create_unique_constraint(op.f("uq_study_number"), "study", ["number"], schema="core")
    # an archive made before: the next ingest makes its bit strings, until then questions are answered by the rows
    op.execute(
        "update core.study s set number = n.number from"
        " (select study_key, row_number() over (order by month, study_key) - 1 as number from core.study"
        " where study_key in (select study_key from core.study_embedding where indexed_gen is not null)) n"
        " where n.study_key = s.study_key"
    )
    op.execute("insert into core.stale_study (study_key) select study_key from core.study where number is not null")
    for function in (FACTS, INHERITED, VECTORS, STUDIES):
        op.execute(function)
    for table, (function, actions) in NOTED.items():
        for action in actions:
            op.execute(
                f"create trigger note_stale_{action} after {action} on core.{table} {TRANSITIONS[action]}"
                f" for each statement execute function core.{function}()"
            )


def downgrade() -> None:
    for table, (_, actions) in NOTED.items():
        for action in actions:
            op.execute(f"drop trigger note_stale_{action} on core.{table}")
    for function in ("note_stale_facts", "note_stale_inherited", "note_stale_vectors", "note_stale_studies"):
        op.execute(f"drop function core.{function}()")
    op.drop_constraint(op.f("uq_study_number"), "study", schema="core", type_="unique")
    op.drop_column("study", "number", schema="core")
    op.drop_index("ix_fact_reading_read", table_name="fact_reading", schema="core")
    op.drop_index(op.f("ix_stale_study_study_key"), table_name="stale_study", schema="core")
    op.drop_table("stale_study", schema="core")
    op.drop_index("ix_study_bits_concept", table_name="study_bits", schema="core")
    op.drop_table("study_bits", schema="core")
