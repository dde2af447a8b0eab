"""A partner may buy through a distributor, which is a partner too."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"

SQLITE_TRIGGER = """
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
BEGIN
  INSERT INTO change_log (stream, record, op)
  SELECT 'partner', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id;
  INSERT INTO change_log (stream, record, op)
  VALUES ('partner', NEW.id, CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END);
END
"""


def upgrade() -> None:
    op.execute(
        "ALTER TABLE partner ADD COLUMN distributor TEXT"
        " CONSTRAINT fk_partner_distributor_partner REFERENCES partner (id)"
    )
    op.create_index("ix_partner_distributor", "partner", ["distributor"])
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER partner_log_update")
        op.execute(SQLITE_TRIGGER.strip())
