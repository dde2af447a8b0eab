"""Where a connection's database lives, and how far both sides were compared."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "claim",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("why", sa.Text),
        sa.Column("found", sa.Text),
        sa.Column("doubted_at", TIME),
        sa.Column("known_to", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("connection", name="pk_claim"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connection.name"], name="fk_claim_connection_connection"
        ),
    )
    op.create_table(
        "verification",
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False, server_default="0"),
        sa.Column("began_at", TIME),
        sa.Column("so_far", sa.Text),
        sa.Column("verified_at", TIME),
        sa.Column("found", sa.Text),
        sa.PrimaryKeyConstraint("stream_id", name="pk_verification"),
        sa.ForeignKeyConstraint(
            ["stream_id"], ["stream.id"], name="fk_verification_stream_id_stream"
        ),
    )
