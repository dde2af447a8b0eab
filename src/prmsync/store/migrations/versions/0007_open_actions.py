"""The index of open journal rows knows planned ones too: no run reads the whole journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

OPEN = "state IN ('planned', 'waiting', 'sent', 'unknown', 'retry', 'released')"


def upgrade() -> None:
    op.drop_index("ix_action_open", "action")
    op.create_index(
        "ix_action_open",
        "action",
        ["stream_id", "state", "id"],
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    )
