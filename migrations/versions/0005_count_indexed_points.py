"""count the points that the index is to hold, as they are marked

Revision: 0005
Follows: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = {"videos": "embedding", "studies": "study_embedding", "reports": "report_embedding"}
# A statement's rows in one go. Each branch is planned only where it runs, so a transition table may be missing.
FUNCTION = """
create function core.count_indexed() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into core.index_count as c (encoder_id, collection, points)
        select encoder_id, tg_argv[0], count(*) from new_rows where indexed_gen is not null
        group by encoder_id order by encoder_id
        on conflict (encoder_id, collection) do update set points = c.points + excluded.points;
    elsif tg_op = 'DELETE' then
        insert into core.index_count as c (encoder_id, collection, points)
        select encoder_id, tg_argv[0], -count(*) from old_rows where indexed_gen is not null
        group by encoder_id order by encoder_id
        on conflict (encoder_id, collection) do update set points = c.points + excluded.points;
    else
        insert into core.index_count as c (encoder_id, collection, points)
        select encoder_id, tg_argv[0], sum(change) from (
            select encoder_id, 1 as change from new_rows where indexed_gen is not null
            union all select encoder_id, -1 from old_rows where indexed_gen is not null
        ) changes group by encoder_id having sum(change) <> 0 order by encoder_id
        on conflict (encoder_id, collection) do update set points = c.points + excluded.points;
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
    op.create_table(
        "index_count",
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_index_count_encoder_id")),
        sa.PrimaryKeyConstraint("encoder_id", "collection", name=op.f("pk_index_count")),
        schema="core",
    )
    op.execute(FUNCTION)
    for collection, table in TABLES.items():
        op.execute(
            "insert into core.index_count (encoder_id, collection, points)"
            f" select encoder_id, '{collection}', count(*) from core.{table} where indexed_gen is not null"
            " group by encoder_id"
        )
        for action, rows in TRANSITIONS.items():
            op.execute(
                f"create trigger count_indexed_{action} after {action} on core.{table} {rows}"
                f" for each statement execute function core.count_indexed('{collection}')"
            )


def downgrade() -> None:
    for table in TABLES.values():
        for action in TRANSITIONS:
            op.execute(f"drop trigger count_indexed_{action} on core.{table}")
    op.execute("drop function core.count_indexed()")
    op.drop_table("index_count", schema="core")
