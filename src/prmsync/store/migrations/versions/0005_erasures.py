"""What was erased at a person's right: who, when, why and which fields, never a value."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("link_id", sa.Integer),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("record", sa.Text),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("erased_by", sa.Text, nullable=False),
        sa.Column("erased_at", TIME, nullable=False),
        sa.Column("crm", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_erasure"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_erasure_link_id_link"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_erasure_link_id", "erasure", ["link_id"])
