"""Why a person paused a stream, and refusals that a person has taken off the list."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("stream", sa.Column("paused_why", sa.Text))
    op.add_column(
        "parked", sa.Column("dropped", sa.Boolean, nullable=False, server_default=sa.false())
    )
