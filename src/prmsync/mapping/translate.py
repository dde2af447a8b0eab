"""Both directions between the partner database's fields and a CRM's, by one mapping.

Pure: the CRM's live schema reaches it as `Resolved` tables, built in `prmsync.sync.live_schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prmsync.domain.stage import Stage
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping

PIPELINE = "@pipeline"
"""Extra key in read values: the CRM id of the record's pipeline or record type."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Names of a mapping resolved in one account; ids appear nowhere else.

    `stages` is pipeline id → neutral stage → CRM stage ids (first is written); `picklists` is
    prm field → our code → CRM codes; `scales` prm field → decimal places; `lengths` prm field →
    characters; `people` our e-mail → CRM id; `emails` CRM id → e-mail; both lower case.
    """

    default_pipeline: str = ""
    stages: Mapping[str, Mapping[Stage, tuple[str, ...]]] = field(default_factory=dict)
    picklists: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    scales: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, int] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    emails: Mapping[str, str] = field(default_factory=dict)
    fallback_owner: str | None = None
    """CRM id of the connection's fallback owner."""
    time_zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that has no counterpart on the other side: never cut, never guessed."""

    field: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Translated:
    values: Values
    problems: tuple[Problem, ...] = ()


class Translator:
    """Reads, writes and projects values of one stream.

    References stay ids of the side they came from; the engine swaps them through links. Values
    are prm field → canonical value on our side and CRM field → canonical value on theirs.
    """

    def __init__(self, mapping: StreamMapping, resolved: Resolved) -> None:
        self.mapping = mapping
        self.resolved = resolved

    def read(self, crm: Values) -> Translated:
        """CRM values → prm fields (references as CRM ids, `PIPELINE` added where staged)."""
        raise NotImplementedError

    def write(self, prm: Values, pipeline: str | None = None) -> Translated:
        """prm fields (references already CRM ids) → CRM values. `pipeline` is the record's
        present one; None writes the default pipeline beside the stage."""
        raise NotImplementedError

    def project(self, prm: Values, pipeline: str | None = None) -> Translated:
        """What `prm` would read back as after a write: `canon ∘ read ∘ write`, idempotent.
        References pass through unchanged."""
        raise NotImplementedError
