"""All tables. The partner database is what channel teams own; the rest is the engine's state.

Ids of partner records are UUIDs in text form. Times are aware UTC. Amounts are exact decimals in
major units of the currency beside them. Engine tables keep values as canonical JSON text
(`prmsync.domain.values`).
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

import sqlalchemy as sa

from prmsync.store.column_types import ExactDecimal, UtcDateTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id() -> sa.Column[str]:
    return sa.Column("id", sa.Text, primary_key=True)


def _ref(name: str, target: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, sa.ForeignKey(f"{target}.id"), nullable=nullable, index=True)


def _text(name: str, *, nullable: bool = True) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _money(name: str) -> sa.Column[Decimal]:
    return sa.Column(name, ExactDecimal)


def _time(name: str, *, nullable: bool = True) -> sa.Column[datetime]:
    return sa.Column(name, UtcDateTime, nullable=nullable)


def _day(name: str) -> sa.Column[date]:
    return sa.Column(name, sa.Date)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())


def _customer() -> list[sa.Column[str]]:
    return [_text(f"customer_{part}") for part in ("name", "domain", "duns", "country")]


def _conflict() -> list[sa.Column[str] | sa.Column[bool]]:
    return [_flag("conflict"), _text("conflict_kind"), _text("conflict_reason")]


# --- the partner database -------------------------------------------------------------------

person = sa.Table(
    "person",
    metadata,
    _id(),
    sa.Column("email", sa.Text, nullable=False, unique=True),
    _text("name"),
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
    _id(),
    _text("name", nullable=False),
    _text("domain"),
    _text("duns"),
    _text("country"),
    _text("types"),
    sa.Column("status", sa.Text, nullable=False, server_default="active"),
    sa.Column("tier", sa.Text, sa.ForeignKey("tier.name")),
    _text("partner_manager"),
    _time("created_at"),
    _ref("distributor", "partner"),
)

membership = sa.Table(
    "membership",
    metadata,
    _id(),
    _ref("partner", "partner", nullable=False),
    sa.Column("tier", sa.Text, sa.ForeignKey("tier.name"), nullable=False),
    sa.Column("valid_from", sa.Date, nullable=False),
    _day("valid_to"),
    _text("reason"),
)

opportunity = sa.Table(
    "opportunity",
    metadata,
    _id(),
    _text("number"),
    _text("name", nullable=False),
    _ref("partner", "partner"),
    *_customer(),
    _text("product_lines"),
    sa.Column("stage", sa.Text, nullable=False, server_default="prospect"),
    _money("amount"),
    _text("currency"),
    _day("close_date"),
    _text("loss_reason"),
    _text("owner"),
    _text("source"),
    _flag("registered"),
    _time("protected_until"),
    *_conflict(),
    _text("home"),
    _time("last_activity_at"),
    _time("created_at"),
)

registration = sa.Table(
    "registration",
    metadata,
    _id(),
    sa.Column("number", sa.Text, nullable=False, unique=True),
    _ref("partner", "partner", nullable=False),
    _ref("distributor", "partner"),
    _ref("opportunity", "opportunity"),
    *_customer(),
    _text("customer_contact"),
    _text("product_lines"),
    _money("amount"),
    _text("currency"),
    _day("expected_close"),
    sa.Column("review_state", sa.Text, nullable=False, server_default="draft"),
    _text("reason"),
    _text("outcome"),
    _time("submitted_at"),
    _time("due_at"),
    _time("approved_at"),
    _time("protected_until"),
    sa.Column("extensions", sa.Integer, nullable=False, server_default="0"),
    *_conflict(),
    _money("margin"),
    _text("margin_currency"),
    _time("created_at"),
)

deal_partner = sa.Table(
    "deal_partner",
    metadata,
    _id(),
    _ref("opportunity", "opportunity", nullable=False),
    _ref("partner", "partner", nullable=False),
    _text("role", nullable=False),
    _text("attribution"),
    sa.Column("split", ExactDecimal),
    sa.UniqueConstraint("opportunity", "partner", "role"),
)

channel_conflict = sa.Table(
    "channel_conflict",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("kind", nullable=False),
    _text("severity", nullable=False),
    sa.Column("status", sa.Text, nullable=False, server_default="open"),
    _ref("registration", "registration", nullable=False),
    _ref("other_registration", "registration"),
    _ref("opportunity", "opportunity"),
    sa.Column("score", sa.Integer, nullable=False),
    _text("reason", nullable=False),
    _text("evidence", nullable=False),
    _text("rule_version", nullable=False),
    _time("opened_at", nullable=False),
    _text("resolution"),
    _text("resolved_by"),
    _text("resolved_why"),
    _time("resolved_at"),
)

margin_entry = sa.Table(
    "margin_entry",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _ref("registration", "registration", nullable=False),
    _text("kind", nullable=False),
    sa.Column("amount", ExactDecimal, nullable=False),
    _text("currency", nullable=False),
    _text("derivation", nullable=False),
    _text("program_version", nullable=False),
    _time("entered_at", nullable=False),
)

registration_event = sa.Table(
    "registration_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _ref("registration", "registration", nullable=False),
    _text("from_state"),
    _text("to_state", nullable=False),
    _text("reason"),
    _text("actor", nullable=False),
    _time("at", nullable=False),
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
    _time("created_at", nullable=False),
)

connection = sa.Table(
    "connection",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    _text("connector", nullable=False),
    _text("org_id"),
    _text("environment"),
    _flag("paused"),
    _text("paused_why"),
    _text("schema_cache"),
    _time("schema_cached_at"),
    _text("quota"),
)

claim = sa.Table(
    "claim",
    metadata,
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), primary_key=True),
    _text("place", nullable=False),
    _text("kind"),
    _text("why"),
    _text("found"),
    _time("doubted_at"),
    sa.Column("known_to", sa.Integer, nullable=False, server_default="0"),
)

stream = sa.Table(
    "stream",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), nullable=False),
    _text("name", nullable=False),
    _text("crm_cursor"),
    sa.Column("prm_cursor", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("prm_xid", sa.BigInteger, nullable=False, server_default="0"),
    _text("mapping_hash"),
    _time("read_at"),
    _text("relations_after"),
    _flag("paused"),
    _text("paused_why"),
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
    _time("began_at"),
    _text("so_far"),
    _time("verified_at"),
    _text("found"),
    _text("listed_to"),
)

link = sa.Table(
    "link",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), nullable=False),
    _text("prm_id"),
    _text("crm_id"),
    sa.Column("state", sa.Text, nullable=False),
    _text("base"),
    _text("seen"),
    _text("crm_version"),
    _text("crm_modified_by"),
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
    _text("kind", nullable=False),
    _text("state", nullable=False),
    _time("started_at", nullable=False),
    _time("ended_at"),
    _text("actor", nullable=False),
    _text("calls"),
    _text("counts"),
    _text("message"),
    sa.Column("undoes", sa.Integer, sa.ForeignKey("run.id")),
    sqlite_autoincrement=True,
)

action = sa.Table(
    "action",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id"), nullable=False),
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), nullable=False, index=True),
    sa.Column("stream_id", sa.Integer, sa.ForeignKey("stream.id"), nullable=False),
    _text("side", nullable=False),
    _text("op", nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    _text("fields", nullable=False),
    _text("reason"),
    _text("cause"),
    _text("error"),
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
    _text("side", nullable=False),
    _text("op", nullable=False),
    _text("field", nullable=False),
    _text("cause", nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("total", sa.Integer),
    _text("why"),
    _time("since", nullable=False),
    sa.UniqueConstraint("run_id", "stream_id", "side", "op", "field", "cause"),
    sqlite_autoincrement=True,
)

call_count = sa.Table(
    "call_count",
    metadata,
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), primary_key=True),
    sa.Column("hour", UtcDateTime, primary_key=True),
    sa.Column("calls", sa.Integer, nullable=False),
)

held = sa.Table(
    "held",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), nullable=False, index=True),
    _text("group_name", nullable=False),
    _text("members", nullable=False),
    _text("kind", nullable=False),
    _text("base"),
    _text("prm"),
    _text("crm"),
    sa.Column("state", sa.Text, nullable=False, index=True),
    _text("take"),
    _text("decided_by"),
    _time("decided_at"),
    _time("since", nullable=False),
    sa.Column("run_id", sa.Integer, sa.ForeignKey("run.id")),
    sqlite_autoincrement=True,
)

parked = sa.Table(
    "parked",
    metadata,
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), primary_key=True),
    _text("fingerprint", nullable=False),
    _text("side", nullable=False),
    _text("code"),
    _text("message", nullable=False),
    _text("hint"),
    _time("since", nullable=False),
    _flag("dropped"),
    _time("again_at"),
)
_AGAIN = parked.c.again_at.is_not(None)
sa.Index("ix_parked_again_at", parked.c.again_at, sqlite_where=_AGAIN, postgresql_where=_AGAIN)

misfit = sa.Table(
    "misfit",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, sa.ForeignKey("connection.name"), nullable=False, index=True),
    _text("stream", nullable=False),
    _text("part", nullable=False),
    _text("place", nullable=False),
    _text("message", nullable=False),
    _text("hint"),
    _time("since", nullable=False),
)

told = sa.Table(
    "told",
    metadata,
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), primary_key=True),
    _text("said"),
    _text("items"),
    _text("note"),
)

erasure = sa.Table(
    "erasure",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("link_id", sa.Integer, sa.ForeignKey("link.id"), index=True),
    _text("stream", nullable=False),
    _text("record"),
    _text("fields", nullable=False),
    _text("why", nullable=False),
    _text("erased_by", nullable=False),
    _time("erased_at", nullable=False),
    _text("crm", nullable=False),
    sqlite_autoincrement=True,
)

change_log = sa.Table(
    "change_log",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("xid", sa.BigInteger, nullable=False, server_default="0"),
    _text("stream", nullable=False),
    _text("record", nullable=False),
    _text("op", nullable=False),
    sa.Index(None, "stream", "xid", "seq"),
    sqlite_autoincrement=True,
)

lease = sa.Table(
    "lease",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("token", sa.Integer, nullable=False),
    _text("holder"),
    _time("until"),
)
