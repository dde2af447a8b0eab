"""One owner per field of the partner database, over all connections.

Policies `crm` and `proposal` make that connection's CRM the owner. Every other policy that takes
the CRM's value, or writes ours in both directions, needs a field that no CRM owns. A copy to the
CRM (`direction: to_crm`) never owns. Streams whose mappings all say `home: true` are split record
by record and may name an owner in each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from prmsync.domain.merge import Direction, Policy
from prmsync.errors import Finding
from prmsync.mapping.model import STREAM_ORDER, FieldMap, GroupMap, StreamMapping

_REMEDY = (
    "one owner per field over all connections: make it `direction: to_crm` (a copy) here, "
    "use `policy: proposal` at the owner only, or a home-connection rule (`home: true`) in both"
)


@dataclass(frozen=True, slots=True)
class _Claim:
    connection: str
    field: FieldMap
    group: GroupMap

    @property
    def owns(self) -> bool:
        return self.group.policy in (Policy.CRM, Policy.PROPOSAL)

    @property
    def place(self) -> str:
        return f"{self.field.at.file}:{self.field.at.line}"


def check_owners(by_connection: Mapping[str, Sequence[StreamMapping]]) -> Iterator[Finding]:
    """A finding for every claim on a field that another connection's CRM owns."""
    for stream in STREAM_ORDER:
        found = {
            connection: mapping
            for connection, mappings in by_connection.items()
            for mapping in mappings
            if mapping.stream == stream
        }
        if not all(mapping.home for mapping in found.values()):
            yield from _check_stream(found)


def _check_stream(found: Mapping[str, StreamMapping]) -> Iterator[Finding]:
    claims: dict[str, list[_Claim]] = {}
    for connection, mapping in found.items():
        for name, mapped in mapping.fields.items():
            group = mapping.groups[mapped.group]
            if group.direction is not Direction.TO_CRM:
                claims.setdefault(name, []).append(_Claim(connection, mapped, group))
    for name, claimants in claims.items():
        owner = next((claim for claim in claimants if claim.owns), None)
        for claim in claimants:
            if owner is not None and claim is not owner:
                yield _refused(name, claim, owner)


def _refused(name: str, claim: _Claim, owner: _Claim) -> Finding:
    return Finding(
        str(claim.group.at),
        f"policy `{claim.group.policy}` of {claim.connection}, but {owner.connection}'s CRM owns "
        f"`{name}` already ({owner.place}, policy `{owner.group.policy}`)",
        _REMEDY,
    )
