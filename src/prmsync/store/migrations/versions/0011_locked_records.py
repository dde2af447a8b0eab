"""Refusals that are tried again by themselves, and when: a record that an approval locks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.add_column("parked", sa.Column("again_at", TIME))
    wanted = sa.text("again_at IS NOT NULL")
    op.create_index(
        "ix_parked_again_at",
        "parked",
        ["again_at"],
        sqlite_where=wanted,
        postgresql_where=wanted,
    )
