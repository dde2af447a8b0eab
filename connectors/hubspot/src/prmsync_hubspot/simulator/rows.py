"""The records of one object type, with the orders and keys that answers need without a scan."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator

from prmsync_hubspot.simulator.shapes import is_number
from prmsync_hubspot.simulator.stamps import iso

Change = tuple[str, str, str, str, str]
"""A value a property had or has: value, time, source type, source id, user id."""


class Row:
    """A record. `props` holds filled properties only, all as text; `modified` is in milliseconds.

    `history` has, newest first, the values of properties that changed since creation.
    """

    __slots__ = ("archived", "created", "history", "id", "merged", "modified", "props")

    def __init__(self, row_id: int, created: int, props: dict[str, str]) -> None:
        self.id = row_id
        self.created = created
        self.modified = created
        self.props = props
        self.archived: int | None = None
        self.merged: tuple[int, ...] = ()
        self.history: dict[str, list[Change]] = {}

    def copy(self) -> Row:
        """As it is now, whatever happens to it later."""
        twin = Row(self.id, self.created, dict(self.props))
        twin.modified, twin.archived, twin.merged = self.modified, self.archived, self.merged
        return twin


Snapshot = tuple[int, Row | None]
"""Until when (ms) the search index still shows this state; None: no such record yet."""


class Table:
    """Live rows in id order and by modified time, archived rows, unique values, merged ids.

    `generation` grows with every change, so that a search result can be kept while it is true.
    """

    def __init__(self, modified_property: str, created_property: str) -> None:
        self.modified_property = modified_property
        self.created_property = created_property
        self.rows: dict[int, Row] = {}
        self.live: list[int] = []
        self.archived: list[int] = []
        self.forwards: dict[int, int] = {}
        self.unique: dict[str, dict[str, int]] = {}
        self.generation = 0
        self._by_modified: list[tuple[int, int]] = []
        self._lagging: dict[int, deque[Snapshot]] = {}

    def get(self, row_id: str, *, archived: bool = False) -> Row | None:
        """A live (or archived) record by id; the id of a merged record finds its winner."""
        if not is_number(row_id):
            return None
        number = int(row_id)
        while number in self.forwards:
            number = self.forwards[number]
        row = self.rows.get(number)
        return row if row is not None and (row.archived is not None) == archived else None

    def by_unique(self, name: str, value: str) -> Row | None:
        """A live record by the value of a unique property (whatever its case)."""
        number = self.unique[name].get(value.casefold())
        return None if number is None else self.rows[number]

    def holder(self, name: str, value: str) -> int | None:
        """Whose value it is, if anybody's."""
        return self.unique[name].get(value.casefold())

    def add(self, row: Row) -> None:
        self.rows[row.id] = row
        self._show(row)

    def touch(self, row: Row, modified: int) -> None:
        """Give a row its new modified time."""
        row.modified = modified
        row.props[self.modified_property] = iso(modified)
        self._note_modified(row)
        self.generation += 1

    def set_value(self, row: Row, name: str, value: str) -> None:
        """Set or (with "") clear a property, and keep the unique values right."""
        keys = self.unique.get(name)
        if keys is not None:
            self._rekey(keys, row, name, value)
        if value == "":
            row.props.pop(name, None)
        else:
            row.props[name] = value

    def archive(self, row: Row, at: int) -> None:
        """Take a row out of sight; its unique values are free again."""
        row.archived = at
        self.live.pop(bisect_left(self.live, row.id))
        insort(self.archived, row.id)
        self._free(row)
        self.generation += 1

    def restore(self, row: Row) -> None:
        """Bring an archived row back. The caller has checked its unique values."""
        row.archived = None
        self.archived.pop(bisect_left(self.archived, row.id))
        self._show(row)

    def merge_away(self, row: Row, winner: Row) -> None:
        """Remove a row whose id from now on finds `winner`."""
        self._free(row)
        self.live.pop(bisect_left(self.live, row.id))
        del self.rows[row.id]
        self.forwards[row.id] = winner.id
        self.generation += 1

    def index_unique(self, name: str) -> None:
        """Keep a property's values unique from now on (at the property's creation)."""
        self.unique[name] = {
            row.props[name].casefold(): row.id
            for row in self.rows.values()
            if name in row.props and row.archived is None
        }

    def page(self, first: int, limit: int, *, archived: bool) -> tuple[list[Row], bool]:
        """Up to `limit` rows with ids from `first` on, and whether more follow."""
        ids = self.archived if archived else self.live
        start = bisect_left(ids, first)
        found = [self.rows[row_id] for row_id in ids[start : start + limit]]
        return found, start + limit < len(ids)

    def modified_between(self, low: int, high: int) -> list[int]:
        """Ids of live rows with low ≤ modified ≤ high, both in milliseconds."""
        entries = self._by_modified
        start = bisect_left(entries, (low, -1))
        end = bisect_left(entries, (high + 1, -1))
        rows = self.rows
        found: dict[int, None] = {}
        for modified, row_id in entries[start:end]:
            row = rows.get(row_id)
            if row is not None and row.modified == modified and row.archived is None:
                found[row_id] = None
        return list(found)

    def modified_count(self, low: int, high: int) -> int:
        """At most how many rows `modified_between` would find."""
        entries = self._by_modified
        return bisect_left(entries, (high + 1, -1)) - bisect_left(entries, (low, -1))

    def is_live(self, row_id: int) -> bool:
        row = self.rows.get(row_id)
        return row is not None and row.archived is None

    def live_between(self, low: int, high: int) -> tuple[int, int]:
        """Where in `live` the ids from `low` to `high` stand."""
        return bisect_left(self.live, low), bisect_right(self.live, high)

    def remember(self, row_id: int, until: int) -> None:
        """Let the search index show the state before a change until a time (ms)."""
        row = self.rows.get(row_id)
        before = None if row is None or row.archived is not None else row.copy()
        self._lagging.setdefault(row_id, deque()).append((until, before))

    def lagging(self, now: int) -> dict[int, Row | None]:
        """What the index still shows of rows whose changes it has not taken in yet."""
        shown: dict[int, Row | None] = {}
        for row_id, snapshots in list(self._lagging.items()):
            while snapshots and snapshots[0][0] <= now:
                snapshots.popleft()
            if snapshots:
                shown[row_id] = snapshots[0][1]
            else:
                del self._lagging[row_id]
        return shown

    def everyone(self) -> Iterator[Row]:
        """Live rows, then archived ones, each in id order."""
        for row_id in (*self.live, *self.archived):
            yield self.rows[row_id]

    def _show(self, row: Row) -> None:
        if self.live and row.id < self.live[-1]:
            insort(self.live, row.id)
        else:
            self.live.append(row.id)
        for name, keys in self.unique.items():
            if name in row.props:
                keys[row.props[name].casefold()] = row.id
        self._note_modified(row)
        self.generation += 1

    def _note_modified(self, row: Row) -> None:
        entry, entries = (row.modified, row.id), self._by_modified
        if entries and entry < entries[-1]:
            insort(entries, entry)
        else:
            entries.append(entry)
        if len(entries) > 1000 and len(entries) > 2 * len(self.live):
            self._compact()

    def _compact(self) -> None:
        """Drop entries of times that rows no longer have."""
        rows = self.rows
        self._by_modified = sorted((rows[row_id].modified, row_id) for row_id in self.live)

    def _rekey(self, keys: dict[str, int], row: Row, name: str, value: str) -> None:
        held = row.props.get(name)
        if held is not None and keys.get(held.casefold()) == row.id:
            del keys[held.casefold()]
        if value != "":
            keys[value.casefold()] = row.id

    def _free(self, row: Row) -> None:
        for name, keys in self.unique.items():
            held = row.props.get(name)
            if held is not None and keys.get(held.casefold()) == row.id:
                del keys[held.casefold()]
