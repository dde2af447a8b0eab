"""Reading objects: listings, searches for what changed, and batches by id or key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any, NamedTuple, TypeVar

from prmsync.connector.budget import CallKind
from prmsync.connector.lanes import Lanes
from prmsync.errors import ConnectorError, GoneError
from prmsync_hubspot.archive import Archive, last_holders
from prmsync_hubspot.client import Client
from prmsync_hubspot.cursor import HOLD_BACK, Cursor, parse
from prmsync_hubspot.errors import row_error
from prmsync_hubspot.listed import Listed
from prmsync_hubspot.listing import LIST_PAGE, Listing, ListPage, Place
from prmsync_hubspot.objects import ObjectType
from prmsync_hubspot.paths import OBJECTS, Paths
from prmsync_hubspot.vendor import next_after, results, rows

JOINED = 2000
"""Records of one page for the engine."""
SEARCH_PAGE = 200
BATCH = 100
LOOK_BACK = timedelta(seconds=600)
"""How far before the cursor a search begins: HubSpot's search index lags by seconds to minutes."""
ARCHIVE_EVERY = timedelta(minutes=5)
"""From one round through an archive to the next."""
LISTED_FOR = timedelta(minutes=10)
"""How long the ids of a full listing stand for a listing of ids alone."""

T = TypeVar("T")
Found = dict[str, Any]


class Batch(NamedTuple):
    """Record objects as HubSpot gives them; `cursor` may be committed once they are stored."""

    found: list[Found]
    cursor: str | None = None
    archived: bool = False
    """Newly archived records, named by id alone."""


class Objects:
    """Reads of any object type."""

    def __init__(
        self,
        client: Client,
        paths: Paths,
        lanes: Lanes,
        now: Callable[[], datetime],
        look_back: timedelta = LOOK_BACK,
        archive_every: timedelta = ARCHIVE_EVERY,
    ) -> None:
        self._client = client
        self._paths = paths
        self._lanes = lanes
        self._now = now
        self._look_back = look_back
        self._archive_every = archive_every
        self._listed: dict[str, Listed] = {}
        self._held: dict[tuple[str, str], dict[str, str]] = {}

    def scan(
        self, of: ObjectType, properties: Sequence[str], cursor: str | None, *, archived: bool
    ) -> Iterator[Batch]:
        """Everything, or what changed since the cursor. `archived`: a full listing goes on with
        the archived records, which are listed but never searched, and a read of changes with the
        next page of them, when it is due."""
        known = None if cursor is None else parse(cursor)
        if known is None or known.listing:
            return self._listing(of, properties, known, archived)
        changed = self._changed(of, properties, known.since)
        return self._with_archive(of, known, changed) if archived else changed

    def ids(self, of: ObjectType) -> Iterator[Batch]:
        """The ids of everything, from the full listing that has just ended, if there was one, else
        from a new one. What was created since that listing began, its cursor brings next time."""
        listed = self._listed.pop(of.path, None)
        now = self._now()
        if listed is None or listed.done_at is None or now - listed.done_at > LISTED_FOR:
            yield from self.scan(of, ("hs_object_id",), None, archived=False)
            return
        for ids, cursor in listed.pages():
            yield Batch([{"id": one} for one in ids], cursor.text())

    def page(
        self, of: ObjectType, properties: Sequence[str], after: str, *, archived: bool = False
    ) -> Batch:
        """One page of a listing; `cursor` is where the next one begins."""
        page = self._list_page(of, properties, after, LIST_PAGE, archived=archived)
        return Batch(page.found, page.after)

    def last_archived(self, of: ObjectType, key: str, values: Sequence[str]) -> dict[str, str]:
        """Value → id of the record archived last, of values of the unique property `key` that
        archived records hold. HubSpot cannot be asked for them, so the archive is gone through,
        once until something is created."""
        held = self._held.get((of.path, key))
        if held is None:
            held = self._held[of.path, key] = last_holders(self._whole_archive(of, key), key)
        return {one: held[one.lower()] for one in values if one.lower() in held}

    def _whole_archive(self, of: ObjectType, key: str) -> Iterator[Found]:
        after: str | None = ""
        while after is not None:
            batch = self.page(of, [key], after, archived=True)
            yield from batch.found
            after = batch.cursor

    def having(self, of: ObjectType, name: str) -> list[Found]:
        """Records in which a property has a value, the first page of them."""
        path = self._paths.path(OBJECTS, of.path, "search")
        body = _search([{"propertyName": name, "operator": "HAS_PROPERTY"}], [name])
        return results(self._client.call("read", "POST", path, body=body).data)

    def forget_ids(self) -> None:
        """Records are created: a listing of before does not show them."""
        self._listed.clear()
        self._held.clear()

    def read(
        self,
        of: ObjectType,
        ids: Sequence[str],
        properties: Sequence[str],
        kind: CallKind,
        *,
        key: str | None = None,
        archived: bool = False,
    ) -> Iterator[Found]:
        """Records by id, or by the values of the unique property `key`; 100 a call, several calls
        together. What HubSpot does not know is missing."""
        path = self._paths.path(OBJECTS, of.path, "batch", "read")

        def read(chunk: Sequence[str]) -> list[Found]:
            body: dict[str, Any] = {
                "properties": list(properties),
                "propertiesWithHistory": [],
                "inputs": [{"id": one} for one in chunk],
            }
            if key is not None:
                body["idProperty"] = key
            return self._batch(path, kind, body, archived)

        chunks = list(chunked(list(dict.fromkeys(ids)), BATCH))
        yield from chain.from_iterable(self._lanes.read(chunks, read))

    def _batch(self, path: str, kind: CallKind, body: Found, archived: bool) -> list[Found]:
        params = {"archived": "true"} if archived else None
        try:
            data = self._client.call(kind, "POST", path, params=params, body=body, by_row=True).data
        except GoneError:
            # HubSpot answers 404 instead of 207 when it knows none of the ids.
            return []
        for told in data.get("errors") or ():
            error = row_error(told)
            if not isinstance(error, GoneError):
                raise error
        return rows(data)

    def _listing(
        self, of: ObjectType, properties: Sequence[str], known: Cursor | None, archived: bool
    ) -> Iterator[Batch]:
        since = known.since if known else None
        if known is None or not known.archived:
            listing = self._lanes_of(of, properties, known.after or "" if known else "")
            listed: Listed | None = None
            for page, after in listing.pages():
                if since is None:
                    since = self._clock(page.at) - HOLD_BACK
                    listed = self._listed[of.path] = Listed(since)
                if after is None and listed is not None:
                    listed.done(listing.ids(), self._now())
                behind = Cursor(since, after)
                if after is None and archived:
                    behind = Cursor(since, "", archived=True)
                yield Batch(page.found, behind.text())
        after = known.after if known and known.archived else ""
        while archived and since is not None and after is not None:
            archive = self._list_page(of, properties, after, LIST_PAGE, archived=True)
            after = archive.after
            yield Batch(archive.found, Cursor(since, after, archived=True).text())

    def _lanes_of(self, of: ObjectType, properties: Sequence[str], after: str) -> Listing:
        def ahead(behind: int, records: int) -> Place | None:
            place = self._place(of, behind, records)
            left = self._client.budget.usage().left
            # Lanes that stand apart when the day's calls end have read for nothing.
            short = place is not None and left is not None and left < place.left // LIST_PAGE * 2
            return None if short else place

        def fetch(after: str, limit: int) -> ListPage:
            return self._list_page(of, properties, after, limit, archived=False)

        return Listing(fetch, self._lanes, after, ahead)

    def _list_page(
        self,
        of: ObjectType,
        properties: Sequence[str],
        after: str,
        limit: int,
        *,
        archived: bool,
    ) -> ListPage:
        params = {"limit": str(limit), "properties": ",".join(properties)}
        params["archived"] = "true" if archived else "false"
        if after:
            params["after"] = after
        answer = self._client.call("read", "GET", self._paths.path(OBJECTS, of.path), params=params)
        return ListPage(results(answer.data), next_after(answer.data), answer.at)

    def _place(self, of: ObjectType, behind: int, records: int) -> Place | None:
        """The record so many places behind an id, as far as the search index knows."""
        path = self._paths.path(OBJECTS, of.path, "search")
        body = _search([_filter("hs_object_id", "GT", str(behind))], ["hs_object_id"])
        body |= {"limit": 2, "after": str(records - 1)}
        data = self._client.call("read", "POST", path, body=body).data
        found = [int(one["id"]) for one in results(data)]
        return Place(found[0], found[1], int(data.get("total") or 0)) if len(found) > 1 else None

    def _changed(
        self, of: ObjectType, properties: Sequence[str], since: datetime
    ) -> Iterator[Batch]:
        """Keyset on the object id, never offsets: a record that changes meanwhile shifts nothing,
        and the search's wall at 10,000 results is never reached."""
        path = self._paths.path(OBJECTS, of.path, "search")
        filters = [_filter(of.modified, "GTE", _milliseconds(since - self._look_back))]
        next_since: datetime | None = None
        last: int | None = None
        while True:
            seek = [] if last is None else [_filter("hs_object_id", "GT", str(last))]
            answer = self._client.call(
                "read", "POST", path, body=_search(filters + seek, properties)
            )
            if next_since is None:
                next_since = max(since, self._clock(answer.at) - HOLD_BACK)
            found = results(answer.data)
            if not found or next_after(answer.data) is None:
                yield Batch(found, Cursor(next_since).text())
                return
            last = max(int(one["id"]) for one in found)
            yield Batch(found)

    def _with_archive(
        self, of: ObjectType, known: Cursor, changed: Iterable[Batch]
    ) -> Iterator[Batch]:
        """What changed, and at most one page of the archive: a read costs a call more, whatever
        the archive holds."""
        for found, text, _ in changed:
            if text is None:
                yield Batch(found)
                continue
            since = parse(text).since
            archive = known.archive or Archive(known.since, since)
            if not archive.is_due(since, self._archive_every):
                yield Batch(found, Cursor(since, archive=archive).text())
                return
            gone = self._archived(of, since, archive.round(since))
            if gone.found:
                yield Batch(found)
                yield gone
            else:
                yield Batch(found, gone.cursor)

    def _archived(self, of: ObjectType, since: datetime, archive: Archive) -> Batch:
        params = {"limit": str(LIST_PAGE), "properties": "hs_object_id", "archived": "true"}
        if archive.after:
            params["after"] = archive.after
        path = self._paths.path(OBJECTS, of.path)
        data = self._client.call("read", "GET", path, params=params).data
        further = archive.behind(next_after(data))
        news = archive.news(results(data))
        return Batch(news, Cursor(since, archive=further).text(), archived=True)

    def _clock(self, at: datetime | None) -> datetime:
        """HubSpot's clock; ours where an answer came without a Date header."""
        return at or self._now()


def joined(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Small pages put together, in their order: to turn a hundred rows into records at a time,
    and to hand them from one thread to another, would be a good part of a first load. Where a
    read ends early, what came before is given first."""
    waiting = Batch([])
    try:
        for batch in batches:
            if batch.archived:
                yield from (one for one in (waiting, batch) if one.found or one.cursor)
                waiting = Batch([])
                continue
            waiting = Batch([*waiting.found, *batch.found], batch.cursor or waiting.cursor)
            if len(waiting.found) >= size:
                full, waiting = waiting, Batch([])
                yield full
    except ConnectorError:
        if waiting.found:
            yield waiting
        raise
    if waiting.found or waiting.cursor:
        yield waiting


def _search(filters: Sequence[Mapping[str, str]], properties: Sequence[str]) -> Found:
    return {
        "filterGroups": [{"filters": list(filters)}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": list(properties),
        "limit": SEARCH_PAGE,
    }


def _filter(name: str, operator: str, value: str) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": value}


def _milliseconds(when: datetime) -> str:
    return str(int(when.timestamp() * 1000))


def chunked(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Consecutive parts of at most `size`."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part
