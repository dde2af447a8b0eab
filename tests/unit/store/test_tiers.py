"""The program's tiers exist with their ranks; tiers of the past stay."""

from __future__ import annotations

from prmsync.domain.partner import Tier
from prmsync.store.database import Database
from prmsync.store.tiers import save_tiers, tiers


def save(database: Database, **ranks: int) -> list[tuple[str, int]]:
    with database.begin() as db:
        save_tiers(db, [Tier(name, rank) for name, rank in ranks.items()])
        return [(one.name, one.rank) for one in tiers(db)]


def test_tiers_are_created_and_repeating_changes_nothing(database: Database) -> None:
    wanted = [("Silver", 1), ("Gold", 2)]
    assert save(database, Gold=2, Silver=1) == wanted
    assert save(database, Gold=2, Silver=1) == wanted


def test_ranks_may_be_exchanged(database: Database) -> None:
    save(database, Silver=1, Gold=2, Platinum=3)
    assert save(database, Silver=3, Gold=1, Platinum=2) == [
        ("Gold", 1),
        ("Platinum", 2),
        ("Silver", 3),
    ]


def test_a_dropped_tier_stays_in_order_below_the_others(database: Database) -> None:
    save(database, Bronze=1, Silver=2, Gold=3)
    assert save(database, Gold=1) == [("Bronze", -2), ("Silver", -1), ("Gold", 1)]
    assert save(database, Gold=2, Silver=1) == [("Bronze", -1), ("Silver", 1), ("Gold", 2)]
