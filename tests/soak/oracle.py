"""What must be true after the soak: nothing twice, nothing lost, both sides equal or explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from prmsync.store import held, journal, links, records, streams
from prmsync.store.database import Database
from soak.ground import Crm
from soak.office import PRM, Office, Where

NAMES = {"opportunity": "name", "registration": "number"}
"""Stream → the field by which everybody knows its records; nobody edits it."""


def duplicates(office: Office) -> list[str]:
    """Records that some side has twice or lacks, keys that two CRM records carry, and relations
    that are there twice or missing."""
    found = []
    for kind, name in NAMES.items():
        ours = [str(row[name]) for row in _all_ours(office.database, kind).values()]
        found += [f"our {kind} {one} {count} times" for one, count in _twice(ours)]
        for crm in office.ground.crms.values():
            theirs = [str(row[crm.word(kind, name)]) for row in crm.rows(kind)]
            where = f"{kind} in {crm.connector}"
            found += [f"{where}: {one} {count} times" for one, count in _twice(theirs)]
            found += [f"{where}: {one} is on one side" for one in sorted({*ours} ^ {*theirs})]
    born = {str(row["name"]) for row in _all_ours(office.database, "opportunity").values()}
    found += [f"deal {one} was made and is nowhere" for one in sorted({*office.born} - born)]
    partners = _all_ours(office.database, "partner")
    for crm in office.ground.crms.values():
        key = str(crm.mapping("partner").key)
        keys = [str(row.get(key)) for row in crm.rows("partner")]
        found += [f"partner key {one} {count} times" for one, count in _twice(keys)]
        found += [f"partner {one} is on one side" for one in sorted({*partners} ^ {*keys})]
        relations = crm.relations()
        found += [f"relation {one} {count} times" for one, count in _twice(relations)]
        if len(relations) != office.relations:
            made = office.relations
            found.append(f"{len(relations)} relations in {crm.connector}, {made} were made")
    return found


def unaccounted(office: Office) -> list[str]:
    """Last edits of each side that are neither on all sides, nor held, nor told of by history as
    replaced: by another edit, or put back because the CRM holds a copy of the deal only."""
    last: dict[Where, dict[str, str]] = {}
    for where, side, value in office.log:
        last.setdefault(where, {})[side] = value
    ours = {kind: _all_ours(office.database, kind) for kind in {one[0] for one in last}}
    theirs = [_shown(crm, office.database) for crm in office.ground.crms.values()]
    waiting = _held_values(office.database)
    found = []
    for where, edits in last.items():
        kind, prm_id, name = where
        stands = {str(ours[kind][prm_id][name]), *_values(theirs, where)}
        told = _told(office.database, kind, prm_id)
        for side, value in edits.items():
            if stands == {value} or value in waiting.get((kind, prm_id), ()):
                continue
            others = {one for other, one in edits.items() if other != side}
            copy = side != PRM and ours[kind][prm_id].get("home") not in (None, side)
            by_others = stands & others or _is_held(waiting, where, others)
            replaced = value in told and (copy or by_others)
            if not replaced:
                found.append(f"{side} {kind} {prm_id} {name}: {value!r}; there: {sorted(stands)}")
    return found


def blind(office: Office) -> list[str]:
    """What this oracle would not see: an edit that is nowhere, a record that is there twice."""
    (where, _, _), *_ = office.log
    office.log.append((where, PRM, "an edit that was lost"))
    lost = unaccounted(office)
    office.log.pop()
    crm = next(iter(office.ground.crms.values()))
    office.crm_deal(crm, office.born[0])
    twice = duplicates(office)
    found = [] if any("an edit that was lost" in one for one in lost) else ["a lost edit"]
    return found + ([] if twice else ["a record that is there twice"])


def _is_held(waiting: Mapping[tuple[str, str], set[Any]], where: Where, values: set[str]) -> bool:
    return not values.isdisjoint(waiting.get((where[0], where[1]), set()))


def _values(theirs: list[dict[Where, str]], where: Where) -> Iterator[str]:
    for shown in theirs:
        if where in shown:
            yield shown[where]


def _shown(crm: Crm, database: Database) -> dict[Where, str]:
    """What a CRM shows of every field that the office edits."""
    shown: dict[Where, str] = {}
    for kind in ("partner", "opportunity", "registration"):
        rows = {str(row[crm.id_word]): row for row in crm.rows(kind)}
        fields = [one for one in crm.mapping(kind).fields if one in _EDITED[kind]]
        for prm_id, crm_id in _pairs(database, crm.connection, kind):
            row = rows.get(crm_id, {})
            for name in fields:
                shown[kind, prm_id, name] = str(row.get(crm.word(kind, name)))[:200]
    return shown


_EDITED = {
    "partner": {"name", "duns", "domain"},
    "registration": {"customer_name", "customer_contact", "expected_close"},
    "opportunity": {"source", "customer_name"},
}


def _pairs(database: Database, name: str, kind: str) -> list[tuple[str, str]]:
    with database.read() as connection:
        stream_id = streams.streams_of(connection, name)[kind].id
        page = links.page(connection, stream_id, 0, 1_000_000)
        return [(str(one.prm_id), str(one.crm_id)) for one in page if one.prm_id and one.crm_id]


def _all_ours(database: Database, kind: str) -> dict[str, Any]:
    with database.read() as connection:
        return {**records.read(connection, kind, records.ids(connection, kind, "", 1_000_000))}


def _twice(found: list[Any]) -> list[tuple[Any, int]]:
    return [(one, count) for one, count in Counter(found).items() if count > 1]


def _held_values(database: Database) -> dict[tuple[str, str], set[Any]]:
    waiting: dict[tuple[str, str], set[Any]] = {}
    with database.read() as connection:
        for row, item in held.waiting_items(connection):
            values = waiting.setdefault((row.stream, str(row.prm_id)), set())
            values.update(item.prm or (), item.crm or ())
    return waiting


def _told(database: Database, kind: str, prm_id: str) -> set[Any]:
    with database.read() as connection:
        ids = links.ids_of_record(connection, kind, prm_id)
        return {
            value
            for action, _, _ in journal.history(connection, ids)
            for change in action.fields.values()
            for value in change
        }
