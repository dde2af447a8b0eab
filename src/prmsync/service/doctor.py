"""`prmsync doctor`: everything that must be right before a sync, looked at in one go.

Reads only. A check that fails ends none of the others, except those that need its result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from prmsync.connector.protocol import Connector, RightsChecker
from prmsync.connector.provisioning import Automations, ClockTeller, SchemaSaver
from prmsync.connector.registry import plugin
from prmsync.domain.counted import counted
from prmsync.errors import AuthError, ConfigurationError, Finding, PrmsyncError
from prmsync.mapping.model import StreamMapping
from prmsync.service.doctor_schema import lacks, uncovered, unseen
from prmsync.service.provisioning import automations_of, written
from prmsync.service.runtime import runtime, utc_now
from prmsync.service.settings import Settings
from prmsync.service.wiring import (
    connect,
    is_on_this_machine,
    load_all_mappings,
    open_store,
)
from prmsync.store.damage import check_pages
from prmsync.store.schema_version import HEAD
from prmsync.sync.needs import needs_of
from prmsync.sync.rights import require_rights

_NOTED_SKEW, _WRONG_SKEW = 30.0, 240.0
"""Seconds by which this machine's clock may differ: Salesforce refuses assertions beyond five
minutes, and changes are read with a look-back of ten."""


class Level(StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that was looked at: `topic`, what was found, and what to do."""

    topic: str
    level: Level
    says: str
    hint: str = ""


@dataclass(slots=True)
class Examined:
    """One connection, or (with a blank name) what all of them share."""

    name: str
    told: list[Told] = field(default_factory=list)
    automations: Automations = field(default_factory=Automations)

    def fine(self, topic: str, says: str) -> None:
        self.told.append(Told(topic, Level.FINE, says))

    def note(self, topic: str, says: str, hint: str = "") -> None:
        self.told.append(Told(topic, Level.NOTE, says, hint))

    def problem(self, topic: str, says: str, hint: str = "") -> None:
        self.told.append(Told(topic, Level.PROBLEM, says, hint))

    def failed(self, topic: str, error: PrmsyncError) -> None:
        """An error with all its findings."""
        self.problem(topic, error.message, error.hint)
        self.found(topic, error.findings)

    def found(self, topic: str, findings: Sequence[Finding]) -> None:
        for one in findings:
            self.problem(topic, f"{one.where}  {one.message}".strip(), one.hint)


def examine(
    settings: Settings,
    names: Sequence[str],
    environ: Mapping[str, str],
    now: Callable[[], datetime] = utc_now,
) -> Iterator[Examined]:
    """First what the connections share, then each of them."""
    shared = Examined("")
    shared.fine("settings", f"{settings.path}, {counted(len(settings.connections), 'connection')}")
    _database(shared, settings, environ)
    mappings = _mappings(shared, settings)
    yield shared
    for name in names:
        one = Examined(name)
        _connection(one, settings, environ, mappings.get(name, []), now)
        yield one


def save_schema(settings: Settings, name: str, environ: Mapping[str, str]) -> Mapping[str, object]:
    """The definitions of a connection's objects, as its simulator starts from them. Raises
    ConfigurationError for a CRM whose simulator takes none, ConnectorError."""
    mappings = load_all_mappings(settings)[name]
    objects = list(dict.fromkeys(need.object for need in needs_of(mappings)))
    with _signed_in(settings, name, environ) as connector:
        if not isinstance(connector, SchemaSaver):
            title = plugin(settings.connection(name).connector).title
            raise ConfigurationError(f"the schema of {title} accounts cannot be saved yet")
        return connector.saved_schema(objects)


def _database(shared: Examined, settings: Settings, environ: Mapping[str, str]) -> None:
    try:
        with closing(open_store(settings, environ)) as database:
            with database.read() as connection:
                check_pages(connection, database.name)
            shared.fine("database", f"{database.name}, schema {HEAD}")
    except PrmsyncError as error:
        shared.failed("database", error)


def _mappings(shared: Examined, settings: Settings) -> Mapping[str, list[StreamMapping]]:
    try:
        found = load_all_mappings(settings)
    except PrmsyncError as error:
        shared.failed("mappings", error)
        return {}
    streams = sum(len(one) for one in found.values())
    shared.fine("mappings", f"{streams} streams, no mistakes in the files")
    return found


@contextmanager
def _signed_in(settings: Settings, name: str, environ: Mapping[str, str]) -> Iterator[Connector]:
    direct = is_on_this_machine(settings.connection(name).base_url)
    with runtime(direct=direct) as outside:
        connector = connect(settings, name, outside, environ)
        try:
            yield connector
        finally:
            connector.close()


def _connection(
    one: Examined,
    settings: Settings,
    environ: Mapping[str, str],
    mappings: Sequence[StreamMapping],
    now: Callable[[], datetime],
) -> None:
    lacking = False
    try:
        with _signed_in(settings, one.name, environ) as connector:
            _account(one, settings, connector)
            _clock(one, connector, now)
            lacking = _lacks_rights(one, settings, connector, mappings)
            if mappings:
                _schema(one, settings, environ, connector, mappings)
            _quota(one, settings, connector)
    except PrmsyncError as error:
        if lacking and isinstance(error, AuthError):
            return  # a call met what has just been named
        one.failed("sign-in" if not one.told else "the CRM", error)


def _account(one: Examined, settings: Settings, connector: Connector) -> None:
    account = connector.account()
    told = account.org_id in account.name
    org = account.name if told else f"{account.name} ({account.org_id})"
    one.fine("sign-in", f"{org}, {account.environment}, as {account.user}")
    if settings.connection(one.name).org is None:
        hint = f'Add to [connections.{one.name}]: org = "{account.org_id}"'
        one.note("org", "not pinned: other credentials would reach another org unnoticed", hint)


def _lacks_rights(
    one: Examined, settings: Settings, connector: Connector, mappings: Sequence[StreamMapping]
) -> bool:
    if not isinstance(connector, RightsChecker):
        return False
    written = settings.connection(one.name).writes in ("both", "crm")
    try:
        require_rights(connector, mappings, written=written)
    except AuthError as error:
        one.failed("rights", error)
        return True
    one.fine("rights", "all that the mappings need, as far as the CRM tells")
    return False


def _clock(one: Examined, connector: Connector, now: Callable[[], datetime]) -> None:
    told = connector.crm_time() if isinstance(connector, ClockTeller) else None
    if told is None:
        return
    skew = (now() - told).total_seconds()
    way = "ahead of" if skew > 0 else "behind"
    says = f"this machine's clock is {abs(skew):,.0f} s {way} the CRM's"
    hint = "Set this machine's clock by a time server (NTP)."
    if abs(skew) > _WRONG_SKEW:
        one.problem("clock", says, hint)
    elif abs(skew) > _NOTED_SKEW:
        one.note("clock", says, hint)
    else:
        one.fine("clock", "agrees with the CRM's")


def _schema(
    one: Examined,
    settings: Settings,
    environ: Mapping[str, str],
    connector: Connector,
    mappings: Sequence[StreamMapping],
) -> None:
    problems = lacks(settings, one.name, environ, connector, mappings)
    one.found("schema", problems)
    if not problems:
        one.fine("schema", "every mapped object, field and value is there, and may be written")
    for finding in uncovered(mappings, connector):
        one.note("uncovered", f"{finding.where}  {finding.message}", finding.hint)
    late = unseen(mappings, connector)
    if late is not None:
        one.note("last moment", late.message, late.hint)
    one.automations = automations_of(connector, written(needs_of(mappings)))


def _quota(one: Examined, settings: Settings, connector: Connector) -> None:
    usage, share = connector.usage(), settings.connection(one.name).share
    if usage.limit is None or usage.used is None:
        return
    used = f"{usage.used:,} of {usage.limit:,} calls used in the CRM's present window"
    if usage.left == 0:
        one.problem("quota", f"{used}; none left of our share of {share} %", "It frees by itself.")
    else:
        one.fine("quota", f"{used}; our share is {share} %")
