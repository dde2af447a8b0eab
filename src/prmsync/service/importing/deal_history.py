"""`prmsync import --as deal_history`: rows of a file as events of deals, kept as their past."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from prmsync.answers.told_history import SAID, DealEvent, Told, tell_history
from prmsync.domain.values import Values
from prmsync.service.importing.rows import Problem

SOURCE = "file"


def problem_of(values: Values, now: str) -> Problem | None:
    """What is wrong with a row as an event; `now` in canonical text."""
    if str(values["at"] or "") > now:
        return Problem("", f"at: {values['at']} is still to come")
    if not any(values.get(name) is not None for name in SAID if name != "currency"):
        hint = "An event says at least a stage, an amount or a close date."
        return Problem("", "nothing is said of the deal", hint)
    return None


def write_events(connection: sa.Connection, rows: Iterable[Values]) -> Told:
    """Keep the past that these rows tell; their opportunities are ids."""
    return tell_history(connection, map(_event, rows), SOURCE)


def _event(values: Values) -> DealEvent:
    said = {name: _typed(name, values[name]) for name in SAID if values.get(name) is not None}
    # A currency without an amount says nothing of its own: it is set for every row of a file.
    if "amount" not in said:
        said.pop("currency", None)
    at = datetime.fromisoformat(str(values["at"]))
    return DealEvent(str(values["opportunity"]), at, said)


def _typed(name: str, value: Any) -> Any:
    if name == "amount":
        return Decimal(value)
    return date.fromisoformat(value) if name == "close_date" else value
