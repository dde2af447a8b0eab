"""`prmsync import --as target`: what each partner is to bring in a fiscal quarter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.errors import ConfigurationError
from prmsync.forecast.period import Quarter
from prmsync.service.importing.rows import Problem
from prmsync.store.targets import Target, put


def problem_of(values: Values) -> Problem | None:
    """What is wrong with a row as a target."""
    try:
        values["period"] = Quarter.parse(str(values["period"] or "")).name
    except ConfigurationError as error:
        return Problem("", f"period: {error.message}", error.hint)
    if values["amount"] is None:
        return Problem("", "amount: is blank", "A target is an amount; 0 is one, too.")
    negative = Decimal(str(values["amount"])) < 0
    return Problem("", f"amount: {values['amount']} is negative") if negative else None


def target_of(values: Values) -> Target:
    """A good row whose partner is an id."""
    amount = Decimal(str(values["amount"]))
    return Target(str(values["partner"]), str(values["period"]), str(values["currency"]), amount)


def write_targets(connection: sa.Connection, rows: Iterable[Values]) -> Counter[str]:
    """Set targets; counts as `prmsync.store.targets.put` does."""
    return put(connection, map(target_of, rows))
