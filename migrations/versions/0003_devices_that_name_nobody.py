"""devices that name nobody

What people have typed as manufacturer and model is shown only where it is a maker's or a model's name
(echosearch/device.py). What is not goes to phi.device, and its videos are sent to the index again under a label.

Revision: 0003
Follows: 0002
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

from echosearch.device import hidden_label, is_shown, patient_words, tidy

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# (what the files say, patient name, patient id): whose name it may be
_SAID = """
    select distinct v.device, s.patient_key, coalesce(p.name, '') as name, coalesce(p.patient_id, '') as patient_id
    from core.video v join core.study s using (study_key) left join phi.patient p on p.patient_key = s.patient_key
    where v.device is not null"""
_RENAME = """
    update core.video v set device = :label from core.study s
    where s.study_key = v.study_key and v.device = :said and s.patient_key = any(cast(:patients as uuid[]))
    returning v.video_key"""
_SEND_AGAIN = """
    with sent as (
        update core.embedding set gen = gen + 1 where video_key = any(cast(:videos as uuid[]))
        returning encoder_id, video_key, gen)
    insert into core.outbox (encoder_id, collection, key, op, gen)
    select encoder_id, 'videos', video_key, 'upsert', gen from sent
    on conflict (encoder_id, collection, key) do update set id = default, op = 'upsert', gen = excluded.gen"""


def upgrade() -> None:
    op.create_table(
        "device",
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("text", name=op.f("pk_device")),
        schema="phi",
    )
    connection = op.get_bind()
    labels: dict[str, str] = {}
    patients: dict[tuple[str, str | None], list[str]] = {}  # (what is there, what is to be) -> of whom
    for row in connection.execute(sa.text(_SAID)):
        said = tidy(row.device)
        names = patient_words(said or "", row.name, row.patient_id)
        shown = said
        if said is not None and not is_shown(said, names):
            shown = labels.setdefault(said, hidden_label(said, secrets.token_hex(4), names))
        if shown != row.device:
            patients.setdefault((row.device, shown), []).append(str(row.patient_key))
    for text, label in labels.items():
        connection.execute(sa.text("insert into phi.device values (:text, :label)"), {"text": text, "label": label})
    for (stored, shown), whose in patients.items():
        renamed = {"said": stored, "label": shown, "patients": whose}
        videos = connection.execute(sa.text(_RENAME), renamed).scalars().all()
        connection.execute(sa.text(_SEND_AGAIN), {"videos": [str(key) for key in videos]})
    op.create_index(op.f("ix_video_device"), "video", ["device"], unique=False, schema="core")


def downgrade() -> None:
    op.drop_index(op.f("ix_video_device"), table_name="video", schema="core")
    op.execute("update core.video v set device = d.text from phi.device d where d.label = v.device")
    op.drop_table("device", schema="phi")
