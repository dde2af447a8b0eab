"""What one run works with: the connection, its streams as resolved, and the world it may touch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

import sqlalchemy as sa

from prmsync.connector.protocol import Connector, ObjectSpec
from prmsync.connector.schema import Account
from prmsync.domain.merge import Side, Writes
from prmsync.domain.values import Values
from prmsync.mapping.model import StreamMapping
from prmsync.mapping.translate import Translator
from prmsync.reconcile.rules import RecordRule
from prmsync.store import lease, links
from prmsync.store.database import Database
from prmsync.store.misfits import PausedPart
from prmsync.store.streams import StreamState
from prmsync.sync.mapping_change import NOTHING, MappingChange

KEY = links.KEY
UNRESOLVED = "crm:"
"""Prefix of a reference whose record is not linked yet: `crm:` and its CRM id."""
UNREADABLE = "!"
"""Extra key in read values: the fields whose CRM value has no counterpart, joined by commas."""
STOOD_IN = "@stood_in"
"""Extra key in read values: why fields hold a stand-in for the CRM's value, one sentence each."""
HOME = "home"
"""The column that names the connection whose CRM owns a record."""


@dataclass(slots=True)
class Newcomers:
    """Records of ours that came into being while a run is at work (`prmsync.sync.newcomers`): how
    far the change log was looked at, and what those say that this connection does not know."""

    seq: int = 0
    said: set[tuple[tuple[str, ...], tuple[object, ...]]] = field(default_factory=set)


@dataclass(slots=True)
class Stream:
    """One mapped object type of the connection, ready to translate and merge."""

    name: str
    mapping: StreamMapping
    state: StreamState
    translator: Translator
    spec: ObjectSpec
    rule: RecordRule
    copy_rule: RecordRule
    members: tuple[str, ...]
    """All merged prm fields."""
    references: Mapping[str, str]
    """prm field → stream it refers to."""
    mark: str
    """What the mapping says, by part (`prmsync.sync.mapping_change.digest`)."""
    change: MappingChange = NOTHING
    """What follows from the edit of the mapping since this stream was last read."""
    paused: frozenset[str] = frozenset()
    """Parts that the CRM's schema keeps from use: groups, creation."""
    kept: tuple[str, ...] = ()
    """The members of paused groups: what is known of them stays."""
    erased: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    """CRM id or our id → field → digests of values that were erased and are not read again."""
    newcomers: Newcomers = field(default_factory=Newcomers)
    fields: frozenset[str] = field(init=False)
    """The members as a set."""
    cells: Callable[[Values], object] = field(init=False)
    """A record's members, to be compared with another's. Raises KeyError where one is missing."""

    def __post_init__(self) -> None:
        self.fields = frozenset(self.members)
        self.cells = itemgetter(*self.members) if self.members else lambda _: None

    @property
    def id(self) -> int:
        return self.state.id

    def rule_for(self, prm: Values | None, connection: str) -> RecordRule:
        """The rule of one record: its own, or a copy's where another CRM is its home."""
        if not self.mapping.home or prm is None or prm.get(HOME) in (None, connection):
            return self.rule
        return self.copy_rule


def _silent(_: str, __: int) -> None:
    """Nobody watches."""


def _nothing_new() -> bool:
    return False


FORECAST_SHARE = 10
"""Per cent of a connection's calls that may carry the forecast where its settings do not say."""


@dataclass(slots=True)
class Session:
    """One process's hold on one connection. `token` fences its writes; `now` is aware UTC."""

    database: Database
    name: str
    connector: Connector
    connector_title: str
    account: Account
    streams: dict[str, Stream]
    """Parents first."""
    writes: Writes
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    actor: str
    token: int = 0
    known_to: int = 0
    """Links up to this one may carry keys that nobody knows here: a person accepted them."""
    doubted: bool = False
    """A person has to look first: this session may only compare."""
    aside: Mapping[str, str] = field(default_factory=dict)
    """Streams that runs leave alone, and why: neither read nor decided nor written. Other records
    still find theirs by the links that are known. "" where a person has chosen another stream."""
    noted: int = 0
    """Calls of this session that are counted in the database already."""
    forecast_share: int = FORECAST_SHARE
    """Per cent of the connection's calls that may carry the forecast."""
    progress: Callable[[str, int], None] = field(default=_silent)
    paused: list[PausedPart] = field(default_factory=list)
    """What the CRM's schema keeps from use, and why."""
    mapping_edits: list[str] = field(default_factory=list)
    """What changed in the mappings since the last run, and what follows."""
    look_again: Callable[[], bool] = field(default=_nothing_new)
    """Describe the CRM anew and pause what fits no more; whether anything is otherwise now."""
    locked: dict[int, datetime] = field(default_factory=dict)
    """Links whose locked record this run tries again, and since when it is locked."""
    imports: bool | None = None
    """Whether anything was ever imported; None until it was asked."""
    people: Mapping[str, str] = field(default_factory=dict)
    """CRM user id → name, to tell who changed something."""

    def may_write(self, side: Side) -> bool:
        return self.writes in (Writes.BOTH, Writes(side.value))

    def person(self, user: str) -> str:
        """A CRM user by name, by id where the CRM tells no name."""
        return self.people.get(user, user)

    @property
    def active(self) -> list[Stream]:
        """The streams that a run works on, parents first."""
        return [one for name, one in self.streams.items() if name not in self.aside]

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides of rows that this connection may carry out; moves of the base come with
        either."""
        allowed = tuple(side.value for side in Side if self.may_write(side))
        return (*allowed, "base") if allowed else ()

    def marked(self) -> list[Stream]:
        """The active streams that have links to be decided."""
        streams = self.active
        with self.database.read() as connection:
            found = links.marked_streams(connection, [one.id for one in streams])
        return [one for one in streams if one.id in found]

    def fence(self, connection: sa.Connection) -> None:
        """Prove, inside a write transaction, that this process still holds the connection."""
        now = self.now()
        lease.renew(connection, self.name, self.token, now, length=lease.RUN_LEASE)

    def stamp(self) -> str:
        """The present moment as text for journal rows."""
        return self.now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
