"""What comparisons of both sides found, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prmsync.cli.output import ago
from prmsync.domain.counted import counted

if TYPE_CHECKING:
    from prmsync.sync.comparing import StreamReport
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


def merged_lines(report: StreamReport) -> Iterator[str]:
    """ "003A was merged into 003B, which is linked to Initech" of each that is listed."""
    for one in report.merged:
        if one.into is not None:
            linked = "" if one.name is None else f", which is linked to {one.name}"
            yield f"{one.crm_id} was merged into {one.into}{linked}"


def compared(streams: Sequence[StreamStatus], now: datetime) -> str:
    """When all of a connection's streams were last compared whole, and what was found."""
    times = [one.verified_at for one in streams]
    known = [one for one in times if one is not None]
    if not known or len(known) < len(times):
        return "not compared whole yet: prmsync verify"
    return f"compared {ago(min(known), now)}: {totals([one.verified for one in streams])}"
