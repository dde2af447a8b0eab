"""A generated partner program of believable size, for `prmsync demo` and for tests.

`sample_program` is a pure function of seed and day: the same call gives the same records and ids.
The partner database knows partners, registrations and registered deals; the CRMs hold direct
opportunities, and some of our partners and deals under slightly other names. Which channel
conflicts that makes is known and part of the result; so are traps, pairs that look like a
conflict and are none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date

from prmsync.domain.customer import Customer
from prmsync.domain.opportunity import Opportunity, Role
from prmsync.domain.values import PrmId
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.sample_conflicts import (
    plant_direct_conflicts,
    plant_direct_traps,
    plant_look_alikes,
    plant_partner_conflicts,
    plant_reseller_with_distributor,
)
from prmsync.service.sample_crm import direct_record, known_deals, partner_records
from prmsync.service.sample_deals import Deal, deal_name, make_deal, states
from prmsync.service.sample_direct import make_direct
from prmsync.service.sample_parties import People, make_customers, make_partners, make_people
from prmsync.service.sample_rows import event_row, opportunity_row, registration_row
from prmsync.service.sample_types import (
    CrmRecord,
    Dice,
    Planted,
    Row,
    SampleProgram,
    SampleSize,
)

__all__ = ["CrmRecord", "Planted", "SampleProgram", "SampleSize", "sample_program"]

_FIRST_NUMBER = 1001
_FULL_SIZE = SampleSize()


@dataclass(frozen=True, slots=True)
class _Homes:
    """Names of the two connections: EUR deals are at home in the first, USD in the second."""

    salesforce: str
    hubspot: str

    def of(self, deal: Opportunity) -> str:
        usd = deal.amount is not None and deal.amount.currency == "USD"
        return self.hubspot if usd else self.salesforce


def sample_program(
    seed: int,
    today: date,
    *,
    size: SampleSize = _FULL_SIZE,
    salesforce: str = "salesforce",
    hubspot: str = "hubspot",
) -> SampleProgram:
    """The sample program of a seed as of `today` (08:00 UTC).

    `salesforce` and `hubspot` are the connection names written into `opportunity.home`.
    """
    dice, homes = Dice(seed, today), _Homes(salesforce, hubspot)
    people = make_people(dice)
    partners, memberships = make_partners(dice, people, size.partners)
    customers = make_customers(dice)
    deals = list(_deals(dice, size, partners, customers, people))
    direct = make_direct(dice, customers[size.registrations :], people, size.direct)
    planted = _plant(dice, deals, direct, partners)
    deals.sort(key=lambda deal: str(deal.registration.created_at))
    opportunities = [replace(o, home=homes.of(o)) for o in _opportunities(deals)]
    rows: dict[str, list[Row]] = {
        "person": people.rows,
        "tier": [{"name": t.name, "rank": t.rank} for t in REFERENCE_PROGRAM.tiers],
        "partner": partners,
        "membership": memberships,
        "opportunity": [opportunity_row(o) for o in opportunities],
        "registration": [registration_row(d.registration) for d in deals],
        "deal_partner": list(_deal_partners(dice, deals, partners)),
        "registration_event": [event_row(event) for d in deals for event in d.events],
    }
    sides = [
        _crm_side(dice, name, homes, partners, opportunities, direct)
        for name in (salesforce, hubspot)
    ]
    return SampleProgram(rows, sides[0], sides[1], planted)


def _deals(
    dice: Dice, size: SampleSize, partners: list[Row], customers: list[Customer], people: People
) -> Iterator[Deal]:
    wanted = states(size.registrations)
    dice.random.shuffle(wanted)
    resellers = [p for p in partners if p["types"] != "distributor"]
    for index, state in enumerate(wanted):
        customer = customers[index]
        near = [p for p in resellers if (p["country"] == "US") == (customer.country == "US")]
        number = f"DR-{_FIRST_NUMBER + index}"
        yield make_deal(dice, number, state, dice.random.choice(near), customer, people)


def _plant(
    dice: Dice, deals: list[Deal], direct: list[Opportunity], partners: list[Row]
) -> list[Planted]:
    distributor: PrmId = next(p["id"] for p in partners if p["types"] == "distributor")
    plant_look_alikes(dice, deals)
    plant_reseller_with_distributor(dice, deals, distributor)
    planted = plant_partner_conflicts(dice, deals)
    planted += plant_direct_conflicts(dice, deals, direct)
    plant_direct_traps(dice, deals, direct)
    return planted


def _opportunities(deals: list[Deal]) -> Iterator[Opportunity]:
    """Opportunities as their registrations now tell them: plants may have renamed customers."""
    for deal in deals:
        if deal.opportunity is not None:
            r = deal.registration
            yield replace(
                deal.opportunity,
                name=deal_name(r.customer, r.product_lines),
                customer=r.customer,
                product_lines=r.product_lines,
            )


def _deal_partners(dice: Dice, deals: list[Deal], partners: list[Row]) -> Iterator[Row]:
    """The partner of every registered deal, and a second partner on some of them."""
    helpers = [p for p in partners if "si" in p["types"].split(";")]
    for deal in deals:
        opportunity = deal.opportunity
        if opportunity is None or opportunity.partner is None:
            continue
        base: Row = {"opportunity": opportunity.id, "split": None}
        yield base | {
            "id": dice.new_id(),
            "partner": opportunity.partner,
            "role": Role.RESELLER.value,
            "attribution": "sourced",
        }
        helper = dice.random.choice(helpers)
        if dice.chance(10) and helper["id"] != opportunity.partner:
            yield base | {
                "id": dice.new_id(),
                "partner": helper["id"],
                "role": Role.SI.value,
                "attribution": "delivered",
            }


def _crm_side(
    dice: Dice,
    name: str,
    homes: _Homes,
    partners: list[Row],
    opportunities: list[Opportunity],
    direct: list[Opportunity],
) -> list[CrmRecord]:
    companies = partner_records(dice, partners)
    refs = {record.ref.removeprefix("partner-"): record.ref for record in companies}
    own = [deal for deal in opportunities if deal.home == name]
    known = known_deals(dice, own, refs)
    return companies + known + [direct_record(d) for d in direct if homes.of(d) == name]
