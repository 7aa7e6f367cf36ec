"""what grows with the archive is not done again with every ingest: which reports to link, which files are in a folder

Revision: 0018
Follows: 0015
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None

VECTORS = ("embedding", "study_embedding", "report_embedding")
# A study whose identifiers, patient or files have changed may fit other reports than before.
FILES = """
create function core.note_stale_link_files() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' then
        insert into core.stale_link (study_key) select distinct v.study_key
        from old_rows o join core.video v on v.video_key = o.video_key;
    else
        insert into core.stale_link (study_key) select distinct v.study_key
        from new_rows n join old_rows o on o.id = n.id and o.video_key is distinct from n.video_key
        join core.video v on v.video_key in (o.video_key, n.video_key);
    end if;
    return null;
end $$
"""
VIDEOS = """
create function core.note_stale_link_videos() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into core.stale_link (study_key) select distinct study_key from new_rows;
    else
        insert into core.stale_link (study_key) select x.study_key
        from new_rows n join old_rows o on o.video_key = n.video_key and o.study_key <> n.study_key
        cross join lateral (values (o.study_key), (n.study_key)) x(study_key);
    end if;
    return null;
end $$
"""
STUDIES = """
create function core.note_stale_link_studies() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into core.stale_link (study_key) select study_key from new_rows;
    else
        insert into core.stale_link (study_key) select n.study_key from new_rows n join old_rows o
        on o.study_key = n.study_key and (o.patient_key, o.study_uid, o.accession_number, o.study_date)
        is distinct from (n.patient_key, n.study_uid, n.accession_number, n.study_date);
    end if;
    return null;
end $$
"""
PATIENTS = """
create function core.note_stale_link_patients() returns trigger language plpgsql as $$
begin
    insert into core.stale_link (study_key) select s.study_key
    from new_rows n join phi.study s on s.patient_key = n.patient_key;
    return null;
end $$
"""
INSERT = "after insert on {} referencing new table as new_rows"
UPDATE = "after update on {} referencing old table as old_rows new table as new_rows"
DELETE = "after delete on {} referencing old table as old_rows"
# table -> its function, and after which statements it is called
TRIGGERS = {
    "core.source_file": ("files", {"update": UPDATE, "delete": DELETE}),
    "core.video": ("videos", {"insert": INSERT, "update": UPDATE}),
    "phi.study": ("studies", {"insert": INSERT, "update": UPDATE}),
    "phi.patient": ("patients", {"insert": INSERT}),
}


def upgrade() -> None:
    for table in VECTORS:  # they do not compress, and trying takes a third of the time of writing them
        op.execute(f"alter table core.{table} alter column vector set storage external")
    # a folder is found by the begin of its path: no index holds paths of 4 KB
    op.execute("create index ix_source_path_begin on phi.source_path (substring(path from 1 for 200))")
    op.add_column("report", sa.Column("link_due", sa.Boolean(), server_default="true", nullable=False), schema="core")
    op.create_index("ix_report_link_due", "report", ["report_key"], schema="core", postgresql_where=sa.text("link_due"))
    op.create_index("ix_report_link_problem", "report", ["link_problem"], schema="core")
    for column in ("study_uid", "accession_number", "patient_id"):
        op.create_index(f"ix_report_{column}", "report", [column], schema="phi")
    op.create_table(
        "stale_link",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stale_link")),
        schema="core",
    )
    for function in (FILES, VIDEOS, STUDIES, PATIENTS):
        op.execute(function)
    for table, (name, events) in TRIGGERS.items():
        for event, when in events.items():
            op.execute(
                f"create trigger note_stale_link_{event} {when.format(table)}"
                f" for each statement execute function core.note_stale_link_{name}()"
            )


def downgrade() -> None:
    for table, (name, events) in TRIGGERS.items():
        for event in events:
            op.execute(f"drop trigger note_stale_link_{event} on {table}")
        op.execute(f"drop function core.note_stale_link_{name}()")
    op.drop_table("stale_link", schema="core")
    for column in ("study_uid", "accession_number", "patient_id"):
        op.drop_index(f"ix_report_{column}", "report", schema="phi")
    op.drop_index("ix_report_link_problem", "report", schema="core")
    op.drop_index("ix_report_link_due", "report", schema="core")
    op.drop_column("report", "link_due", schema="core")
    op.execute("drop index phi.ix_source_path_begin")
    for table in VECTORS:
        op.execute(f"alter table core.{table} alter column vector set storage extended")
