"""Public pipeline data as deal histories.

In the folder, as downloaded: `maven_pipeline_asof_2017-09-30.csv.gz` with `maven_products.csv` and
`maven_sales_teams.csv` (Maven Analytics, "CRM Sales Opportunities", cut at that day),
`sim_deals_asof_week130.csv.gz` with `sim_stage_events_asof_week130.csv.gz` (four simulated channel
businesses), and `leadforge_opportunities_seed42.csv.gz` (PyPI `leadforge`, one quarter of leads: no
earlier quarter to learn from, and stages only as they were at the end). What is not there is left
out.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from prmsync.forecast.backtest import DAYS
from prmsync.forecast.groups import Cut
from prmsync.forecast.history import NEVER, DealHistory
from prmsync.forecast.weeks import Weeks

_STAGES = ("Registered", "Qualified", "Evaluating", "Proposal", "Negotiation")
_RECORDED = date(2017, 3, 1)
"""Maven: the first close on record."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A history, the days from which quarters of it are forecast, and what the CRM says of its
    stages."""

    name: str
    quarters: str
    history: DealHistory
    weeks: Weeks
    cuts: Sequence[Cut]
    probability: tuple[float, ...]


def load(folder: Path) -> Iterator[Pipeline]:
    """Every history whose files are in the folder."""
    if (folder / "maven_pipeline_asof_2017-09-30.csv.gz").exists():
        yield _maven(folder)
    if (folder / "sim_deals_asof_week130.csv.gz").exists():
        yield from _simulated(folder)
    if (folder / "leadforge_opportunities_seed42.csv.gz").exists():
        yield _leadforge(folder)


def _rows(path: Path) -> list[dict[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal() if text else NEVER


def _codes(values: Sequence[str]) -> np.ndarray:
    return np.unique(np.array(values), return_inverse=True)[1]


def _maven(folder: Path) -> Pipeline:
    deals = _rows(folder / "maven_pipeline_asof_2017-09-30.csv.gz")
    deals.sort(key=lambda row: row["engage_date"])
    price = {
        row["product"]: float(row["sales_price"]) for row in _rows(folder / "maven_products.csv")
    }
    team = {row["sales_agent"]: row for row in _rows(folder / "maven_sales_teams.csv")}
    agents = [row["sales_agent"] for row in deals]
    products = [row["product"].replace("GTXPro", "GTX Pro") for row in deals]
    columns = (
        agents,
        [team[agent]["manager"] for agent in agents],
        [team[agent]["regional_office"] for agent in agents],
        products,
    )
    segments, segment = np.unique(
        np.stack([_codes(c) for c in columns], 1), axis=0, return_inverse=True
    )
    created = np.array([_day(row["engage_date"]) for row in deals])
    history = DealHistory(
        created=created,
        closed=np.array([_day(row["close_date"]) for row in deals]),
        won=np.array([row["deal_stage"] == "Won" for row in deals]),
        worth=np.array([float(row["close_value"] or 0) for row in deals]),
        segment=segment.ravel(),
        deal=np.arange(len(deals)),
        day=created,
        stage=np.zeros(len(deals), dtype=np.int64),
        amount=np.array([price[product] for product in products]),
        # Nobody stated one; the CRM default needs a date, so that of a typical cycle.
        expected_close=created + 60,
        segments=segments,
        dimensions=("partner", "tier", "region", "product"),
        stages=1,
        recorded_from=_RECORDED.toordinal(),
    )
    weeks = Weeks.of_months(date(2016, 7, 1), date(2018, 1, 1))
    quarter = weeks.quarter(date(2017, 7, 1).toordinal())
    first = weeks.bounds(quarter)[0]
    cuts = [Cut.of(history, weeks, first + 7 * week, quarter) for week in range(13)]
    return Pipeline("Maven, by agent (as partner)", "2017Q3", history, weeks, cuts, (0.6,))


def _leadforge(folder: Path) -> Pipeline:
    deals = _rows(folder / "leadforge_opportunities_seed42.csv.gz")
    deals.sort(key=lambda row: row["created_at"])
    names = ("lead_source", "owner_rep_id", "region", "industry")
    columns = [_codes([row[name] for row in deals]) for name in names]
    segments, segment = np.unique(np.stack(columns, 1), axis=0, return_inverse=True)
    created = np.array([_day(row["created_at"]) for row in deals])
    amount = np.array([float(row["estimated_acv"]) for row in deals])
    won = np.array([row["close_outcome"] == "closed_won" for row in deals])
    history = DealHistory(
        created=created,
        closed=np.array([_day(row["closed_at"]) for row in deals]),
        won=won,
        worth=np.where(won, amount, 0.0),
        segment=segment.ravel(),
        deal=np.arange(len(deals)),
        day=created,
        stage=np.zeros(len(deals), dtype=np.int64),
        amount=amount,
        expected_close=created + 60,
        segments=segments,
        dimensions=("partner", "tier", "region", "product"),
        stages=1,
    )
    weeks = Weeks.of_months(date(2024, 1, 1), date(2024, 6, 30))
    first = weeks.bounds(0)[0]
    cuts = [Cut.of(history, weeks, first + 7 * week, 0) for week in range(5, 13)]
    return Pipeline("leadforge, by source (as partner)", "2024Q1", history, weeks, cuts, (0.5,))


def _simulated(folder: Path) -> Iterator[Pipeline]:
    deals = _rows(folder / "sim_deals_asof_week130.csv.gz")
    events = _rows(folder / "sim_stage_events_asof_week130.csv.gz")
    for world in sorted({row["world"] for row in deals}, key=int):
        mine = sorted((r for r in deals if r["world"] == world), key=lambda r: int(r["deal"]))
        seen = [row for row in events if row["world"] == world]
        seen.sort(key=lambda row: (int(row["deal"]), int(row["week"])))
        history = _world(mine, seen)
        weeks = Weeks(np.arange(14) * 91)
        places = [(quarter, day) for quarter in range(4, 10) for day in DAYS]
        cuts = [Cut.of(history, weeks, weeks.bounds(q)[0] + day, q) for q, day in places]
        odds = (0.1, 0.2, 0.35, 0.55, 0.8)
        yield Pipeline(f"given world {world}", "quarters 5 to 10", history, weeks, cuts, odds)


def _world(deals: list[dict[str, str]], events: list[dict[str, str]]) -> DealHistory:
    columns = [
        _codes([row[name] for row in deals]) for name in ("partner", "tier", "region", "product")
    ]
    segments, segment = np.unique(np.stack(columns, 1), axis=0, return_inverse=True)
    place = {row["deal"]: at for at, row in enumerate(deals)}
    return DealHistory(
        created=np.array([int(row["created_week"]) * 7 for row in deals]),
        closed=np.array([_week(row["closed_week"], row["outcome"]) for row in deals]),
        won=np.array([row["outcome"] == "won" for row in deals]),
        worth=np.array([float(row["won_amount"] or 0) for row in deals]),
        segment=segment.ravel(),
        deal=np.array([place[row["deal"]] for row in events]),
        day=np.array([int(row["week"]) * 7 for row in events]),
        stage=np.array([_STAGES.index(row["stage"]) for row in events]),
        amount=np.array([float(row["amount"]) for row in events]),
        expected_close=np.array([int(float(row["expected_close"])) * 7 for row in events]),
        segments=segments,
        dimensions=("partner", "tier", "region", "product"),
        stages=len(_STAGES),
    )


def _week(closed: str, outcome: str) -> int:
    return NEVER if outcome == "open" else int(float(closed)) * 7
