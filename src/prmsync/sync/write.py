"""One row on its way to the CRM."""

from __future__ import annotations

from dataclasses import dataclass, field

from prmsync.domain.values import Values
from prmsync.store.journal import Action
from prmsync.store.links import Link


@dataclass(slots=True)
class Write:
    """One row ready to leave: `values` are in the CRM's own fields and ids."""

    action: Action
    link: Link
    values: Values
    version: str = ""
    """The record's, when it was looked at right before sending."""
    shown: Values = field(default_factory=dict)
    """What it showed then, in the CRM's own fields."""
