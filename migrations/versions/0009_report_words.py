"""the words of reports, and in how many reports each is

Revision: 0009
Follows: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A statement's rows in one go. Each branch is planned only where it runs, so a transition table may be missing.
FUNCTION = """
create function phi.count_words() returns trigger language plpgsql as $$
begin
    if tg_op <> 'DELETE' then
        insert into phi.word as w (word, reports)
        select lexeme, count(*) from new_rows, unnest(words) group by lexeme
        union all select '', count(*) from new_rows order by 1
        on conflict (word) do update set reports = w.reports + excluded.reports;
    end if;
    if tg_op <> 'INSERT' then
        insert into phi.word as w (word, reports)
        select lexeme, -count(*) from old_rows, unnest(words) group by lexeme
        union all select '', -count(*) from old_rows order by 1
        on conflict (word) do update set reports = w.reports + excluded.reports;
    end if;
    return null;
end $$
"""
TRANSITIONS = {
    "insert": "referencing new table as new_rows",
    "update": "referencing old table as old_rows new table as new_rows",
    "delete": "referencing old table as old_rows",
}


def upgrade() -> None:
    op.add_column(
        "fact_reading", sa.Column("word_form", sa.SmallInteger(), server_default="0", nullable=False), schema="core"
    )
    op.create_table(
        "report_words",
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("words", TSVECTOR(), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_key"], ["core.fact_reading.study_key"], name=op.f("fk_report_words_study_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_report_words")),
        schema="phi",
    )
    op.create_index("ix_report_words_words", "report_words", ["words"], schema="phi", postgresql_using="gin")
    op.create_table(
        "word",
        sa.Column("word", sa.Text(), nullable=False),
        sa.Column("reports", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("word", name=op.f("pk_word")),
        schema="phi",
    )
    op.execute(FUNCTION)
    for action, rows in TRANSITIONS.items():
        op.execute(
            f"create trigger count_words_{action} after {action} on phi.report_words {rows}"
            " for each statement execute function phi.count_words()"
        )


def downgrade() -> None:
    op.drop_table("word", schema="phi")
    op.drop_index("ix_report_words_words", table_name="report_words", schema="phi", postgresql_using="gin")
    op.drop_table("report_words", schema="phi")
    op.execute("drop function phi.count_words()")
    op.drop_column("fact_reading", "word_form", schema="core")
