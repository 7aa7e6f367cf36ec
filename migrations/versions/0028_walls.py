"""walls: which walls of the left ventricle a fact is about

Revision: 0028
Follows: 0027
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("fact", sa.Column("walls", sa.ARRAY(sa.Text()), nullable=True), schema="core")


def downgrade() -> None:
    op.drop_column("fact", "walls", schema="core")
