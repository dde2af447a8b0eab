"""Change capture of schema 0001, as it was released: never edited afterwards."""

from __future__ import annotations

SQLITE = (
    """
CREATE TRIGGER partner_log_insert AFTER INSERT ON partner
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('partner', NEW.id, 'insert');
END
""",
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
BEGIN
  INSERT INTO change_log (stream, record, op)
  SELECT 'partner', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id;
  INSERT INTO change_log (stream, record, op)
  VALUES ('partner', NEW.id, CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END);
END
""",
    """
CREATE TRIGGER partner_log_delete AFTER DELETE ON partner
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('partner', OLD.id, 'delete');
END
""",
    """
CREATE TRIGGER opportunity_log_insert AFTER INSERT ON opportunity
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('opportunity', NEW.id, 'insert');
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
BEGIN
  INSERT INTO change_log (stream, record, op)
  SELECT 'opportunity', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id;
  INSERT INTO change_log (stream, record, op)
  VALUES ('opportunity', NEW.id, CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END);
END
""",
    """
CREATE TRIGGER opportunity_log_delete AFTER DELETE ON opportunity
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('opportunity', OLD.id, 'delete');
END
""",
    """
CREATE TRIGGER registration_log_insert AFTER INSERT ON registration
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('registration', NEW.id, 'insert');
END
""",
    """
CREATE TRIGGER registration_log_update AFTER UPDATE ON registration
WHEN OLD.id IS NOT NEW.id
  OR OLD.number IS NOT NEW.number
  OR OLD.partner IS NOT NEW.partner
  OR OLD.distributor IS NOT NEW.distributor
  OR OLD.opportunity IS NOT NEW.opportunity
  OR OLD.customer_name IS NOT NEW.customer_name
  OR OLD.customer_domain IS NOT NEW.customer_domain
  OR OLD.customer_duns IS NOT NEW.customer_duns
  OR OLD.customer_country IS NOT NEW.customer_country
  OR OLD.customer_contact IS NOT NEW.customer_contact
  OR OLD.product_lines IS NOT NEW.product_lines
  OR OLD.amount IS NOT NEW.amount
  OR OLD.currency IS NOT NEW.currency
  OR OLD.expected_close IS NOT NEW.expected_close
  OR OLD.review_state IS NOT NEW.review_state
  OR OLD.reason IS NOT NEW.reason
  OR OLD.outcome IS NOT NEW.outcome
  OR OLD.submitted_at IS NOT NEW.submitted_at
  OR OLD.due_at IS NOT NEW.due_at
  OR OLD.approved_at IS NOT NEW.approved_at
  OR OLD.protected_until IS NOT NEW.protected_until
  OR OLD.extensions IS NOT NEW.extensions
  OR OLD.conflict IS NOT NEW.conflict
  OR OLD.conflict_kind IS NOT NEW.conflict_kind
  OR OLD.conflict_reason IS NOT NEW.conflict_reason
  OR OLD.margin IS NOT NEW.margin
  OR OLD.margin_currency IS NOT NEW.margin_currency
  OR OLD.created_at IS NOT NEW.created_at
BEGIN
  INSERT INTO change_log (stream, record, op)
  SELECT 'registration', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id;
  INSERT INTO change_log (stream, record, op)
  VALUES ('registration', NEW.id, CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END);
END
""",
    """
CREATE TRIGGER registration_log_delete AFTER DELETE ON registration
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('registration', OLD.id, 'delete');
END
""",
    """
CREATE TRIGGER deal_partner_log_insert AFTER INSERT ON deal_partner
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('relation', NEW.id, 'insert');
END
""",
    """
CREATE TRIGGER deal_partner_log_update AFTER UPDATE ON deal_partner
WHEN OLD.id IS NOT NEW.id
  OR OLD.opportunity IS NOT NEW.opportunity
  OR OLD.partner IS NOT NEW.partner
  OR OLD.role IS NOT NEW.role
  OR OLD.attribution IS NOT NEW.attribution
  OR OLD.split IS NOT NEW.split
BEGIN
  INSERT INTO change_log (stream, record, op)
  SELECT 'relation', OLD.id, 'delete' WHERE OLD.id IS NOT NEW.id;
  INSERT INTO change_log (stream, record, op)
  VALUES ('relation', NEW.id, CASE WHEN OLD.id IS NEW.id THEN 'update' ELSE 'insert' END);
END
""",
    """
CREATE TRIGGER deal_partner_log_delete AFTER DELETE ON deal_partner
BEGIN
  INSERT INTO change_log (stream, record, op) VALUES ('relation', OLD.id, 'delete');
END
""",
)

POSTGRESQL = (
    """
CREATE FUNCTION prmsync_log_change() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (TG_OP = 'UPDATE' AND OLD.id IS DISTINCT FROM NEW.id) THEN
    INSERT INTO change_log (xid, stream, record, op)
    VALUES (pg_current_xact_id()::text::bigint, TG_ARGV[0], OLD.id, 'delete');
  END IF;
  IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND OLD.id IS DISTINCT FROM NEW.id) THEN
    INSERT INTO change_log (xid, stream, record, op)
    VALUES (pg_current_xact_id()::text::bigint, TG_ARGV[0], NEW.id, 'insert');
  ELSIF TG_OP = 'UPDATE' THEN
    INSERT INTO change_log (xid, stream, record, op)
    VALUES (pg_current_xact_id()::text::bigint, TG_ARGV[0], NEW.id, 'update');
  END IF;
  RETURN NULL;
END
$$
""",
    """
CREATE FUNCTION prmsync_log_truncate() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  EXECUTE 'INSERT INTO change_log (xid, stream, record, op) '
    || 'SELECT pg_current_xact_id()::text::bigint, ' || quote_literal(TG_ARGV[0])
    || ', id, ''delete'' FROM ' || TG_RELID::regclass::text;
  RETURN NULL;
END
$$
""",
    """
CREATE TRIGGER log_change AFTER INSERT OR DELETE ON partner
FOR EACH ROW EXECUTE FUNCTION prmsync_log_change('partner')
""",
    """
CREATE TRIGGER log_update AFTER UPDATE ON partner
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION prmsync_log_change('partner')
""",
    """
CREATE TRIGGER log_truncate BEFORE TRUNCATE ON partner
FOR EACH STATEMENT EXECUTE FUNCTION prmsync_log_truncate('partner')
""",
    """
CREATE TRIGGER log_change AFTER INSERT OR DELETE ON opportunity
FOR EACH ROW EXECUTE FUNCTION prmsync_log_change('opportunity')
""",
    """
CREATE TRIGGER log_update AFTER UPDATE ON opportunity
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION prmsync_log_change('opportunity')
""",
    """
CREATE TRIGGER log_truncate BEFORE TRUNCATE ON opportunity
FOR EACH STATEMENT EXECUTE FUNCTION prmsync_log_truncate('opportunity')
""",
    """
CREATE TRIGGER log_change AFTER INSERT OR DELETE ON registration
FOR EACH ROW EXECUTE FUNCTION prmsync_log_change('registration')
""",
    """
CREATE TRIGGER log_update AFTER UPDATE ON registration
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION prmsync_log_change('registration')
""",
    """
CREATE TRIGGER log_truncate BEFORE TRUNCATE ON registration
FOR EACH STATEMENT EXECUTE FUNCTION prmsync_log_truncate('registration')
""",
    """
CREATE TRIGGER log_change AFTER INSERT OR DELETE ON deal_partner
FOR EACH ROW EXECUTE FUNCTION prmsync_log_change('relation')
""",
    """
CREATE TRIGGER log_update AFTER UPDATE ON deal_partner
FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
EXECUTE FUNCTION prmsync_log_change('relation')
""",
    """
CREATE TRIGGER log_truncate BEFORE TRUNCATE ON deal_partner
FOR EACH STATEMENT EXECUTE FUNCTION prmsync_log_truncate('relation')
""",
)
