"""Why a person paused a stream, and refusals that a person has taken off the list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("stream", sa.Column("paused_why", sa.Text))
    op.add_column(
        "parked", sa.Column("dropped", sa.Boolean, nullable=False, server_default=sa.false())
    )
