"""Conflicts and traps planted in the sample program.

Customers are unique to one registration, and direct deals have customers of their own, so what is
planted here is all that the check may find.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from prmsync.domain.customer import Customer
from prmsync.domain.opportunity import Opportunity
from prmsync.domain.registration import Registration, ReviewState
from prmsync.domain.stage import Stage
from prmsync.domain.values import PrmId
from prmsync.program.reference import REFERENCE_PROGRAM
from prmsync.service.sample_deals import Deal, amount, deal_name
from prmsync.service.sample_parties import currency_of, other_spelling
from prmsync.service.sample_types import Dice, Planted

PARTNER_PAIRS = 12
DIRECT_PAIRS = 20
DIRECT_TRAPS = 15
_FIREWALL = frozenset({"firewall"})
_LOOK_ALIKES = (
    ("Delta Air Lines Inc", "delta-air-lines.example", "Delta Faucets Inc", "deltafaucets.example"),
    ("Anker Werft GmbH", "gmail.com", "Anker Apotheke GmbH", "gmail.com"),
    ("Polaris Group Inc", "polaris.example", "Polaris Group Inc", "polaris-group.example"),
)
"""Pairs that are two customers: like names, a free-mail domain, one name with two domains."""


def plant_partner_conflicts(dice: Dice, deals: list[Deal]) -> list[Planted]:
    """Later registrations take an earlier one's customer, typed by another person."""
    firsts = _take(dice, deals, {ReviewState.APPROVED}, PARTNER_PAIRS)
    laters = _take(dice, deals, {ReviewState.SUBMITTED, ReviewState.UNDER_REVIEW}, len(deals))
    planted = []
    for first in firsts:
        later = next(d for d in laters if d.registration.partner != first.registration.partner)
        laters.remove(later)
        _same_customer(later, first)
        numbers = (later.registration.number, first.registration.number)
        planted.append(Planted("C1", *numbers))
    return planted


def plant_look_alikes(dice: Dice, deals: list[Deal]) -> None:
    """Two partners, two customers that look like one: the check must stay silent."""
    waiting = _take(dice, deals, {ReviewState.UNDER_REVIEW}, 2 * len(_LOOK_ALIKES))
    for pair, names in zip(_in_pairs(waiting), _LOOK_ALIKES, strict=False):
        for deal, (name, domain) in zip(pair, (names[:2], names[2:]), strict=True):
            customer = Customer(name, domain, None, "US" if name.endswith("Inc") else "DE")
            deal.registration = replace(
                deal.registration, customer=customer, product_lines=_FIREWALL
            )


def plant_reseller_with_distributor(dice: Dice, deals: list[Deal], distributor: PrmId) -> None:
    """Reseller and distributor register one deal together (C7): a pair, no conflict."""
    for pair in _in_pairs(_take(dice, deals, {ReviewState.SUBMITTED}, 4)):
        first, second = sorted(pair, key=lambda d: str(d.registration.submitted_at))
        first.registration = replace(first.registration, distributor=distributor)
        second.registration = replace(second.registration, partner=distributor)
        _same_customer(second, first)


def plant_direct_conflicts(
    dice: Dice, deals: list[Deal], direct: list[Opportunity]
) -> list[Planted]:
    """Open direct deals take a registration's customer and product, from before its submission."""
    claiming = {ReviewState.APPROVED, ReviewState.SUBMITTED, ReviewState.UNDER_REVIEW}
    chosen = _take(dice, deals, claiming, DIRECT_PAIRS)
    planted = []
    for index, deal in enumerate(chosen):
        r = deal.registration
        before = (r.submitted_at or dice.now) - timedelta(days=dice.random.randint(5, 60))
        customer = other_spelling(r.customer)
        direct[index] = replace(
            direct[index],
            name=f"{deal_name(customer, r.product_lines)} (renewal)",
            customer=customer,
            product_lines=r.product_lines,
            stage=Stage.QUALIFIED,
            amount=amount(dice, currency_of(r.customer.country)),
            loss_reason=None,
            close_date=dice.day(10, 90),
            created_at=before,
            last_activity_at=dice.ago(1, 20),
        )
        planted.append(Planted("C2", r.number, direct[index].id))
    return planted


def plant_direct_traps(dice: Dice, deals: list[Deal], direct: list[Opportunity]) -> None:
    """The same customer, but another product, or a direct deal that is long over."""
    chosen = _take(dice, deals, {ReviewState.APPROVED, ReviewState.SUBMITTED}, DIRECT_TRAPS)
    for index, deal in enumerate(chosen, start=DIRECT_PAIRS):
        r = deal.registration
        customer = other_spelling(r.customer)
        same = replace(direct[index], customer=customer)
        if index % 2:
            lines = frozenset({_another(r.product_lines)})
            direct[index] = replace(same, name=deal_name(customer, lines), product_lines=lines)
        else:
            over = dice.ago(100, 200)
            direct[index] = replace(
                same,
                name=f"{deal_name(customer, r.product_lines)} (first offer)",
                product_lines=r.product_lines,
                stage=Stage.CLOSED_LOST,
                loss_reason="no_budget",
                close_date=over.date(),
                last_activity_at=over,
                created_at=over - timedelta(days=60),
            )


def _another(product_lines: frozenset[str]) -> str:
    return next(p for p in REFERENCE_PROGRAM.product_lines if p not in product_lines)


def _take(dice: Dice, deals: list[Deal], states: set[ReviewState], count: int) -> list[Deal]:
    """Some deals whose registration is in one of the states and not yet part of a plant."""
    free = [d for d in deals if d.registration.review_state in states and not d.planted]
    chosen = dice.random.sample(free, min(count, len(free)))
    if count < len(deals):
        for deal in chosen:
            deal.planted = True
    return chosen


def _in_pairs(deals: list[Deal]) -> list[tuple[Deal, Deal]]:
    """Two by two, with two different partners in each pair."""
    left, pairs = list(deals), []
    while left:
        one = left.pop()
        other = next((d for d in left if d.registration.partner != one.registration.partner), None)
        if other is not None:
            left.remove(other)
            pairs.append((one, other))
    return pairs


def _same_customer(later: Deal, first: Deal) -> None:
    r: Registration = first.registration
    later.planted = True
    later.registration = replace(
        later.registration, customer=other_spelling(r.customer), product_lines=r.product_lines
    )
