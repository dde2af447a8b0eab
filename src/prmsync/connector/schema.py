"""What a connector tells of a CRM's objects: fields, picklists, pipelines, people, account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class FieldType(StrEnum):
    """A CRM field's type, in neutral words. Values of each type cross in canonical form
    (see `prmsync.domain.values`): NUMBER as a plain decimal string at `scale`, DATE and DATETIME
    as ISO text in UTC, MULTI_PICKLIST as sorted codes joined by ";", REFERENCE as the CRM id."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    PICKLIST = "picklist"
    MULTI_PICKLIST = "multi_picklist"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field of a CRM object. `scale` is decimal places of a NUMBER; `length` in characters."""

    name: str
    label: str
    type: FieldType
    length: int | None = None
    scale: int | None = None
    createable: bool = True
    updateable: bool = True
    required: bool = False
    """Must be given when a record is created."""
    nullable: bool = True
    """Whether it may be blank; an owner never is, though the CRM fills it in by itself."""
    unique: bool = False
    picklist: Mapping[str, str] = field(default_factory=dict)
    """Active codes and their labels."""
    restricted: bool = False
    references: tuple[str, ...] = ()
    constant: str | None = None
    """What every record holds, where the CRM has no such field and its settings tell it."""


@dataclass(frozen=True, slots=True)
class CrmStage:
    """A stage as the CRM knows it: `id` is what is written, `label` what an admin sees.
    `probability` is 0..1."""

    id: str
    label: str
    order: int
    probability: float | None = None
    closed: bool = False
    won: bool = False


@dataclass(frozen=True, slots=True)
class Pipeline:
    """HubSpot's pipelines; in Salesforce one pipeline named `default` holds all stages, and each
    record type with a sales process is one more, named by its developer name."""

    id: str
    label: str
    stages: tuple[CrmStage, ...]


@dataclass(frozen=True, slots=True)
class ObjectSchema:
    """An object as the signed-in user sees it. `fields` is keyed by the CRM's own spelling."""

    name: str
    label: str
    fields: Mapping[str, FieldSchema]
    pipelines: tuple[Pipeline, ...] = ()
    record_types: Mapping[str, str] = field(default_factory=dict)
    """Record type developer name → id."""


@dataclass(frozen=True, slots=True)
class Person:
    """A CRM user or owner. Mapped by e-mail; inactive people own nothing new."""

    id: str
    email: str
    name: str
    active: bool = True
    user_id: str = ""
    """What a record names them by as who modified it, where that is not their id as an owner."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whom we are signed in to. `environment` is "production" or "sandbox"."""

    org_id: str
    name: str
    environment: str
    currency: str
    """ISO 4217 code of the company currency."""
    time_zone: str
    """IANA zone in which the CRM shows dates."""
    user: str
    api_version: str
    user_id: str = ""
    """How the CRM names us as a record's last modifier; blank where it does not tell."""
