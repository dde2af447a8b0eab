"""What the CRMs of the sample hold before the first sync, in canonical values.

EUR deals live in Salesforce, USD deals in HubSpot. Some partners and registered deals are there
already, typed by other people: "Globex Corp." for "Globex Corporation", "www." before a domain.
"""

from __future__ import annotations

from datetime import UTC, datetime

from prmsync.domain.customer import joined
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.values import Values
from prmsync.service.sample_parties import other_spelling, respell
from prmsync.service.sample_types import CrmRecord, Dice, Row

PARTNERS_KNOWN = 55
"""Per cent of the partners that a CRM has already."""
DEALS_KNOWN = 25
"""Per cent of the open registered deals that their CRM has already."""
_PARTNER_FIELDS = ("name", "domain", "duns", "country", "types", "status", "tier")


def partner_records(dice: Dice, partners: list[Row]) -> list[CrmRecord]:
    """Companies that a CRM has already, under the names its users gave them; without our ids."""
    return [_partner(dice, row) for row in partners if dice.chance(PARTNERS_KNOWN)]


def _partner(dice: Dice, row: Row) -> CrmRecord:
    values: Values = dict.fromkeys(_PARTNER_FIELDS)
    respelled = dice.chance(50)
    values["name"] = respell(row["name"]) if respelled else row["name"]
    values["domain"] = f"www.{row['domain']}" if dice.chance(40) else row["domain"]
    values["duns"] = row["duns"] if dice.chance(50) else None
    values["country"] = row["country"]
    return CrmRecord("partner", f"partner-{row['id']}", values)


def known_deals(
    dice: Dice, deals: list[Opportunity], partner_refs: dict[str, str]
) -> list[CrmRecord]:
    """Registered deals that sales people had entered before the partner registered them."""
    records = []
    for deal in deals:
        if deal.stage.is_closed or not deal.registered or not dice.chance(DEALS_KNOWN):
            continue
        values = opportunity_values(deal)
        customer = other_spelling(deal.customer)
        values["name"] = str(deal.name).replace(" GmbH", "").replace(" Inc", "")
        values["customer_name"], values["customer_domain"] = customer.name, customer.domain
        values["number"] = values["source"] = values["protected_until"] = None
        values["registered"] = False
        ref = partner_refs.get(str(deal.partner))
        records.append(
            CrmRecord("opportunity", f"deal-{deal.id}", values, {"partner": ref} if ref else {})
        )
    return records


def direct_record(deal: Opportunity) -> CrmRecord:
    """A direct deal as a CRM's own users entered it."""
    return CrmRecord("opportunity", deal.id, opportunity_values(deal))


def opportunity_values(deal: Opportunity) -> Values:
    """Canonical values of an opportunity by prm field name; references are left to `refs`."""
    return {
        "number": deal.number,
        "name": deal.name,
        "customer_name": deal.customer.name,
        "customer_domain": deal.customer.domain,
        "customer_duns": deal.customer.duns,
        "customer_country": deal.customer.country,
        "product_lines": joined(deal.product_lines),
        "stage": deal.stage.value,
        "amount": f"{deal.amount.amount:f}" if deal.amount else None,
        "currency": deal.amount.currency if deal.amount else None,
        "close_date": deal.close_date.isoformat() if deal.close_date else None,
        "loss_reason": deal.loss_reason,
        "owner": deal.owner,
        "source": deal.source,
        "registered": deal.registered,
        "protected_until": _time(deal.protected_until),
        "conflict": deal.conflict.flag,
        "conflict_kind": deal.conflict.kind,
        "conflict_reason": deal.conflict.reason,
        "last_activity_at": _time(deal.last_activity_at),
        "created_at": _time(deal.created_at),
    }


def _time(at: datetime | None) -> str | None:
    if at is None:
        return None
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
