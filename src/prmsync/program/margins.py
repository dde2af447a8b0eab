"""Deal margins: every amount with the rule, base, rate and trim that it came from.

Rounding: half up to the currency's minor unit, per line and component, then summed; rates are
never rounded. The reseller cap holds in money: what exceeds the rounded cap amount of a line is
trimmed from promotion first, then registration, then tier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from prmsync.domain.money import Money, split, total
from prmsync.domain.program import CategoryRates, Program
from prmsync.errors import ConfigurationError, InputError


class MarginRule(StrEnum):
    """Which rule of the program a part of a margin comes from."""

    TIER = "tier"
    REGISTRATION = "registration"
    PROMOTION = "promotion"
    FLAT = "flat"
    SPECIAL_PRICE = "special_price"
    RENEWAL = "renewal"
    DISTRIBUTOR = "distributor"
    REFERRAL = "referral"


_TRIM_ORDER = (
    MarginRule.PROMOTION,
    MarginRule.REGISTRATION,
    MarginRule.TIER,
    MarginRule.FLAT,
    MarginRule.RENEWAL,
)


@dataclass(frozen=True, slots=True)
class SpecialPrice:
    """A ship-and-debit approval: costs per piece, quantity sold and quantity authorised."""

    book_cost: Money
    approved_cost: Money
    quantity: int
    authorised: int

    @property
    def claim(self) -> Money:
        """(book cost − approved cost) × quantity, up to the authorised quantity."""
        pieces = Decimal(min(self.quantity, self.authorised))
        each = self.book_cost - self.approved_cost
        return Money(each.amount * pieces, each.currency).rounded()


@dataclass(frozen=True, slots=True)
class DealLine:
    """A line at list price; `promotion` is in per cent of list."""

    category: str
    list_amount: Money
    promotion: Decimal = Decimal(0)
    special_price: SpecialPrice | None = None


@dataclass(frozen=True, slots=True)
class Deal:
    """What margin depends on. `registered`: approved at order date. All lines in one currency."""

    tier: str | None
    registered: bool
    lines: tuple[DealLine, ...]
    through_distributor: bool = False
    renewal: bool = False
    incumbent: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """One amount of a margin. `trim` is what the cap took away; `amount` is what remained."""

    line: int
    category: str
    rule: MarginRule
    detail: str
    base: Money
    base_name: str
    rate: Decimal | None
    amount: Money
    trim: Money


@dataclass(frozen=True, slots=True)
class Margin:
    """A margin with its derivation; `distributor` is outside the cap and not in `reseller`."""

    program_version: str
    listed: Money
    reseller: Money
    distributor: Money
    components: tuple[Component, ...]
    cap: Decimal

    @property
    def reseller_price(self) -> Money:
        return self.listed - self.reseller

    @property
    def vendor_net(self) -> Money:
        """What the vendor keeps; through a distributor, what the distributor buys at."""
        return self.reseller_price - self.distributor

    @property
    def reached(self) -> Decimal:
        """Reseller margin in per cent of list, unrounded."""
        if not self.listed.amount:
            return Decimal(0)
        return self.reseller.amount * 100 / self.listed.amount


def margin_of(deal: Deal, program: Program) -> Margin:
    """The margin of a deal. Raises InputError for a deal without lines, mixed currencies or a
    negative list amount, ConfigurationError for a tier or category that the program lacks."""
    _check(deal, program)
    components: list[Component] = []
    for number, line in enumerate(deal.lines, start=1):
        components += _capped(_line_components(number, line, deal, program), line, program)
        if deal.through_distributor:
            components.append(_distributor(number, line, program))
    currency = deal.lines[0].list_amount.currency
    outside = MarginRule.DISTRIBUTOR
    return Margin(
        program_version=program.version,
        listed=total((line.list_amount.rounded() for line in deal.lines), currency),
        reseller=total((c.amount for c in components if c.rule is not outside), currency),
        distributor=total((c.amount for c in components if c.rule is outside), currency),
        components=tuple(components),
        cap=program.margins.reseller_cap,
    )


def _check(deal: Deal, program: Program) -> None:
    if not deal.lines:
        raise InputError("a deal without lines has no margin")
    if len({line.list_amount.currency for line in deal.lines}) > 1:
        raise InputError("the lines of one deal are in several currencies")
    if any(line.list_amount.amount < 0 for line in deal.lines):
        raise InputError("a list amount is negative", hint="a refund is a claw-back, not a line")
    names = [tier.name for tier in program.tiers]
    if deal.tier is not None and deal.tier not in names:
        raise ConfigurationError(
            f"program {program.version} has no tier {deal.tier!r}",
            hint=f"its tiers are {', '.join(names)}",
        )
    for line in deal.lines:
        if line.category not in program.margins.categories:
            raise ConfigurationError(
                f"program {program.version} has no rates for category {line.category!r}",
                hint=f"its categories are {', '.join(program.margins.categories)}",
            )


def _line_components(number: int, line: DealLine, deal: Deal, program: Program) -> list[Component]:
    rates = program.margins.categories[line.category]
    if deal.renewal:
        parts = _renewal(deal, program)
    elif line.special_price is not None:
        parts = []
    else:
        parts = _earned(deal, rates)
    if line.promotion:
        parts.append((MarginRule.PROMOTION, "promotion", line.promotion))
    made = [_component(number, line, *part) for part in parts]
    if line.special_price is not None and not deal.renewal:
        made.append(_special(number, line, line.special_price))
    return made


def _earned(deal: Deal, rates: CategoryRates) -> list[tuple[MarginRule, str, Decimal]]:
    if rates.flat is not None:
        return [(MarginRule.FLAT, "same for every tier", rates.flat)]
    tier_rate = rates.tier.get(deal.tier or "", Decimal(0))
    parts = [(MarginRule.TIER, f"tier {deal.tier or 'none'}", tier_rate)]
    if deal.registered and rates.registration_bonus:
        parts.append((MarginRule.REGISTRATION, "registered deal", rates.registration_bonus))
    return parts


def _renewal(deal: Deal, program: Program) -> list[tuple[MarginRule, str, Decimal]]:
    if not deal.incumbent:
        return [(MarginRule.RENEWAL, "renewal, not the incumbent", Decimal(0))]
    return [(MarginRule.RENEWAL, "renewal, incumbent", program.margins.renewal)]


def _component(
    number: int, line: DealLine, rule: MarginRule, detail: str, rate: Decimal
) -> Component:
    listed = line.list_amount.rounded()
    nothing = Money.zero(listed.currency)
    amount = listed.percent(rate)
    return Component(number, line.category, rule, detail, listed, "list", rate, amount, nothing)


def _special(number: int, line: DealLine, price: SpecialPrice) -> Component:
    nothing = Money.zero(line.list_amount.currency)
    pieces = f"{min(price.quantity, price.authorised)} of {price.quantity} pieces authorised"
    return Component(
        number,
        line.category,
        MarginRule.SPECIAL_PRICE,
        f"special price, {pieces}",
        price.book_cost - price.approved_cost,
        "difference to book cost",
        None,
        price.claim,
        nothing,
    )


def _capped(made: list[Component], line: DealLine, program: Program) -> list[Component]:
    limit = line.list_amount.rounded().percent(program.margins.reseller_cap)
    within = [c for c in made if c.rule in _TRIM_ORDER]
    excess = total((c.amount for c in within), limit.currency) - limit
    trimmed = dict(enumerate(made))
    for rule in _TRIM_ORDER:
        for index, component in enumerate(made):
            if component.rule is rule and excess.amount > 0:
                cut = min(excess, component.amount)
                trimmed[index] = replace(component, amount=component.amount - cut, trim=cut)
                excess = excess - cut
    return list(trimmed.values())


def _distributor(number: int, line: DealLine, program: Program) -> Component:
    points = program.margins.distributor_points
    return _component(number, line, MarginRule.DISTRIBUTOR, "distributor, outside the cap", points)


def referral_pool(
    net: Money, program: Program, shares: Sequence[Decimal], primary: int = 0
) -> list[Money]:
    """The referral pool of a net amount, split by weights; left-over units as in `split`."""
    return split(net.percent(program.margins.referral_pool), shares, primary)


def claw_back(margin: Money, listed: Money, refunded: Money) -> Money:
    """The negative entry for a refund: pro rata of the margin, rounded half up.

    Raises InputError when more than the list amount, or nothing at all, was sold.
    """
    if listed.amount <= 0 or listed < refunded:
        raise InputError(f"{refunded} cannot be refunded from a deal of {listed}")
    share = margin.amount * refunded.amount / listed.amount
    return -Money(share, margin.currency).rounded()
