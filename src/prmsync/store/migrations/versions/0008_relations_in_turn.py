"""Relations that have no changes of their own are read again in turn."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("stream", sa.Column("relations_after", sa.Text))
    if op.get_bind().dialect.name == "postgresql":
        # The relations of one deal, by the deal's id; SQLite reads a range of the ids instead.
        op.execute(
            "CREATE INDEX ix_link_from ON link (stream_id, split_part(crm_id, ':', 1))"
            " WHERE crm_id LIKE '%:%'"
        )
