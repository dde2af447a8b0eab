"""What a mapping needs in a CRM, what is missing there, and who may create it.

A connector that can create objects and fields has a plugin that is a `ProvisioningPlugin`. What
it creates is reviewed first: `plan` only reads, `apply` does what a plan lists and nothing else.
Nothing that exists is ever changed or deleted; what exists and does not fit is a finding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from prmsync.connector.protocol import ConnectionSettings, Connector, Runtime
from prmsync.connector.schema import FieldType
from prmsync.connector.sign_in import Attempt
from prmsync.domain.stage import Stage
from prmsync.errors import Finding


@dataclass(frozen=True, slots=True)
class FieldNeed:
    """A CRM field that a mapping names.

    `use` says what for, in an admin's words. `types` fit, the first one best. `values` are
    picklist codes or labels that must be there; `length` counts characters. An `optional` field
    may be missing: records then only say less. `at` is where the mapping names it.
    """

    name: str
    use: str
    types: tuple[FieldType, ...]
    written: bool = True
    unique: bool = False
    length: int | None = None
    values: tuple[str, ...] = ()
    references: str | None = None
    optional: bool = False
    at: str = ""


@dataclass(frozen=True, slots=True)
class RecordTypeNeed:
    """A record type (Salesforce) or pipeline (HubSpot) that a mapping names, and the stages that
    it offers. `neutral`: stage → what it means, one of `prmsync.domain.stage.Stage`."""

    name: str
    stages: tuple[str, ...]
    at: str = ""
    neutral: Mapping[str, Stage] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LabelNeed:
    """A label by which records of two objects are put together, as an admin sees it; `use` says
    what for."""

    label: str
    to_object: str
    use: str
    at: str = ""


@dataclass(frozen=True, slots=True)
class ObjectNeed:
    """A CRM object that a stream reads and writes. `relation` marks the object of a partner–deal
    relation, which the CRM may have of its own; where records are put together by labels
    instead, it is the object on the deal's side, and `labels` are needed of it. `at` is where the
    mapping names it."""

    stream: str
    object: str
    fields: tuple[FieldNeed, ...]
    record_types: tuple[RecordTypeNeed, ...] = ()
    created: bool = True
    deleted: bool = False
    relation: bool = False
    at: str = ""
    labels: tuple[LabelNeed, ...] = ()


class StepKind(StrEnum):
    """What a step makes, in an admin's words."""

    OBJECT = "object"
    FIELD = "field"
    VALUES = "picklist values"
    GROUP = "property group"
    RECORD_TYPE = "record type"
    PIPELINE = "pipeline"
    LABEL = "association label"
    LIST_VIEW = "list view"
    LAYOUT = "page layout"
    TAB = "tab"
    PERMISSION_SET = "permission set"
    PERMISSION = "permission"
    ASSIGNMENT = "assignment"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that would be made: its API name, what it is, what for."""

    kind: StepKind
    name: str
    what: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class ProvisionPlan:
    """What would be made, in order, and what a person must look at.

    `present` counts the fields that are there and fit. `findings` exist and do not fit, or are
    missing and cannot be made: the plan leaves them alone. `unread` could not be looked at by
    whoever signed in, so that the plan may show too much. `by_hand` is worth doing, and nobody
    but a person can: the CRM has no API for it.
    """

    steps: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()
    present: int = 0
    unread: tuple[Finding, ...] = ()
    by_hand: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Automation:
    """Something of the CRM's own that acts on records which are written, or stops a write.

    `kind` in an admin's words ("flow", "validation rule"); `effect` says what it does to a sync,
    `remedy` what to do about it; `where` leads to it in the CRM's setup.
    """

    object: str
    kind: str
    name: str
    detail: str
    effect: str
    remedy: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class Automations:
    """What was found, and each place that could not be read, with the reason."""

    found: tuple[Automation, ...] = ()
    unread: tuple[Finding, ...] = ()


@runtime_checkable
class AutomationReader(Protocol):
    """What a connector has besides where the CRM tells which automations an object has; a
    provisioner has it too where an admin is shown more than the user that syncs."""

    def automations(self, objects: Sequence[str]) -> Automations:
        """Everything active on these objects. What the signed-in user may not see is named."""


@runtime_checkable
class ClockTeller(Protocol):
    """What a connector has besides where the CRM tells its own time."""

    def crm_time(self) -> datetime | None:
        """The CRM's time when this session signed in; None where it was not told. Signs in if
        need be."""


@runtime_checkable
class SchemaSaver(Protocol):
    """What a connector has besides where its simulator can start from an account's schema."""

    def saved_schema(self, objects: Sequence[str]) -> Mapping[str, object]:
        """What the simulator's `--schema` takes: definitions only, never records or people."""


@dataclass(frozen=True, slots=True)
class AdminSignIn:
    """An admin's one-time sign-in: used for one command and kept nowhere."""

    token: str = field(repr=False)


OnProgress = Callable[[str], None]


class Provisioner(Protocol):
    """Compares an account with what mappings need, and makes what is missing."""

    def plan(self, needs: Sequence[ObjectNeed]) -> ProvisionPlan:
        """What is missing. Reads only. Raises ConnectorError."""

    def apply(self, needs: Sequence[ObjectNeed], progress: OnProgress) -> ProvisionPlan:
        """Make what is missing and return what was made. Doing it again makes nothing; stopped
        anywhere, the next one makes the rest. Raises ConnectorError, with a finding for each
        part that the CRM refused; then nothing of that part was made."""


@runtime_checkable
class ProvisioningPlugin(Protocol):
    """What a plugin is besides where its connector can create objects and fields."""

    def provisioner(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        connector: Connector,
        admin: AdminSignIn | None,
    ) -> Provisioner:
        """`connector` is signed in as the user that syncs; without `admin` only `plan` works.
        Raises ConfigurationError."""


@runtime_checkable
class AdminBrowserSignIn(Protocol):
    """What a `ProvisioningPlugin` is besides where the admin can sign in with a browser."""

    def admin_address(self, settings: ConnectionSettings, attempt: Attempt) -> str:
        """The page to open; it asks who signs in even where somebody is signed in already.
        Raises ConfigurationError."""

    def admin_redeem(
        self,
        settings: ConnectionSettings,
        runtime: Runtime,
        attempt: Attempt,
        answer: Mapping[str, str],
    ) -> AdminSignIn:
        """The sign-in for the query that the browser came back with; its `state` has been
        checked. Raises AuthError."""
