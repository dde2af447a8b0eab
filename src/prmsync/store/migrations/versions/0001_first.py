"""The first schema: the partner database, the engine's state, and change capture."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from prmsync.store.migrations.triggers_0001 import POSTGRESQL, SQLITE

revision = "0001"
down_revision = None

DECIMAL = sa.Text().with_variant(sa.Numeric(20, 4), "postgresql")
TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
SEQUENCE = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _create_person()
    _create_tier()
    _create_partner()
    _create_membership()
    _create_opportunity()
    _create_registration()
    _create_deal_partner()
    _create_channel_conflict()
    _create_margin_entry()
    _create_registration_event()
    _create_installation()
    _create_connection()
    _create_stream()
    _create_link()
    _create_run()
    _create_action()
    _create_held()
    _create_parked()
    _create_change_log()
    _create_lease()
    triggers = POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE
    for statement in triggers:
        op.get_bind().exec_driver_sql(statement)


def _create_person() -> None:
    op.create_table(
        "person",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("name", sa.Text),
        sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
        sa.PrimaryKeyConstraint("id", name="pk_person"),
        sa.UniqueConstraint("email", name="uq_person_email"),
    )


def _create_tier() -> None:
    op.create_table(
        "tier",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("rank", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_tier"),
        sa.UniqueConstraint("rank", name="uq_tier_rank"),
    )


def _create_partner() -> None:
    op.create_table(
        "partner",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text),
        sa.Column("duns", sa.Text),
        sa.Column("country", sa.Text),
        sa.Column("types", sa.Text),
        sa.Column("status", sa.Text, nullable=False, server_default="active"),
        sa.Column("tier", sa.Text),
        sa.Column("partner_manager", sa.Text),
        sa.Column("created_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_partner"),
        sa.ForeignKeyConstraint(["tier"], ["tier.name"], name="fk_partner_tier_tier"),
    )


def _create_membership() -> None:
    op.create_table(
        "membership",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, nullable=False),
        sa.Column("valid_from", sa.Date, nullable=False),
        sa.Column("valid_to", sa.Date),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_membership"),
        sa.ForeignKeyConstraint(["partner"], ["partner.id"], name="fk_membership_partner_partner"),
        sa.ForeignKeyConstraint(["tier"], ["tier.name"], name="fk_membership_tier_tier"),
    )
    op.create_index("ix_membership_partner", "membership", ["partner"])


def _create_opportunity() -> None:
    op.create_table(
        "opportunity",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Text),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("partner", sa.Text),
        sa.Column("customer_name", sa.Text),
        sa.Column("customer_domain", sa.Text),
        sa.Column("customer_duns", sa.Text),
        sa.Column("customer_country", sa.Text),
        sa.Column("product_lines", sa.Text),
        sa.Column("stage", sa.Text, nullable=False, server_default="prospect"),
        sa.Column("amount", DECIMAL),
        sa.Column("currency", sa.Text),
        sa.Column("close_date", sa.Date),
        sa.Column("loss_reason", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("source", sa.Text),
        sa.Column("registered", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("protected_until", TIME),
        sa.Column("conflict", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("conflict_kind", sa.Text),
        sa.Column("conflict_reason", sa.Text),
        sa.Column("home", sa.Text),
        sa.Column("last_activity_at", TIME),
        sa.Column("created_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_opportunity"),
        sa.ForeignKeyConstraint(["partner"], ["partner.id"], name="fk_opportunity_partner_partner"),
    )
    op.create_index("ix_opportunity_partner", "opportunity", ["partner"])


def _create_registration() -> None:
    op.create_table(
        "registration",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("distributor", sa.Text),
        sa.Column("opportunity", sa.Text),
        sa.Column("customer_name", sa.Text),
        sa.Column("customer_domain", sa.Text),
        sa.Column("customer_duns", sa.Text),
        sa.Column("customer_country", sa.Text),
        sa.Column("customer_contact", sa.Text),
        sa.Column("product_lines", sa.Text),
        sa.Column("amount", DECIMAL),
        sa.Column("currency", sa.Text),
        sa.Column("expected_close", sa.Date),
        sa.Column("review_state", sa.Text, nullable=False, server_default="draft"),
        sa.Column("reason", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("submitted_at", TIME),
        sa.Column("due_at", TIME),
        sa.Column("approved_at", TIME),
        sa.Column("protected_until", TIME),
        sa.Column("extensions", sa.Integer, nullable=False, server_default="0"),
        sa.Column("conflict", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("conflict_kind", sa.Text),
        sa.Column("conflict_reason", sa.Text),
        sa.Column("margin", DECIMAL),
        sa.Column("margin_currency", sa.Text),
        sa.Column("created_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_registration"),
        sa.ForeignKeyConstraint(
            ["distributor"], ["partner.id"], name="fk_registration_distributor_partner"
        ),
        sa.ForeignKeyConstraint(
            ["opportunity"], ["opportunity.id"], name="fk_registration_opportunity_opportunity"
        ),
        sa.ForeignKeyConstraint(
            ["partner"], ["partner.id"], name="fk_registration_partner_partner"
        ),
        sa.UniqueConstraint("number", name="uq_registration_number"),
    )
    op.create_index("ix_registration_distributor", "registration", ["distributor"])
    op.create_index("ix_registration_opportunity", "registration", ["opportunity"])
    op.create_index("ix_registration_partner", "registration", ["partner"])


def _create_deal_partner() -> None:
    op.create_table(
        "deal_partner",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("opportunity", sa.Text, nullable=False),
        sa.Column("partner", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("attribution", sa.Text),
        sa.Column("split", DECIMAL),
        sa.PrimaryKeyConstraint("id", name="pk_deal_partner"),
        sa.ForeignKeyConstraint(
            ["opportunity"], ["opportunity.id"], name="fk_deal_partner_opportunity_opportunity"
        ),
        sa.ForeignKeyConstraint(
            ["partner"], ["partner.id"], name="fk_deal_partner_partner_partner"
        ),
        sa.UniqueConstraint(
            "opportunity", "partner", "role", name="uq_deal_partner_opportunity_partner_role"
        ),
    )
    op.create_index("ix_deal_partner_opportunity", "deal_partner", ["opportunity"])
    op.create_index("ix_deal_partner_partner", "deal_partner", ["partner"])


def _create_channel_conflict() -> None:
    op.create_table(
        "channel_conflict",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False, server_default="open"),
        sa.Column("registration", sa.Text, nullable=False),
        sa.Column("other_registration", sa.Text),
        sa.Column("opportunity", sa.Text),
        sa.Column("score", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("rule_version", sa.Text, nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("resolution", sa.Text),
        sa.Column("resolved_by", sa.Text),
        sa.Column("resolved_why", sa.Text),
        sa.Column("resolved_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_channel_conflict"),
        sa.ForeignKeyConstraint(
            ["opportunity"], ["opportunity.id"], name="fk_channel_conflict_opportunity_opportunity"
        ),
        sa.ForeignKeyConstraint(
            ["other_registration"],
            ["registration.id"],
            name="fk_channel_conflict_other_registration_registration",
        ),
        sa.ForeignKeyConstraint(
            ["registration"],
            ["registration.id"],
            name="fk_channel_conflict_registration_registration",
        ),
    )
    op.create_index("ix_channel_conflict_opportunity", "channel_conflict", ["opportunity"])
    op.create_index(
        "ix_channel_conflict_other_registration", "channel_conflict", ["other_registration"]
    )
    op.create_index("ix_channel_conflict_registration", "channel_conflict", ["registration"])


def _create_margin_entry() -> None:
    op.create_table(
        "margin_entry",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("registration", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("amount", DECIMAL, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("derivation", sa.Text, nullable=False),
        sa.Column("program_version", sa.Text, nullable=False),
        sa.Column("entered_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_margin_entry"),
        sa.ForeignKeyConstraint(
            ["registration"], ["registration.id"], name="fk_margin_entry_registration_registration"
        ),
    )
    op.create_index("ix_margin_entry_registration", "margin_entry", ["registration"])


def _create_registration_event() -> None:
    op.create_table(
        "registration_event",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("registration", sa.Text, nullable=False),
        sa.Column("from_state", sa.Text),
        sa.Column("to_state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registration_event"),
        sa.ForeignKeyConstraint(
            ["registration"],
            ["registration.id"],
            name="fk_registration_event_registration_registration",
        ),
    )
    op.create_index("ix_registration_event_registration", "registration_event", ["registration"])


def _create_installation() -> None:
    op.create_table(
        "installation",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_installation"),
    )


def _create_connection() -> None:
    op.create_table(
        "connection",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("connector", sa.Text, nullable=False),
        sa.Column("org_id", sa.Text),
        sa.Column("environment", sa.Text),
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("paused_why", sa.Text),
        sa.Column("schema_cache", sa.Text),
        sa.Column("schema_cached_at", TIME),
        sa.PrimaryKeyConstraint("name", name="pk_connection"),
    )


def _create_stream() -> None:
    op.create_table(
        "stream",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("crm_cursor", sa.Text),
        sa.Column("prm_cursor", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("prm_xid", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("mapping_hash", sa.Text),
        sa.Column("read_at", TIME),
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("id", name="pk_stream"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connection.name"], name="fk_stream_connection_connection"
        ),
        sa.UniqueConstraint("connection", "name", name="uq_stream_connection_name"),
    )


def _create_link() -> None:
    op.create_table(
        "link",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("prm_id", sa.Text),
        sa.Column("crm_id", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("base", sa.Text),
        sa.Column("seen", sa.Text),
        sa.Column("crm_version", sa.Text),
        sa.Column("crm_modified_by", sa.Text),
        sa.Column("prm_gone", sa.Integer, nullable=False, server_default="0"),
        sa.Column("crm_gone", sa.Integer, nullable=False, server_default="0"),
        sa.Column("dirty", sa.Integer, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("id", name="pk_link"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name="fk_link_stream_id_stream"),
        sa.UniqueConstraint("stream_id", "crm_id", name="uq_link_stream_id_crm_id"),
        sa.UniqueConstraint("stream_id", "prm_id", name="uq_link_stream_id_prm_id"),
    )
    op.create_index(
        "ix_link_dirty",
        "link",
        ["stream_id", "id"],
        sqlite_where=sa.text("dirty > 0"),
        postgresql_where=sa.text("dirty > 0"),
    )
    op.create_index(
        "ix_link_unlinked",
        "link",
        ["stream_id", "id"],
        sqlite_where=sa.text("state = 'new'"),
        postgresql_where=sa.text("state = 'new'"),
    )


def _create_run() -> None:
    op.create_table(
        "run",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("calls", sa.Text),
        sa.Column("counts", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("undoes", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.ForeignKeyConstraint(
            ["connection"], ["connection.name"], name="fk_run_connection_connection"
        ),
        sa.ForeignKeyConstraint(["undoes"], ["run.id"], name="fk_run_undoes_run"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_run_connection", "run", ["connection"])


def _create_action() -> None:
    op.create_table(
        "action",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("run_id", sa.Integer, nullable=False),
        sa.Column("link_id", sa.Integer, nullable=False),
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("cause", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("done_at", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_action"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_action_link_id_link"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_action_run_id_run"),
        sa.ForeignKeyConstraint(["stream_id"], ["stream.id"], name="fk_action_stream_id_stream"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_action_link_id", "action", ["link_id"])
    op.create_index(
        "ix_action_open",
        "action",
        ["stream_id", "state", "id"],
        sqlite_where=sa.text("state IN ('waiting', 'sent', 'unknown', 'retry')"),
        postgresql_where=sa.text("state IN ('waiting', 'sent', 'unknown', 'retry')"),
    )
    op.create_index("ix_action_run_id", "action", ["run_id"])


def _create_held() -> None:
    op.create_table(
        "held",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("link_id", sa.Integer, nullable=False),
        sa.Column("group_name", sa.Text, nullable=False),
        sa.Column("members", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("base", sa.Text),
        sa.Column("prm", sa.Text),
        sa.Column("crm", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("take", sa.Text),
        sa.Column("decided_by", sa.Text),
        sa.Column("decided_at", TIME),
        sa.Column("since", TIME, nullable=False),
        sa.Column("run_id", sa.Integer),
        sa.PrimaryKeyConstraint("id", name="pk_held"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_held_link_id_link"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_held_run_id_run"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_held_link_id", "held", ["link_id"])
    op.create_index("ix_held_state", "held", ["state"])


def _create_parked() -> None:
    op.create_table(
        "parked",
        sa.Column("link_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("side", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("hint", sa.Text),
        sa.Column("since", TIME, nullable=False),
        sa.PrimaryKeyConstraint("link_id", name="pk_parked"),
        sa.ForeignKeyConstraint(["link_id"], ["link.id"], name="fk_parked_link_id_link"),
    )


def _create_change_log() -> None:
    op.create_table(
        "change_log",
        sa.Column("seq", SEQUENCE, nullable=False),
        sa.Column("xid", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("record", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_change_log"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_change_log_stream_xid_seq", "change_log", ["stream", "xid", "seq"])


def _create_lease() -> None:
    op.create_table(
        "lease",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("token", sa.Integer, nullable=False),
        sa.Column("holder", sa.Text),
        sa.Column("until", TIME),
        sa.PrimaryKeyConstraint("name", name="pk_lease"),
    )
