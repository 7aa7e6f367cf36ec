"""digests are called what they are

Neither is a file's SHA-256: of DICOM they cover parts of it (ByteReader.hashes).

Revision: 0006
Follows: 0005
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RENAMED = {"file_sha256": "content_digest", "pixel_sha256": "pixel_digest"}
INDEX = ("core.ix_video_file_sha256", "core.ix_video_content_digest")


def upgrade() -> None:
    for old, new in RENAMED.items():
        op.alter_column("video", old, new_column_name=new, schema="core")
    op.execute(f"alter index {INDEX[0]} rename to {INDEX[1].removeprefix('core.')}")


def downgrade() -> None:
    op.execute(f"alter index {INDEX[1]} rename to {INDEX[0].removeprefix('core.')}")
    for old, new in RENAMED.items():
        op.alter_column("video", new, new_column_name=old, schema="core")
