"""Whether the credentials may do what the mappings ask of them, before anything is done."""

from __future__ import annotations

from collections.abc import Sequence

from prmsync.connector.protocol import Connector, RightsChecker
from prmsync.mapping.model import StreamMapping


def require_rights(
    connector: Connector, mappings: Sequence[StreamMapping], *, written: bool
) -> None:
    """Raises AuthError with every right that is missing, where the CRM tells of rights. `written`:
    whether the connection writes to its CRM."""
    if not isinstance(connector, RightsChecker):
        return
    connector.check_rights(dict.fromkeys(objects_named(mappings), written))


def objects_named(mappings: Sequence[StreamMapping]) -> tuple[str, ...]:
    """Every object of the CRM that the mappings name, in order."""
    objects = {mapping.object for mapping in mappings}
    for mapping in mappings:
        if mapping.relation is not None:
            objects |= {mapping.relation.from_object, mapping.relation.to_object}
    return tuple(sorted(objects))
