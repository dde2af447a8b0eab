"""What a CRM's changed schema pauses, and what CRM records were told of their sync state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "misfit",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("part", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("hint", sa.Text),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_misfit"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connection.name"], name="fk_misfit_connection_connection"
        ),
    )
    op.create_index("ix_misfit_connection", "misfit", ["connection"])
    op.create_table(
        "told",
        sa.Column("link_id", sa.Integer, nullable=False),
        sa.Column("said", sa.Text),
        sa.Column("items", sa.Text),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("link_id", name="pk_told"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_told_link_id_link"),
    )
