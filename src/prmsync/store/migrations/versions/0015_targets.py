"""What each partner is to bring in a quarter, for the forecast."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

AMOUNT = sa.Text().with_variant(sa.Numeric(20, 4), "postgresql")


def upgrade() -> None:
    op.create_table(
        "target",
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT, nullable=False),
        sa.PrimaryKeyConstraint("partner", "period", "currency", name="pk_target"),
    )
