"""Imports, and the records that they wrote: what follows from one is known to come from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    op.create_table(
        "import_run",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("began_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_import_run"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "imported",
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("import_id", sa.Integer, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("stream", "record", name="pk_imported"),
        sa.ForeignKeyConstraint(
            ["import_id"], ["import_run.id"], name="fk_imported_import_id_import_run"
        ),
    )
