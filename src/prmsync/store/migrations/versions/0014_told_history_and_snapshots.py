"""Past states that were told by a file or a CRM name their source; days are kept as they stood."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("opportunity_past", sa.Column("source", sa.Text))
    op.create_table(
        "deal_snapshot",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("taken_at", TIME, nullable=False),
        sa.Column("deals", sa.Integer, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("pipeline", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_deal_snapshot"),
    )
