"""The tiers that partners and memberships may name: those of the program, and earlier ones."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.domain.partner import Tier
from prmsync.store.tables import tier


def tiers(connection: sa.Connection) -> list[Tier]:
    """All tiers, lowest rank first."""
    rows = connection.execute(sa.select(tier.c.name, tier.c.rank).order_by(tier.c.rank))
    return [Tier(name, rank) for name, rank in rows]


def save_tiers(connection: sa.Connection, program: Sequence[Tier]) -> None:
    """Make the program's tiers exist with their ranks.

    Tiers that the program dropped stay, because memberships of the past name them; they keep
    their order and move below rank zero.
    """
    known = tiers(connection)
    named = {one.name: one.rank for one in program}
    dropped = [one for one in known if one.name not in named]
    # Ranks are unique and may be exchanged, so all first move to where no old or new rank is.
    free = min([0, *(one.rank for one in known), *named.values()]) - len(known)
    for offset, one in enumerate([*(k for k in known if k.name in named), *dropped], 1):
        _rank(connection, one.name, free - offset)
    for place, one in enumerate(reversed(dropped), 1):
        _rank(connection, one.name, -place)
    there = {one.name for one in known}
    for name, rank in named.items():
        if name in there:
            _rank(connection, name, rank)
        else:
            connection.execute(tier.insert().values(name=name, rank=rank))


def _rank(connection: sa.Connection, name: str, rank: int) -> None:
    connection.execute(tier.update().where(tier.c.name == name).values(rank=rank))
