"""All tables. The partner database is what channel teams own; the rest is the engine's state.

Ids of partner records are UUIDs in text form. Times are aware UTC. Amounts are exact decimals in
major units of the currency beside them. Engine tables keep values as canonical JSON text
(`prmsync.domain.values`).
"""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.store.column_types import ExactDecimal, UtcDateTime
from prmsync.store.table_columns import (
    conflict,
    customer,
    day,
    flag,
    ident,
    moment,
    money,
    ref,
    text,
)

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# --- the partner database -------------------------------------------------------------------

person = sa.Table(
    "person",
    metadata,
    ident(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    text("name"),
    sa.Column("active", sa.Boolean, nullable=False, server_default=sa.true()),
)

tier = sa.Table(
    "tier",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("rank", sa.Integer, nullable=False, unique=True),
)

partner = sa.Table(
    "partner",
    metadata,
    ident(),
    text("name", nullable=False),
    text("domain"),
    text("duns"),
    text("country"),
    text("types"),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    sa.Column("tier", sa.Text, sa.ForeignKey("tier.name")),
    text("partner_manager"),
    moment("created_at"),
    ref("distributor", "partner"),
    money("forecast_amount"),
    text("forecast_currency"),
    text("forecast_period"),
)

membership = sa.Table(
    "membership",
    metadata,
    ident(),
    ref("partner", "partner", nullable=False),
    sa.Column("tier", sa.Text, sa.ForeignKey("tier.name"), nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    day("valid_to"),
    text("reason"),
)

opportunity = sa.Table(
    "opportunity",
    metadata,
    ident(),
    text("number"),
    text("name", nullable=False),
    ref("partner", "partner"),
    *customer(),
    text("product_lines"),
    sa.Column("stage", sa.Text, nullable=False, server_default="prospect"),
    money("amount"),
    text("currency"),
    day("close_date"),
    text("loss_reason"),
    text("owner"),
    text("source"),
    flag("registered"),
    moment("protected_until"),
    *conflict(),
    text("home"),
    moment("last_activity_at"),
    moment("created_at"),
    sa.Column("forecast_chance", ExactDecimal),
    money("forecast_amount"),
    text("forecast_period"),
)

registration = sa.Table(
    "registration",
    metadata,
    ident(),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    ref("partner", "partner", nullable=False),
    ref("distributor", "partner"),
    ref("opportunity", "opportunity"),
    *customer(),
    text("customer_contact"),
    text("product_lines"),
    money("amount"),
    text("currency"),
    day("expected_close"),
    sa.Column("review_state", sa.Text, nullable=False, server_default="draft"),
    text("reason"),
    text("outcome"),
    moment("submitted_at"),
    moment("due_at"),
    moment("approved_at"),
    moment("protected_until"),
    sa.Column("extensions", sa.Integer, nullable=False, server_default="0"),
    *conflict(),
    money("margin"),
    text("margin_currency"),
    moment("created_at"),
)

deal_partner = sa.Table(
    "deal_partner",
    metadata,
    ident(),
    ref("opportunity", "opportunity", nullable=False),
    ref("partner", "partner", nullable=False),
    text("role", nullable=False),
    text("attribution"),
    sa.Column("split", ExactDecimal),
    sa.UniqueConstraint("opportunity", "partner", "role"),
)

channel_conflict = sa.Table(
    "channel_conflict",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    text("kind", nullable=False),
    text("severity", nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    ref("registration", "registration", nullable=False),
    ref("other_registration", "registration"),
    ref("opportunity", "opportunity"),
    sa.Column("score", sa.Integer, nullable=False),
    text("reason", nullable=False),
    text("evidence", nullable=False),
    text("rule_version", nullable=False),
    moment("opened_at", nullable=False),
    text("resolution"),
    text("resolved_by"),
    text("resolved_why"),
    moment("resolved_at"),
)

margin_entry = sa.Table(
    "margin_entry",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    ref("registration", "registration", nullable=False),
    text("kind", nullable=False),
    sa.Column("amount", ExactDecimal, nullable=False),
    text("currency", nullable=False),
    text("derivation", nullable=False),
    text("program_version", nullable=False),
    moment("entered_at", nullable=False),
)

registration_event = sa.Table(
    "registration_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    ref("registration", "registration", nullable=False),
    text("from_state"),
    text("to_state", nullable=False),
    text("reason"),
    text("actor", nullable=False),
    moment("at", nullable=False),
)

PRM_TABLES: dict[str, sa.Table] = {
    "partner": partner,
    "opportunity": opportunity,
    "registration": registration,
    "relation": deal_partner,
}
"""Stream → the table that holds its records."""

# --- the engine's state ---------------------------------------------------------------------

installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    moment("created_at", nullable=False),
)

connection = sa.Table(
    "connection",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    text("connector", nullable=False),
    text("org_id"),
    text("environment"),
    flag("paused"),
    text("paused_why"),
    text("schema_cache"),
    moment("schema_cached_at"),
    text("quota"),
)

claim = sa.Table(
    "claim",
    metadata,
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), primary_key=True),
    text("place", nullable=False),
    text("kind"),
    text("why"),
    text("found"),
    moment("doubted_at"),
    sa.Column("known_to", sa.Integer, nullable=False, server_default="0"),
)

stream = sa.Table(
    "stream",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), nullable=False),
    text("name", nullable=False),
    text("crm_cursor"),
    sa.Column("prm_cursor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("prm_xid", sa.BigInteger, nullable=False, server_default="0"),
    text("mapping_hash"),
    moment("read_at"),
    text("relations_after"),
    flag("paused"),
    text("paused_why"),
    sa.Column("linked", sa.Integer, nullable=False, server_default="0"),
    sa.Column("made_in_prm", sa.Integer, nullable=False, server_default="0"),
    sa.Column("made_in_crm", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("connection", "name"),
)

verification = sa.Table(
    "verification",
    metadata,
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), primary_key=True),
    sa.Column("place", sa.Integer, nullable=False, server_default="0"),
    moment("began_at"),
    text("so_far"),
    moment("verified_at"),
    text("found"),
    text("listed_to"),
)

link = sa.Table(
    "link",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), nullable=False),
    text("prm_id"),
    text("crm_id"),
    sa.Column("state", sa.Text, nullable=False),
    text("base"),
    text("seen"),
    text("crm_version"),
    text("crm_modified_by"),
    sa.Column("prm_gone", sa.Integer, nullable=False, server_default="0"),
    sa.Column("crm_gone", sa.Integer, nullable=False, server_default="0"),
    sa.Column("dirty", sa.Integer, nullable=False, server_default="0"),
    sa.UniqueConstraint("stream_id", "prm_id"),
    sa.UniqueConstraint("stream_id", "crm_id"),
)
sa.Index(
    "ix_link_dirty",
    link.c.stream_id,
    link.c.id,
    sqlite_where=link.c.dirty > 0,
    postgresql_where=link.c.dirty > 0,
)
sa.Index(
    "ix_link_unlinked",
    link.c.stream_id,
    link.c.id,
    sqlite_where=link.c.state == "new",
    postgresql_where=link.c.state == "new",
)
# Written out, not as parameters: else PostgreSQL cannot tell that the index answers a query.
FROM_ID = sa.func.split_part(
    link.c.crm_id, sa.literal_column("':'"), sa.literal_column("1"), type_=sa.Text
)
"""The deal of a relation whose CRM id begins with it."""
IS_RELATION = link.c.crm_id.like(sa.literal_column("'%:%'"))
sa.Index("ix_link_from", link.c.stream_id, FROM_ID, postgresql_where=IS_RELATION).ddl_if(
    dialect="postgresql"
)

run = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), nullable=False, index=True),
    text("kind", nullable=False),
    text("state", nullable=False),
    moment("started_at", nullable=False),
    moment("ended_at"),
    text("actor", nullable=False),
    text("calls"),
    text("counts"),
    text("message"),
    sa.Column("undoes", sa.Integer, sa.ForeignKey("run.id")),
    sa.Index("ix_run_state", "connection", "state", "id"),
    sqlite_autoincrement=True,
)

action = sa.Table(
    "action",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), nullable=False, index=True),
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), nullable=False),
    text("side", nullable=False),
    text("op", nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    text("fields", nullable=False),
    text("reason"),
    text("cause"),
    text("error"),
    sa.Column("done_at", sa.Text),
    sa.Column("brake_id", sa.Integer),
    sa.Index("ix_action_run_id", "run_id"),
    sqlite_autoincrement=True,
)
OPEN_ACTIONS = sa.text("state IN ('planned', 'waiting', 'sent', 'unknown', 'retry', 'released')")
"""Rows that something is still to be done about. SQLite uses a partial index only where a query
says its condition word by word, so queries for such rows say this too."""
sa.Index(
    "ix_action_open",
    action.c.stream_id,
    action.c.state,
    action.c.id,
    sqlite_where=OPEN_ACTIONS,
    postgresql_where=OPEN_ACTIONS,
)

brake = sa.Table(
    "brake",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), nullable=False),
    text("side", nullable=False),
    text("op", nullable=False),
    text("field", nullable=False),
    text("cause", nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer),
    text("why"),
    moment("since", nullable=False),
    sa.UniqueConstraint("run_id", "stream_id", "side", "op", "field", "cause"),
    sqlite_autoincrement=True,
)

call_count = sa.Table(
    "call_count",
    metadata,
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), primary_key=True),
    sa.Column("hour", UtcDateTime, primary_key=True),
    sa.Column("calls", sa.Integer, nullable=False),
    sa.Column("forecast", sa.Integer, nullable=False, server_default="0"),
)

held = sa.Table(
    "held",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), nullable=False, index=True),
    text("group_name", nullable=False),
    text("members", nullable=False),
    text("kind", nullable=False),
    text("base"),
    text("prm"),
    text("crm"),
    sa.Column("state", sa.Text, nullable=False, index=True),
    text("take"),
    text("decided_by"),
    moment("decided_at"),
    moment("since", nullable=False),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id")),
    sqlite_autoincrement=True,
)

parked = sa.Table(
    "parked",
    metadata,
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), primary_key=True),
    text("fingerprint", nullable=False),
    text("side", nullable=False),
    text("code"),
    text("message", nullable=False),
    text("hint"),
    moment("since", nullable=False),
    flag("dropped"),
    moment("again_at"),
)
_AGAIN = parked.c.again_at.is_not(None)
sa.Index("ix_parked_again_at", parked.c.again_at, sqlite_where=_AGAIN, postgresql_where=_AGAIN)

misfit = sa.Table(
    "misfit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), nullable=False, index=True),
    text("stream", nullable=False),
    text("part", nullable=False),
    text("place", nullable=False),
    text("message", nullable=False),
    text("hint"),
    moment("since", nullable=False),
)

told = sa.Table(
    "told",
    metadata,
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), primary_key=True),
    text("said"),
    text("items"),
    text("note"),
)

erasure = sa.Table(
    "erasure",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), index=True),
    text("stream", nullable=False),
    text("record"),
    text("fields", nullable=False),
    text("why", nullable=False),
    text("erased_by", nullable=False),
    moment("erased_at", nullable=False),
    text("crm", nullable=False),
    sqlite_autoincrement=True,
)

change_log = sa.Table(
    "change_log",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("xid", sa.BigInteger, nullable=False, server_default="0"),
    text("stream", nullable=False),
    text("record", nullable=False),
    text("op", nullable=False),
    sa.Index(None, "stream", "xid", "seq"),
    sqlite_autoincrement=True,
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token", sa.Integer, nullable=False),
    text("holder"),
    moment("until"),
)
