"""Counters beside the rows they count, what brakes hold and why, and calls by the hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
OPEN = "state IN ('waiting', 'sent', 'unknown', 'retry', 'released')"


def upgrade() -> None:
    _count_beside_rows()
    _note_brakes()
    op.add_column("connection", sa.Column("quota", sa.Text))
    op.create_table(
        "call_count",
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("hour", TIME, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("connection", "hour", name="pk_call_count"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connection.name"], name="fk_call_count_connection_connection"
        ),
    )


def _count_beside_rows() -> None:
    for name in ("linked", "made_in_prm", "made_in_crm"):
        op.add_column("stream", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE stream SET "
        "linked = (SELECT count(*) FROM link WHERE state = 'live' AND stream_id = stream.id), "
        "made_in_prm = (SELECT count(*) FROM action WHERE side = 'prm' AND op = 'create' "
        "AND state = 'done' AND stream_id = stream.id), "
        "made_in_crm = (SELECT count(*) FROM action WHERE side = 'crm' AND op = 'create' "
        "AND state = 'done' AND stream_id = stream.id)"
    )


def _note_brakes() -> None:
    op.create_table(
        "brake",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("why", sa.Text),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_brake"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_brake_run_id_run"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name="fk_brake_stream_id_stream"),
        sa.UniqueConstraint(
            "run_id",
            "stream_id",
            "side",
            "op",
            "field",
            "cause",
            name="uq_brake_run_id_stream_id_side_op_field_cause",
        ),
        sqlite_autoincrement=True,
    )
    op.add_column("action", sa.Column("brake_id", sa.Integer))
    op.drop_index("ix_action_open", "action")
    op.create_index(
        "ix_action_open",
        "action",
        ["stream_id", "state", "id"],
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    )
    # What waits already is decided again by the next run, and counted as it is held.
    op.execute(
        "UPDATE link SET dirty = 1 WHERE dirty = 0 AND "
        "id IN (SELECT link_id FROM action WHERE state = 'waiting')"
    )
    op.execute("UPDATE action SET state = 'superseded' WHERE state = 'waiting'")
