"""What people do in the demo: who decides which pairs, who edits what, on which side.

Records are chosen by what they are, so that the story holds on any day and at any size.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.domain.money import Money
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.partner import Partner
from prmsync.domain.registration import Registration, ReviewState
from prmsync.domain.stage import Stage
from prmsync.errors import StateError
from prmsync.service.demo_crm import DemoCrm, prm_id_of
from prmsync.service.matching import COLUMNS
from prmsync.service.sample import SampleProgram
from prmsync.service.syncing import session_on
from prmsync.service.wiring import Application
from prmsync.store import tables
from prmsync.sync.session import Session

EDITS = "edits.csv"


@dataclass(slots=True)
class Demo:
    """The demo's world: `crms` by connection name, Salesforce first."""

    folder: Path
    application: Application
    crms: dict[str, DemoCrm]
    sample: SampleProgram

    @property
    def salesforce(self) -> DemoCrm:
        return next(one for one in self.crms.values() if one.connector == "salesforce")

    @property
    def hubspot(self) -> DemoCrm:
        return next(one for one in self.crms.values() if one.connector == "hubspot")

    @contextmanager
    def session(self, crm: DemoCrm) -> Iterator[Session]:
        with session_on(self.application, crm.name) as session:
            yield session

    def named(self, email: str | None) -> str:
        """A person's name by e-mail."""
        people = {one["email"]: one["name"] for one in self.sample.rows["person"]}
        return str(people.get(email, email))


@dataclass(frozen=True, slots=True)
class Cast:
    """The records of the edits; all are at home in the CRM that edits them.

    `deal` moves on in Salesforce. `merged` is edited on both sides in different fields, `agreed`
    on both sides in the same way, `disputed` on both sides differently. The tier of `partner` is
    changed where it may not be. `waiting` is approved for `direct`, which sales had already.
    """

    deal: Opportunity
    merged: Registration
    agreed: Registration
    disputed: Registration
    partner: Partner
    waiting: Registration
    direct: Opportunity
    partners: dict[str, str]
    """Names by id."""

    @property
    def new_amount(self) -> Money:
        """What Salesforce says of `deal` from now on."""
        return _plus(self.deal.amount, 10)

    @property
    def our_amount(self) -> Money:
        """What the partner database says of `disputed`."""
        return _plus(self.disputed.amount, 5)

    @property
    def their_amount(self) -> Money:
        """What HubSpot says of `disputed`."""
        return _plus(self.disputed.amount, -10)

    @property
    def new_close(self) -> str:
        """When Salesforce expects `merged` to close."""
        return _later(self.merged)

    @property
    def agreed_contact(self) -> str:
        return f"it-purchasing@{self.agreed.customer.domain}"

    @property
    def new_contact(self) -> str:
        return f"head.of.it@{self.merged.customer.domain}"


def _plus(amount: Money | None, percent: int) -> Money:
    """An amount some per cent away, in steps of fifty."""
    if amount is None:
        raise StateError("the sample has a deal without an amount")
    steps = (amount.amount * (100 + percent) / 5000).to_integral_value()
    return Money((steps * 50).quantize(Decimal("0.01")), amount.currency)


def _later(registration: Registration) -> str:
    if registration.expected_close is None:
        raise StateError("the sample has a registration without an expected close")
    return (registration.expected_close + timedelta(days=21)).isoformat()


def cast(demo: Demo) -> Cast:
    """Choose the records. Raises StateError when the sample has none for a part."""
    o, r, p = tables.opportunity.c, tables.registration.c, tables.partner.c
    planted = {number for one in demo.sample.planted for number in (one.registration, one.other)}
    free = r.number.not_in(sorted(planted))
    approved = (
        free & (r.review_state == ReviewState.APPROVED.value) & r.customer_domain.is_not(None)
    )
    with demo.application.database.read() as connection:
        eur = list(rows.registrations(connection, approved, r.currency == "EUR"))
        usd = list(rows.registrations(connection, approved, r.currency == "USD"))
        deals = list(
            rows.opportunities(
                connection,
                o.registered,
                o.home == demo.salesforce.name,
                o.stage == Stage.QUALIFIED.value,
            )
        )
        partners = list(rows.partners(connection, p.tier == "Gold"))
        names = rows.partner_names(connection)
    taken = {one.opportunity for one in eur[:2]}
    deals = [one for one in deals if one.id not in taken]
    if len(eur) < 2 or not (usd and deals and partners):
        raise StateError("the sample program has too few records for the demo's story")
    waiting, direct = _same_deal(demo)
    return Cast(deals[0], eur[0], eur[1], usd[0], partners[0], waiting, direct, dict(names))


def _same_deal(demo: Demo) -> tuple[Registration, Opportunity]:
    """A registration under review, and the direct deal of the same customer that it is about."""
    state = tables.registration.c.review_state == ReviewState.UNDER_REVIEW.value
    with demo.application.database.read() as connection:
        waiting = {one.number: one for one in rows.registrations(connection, state)}
    for planted in demo.sample.planted:
        for crm in demo.crms.values():
            if planted.registration in waiting and planted.other in crm.ids:
                with demo.session(crm) as session:
                    found = prm_id_of(session, "opportunity", crm.ids[planted.other])
                with demo.application.database.read() as connection:
                    return waiting[planted.registration], rows.opportunity(connection, found)
    raise StateError("the sample program has no registration of a direct deal under review")


def judge_pairs(crm: DemoCrm, path: Path) -> list[tuple[str, dict[str, str]]]:
    """The admin goes through a match file and answers what it leaves open; the answers."""
    with path.open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    answered = []
    for row in listed:
        if not row["link"]:
            row["link"] = "yes" if crm.known.get(row["crm_id"]) == row["prm_id"] else "no"
            answered.append((row["link"], row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(listed)
    return answered


def write_edits(demo: Demo, chosen: Cast) -> None:
    """The channel team's edits as a CSV for `prmsync import`."""
    lines = [
        (chosen.merged, chosen.new_contact, chosen.merged.amount),
        (chosen.agreed, chosen.agreed_contact, chosen.agreed.amount),
        (chosen.disputed, chosen.disputed.customer_contact, chosen.our_amount),
    ]
    with (demo.folder / EDITS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["number", "partner", "customer_contact", "amount", "currency"])
        for one, contact, amount in lines:
            money = amount or Money.zero("EUR")
            name = chosen.partners[one.partner]
            writer.writerow([one.number, name, contact, f"{money.amount:f}", money.currency])


def edit_in_salesforce(demo: Demo, chosen: Cast) -> str:
    """The sales person of `deal` moves it on and edits two registrations; who it was."""
    crm, deal = demo.salesforce, chosen.deal
    user = str(deal.owner)
    amount = {"amount": f"{chosen.new_amount.amount:f}", "currency": chosen.new_amount.currency}
    with demo.session(crm) as session:
        moved = {"stage": Stage.COMMITTED.value} | amount
        crm.edit(session, "opportunity", deal.id, dict(moved), user)
        close = {"expected_close": chosen.new_close}
        crm.edit(session, "registration", chosen.merged.id, dict(close), user)
        contact = {"customer_contact": chosen.agreed_contact}
        crm.edit(session, "registration", chosen.agreed.id, dict(contact), user)
    return user


def edit_in_hubspot(demo: Demo, chosen: Cast) -> str:
    """Somebody in sales changes an amount and a partner's tier; who it was."""
    crm = demo.hubspot
    user = sales_person(demo, but=str(chosen.deal.owner))
    amount = chosen.their_amount
    values = {"amount": f"{amount.amount:f}", "currency": amount.currency}
    with demo.session(crm) as session:
        crm.edit(session, "registration", chosen.disputed.id, dict(values), user)
        crm.edit(session, "partner", chosen.partner.id, {"tier": "Platinum"}, user)
    return user


def sales_person(demo: Demo, *, but: str) -> str:
    """The e-mail of a sales person who owns deals in HubSpot."""
    owners = sorted(
        {str(one.values["owner"]) for one in demo.sample.hubspot if one.values.get("owner")}
    )
    return next(one for one in owners if one != but)


def manager(demo: Demo) -> str:
    """The e-mail of a partner manager."""
    return str(demo.sample.rows["partner"][0]["partner_manager"])


def flagged(connection: sa.Connection) -> list[Registration]:
    """Registrations with a conflict flag."""
    return list(rows.registrations(connection, tables.registration.c.conflict))
