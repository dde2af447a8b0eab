"""What opportunities looked like before is kept, for the forecast and its own record."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

TIME = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
AMOUNT = sa.Text().with_variant(sa.Numeric(20, 4), "postgresql")

SQLITE = (
    """
CREATE TRIGGER opportunity_past_update AFTER UPDATE ON opportunity
WHEN OLD.stage IS NOT NEW.stage
  OR OLD.amount IS NOT NEW.amount
  OR OLD.currency IS NOT NEW.currency
  OR OLD.close_date IS NOT NEW.close_date
  OR OLD.partner IS NOT NEW.partner
  OR OLD.product_lines IS NOT NEW.product_lines
BEGIN
  INSERT INTO opportunity_past (opportunity, until_at, stage, amount, currency,
    close_date, partner, product_lines, created_at, gone)
  VALUES (OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    OLD.stage, OLD.amount, OLD.currency, OLD.close_date, OLD.partner,
    OLD.product_lines, OLD.created_at, 0);
END
""",
    """
CREATE TRIGGER opportunity_past_delete AFTER DELETE ON opportunity
BEGIN
  INSERT INTO opportunity_past (opportunity, until_at, stage, amount, currency,
    close_date, partner, product_lines, created_at, gone)
  VALUES (OLD.id, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
    OLD.stage, OLD.amount, OLD.currency, OLD.close_date, OLD.partner,
    OLD.product_lines, OLD.created_at, 1);
END
""",
)
POSTGRESQL = (
    """
CREATE FUNCTION prmsync_keep_past() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  INSERT INTO opportunity_past (opportunity, until_at, stage, amount, currency,
    close_date, partner, product_lines, created_at, gone)
  VALUES (OLD.id, clock_timestamp(),
    OLD.stage, OLD.amount, OLD.currency, OLD.close_date, OLD.partner,
    OLD.product_lines, OLD.created_at,
    TG_OP = 'DELETE');
  RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER keep_past AFTER UPDATE ON opportunity
FOR EACH ROW WHEN (OLD.stage IS DISTINCT FROM NEW.stage
  OR OLD.amount IS DISTINCT FROM NEW.amount
  OR OLD.currency IS DISTINCT FROM NEW.currency
  OR OLD.close_date IS DISTINCT FROM NEW.close_date
  OR OLD.partner IS DISTINCT FROM NEW.partner
  OR OLD.product_lines IS DISTINCT FROM NEW.product_lines)
EXECUTE FUNCTION prmsync_keep_past()
""",
    """
CREATE TRIGGER keep_past_deleted AFTER DELETE ON opportunity
FOR EACH ROW EXECUTE FUNCTION prmsync_keep_past()
""",
)


def upgrade() -> None:
    op.create_table(
        "opportunity_past",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("opportunity", sa.Text, nullable=False),
        sa.Column("until_at", TIME, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("amount", AMOUNT),
        sa.Column("currency", sa.Text),
        sa.Column("close_date", sa.Date),
        sa.Column("partner", sa.Text),
        sa.Column("product_lines", sa.Text),
        sa.Column("created_at", TIME),
        sa.Column("gone", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("seq", name="pk_opportunity_past"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_opportunity_past_opportunity_until_at", "opportunity_past", ["opportunity", "until_at"]
    )
    sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in SQLITE if sqlite else POSTGRESQL:
        op.execute(sa.text(statement.strip().replace(":", "\\:")))
