"""Which partner has active deals in what stage."""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa

from prmsync.answers import rows
from prmsync.domain.money import Money
from prmsync.domain.stage import Stage
from prmsync.store import tables
from prmsync.store.database import Database

OPEN_STAGES = tuple(stage for stage in Stage if not stage.is_closed)


@dataclass(frozen=True, slots=True)
class Cell:
    """Active deals of one partner, stage and currency."""

    deals: int
    worth: Money


@dataclass(frozen=True, slots=True)
class PipelineRow:
    """One partner's active deals in one currency, by stage. `unpriced` have no amount and are
    counted in the row without a currency."""

    partner: str
    name: str
    tier: str | None
    currency: str | None
    cells: dict[Stage, Cell] = field(default_factory=dict)
    unpriced: dict[Stage, int] = field(default_factory=dict)

    @property
    def deals(self) -> int:
        return sum(cell.deals for cell in self.cells.values()) + sum(self.unpriced.values())

    @property
    def worth(self) -> Money | None:
        if self.currency is None:
            return None
        total = Money.zero(self.currency)
        for cell in self.cells.values():
            total = total + cell.worth
        return total


def pipeline_by_stage(database: Database, partner: str | None = None) -> list[PipelineRow]:
    """Open opportunities with a partner, one row per partner and currency, largest first.

    `partner` (name or id) narrows it to one. Raises NotFoundError.
    """
    c = tables.opportunity.c
    where: list[sa.ColumnElement[bool]] = [
        c.partner.is_not(None),
        c.stage.in_([stage.value for stage in OPEN_STAGES]),
    ]
    with database.read() as connection:
        if partner is not None:
            where.append(c.partner == rows.partner(connection, partner).id)
        partners = {p.id: p for p in rows.partners(connection)}
        found: dict[tuple[str, str], PipelineRow] = {}
        for o in rows.opportunities(connection, *where):
            owner = partners.get(o.partner) if o.partner else None
            if owner is None:
                continue
            currency = o.amount.currency if o.amount else None
            row = found.setdefault(
                (owner.id, currency or ""), PipelineRow(owner.id, owner.name, owner.tier, currency)
            )
            _count(row, o.stage, o.amount)
    return sorted(found.values(), key=_size)


def _count(row: PipelineRow, stage: Stage, amount: Money | None) -> None:
    if amount is None:
        row.unpriced[stage] = row.unpriced.get(stage, 0) + 1
        return
    cell = row.cells.get(stage)
    before = cell or Cell(0, Money.zero(amount.currency))
    row.cells[stage] = Cell(before.deals + 1, before.worth + amount)


def _size(row: PipelineRow) -> tuple[str, bool, object, str]:
    worth = row.worth
    return (row.currency or "~", worth is None, -(worth.amount if worth else 0), row.name)
