"""HubSpot as a connector: one signed-in account behind `prmsync.connector.protocol.Connector`."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, time, timedelta
from functools import partial
from math import ceil
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prmsync.connector.budget import CallBudget
from prmsync.connector.hints import Hint
from prmsync.connector.lanes import Lanes
from prmsync.connector.prefetch import prefetched
from prmsync.connector.protocol import (
    Change,
    ConnectionSettings,
    NewRecord,
    ObjectSpec,
    Page,
    PastValues,
    Record,
    Runtime,
    Sent,
    Usage,
    WriteResult,
)
from prmsync.connector.provisioning import Automations
from prmsync.connector.schema import Account, ObjectSchema, Person
from prmsync.domain.values import Values
from prmsync.errors import RejectedError, SchemaError
from prmsync_hubspot import describe, history, scopes
from prmsync_hubspot.auth import REFRESH_TOKEN, FixedToken, RefreshedToken
from prmsync_hubspot.catalog import Catalog, wanted
from prmsync_hubspot.client import BASE_URL, Client, Transport
from prmsync_hubspot.codec import requested
from prmsync_hubspot.history import History
from prmsync_hubspot.objects import ObjectType
from prmsync_hubspot.paths import ACCOUNT, Paths
from prmsync_hubspot.provision.automations import FlowReader
from prmsync_hubspot.provision.twin import TwinReader
from prmsync_hubspot.reading import BATCH, JOINED, Objects, joined
from prmsync_hubspot.relations import Relations
from prmsync_hubspot.settings import RESERVE, Options
from prmsync_hubspot.tokens import token_scopes
from prmsync_hubspot.vendor import Metadata, SignIn
from prmsync_hubspot.webhooks import Hinted
from prmsync_hubspot.writing import Writer

APP = "app.hubspot.com"


class HubSpotConnector:
    """See `Connector`. Methods may be called from several threads, `changes` iterators from one.

    Raises ConfigurationError for settings it cannot use; nothing is called before a method is.
    """

    def __init__(self, settings: ConnectionSettings, runtime: Runtime) -> None:
        options = Options.of(settings)
        self._settings = settings
        self._now = runtime.now
        self._paths = Paths(settings.api_version)
        budget = CallBudget(RESERVE, options.call_share, settings.calls_made)
        transport = Transport(runtime, settings.base_url or BASE_URL, budget)
        self._tokens = _tokens(settings, runtime, transport, self._paths)
        self._client = Client(transport, self._tokens)
        self._metadata = Metadata(self._client, self._paths)
        self._catalog = Catalog(self._metadata, lambda: self.account().currency)
        self._prefetch = options.prefetch
        look_back = timedelta(seconds=options.look_back_seconds)
        archive_every = timedelta(seconds=options.archive_seconds)
        self._lanes = Lanes(runtime.pool, runtime.sleep)
        # Two labels of one pair of records in two calls at once: nobody says which of them stays.
        self._lane = Lanes(None, runtime.sleep)
        self._objects = Objects(
            self._client, self._paths, self._lanes, runtime.now, look_back, archive_every
        )
        self._relations = Relations(
            self._client, self._paths, self._objects, self._catalog, self._metadata, self._lanes
        )
        self._writer = Writer(self._client, self._paths, self.record_url)
        self._history = History(self._client, self._paths, self._lanes)
        self._hinted = Hinted()
        self._lock = threading.RLock()
        self._account: Account | None = None
        self._ui = APP

    @property
    def client(self) -> Client:
        """Signed in as whoever syncs."""
        return self._client

    def automations(self, objects: Sequence[str]) -> Automations:
        self._admit()
        return FlowReader(self._client, self._paths, self._catalog).read(objects)

    def saved_schema(self, objects: Sequence[str]) -> Mapping[str, object]:
        self._admit()
        return TwinReader(self._client, self._paths, self._catalog, self._metadata).read(objects)

    @property
    def batch_size(self) -> int:
        return BATCH

    def rows_at_once(self) -> int:
        return self.batch_size * self._lanes.most

    def write_calls(self, spec: ObjectSpec, op: str, count: int) -> int:  # noqa: ARG002  the same for all
        return ceil(count / self.batch_size)

    def look_calls(self, count: int) -> int:
        return ceil(count / self.batch_size)

    def account(self) -> Account:
        with self._lock:
            if self._account is None:
                told = self._client.call("metadata", "GET", self._paths.path(ACCOUNT)).data
                user = "service key or private app"
                if not self._settings.auth.get("token"):
                    user = "OAuth app"
                found = describe.account(told, self._paths.version, user)
                describe.check_pinned(found, self._settings.org, self._settings.environment)
                self._account = found
                self._ui = str(told.get("uiDomain") or APP)
            return self._account

    def check_rights(self, objects: Mapping[str, bool]) -> None:
        self._admit()
        granted = self._granted()
        if granted is None:
            return
        found: dict[ObjectType, bool] = {}
        for name, written in objects.items():
            with suppress(SchemaError):  # an object that is not there is told where it is described
                custom = scopes.CUSTOM_OBJECTS not in granted
                of = self._catalog.known_type(name) or (
                    scopes.some_custom(name) if custom else self._catalog.type(name)
                )
                found[of] = found.get(of, False) or written
        scopes.require(granted, found)

    def _granted(self) -> frozenset[str] | None:
        """The token's scopes; None where HubSpot does not tell them."""
        told = self._tokens.scopes()
        if told is not None or not self._settings.auth.get("token"):
            return told
        return token_scopes(self._client, self._paths, self._settings.auth["token"])

    def describe(self, object_name: str) -> ObjectSchema:
        self._admit()
        return self._catalog.schema(object_name)

    def forget_schema(self) -> None:
        self._catalog.forget()

    def people(self) -> Sequence[Person]:
        self._admit()
        found = [one for gone in (False, True) for one in self._metadata.owners(archived=gone)]
        return [describe.person(one) for one in found]

    def changes(self, spec: ObjectSpec, cursor: str | None) -> Iterator[Page]:
        self._admit()
        pages = (
            self._relations.changes(spec.relation, cursor)
            if spec.relation
            else self._pages(spec, cursor)
        )
        if cursor is not None:
            pages = self._with_hinted(spec, pages)
        return prefetched(pages) if self._prefetch else pages

    def take_hints(self, hints: Sequence[Hint]) -> None:
        self._hinted.take_in(hints)

    def _with_hinted(self, spec: ObjectSpec, pages: Iterator[Page]) -> Iterator[Page]:
        """After what the index shows come the records that were named, as they are by their id."""
        cursor: str | None = None
        for page in pages:
            cursor = page.cursor or cursor
            yield page
        on = spec.relation.from_object if spec.relation else spec.object
        ids = self._hinted.of(self._catalog.type(on).type_id)
        if not ids:
            return
        if spec.relation:
            links = self._relations.read(spec.relation, ids, "read")
            yield Page(links.records, cursor, links.complete)
        else:
            yield Page(list(self.with_merged(spec, ids).values()), cursor)

    def relations_of(self, spec: ObjectSpec, from_ids: Sequence[str]) -> Page:
        if spec.relation is None or not from_ids:
            return Page([])
        self._admit()
        links = self._relations.read(spec.relation, from_ids, "read")
        return Page(links.records, complete_for=links.complete)

    def fetch(self, spec: ObjectSpec, ids: Sequence[str]) -> dict[str, Record]:
        if not ids:
            return {}
        self._admit()
        if spec.relation:
            return self._relations.fetch(spec.relation, ids)
        found, wanted_ids = self._by_id(spec, ids), set(ids)
        return {one: record for one, record in found.items() if one in wanted_ids}

    def with_merged(self, spec: ObjectSpec, ids: Sequence[str]) -> dict[str, Record]:
        """See `MergeReader`."""
        if not ids:
            return {}
        self._admit()
        found, wanted_ids = self._by_id(spec, ids), set(ids)
        return {
            one: record
            for one, record in found.items()
            if one in wanted_ids or record.merged_into in wanted_ids
        }

    def _by_id(self, spec: ObjectSpec, ids: Sequence[str]) -> dict[str, Record]:
        """The named records; what stands in the place of those that were merged away, and what went
        into any of these."""
        of, reader = self._catalog.type(spec.object), self._catalog.reader(spec)
        self._client.make_room(2 * ceil(len(ids) / BATCH))
        names, found = requested(wanted(spec)), dict[str, Record]()
        for archived in (False, True):
            missing = [one for one in ids if one not in found]
            read = self._objects.read(of, missing, names, "guard", archived=archived)
            for record in reader.records(list(read)):
                found.setdefault(record.id, record)
        return found

    def find(self, spec: ObjectSpec, keys: Sequence[str]) -> dict[str, Record]:
        if not keys:
            return {}
        self._admit()
        if spec.relation:
            return self._relations.find(spec.relation, keys)
        of, reader, key = self._catalog.type(spec.object), self._catalog.reader(spec), _key(spec)
        asked = {one.lower(): one for one in keys}
        found = self._objects.read(of, keys, requested(wanted(spec)), "read", key=key)
        records = (reader.record(one) for one in found)
        named = ((asked.get(str(record.values[key]).lower()), record) for record in records)
        held = {name: record for name, record in named if name is not None}
        left = [one for one in keys if one not in held]
        gone = self._objects.last_archived(of, key, left) if left else {}
        shown = self.fetch(spec, list(gone.values()))
        return {one: shown[gone[one]] for one in gone if gone[one] in shown} | held

    def listed(self, spec: ObjectSpec, after: str) -> Page:
        if spec.relation:  # read by their deals
            return Page([])
        self._admit()
        of, reader = self._catalog.type(spec.object), self._catalog.reader(spec)
        batch = self._objects.page(of, requested(wanted(spec)), after)
        records = [one for one in reader.records(batch.found) if not one.deleted]
        return Page(records, batch.cursor)

    def keyed(self, specs: Sequence[ObjectSpec]) -> list[list[Record]]:
        return [self._keyed(spec) for spec in specs]

    def _keyed(self, spec: ObjectSpec) -> list[Record]:
        self._admit()
        key = _key(spec)
        found = self._objects.having(self._catalog.type(spec.object), key)
        return [Record(str(one["id"]), "", {key: one["properties"].get(key)}) for one in found]

    def create(self, spec: ObjectSpec, rows: Sequence[NewRecord]) -> list[WriteResult]:
        if not rows:
            return []
        self._admit()
        if spec.relation:
            return self._lane.send(rows, partial(self._relations.create, spec), self.batch_size)
        of, reader = self._catalog.type(spec.object), self._catalog.reader(spec)
        self._objects.forget_ids()
        key = _key(spec)
        return self._lanes.send(
            rows, lambda some: self._writer.upsert(of, key, some, reader), BATCH
        )

    def update(self, spec: ObjectSpec, rows: Sequence[Change]) -> list[WriteResult]:
        if not rows:
            return []
        self._admit()
        if spec.relation:
            refused = RejectedError(
                "a relation is never updated: delete it and create another", code="RELATION"
            )
            return [WriteResult(error=refused) for _ in rows]
        of, reader = self._catalog.type(spec.object), self._catalog.reader(spec)
        return self._lanes.send(
            rows, lambda some: self._writer.update(of, some, reader), self.batch_size
        )

    def replaced(self, spec: ObjectSpec, rows: Sequence[Sent]) -> dict[str, Values]:
        if spec.relation or not rows:
            return {}
        self._admit()
        of, reader = self._catalog.type(spec.object), self._catalog.reader(spec)
        return self._history.replaced(of, rows, reader)

    def past(self, spec: ObjectSpec, ids: Sequence[str], fields: Sequence[str]) -> list[PastValues]:
        self._admit()
        of, reader = self._catalog.type(spec.object), self._catalog.reader(spec)
        return self._history.past(of, ids, fields, reader)

    def history_calls(self, count: int) -> int:
        return ceil(count / history.BATCH)

    def delete(self, spec: ObjectSpec, ids: Sequence[str]) -> list[WriteResult]:
        if not ids:
            return []
        self._admit()
        if spec.relation:
            take_off = partial(self._relations.delete, spec.relation)
            return self._lane.send(ids, take_off, self.batch_size)
        of = self._catalog.type(spec.object)
        return self._lanes.send(ids, partial(self._writer.archive, of), self.batch_size)

    def usage(self) -> Usage:
        return self._client.budget.usage(self._midnight())

    def _midnight(self) -> datetime | None:
        """The end of the account's day, when its daily limit begins anew."""
        if self._account is None:
            return None
        try:
            zone = ZoneInfo(self._account.time_zone)
        except (ZoneInfoNotFoundError, ValueError):  # the mapping's check tells of it
            return None
        today = self._now().astimezone(zone)
        tomorrow = datetime.combine(today.date() + timedelta(days=1), time(), today.tzinfo)
        return tomorrow.astimezone(UTC)

    def record_url(self, object_name: str, record_id: str) -> str | None:
        """None for an object that no call has named yet, before `account`, and for relations."""
        of = self._catalog.known_type(object_name)
        portal = self._account.org_id if self._account else self._settings.org
        if of is None or portal is None or not record_id.isdigit():
            return None
        return f"https://{self._ui}/contacts/{portal}/record/{of.type_id}/{record_id}"

    def close(self) -> None:
        """Nothing is held: the HTTP client belongs to the runtime."""

    def _admit(self) -> None:
        """Touch no records before a pinned account is known to be the right one."""
        if self._settings.org or self._settings.environment:
            self.account()

    def _pages(self, spec: ObjectSpec, cursor: str | None) -> Iterator[Page]:
        of = self._catalog.type(spec.object)
        # Properties are asked for when there is something to read: an idle read is one search.
        reader = self._catalog.reader(spec) if cursor is None else None
        names = requested(wanted(spec))
        for batch in joined(self._objects.scan(of, names, cursor, archived=True), JOINED):
            if batch.archived:
                # A record that was merged away is archived too: the survivor tells.
                gone = self.fetch(spec, [str(one["id"]) for one in batch.found])
                yield Page(list(gone.values()), batch.cursor)
                continue
            if batch.found and reader is None:
                reader = self._catalog.reader(spec)
            records = reader.records(batch.found) if reader else []
            yield Page(records, batch.cursor, lagging=cursor is not None)


def _key(spec: ObjectSpec) -> str:
    if spec.key is None:
        raise SchemaError(
            f"the mapping of {spec.stream} names no key property",
            hint="name a text property with unique values as key",
        )
    return spec.key


def _tokens(
    settings: ConnectionSettings, runtime: Runtime, transport: Transport, paths: Paths
) -> FixedToken | RefreshedToken:
    auth: Mapping[str, str] = settings.auth
    if auth.get("token"):
        return FixedToken(auth["token"])
    sign_in = SignIn(transport, paths, auth["client_id"], auth["client_secret"])
    return RefreshedToken(auth[REFRESH_TOKEN], sign_in.refreshed, runtime.now, settings.keep)
