"""What each partner is to bring in a fiscal quarter. No foreign key holds a partner back: a target
of one that is gone counts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

import sqlalchemy as sa

from prmsync.store.column_types import ExactDecimal
from prmsync.store.tables import metadata

target = sa.Table(
    "target",
    metadata,
    sa.Column("partner", sa.Text, primary_key=True),
    sa.Column("period", sa.Text, primary_key=True),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("amount", ExactDecimal, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Target:
    """`amount` in major units of `currency`; `period` as "2026Q4"."""

    partner: str
    period: str
    currency: str
    amount: Decimal


def put(connection: sa.Connection, targets: Iterable[Target]) -> Counter[str]:
    """Set targets. Counts them as `new`, `changed` and `same`."""
    c = target.c
    there = {(one.partner, one.period, one.currency): one for one in _all(connection)}
    count: Counter[str] = Counter()
    for one in targets:
        before = there.get((one.partner, one.period, one.currency))
        if before is None:
            connection.execute(target.insert().values(**_row(one)))
            count["new"] += 1
        elif before.amount != one.amount:
            mine = sa.and_(
                c.partner == one.partner, c.period == one.period, c.currency == one.currency
            )
            connection.execute(target.update().where(mine).values(amount=one.amount))
            count["changed"] += 1
        else:
            count["same"] += 1
    return count


def of_period(connection: sa.Connection, period: str) -> tuple[Target, ...]:
    """The targets of a quarter, by partner."""
    return tuple(_all(connection, target.c.period == period))


def _all(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> Iterable[Target]:
    query = sa.select(target.c.partner, target.c.period, target.c.currency, target.c.amount)
    ordered = query.where(*where).order_by(target.c.partner, target.c.currency)
    return [Target(*row) for row in connection.execute(ordered)]


def _row(one: Target) -> dict[str, object]:
    return {name: getattr(one, name) for name in Target.__slots__}
