"""What a connector is. Everything CRM-specific stays behind this face.

A connector reads and writes *records* of *objects* with canonical values
(`prmsync.domain.values`), turns every vendor error into a class of `prmsync.errors`, retries what
is safe to retry, and keeps to its call budget. It decides nothing about merging.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

import httpx
import requests

from prmsync.connector.schema import Account, ObjectSchema, Person
from prmsync.connector.simulator.http import Handler
from prmsync.domain.values import Scalar, Values
from prmsync.errors import ConnectorError


@dataclass(frozen=True, slots=True)
class RelationSpec:
    """A partner–deal relation: two references and a role.

    Its records carry the values named by these three keys: CRM ids of both ends and the role's
    CRM code (Salesforce: the OpportunityPartner role; HubSpot: the association label).
    Relations are never updated: a changed role is a delete and a create.
    """

    from_field: str
    from_object: str
    to_field: str
    to_object: str
    role_field: str
    roles: tuple[str, ...]
    """The CRM role codes or labels that the mapping names; others are not ours."""


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """What the engine asks a connector to read and write for one stream."""

    stream: str
    object: str
    fields: tuple[str, ...]
    """CRM field names to read, the external key included."""
    key: str | None = None
    """CRM field that holds our external key (the partner database's UUID)."""
    relation: RelationSpec | None = None
    strict: bool = False
    """Updates are conditional on `Change.version`, where the CRM has conditional requests."""
    allow_duplicates: bool = False
    """Save what a duplicate rule of the CRM would only warn people of."""


@dataclass(slots=True)
class Record:
    """One CRM record as read. `version` orders changes of this record (a modified stamp).

    `deleted` is evidence (IsDeleted, archived, merged away), never mere absence; `merged_into`
    is the surviving record's id where the CRM tells. Deleted records may have empty `values`.
    Nobody changes a record, but there is one a row, and a frozen one takes four times as long
    to make.
    """

    id: str
    version: str
    values: Values
    deleted: bool = False
    merged_into: str | None = None
    modified_by: str | None = None
    """Who last modified the record, as the CRM names it (a user id or source)."""


BAD_CURSOR = "CURSOR"
"""Code of the error for a cursor that a connector cannot read."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records, and the cursor that may be committed once these records are stored.

    `cursor` is opaque text of the connector's own; None means: not yet, a later page has it.
    `records` may stand field by field (`prmsync.connector.columns`).
    """

    records: Sequence[Record]
    cursor: str | None = None
    complete_for: tuple[str, ...] = ()
    """Relation streams: ids of the from-side whose relations this page holds whole, so that one
    that is linked but not in `records` is gone, with evidence. The record id of such a relation
    begins with the from-id and a colon."""
    lagging: bool = False
    """Read from a search index, which may still show what stood there before the last change."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to create. `key` is the external key; for relations see `relation_key`."""

    key: str
    values: Values


@dataclass(frozen=True, slots=True)
class Change:
    """An update of the named fields only; None clears a field. `version` is the record's when it
    was last looked at. Changes of the same `beside` hang on one parent record: they are best sent
    together."""

    id: str
    values: Values
    version: str = ""
    beside: str = ""


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The CRM's answer for one row, in the order of the rows sent.

    Either `id` is set, or `error`. `values` are what the CRM says the record now holds, where its
    answer tells (HubSpot), else None.
    """

    id: str | None = None
    created: bool = False
    version: str | None = None
    values: Values | None = None
    error: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """An update that the CRM took: what was written, what stood in the same fields `before`, when
    the record was looked at, and its `version` then."""

    id: str
    values: Values
    before: Values
    version: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Calls of this session by kind ("read", "guard", "write", "history", "sign_in", "metadata"),
    and the account's own meter where the CRM tells it (calls used and limit in the current window).

    `allowed` is this connection's share of the limit, `left` how many calls this session may
    still make of it; None while no limit is known. `resets_at`: when the CRM's window ends (aware
    UTC), None where it rolls over 24 hours.
    """

    calls: Mapping[str, int]
    used: int | None = None
    limit: int | None = None
    allowed: int | None = None
    left: int | None = None
    resets_at: datetime | None = None


def relation_key(spec: ObjectSpec, values: Mapping[str, Scalar]) -> str:
    """Key of a relation record: `from id : to id : role`, the same on every read and write."""
    relation = spec.relation
    if relation is None:
        raise ValueError(f"{spec.stream} is not a relation stream")
    parts = (relation.from_field, relation.to_field, relation.role_field)
    return ":".join(str(values.get(part) or "") for part in parts)


class Connector(Protocol):
    """One signed-in CRM account. All methods raise only `ConnectorError` subclasses."""

    @property
    def batch_size(self) -> int:
        """Rows per write call (Salesforce 200, HubSpot 100)."""

    def account(self) -> Account:
        """Sign in if need be and say whom we are talking to. Raises AuthError when the org or
        environment is not the pinned one."""

    def describe(self, object_name: str) -> ObjectSchema:
        """An object's live schema, cached for the session. Raises SchemaError if absent."""

    def forget_schema(self) -> None:
        """Describe objects anew from now on: the CRM's schema has changed meanwhile."""

    def people(self) -> Sequence[Person]:
        """All users who can own records, inactive ones included."""

    def changes(self, spec: ObjectSpec, cursor: str | None) -> Iterator[Page]:
        """Records changed since `cursor` (inclusive, with look-back), deletions as evidence where
        the CRM lists them; None reads everything there is. The last page has a cursor, also when
        nothing changed. Boundary rows may come again; a row is never skipped."""

    def fetch(self, spec: ObjectSpec, ids: Sequence[str]) -> dict[str, Record]:
        """Current state of the named records, any number. Deleted ones come with `deleted`
        where the CRM can tell; ids that it does not know are missing from the answer."""

    def find(self, spec: ObjectSpec, keys: Sequence[str]) -> dict[str, Record]:
        """Records by external key (relations: by `relation_key`), never by a search index. A key
        that none holds any more may name the last deleted record that held it, as `deleted`."""

    def create(self, spec: ObjectSpec, rows: Sequence[NewRecord]) -> list[WriteResult]:
        """Upsert on the external key: repeating it makes no second record. At most `batch_size`
        rows, one call. Raises for a batch that failed whole (OutcomeUnknownError when it may have
        been written)."""

    def update(self, spec: ObjectSpec, rows: Sequence[Change]) -> list[WriteResult]:
        """Write changed fields of at most `batch_size` records, one call; raises like `create`."""

    def delete(self, spec: ObjectSpec, ids: Sequence[str]) -> list[WriteResult]:
        """Delete or archive at most `batch_size` records; already deleted counts as done."""

    def usage(self) -> Usage:
        """Calls made so far in this session."""

    def record_url(self, object_name: str, record_id: str) -> str | None:
        """Where a person opens this record in the CRM."""

    def close(self) -> None:
        """Give connections back. The connector is not used afterwards."""


@runtime_checkable
class ManyWriter(Protocol):
    """What a connector has besides where it has several write calls under way together."""

    def rows_at_once(self) -> int:
        """Rows that `create`, `update` or `delete` takes at once: several batches of
        `batch_size`. Of more than one batch, rows of a call that failed whole each have its
        error."""

    def write_calls(self, spec: ObjectSpec, op: str, count: int) -> int:
        """About how many calls it takes to write `count` records of a stream with a key."""

    def look_calls(self, count: int) -> int:
        """How many calls it takes to look at `count` records before they are written."""


@runtime_checkable
class RightsChecker(Protocol):
    """What a connector has besides where credentials tell what they may do."""

    def check_rights(self, objects: Mapping[str, bool]) -> None:
        """`objects`: names, and whether their records are written. Raises AuthError with a finding
        for each right that is missing: what it is called in the CRM and what needs it."""


@runtime_checkable
class ReadExplainer(Protocol):
    """What a connector has besides where it reads very many records in another way than few."""

    def ways_of_reading(self) -> Sequence[str]:
        """A sentence for each stream of this session that was long enough for the other way: how
        many records, which way they came, in about how many calls, and why."""


@runtime_checkable
class JobWriter(Protocol):
    """What a connector has besides where it writes many rows as one job, which goes on when the run
    that made it has ended."""

    def settle(self) -> None:
        """Wait for jobs that an earlier run, or this one, left at work: what they write is not to
        be seen before. Raises RetryableError for one that takes too long."""

    def calls_saved(self, spec: ObjectSpec, op: str, count: int) -> int:
        """How many calls fewer `write_calls` is than without jobs."""


@runtime_checkable
class HistoryReader(Protocol):
    """What a connector has besides where the CRM keeps every value that a field ever had."""

    def replaced(self, spec: ObjectSpec, rows: Sequence[Sent]) -> dict[str, Values]:
        """Record id → field → a value that somebody gave it between the look and the write, and
        that the write replaced. Records without such a value are missing."""

    def history_calls(self, count: int) -> int:
        """How many calls it takes to look at `count` records."""


@dataclass(frozen=True, slots=True)
class PastValues:
    """What fields of a record were set to `at` a time (aware UTC): canonical values by CRM field,
    of those alone that the CRM tells of this time."""

    id: str
    at: datetime
    values: Values


@runtime_checkable
class PastReader(Protocol):
    """What a connector has besides where the CRM tells how records stood before."""

    def past(
        self, spec: ObjectSpec, ids: Sequence[str], fields: Sequence[str]
    ) -> Sequence[PastValues]:
        """Every value that these fields of these records ever had, as far as the CRM keeps it; in
        any order. Fields whose past it does not keep are left out."""


@runtime_checkable
class RelationReader(Protocol):
    """What a connector has besides where editing a relation touches neither the relation's own
    stamp nor its records': `changes` cannot show such an edit, so the engine asks again in turn."""

    def relations_of(self, spec: ObjectSpec, from_ids: Sequence[str]) -> Page:
        """All relations of these from-side records as they are now; `complete_for` names the
        records that were read whole. A thousand of them cost about one call."""


@runtime_checkable
class MergeReader(Protocol):
    """What a connector has besides where what a merge leaves may have an id of its own, and names
    what went into it."""

    def with_merged(self, spec: ObjectSpec, ids: Sequence[str]) -> dict[str, Record]:
        """What `fetch` tells, and besides it the records that were merged into the named ones, as
        `deleted`; in as many calls."""


@runtime_checkable
class EarlyReader(Protocol):
    """What a connector has besides where streams can be read side by side."""

    def expect(self, reads: Sequence[tuple[ObjectSpec, str | None]]) -> None:
        """Of these streams `changes` will be asked for, from these cursors: their first pages may
        be fetched already, in place of what was expected before. Raises nothing; what fails is
        raised by `changes`."""


@runtime_checkable
class Lister(Protocol):
    """What a connector has besides where all records can be listed from any place on."""

    def listed(self, spec: ObjectSpec, after: str) -> Page:
        """The next records behind `after` ("" to begin), of those that are not deleted, in one
        call. The page's cursor is the next `after`, None behind the last record."""


@runtime_checkable
class PeopleAtHand(Protocol):
    """A connector whose people come with the sign-in."""

    def people_at_hand(self) -> bool:
        """Whether `people` makes no further call: they are then asked for in every run."""
        ...


@runtime_checkable
class KeyReader(Protocol):
    """What a connector has besides where the CRM can be asked for records with an external key."""

    def keyed(self, specs: Sequence[ObjectSpec]) -> list[list[Record]]:
        """For each of the specs records that carry a key of ours, hundreds of them at most, in as
        few calls as the CRM allows; their `values` hold the key alone. A search index may miss the
        newest."""


@dataclass(frozen=True, slots=True)
class ConnectionSettings:
    """A `[connections.NAME]` of prmsync.toml, secrets already resolved. `auth` is the connector's
    own (client_id, client_secret, token …); its repr never shows it. `calls_made` are the
    connection's calls in the CRM's present window before this session. `objects` are the CRM's
    objects that the mappings name, where a person signs in for them. `keep` stores a secret of
    `auth` that the CRM replaced (key, secret) where it is kept; None where that cannot be done."""

    name: str
    org: str | None = None
    environment: str | None = None
    base_url: str | None = None
    api_version: str | None = None
    auth: Mapping[str, str] = field(default_factory=dict, repr=False)
    options: Mapping[str, Any] = field(default_factory=dict)
    calls_made: int = 0
    objects: tuple[str, ...] = ()
    keep: Callable[[str, str], None] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a connector may touch of the outside world; a test passes its own.

    `http` carries record traffic; `requests` is for vendor libraries that are built on it. `pool`
    is for calls that may be under way together; None makes them one after the other.
    """

    http: httpx.Client
    requests: requests.Session
    now: Callable[[], datetime]
    sleep: Callable[[float], None]
    pool: Executor | None = None


class Simulator(Protocol):
    """A simulated CRM: `handle` answers the vendor's API and the control paths `/_simulator/…`."""

    @property
    def handle(self) -> Handler: ...


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """`now` is the simulator's base clock (the control path `clock` adds an offset to it).
    `data` and `schema` are parsed JSON of `--data` and `--schema`."""

    now: Callable[[], datetime]
    data: Mapping[str, Any] | None = None
    schema: Mapping[str, Any] | None = None
    seed: int = 0


@runtime_checkable
class HostedPlugin(Protocol):
    """What a plugin has besides where the vendor's own clients go to hosts that no setting of
    theirs changes."""

    @property
    def hosts(self) -> Sequence[str]:
        """Their names: a simulator behind a proxy has a certificate that is made out to them."""


@runtime_checkable
class SimulatedAppPlugin(Protocol):
    """What a plugin has besides where its simulator also lets an app sign in, in a browser."""

    def simulator_app(self) -> Mapping[str, str]:
        """Keys of `auth` by which a fresh simulator knows the app."""


class ConnectorPlugin(Protocol):
    """What the entry point group `prmsync.connectors` names."""

    @property
    def name(self) -> str:
        """The name in `connector = "…"`, e.g. "salesforce"."""

    @property
    def title(self) -> str:
        """The name people read, e.g. "Salesforce"."""

    @property
    def auth_keys(self) -> Mapping[str, str]:
        """Keys that `[connections.NAME.auth]` may hold, each with a line of explanation."""

    def connect(self, settings: ConnectionSettings, runtime: Runtime) -> Connector:
        """A connector, not yet signed in. Raises ConfigurationError for settings it cannot use."""

    def simulator(self, options: SimulatorOptions) -> Simulator:
        """A simulated account, with the fields that the shipped mappings need."""

    def simulator_auth(self) -> Mapping[str, str]:
        """Credentials that a fresh simulator accepts (demo and tests)."""
