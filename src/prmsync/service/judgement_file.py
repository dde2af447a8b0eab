"""`prmsync forecast --judgement FILE`: what people say, one row a partner."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from prmsync.answers.judgement import Judgement
from prmsync.domain.values import Values
from prmsync.service.importing.fields import JUDGEMENT
from prmsync.service.importing.rows import Problem
from prmsync.service.partner_file import read_partner_file
from prmsync.store.database import Database

SAID = ("commit", "upside", "override")


def read_judgements(database: Database, path: Path) -> list[Judgement]:
    """Rows with the columns partner, currency and some of SAID. Raises as `read_partner_file`."""
    rows = read_partner_file(database, path, JUDGEMENT, _problem_of)
    return [
        Judgement(str(row["partner"]), str(row["currency"]), *(_amount(row, name) for name in SAID))
        for row in rows
    ]


def _problem_of(values: Values) -> Problem | None:
    said = {name: amount for name in SAID if (amount := _amount(values, name)) is not None}
    if not said:
        return Problem("", "nothing is said", f"Columns that count: {', '.join(SAID)}.")
    below = [name for name, amount in said.items() if amount < 0]
    return Problem("", f"{below[0]}: {said[below[0]]} is negative") if below else None


def _amount(values: Values, name: str) -> Decimal | None:
    value = values.get(name)
    return None if value is None else Decimal(str(value))
