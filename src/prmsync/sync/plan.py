"""What a run would write, as counted while it is decided."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from prmsync.reconcile.brakes import Cell, Trip

Created = frozenset[tuple[str, str]]
"""(stream, side) pairs in which some record was created before."""


@dataclass(slots=True)
class Plan:
    """What a run would write, counted over all its rounds; the rows are in the journal."""

    run_id: int
    cells: Counter[Cell] = field(default_factory=Counter)
    """What the brakes look at; nothing where a person has let the run go."""
    counted_to: dict[int, int] = field(default_factory=dict)
    """Stream id → the last row of the journal that no round has to look at any more."""
    created: Created | None = None
    cost: Counter[str] = field(default_factory=Counter)
    """About how many calls of which kind it takes to send what is planned."""
    forecast_cost: int = 0
    """How many of these carry the forecast."""
    saved: int = 0
    """How many calls fewer that is than without jobs for many rows."""
    held: int = 0
    unfit_links: set[int] = field(default_factory=set)
    """Records with a value that the CRM cannot hold; they are parked."""
    trips: dict[Cell, Trip] = field(default_factory=dict)
    waiting_run: int | None = None
    """The run under which braked writes wait."""
