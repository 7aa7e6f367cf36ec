"""opt-outs: patients whose files and reports the archive refuses; what readers said of their studies can be deleted

Revision: 0029
Follows: 0028
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# Reviews stay written once, but for those about a study that has opted out: they may be deleted, never changed.
REFUSE = """
create function core.refuse_but_opted_out() returns trigger language plpgsql as $$
declare
    study uuid;
begin
    if tg_op = 'DELETE' then
        if tg_table_schema = 'core' then
            study := old.study_key;
        else
            select r.study_key into study from core.review r where r.id = old.review_id;
        end if;
        if exists (select from core.opt_out o where o.key = study) then
            return old;
        end if;
    end if;
    raise exception 'rows of %.% are written once and never changed', tg_table_schema, tg_table_name
        using errcode = 'restrict_violation';
end $$
"""
REVIEWS = ("core.review", "phi.review")


def upgrade() -> None:
    op.create_table(
        "opt_out",
        sa.Column("key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("owner", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.CheckConstraint(
            "kind in ('patient_id', 'shared_id', 'patient', 'study', 'accession')", name=op.f("ck_opt_out_kind")
        ),
        sa.PrimaryKeyConstraint("key", "owner", name=op.f("pk_opt_out")),
        schema="core",
    )
    op.create_index("ix_opt_out_owner", "opt_out", ["owner"], unique=False, schema="core")
    op.execute(REFUSE)
    for table in REVIEWS:
        op.execute(f"drop trigger written_once on {table}")
        op.execute(
            f"create trigger written_once before update or delete on {table}"
            " for each row execute function core.refuse_but_opted_out()"
        )


def downgrade() -> None:
    for table in REVIEWS:
        op.execute(f"drop trigger written_once on {table}")
        op.execute(
            f"create trigger written_once before update or delete on {table}"
            " for each statement execute function core.refuse_change()"
        )
    op.execute("drop function core.refuse_but_opted_out()")
    op.drop_index("ix_opt_out_owner", "opt_out", schema="core")
    op.drop_table("opt_out", schema="core")
