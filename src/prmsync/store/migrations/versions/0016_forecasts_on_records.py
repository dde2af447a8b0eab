"""Deals and partners carry what the forecast says of them, for the mapping to take to the CRMs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

AMOUNT = sa.Text().with_variant(sa.Numeric(20, 4), "postgresql")
COLUMNS: dict[str, dict[str, Any]] = {
    "opportunity": {
        "forecast_chance": AMOUNT,
        "forecast_amount": AMOUNT,
        "forecast_period": sa.Text,
    },
    "partner": {
        "forecast_amount": AMOUNT,
        "forecast_currency": sa.Text,
        "forecast_period": sa.Text,
    },
}
SQLITE_TRIGGERS = (
    """
CREATE TRIGGER partner_log_update AFTER UPDATE ON partner
WHEN OLD.id IS NOT NEW.id
  OR OLD.name IS NOT NEW.name
  OR OLD.domain IS NOT NEW.domain
  OR OLD.duns IS NOT NEW.duns
  OR OLD.country IS NOT NEW.country
  OR OLD.types IS NOT NEW.types
  OR OLD.status IS NOT NEW.status
  OR OLD.tier IS NOT NEW.tier
  OR OLD.partner_manager IS NOT NEW.partner_manager
  OR OLD.created_at IS NOT NEW.created_at
  OR OLD.distributor IS NOT NEW.distributor
  OR OLD.forecast_amount IS NOT NEW.forecast_amount
  OR OLD.forecast_currency IS NOT NEW.forecast_currency
  OR OLD.forecast_period IS NOT NEW.forecast_period
BEGIN
  INSERT INTO change_log (stream, record, op)
  SELECT 'partner', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id;
  INSERT INTO change_log (stream, record, op)
  VALUES ('partner', NEW.id, CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END);
END
""",
    """
CREATE TRIGGER opportunity_log_update AFTER UPDATE ON opportunity
WHEN OLD.id IS NOT NEW.id
  OR OLD.number IS NOT NEW.number
  OR OLD.name IS NOT NEW.name
  OR OLD.partner IS NOT NEW.partner
  OR OLD.customer_name IS NOT NEW.customer_name
  OR OLD.customer_domain IS NOT NEW.customer_domain
  OR OLD.customer_duns IS NOT NEW.customer_duns
  OR OLD.customer_country IS NOT NEW.customer_country
  OR OLD.product_lines IS NOT NEW.product_lines
  OR OLD.stage IS NOT NEW.stage
  OR OLD.amount IS NOT NEW.amount
  OR OLD.currency IS NOT NEW.currency
  OR OLD.close_date IS NOT NEW.close_date
  OR OLD.loss_reason IS NOT NEW.loss_reason
  OR OLD.owner IS NOT NEW.owner
  OR OLD.source IS NOT NEW.source
  OR OLD.registered IS NOT NEW.registered
  OR OLD.protected_until IS NOT NEW.protected_until
  OR OLD.conflict IS NOT NEW.conflict
  OR OLD.conflict_kind IS NOT NEW.conflict_kind
  OR OLD.conflict_reason IS NOT NEW.conflict_reason
  OR OLD.home IS NOT NEW.home
  OR OLD.last_activity_at IS NOT NEW.last_activity_at
  OR OLD.created_at IS NOT NEW.created_at
  OR OLD.forecast_chance IS NOT NEW.forecast_chance
  OR OLD.forecast_amount IS NOT NEW.forecast_amount
  OR OLD.forecast_period IS NOT NEW.forecast_period
BEGIN
  INSERT INTO change_log (stream, record, op)
  SELECT 'opportunity', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id;
  INSERT INTO change_log (stream, record, op)
  VALUES ('opportunity', NEW.id, CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END);
END
""",
)


def upgrade() -> None:
    for table, columns in COLUMNS.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind))
    if op.get_bind().dialect.name == "sqlite":
        for table in COLUMNS:
            op.execute(f"DROP TRIGGER {table}_log_update")
        for statement in SQLITE_TRIGGERS:
            op.execute(statement.strip())
