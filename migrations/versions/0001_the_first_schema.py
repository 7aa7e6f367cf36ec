"""the first schema

Revision: 0001
Follows:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema if not exists phi")  # core is made by env.py: Alembic's version table is in it
    op.create_table(
        "encoder",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("dimension", sa.BigInteger(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=False),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("trained", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encoder")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_encoder_fingerprint")),
        schema="core",
    )
    op.create_table(
        "patient",
        sa.Column("patient_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sex", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("patient_key", name=op.f("pk_patient")),
        schema="core",
    )
    op.create_table(
        "source_file",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("path_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mtime_ns", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), server_default="registered", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("video_key", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("orphaned", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("claimed_by", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "(state in ('skipped', 'quarantined')) = (reason is not null)", name=op.f("ck_source_file_reason")
        ),
        sa.CheckConstraint(
            "state in ('registered', 'admitted', 'embedded', 'indexed', 'skipped', 'quarantined')",
            name=op.f("ck_source_file_state"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_file")),
        sa.UniqueConstraint("path_key", name=op.f("uq_source_file_path_key")),
        schema="core",
    )
    op.create_index("ix_source_file_state_reason", "source_file", ["state", "reason"], unique=False, schema="core")
    op.create_index(op.f("ix_source_file_video_key"), "source_file", ["video_key"], unique=False, schema="core")
    op.create_table(
        "view_label",
        sa.Column("subject_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("view", sa.Text(), nullable=False),
        sa.Column("view_prob", sa.Float(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject_key", name=op.f("pk_view_label")),
        schema="core",
    )
    op.create_table(
        "patient",
        sa.Column("patient_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("patient_key", name=op.f("pk_patient")),
        sa.UniqueConstraint("issuer", "patient_id", name=op.f("uq_patient_issuer_patient_id")),
        schema="phi",
    )
    op.create_index(op.f("ix_patient_patient_id"), "patient", ["patient_id"], unique=False, schema="phi")
    op.create_table(
        "report",
        sa.Column("report_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("study_uid", sa.Text(), nullable=False),
        sa.Column("accession_number", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("study_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("report_key", name=op.f("pk_report")),
        schema="phi",
    )
    op.create_table(
        "run",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run")),
        schema="phi",
    )
    op.create_table(
        "source_path",
        sa.Column("file_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("path", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("file_id", name=op.f("pk_source_path")),
        schema="phi",
    )
    op.create_table(
        "study",
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("patient_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("study_uid", sa.Text(), nullable=False),
        sa.Column("accession_number", sa.Text(), nullable=False),
        sa.Column("study_date", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_study")),
        sa.UniqueConstraint("study_uid", name=op.f("uq_study_study_uid")),
        schema="phi",
    )
    op.create_index(op.f("ix_study_accession_number"), "study", ["accession_number"], unique=False, schema="phi")
    op.create_index(op.f("ix_study_patient_key"), "study", ["patient_key"], unique=False, schema="phi")
    op.create_table(
        "video",
        sa.Column("video_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("sop_uid", sa.Text(), nullable=False),
        sa.Column("series_uid", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("video_key", name=op.f("pk_video")),
        sa.UniqueConstraint("sop_uid", name=op.f("uq_video_sop_uid")),
        schema="phi",
    )
    op.create_table(
        "generation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("activated_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state in ('building', 'active', 'retired')", name=op.f("ck_generation_state")),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_generation_encoder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation")),
        sa.UniqueConstraint("encoder_id", name=op.f("uq_generation_encoder_id")),
        schema="core",
    )
    op.create_index(
        "uq_generation_active",
        "generation",
        ["state"],
        unique=True,
        schema="core",
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "ingest_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("encoder_id", sa.BigInteger(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_ingest_run_encoder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_run")),
        schema="core",
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("op", sa.Text(), nullable=False),
        sa.Column("gen", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("op in ('upsert', 'delete')", name=op.f("ck_outbox_op")),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_outbox_encoder_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("encoder_id", "collection", "key", name=op.f("uq_outbox_encoder_id_collection_key")),
        schema="core",
    )
    op.create_table(
        "study",
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("patient_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("month", sa.BigInteger(), nullable=True),
        sa.Column("age", sa.SmallInteger(), nullable=True),
        sa.Column("conflict", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["patient_key"], ["core.patient.patient_key"], name=op.f("fk_study_patient_key")),
        sa.PrimaryKeyConstraint("study_key", name=op.f("pk_study")),
        schema="core",
    )
    op.create_index(op.f("ix_study_patient_key"), "study", ["patient_key"], unique=False, schema="core")
    op.create_table(
        "report",
        sa.Column("report_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("link_method", sa.Text(), nullable=True),
        sa.Column("link_problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["study_key"], ["core.study.study_key"], name=op.f("fk_report_study_key")),
        sa.PrimaryKeyConstraint("report_key", name=op.f("pk_report")),
        sa.UniqueConstraint("seq", name=op.f("uq_report_seq")),
        schema="core",
    )
    op.create_index(op.f("ix_report_study_key"), "report", ["study_key"], unique=False, schema="core")
    op.create_table(
        "study_embedding",
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("n_videos", sa.BigInteger(), nullable=False),
        sa.Column("gated", sa.Boolean(), nullable=False),
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("gen", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("indexed_gen", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_study_embedding_encoder_id")),
        sa.ForeignKeyConstraint(["study_key"], ["core.study.study_key"], name=op.f("fk_study_embedding_study_key")),
        sa.PrimaryKeyConstraint("study_key", "encoder_id", name=op.f("pk_study_embedding")),
        schema="core",
    )
    op.create_table(
        "video",
        sa.Column("video_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("study_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("file_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("pixel_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("n_frames", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.BigInteger(), nullable=False),
        sa.Column("frame_seconds", sa.Float(), nullable=True),
        sa.Column("frame_seconds_source", sa.Text(), nullable=True),
        sa.Column("heart_rate", sa.BigInteger(), nullable=True),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("transfer_syntax_uid", sa.Text(), nullable=False),
        sa.Column("photometric", sa.Text(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("mode_source", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=True),
        sa.Column("view_prob", sa.Float(), nullable=True),
        sa.Column("view_source", sa.Text(), nullable=True),
        sa.Column("view_probs", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column(
            "notes", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'::jsonb"), nullable=False
        ),
        sa.ForeignKeyConstraint(["study_key"], ["core.study.study_key"], name=op.f("fk_video_study_key")),
        sa.PrimaryKeyConstraint("video_key", name=op.f("pk_video")),
        schema="core",
    )
    op.create_index(op.f("ix_video_file_sha256"), "video", ["file_sha256"], unique=False, schema="core")
    op.create_index(op.f("ix_video_study_key"), "video", ["study_key"], unique=False, schema="core")
    op.create_table(
        "embedding",
        sa.Column("video_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("gen", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("indexed_gen", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_embedding_encoder_id")),
        sa.ForeignKeyConstraint(["video_key"], ["core.video.video_key"], name=op.f("fk_embedding_video_key")),
        sa.PrimaryKeyConstraint("video_key", "encoder_id", name=op.f("pk_embedding")),
        schema="core",
    )
    op.create_table(
        "report_embedding",
        sa.Column("report_key", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("encoder_id", sa.BigInteger(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("gen", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("indexed_gen", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["encoder_id"], ["core.encoder.id"], name=op.f("fk_report_embedding_encoder_id")),
        sa.ForeignKeyConstraint(
            ["report_key"], ["core.report.report_key"], name=op.f("fk_report_embedding_report_key")
        ),
        sa.PrimaryKeyConstraint("report_key", "encoder_id", name=op.f("pk_report_embedding")),
        schema="core",
    )


def downgrade() -> None:
    core = (  # children before parents
        "report_embedding embedding video study_embedding report study "
        "outbox ingest_run generation view_label source_file patient encoder"
    )
    for table in core.split():
        op.drop_table(table, schema="core")
    for table in ["video", "study", "source_path", "run", "report", "patient"]:
        op.drop_table(table, schema="phi")
    op.execute("drop schema phi")
