"""Calls that carry the forecast are counted by themselves, within the connection's others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    column = sa.Column("forecast", sa.Integer, nullable=False, server_default="0")
    op.add_column("call_count", column)
