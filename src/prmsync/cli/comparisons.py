"""What comparisons of both sides found, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prmsync.cli.output import ago
from prmsync.domain.counted import counted

if TYPE_CHECKING:
    from prmsync.sync.status import StreamStatus

_REFUSED = "refused by the CRM"


def totals(parts: Sequence[Mapping[str, Any]]) -> str:
    """The counts of several streams in one line: so many fields equal, held, records refused."""

    def total(name: str) -> int:
        return sum(one.get(name, 0) for one in parts)

    refused = sum(
        count
        for one in parts
        for why, count in one.get("explained", {}).items()
        if why.startswith(_REFUSED)
    )
    wrong = total("mismatched") + total("missing_in_crm")
    return (
        f"{counted(total('fields_equal'), 'field')} equal, "
        f"{total('fields_held'):,} held for a decision, "
        f"{counted(refused, 'record')} refused by the CRM, {wrong:,} unexplained"
    )


def compared(streams: Sequence[StreamStatus], now: datetime) -> str:
    """When all of a connection's streams were last compared whole, and what was found."""
    times = [one.verified_at for one in streams]
    known = [one for one in times if one is not None]
    if not known or len(known) < len(times):
        return "not compared whole yet: prmsync verify"
    return f"compared {ago(min(known), now)}: {totals([one.verified for one in streams])}"
