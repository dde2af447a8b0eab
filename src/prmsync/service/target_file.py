"""`prmsync forecast --targets FILE`: targets for one look, without importing them."""

from __future__ import annotations

from pathlib import Path

from prmsync.service.importing.fields import TARGET
from prmsync.service.importing.targets import problem_of, target_of
from prmsync.service.partner_file import read_partner_file
from prmsync.store.database import Database
from prmsync.store.targets import Target


def read_targets(database: Database, path: Path) -> list[Target]:
    """Targets of a file with the columns partner, period, amount, currency. Raises as
    `read_partner_file`."""
    return [target_of(row) for row in read_partner_file(database, path, TARGET, problem_of)]
