"""Erasing a person's values everywhere they are stored; a tombstone stays, nothing restores them.

All of it happens in one transaction under the leases of the connections concerned, so no run is
under way that still has a value in its hands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from prmsync.errors import Finding, NotFoundError, StateError
from prmsync.mapping.fields import PERSONAL
from prmsync.store import erasing, erasures, journal, lease, links, runs, streams
from prmsync.store import tables as t
from prmsync.store.columns import COLUMNS
from prmsync.store.database import Database
from prmsync.store.erasing import Target
from prmsync.store.find import find_record
from prmsync.store.journal import Action, ActionState
from prmsync.sync.process import is_gone, this_process

PERSON = "person"
REASON = "erased at a person's right"


@dataclass(frozen=True, slots=True)
class Copy:
    """A CRM record that may still show what was erased here."""

    connection: str
    stream: str
    link_id: int
    crm_id: str


@dataclass(slots=True)
class Erased:
    """What was erased of one record: rows by place, and the CRM records to look at."""

    title: str
    target: Target
    places: dict[str, int] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)


class _OnlyShown(Exception):
    """Rolls back what was done to see what it would be."""


def targets(
    connection: sa.Connection, kind: str, names: Sequence[str], fields: Sequence[str]
) -> list[tuple[str, Target]]:
    """(title, target) of the records named, or of all that name a person by e-mail.

    Raises NotFoundError with every name that means no record, and for fields that cannot be erased.
    """
    found: list[tuple[str, Target]] = []
    findings: list[Finding] = []
    for name in names:
        try:
            if kind == PERSON:
                found += _of_person(connection, name)
            else:
                record = find_record(connection, kind, name)
                chosen = tuple(dict.fromkeys(fields or PERSONAL[kind]))
                findings += _unerasable(kind, chosen)
                ids = tuple(links.ids_of_record(connection, kind, record.id))
                found.append((record.title, Target(kind, record.id, ids, chosen)))
        except NotFoundError as error:
            findings.append(Finding(name, error.message, error.hint))
    if findings:
        raise NotFoundError(
            f"{len(findings)} problem{'s' if len(findings) > 1 else ''}. Nothing was erased.",
            findings=findings,
        )
    return found


def _unerasable(stream: str, fields: Sequence[str]) -> list[Finding]:
    known = COLUMNS[stream]
    wrong = []
    for name in fields:
        column = known.get(name)
        if column is None:
            wrong.append(Finding(name, f"a {stream} has no field {name}"))
        elif column.required or column.refers is not None:
            wrong.append(
                Finding(name, "this field cannot be blank", "change it to something else instead")
            )
    return wrong


def _of_person(connection: sa.Connection, email: str) -> list[tuple[str, Target]]:
    """Every record, on our side or only seen in a CRM, that names this person."""
    wanted = email.strip().casefold()
    if "@" not in wanted:
        raise NotFoundError(f"{email!r} is no e-mail address", hint="prmsync erase person E-MAIL")
    found = []
    for stream, fields in PERSONAL.items():
        table = t.PRM_TABLES[stream]
        for name in fields:
            column = table.c[name]
            rows = connection.execute(
                sa.select(table.c.id).where(sa.func.lower(column).contains(wanted, autoescape=True))
            ).all()
            for (record,) in rows:
                ids = tuple(links.ids_of_record(connection, stream, record))
                title = find_record(connection, stream, record).title
                found.append((title, Target(stream, record, ids, (name,))))
            found += _seen_only(connection, stream, name, wanted, {row[0] for row in rows})
    return found


def _seen_only(
    connection: sa.Connection, stream: str, name: str, wanted: str, known: set[str]
) -> list[tuple[str, Target]]:
    """Links whose history or CRM side names the person although our record does not."""
    said = sa.func.lower(sa.func.coalesce(t.link.c.base, "") + sa.func.coalesce(t.link.c.seen, ""))
    journalled = sa.exists().where(
        t.action.c.link_id == t.link.c.id,
        sa.func.lower(t.action.c.fields).contains(wanted, autoescape=True),
    )
    rows = connection.execute(
        sa.select(t.link.c.id, t.link.c.prm_id, t.link.c.crm_id)
        .join(t.stream, t.stream.c.id == t.link.c.stream_id)
        .where(
            t.stream.c.name == stream,
            sa.or_(said.contains(wanted, autoescape=True), journalled),
        )
    )
    return [
        (str(row.prm_id or row.crm_id), Target(stream, row.prm_id, (row.id,), (name,)))
        for row in rows
        if row.prm_id not in known
    ]


def erase(
    database: Database,
    chosen: Sequence[tuple[str, Target]],
    *,
    why: str,
    by: str,
    now: datetime,
    person: str | None = None,
    only_plan: bool = False,
) -> list[Erased]:
    """Erase these targets' fields everywhere in the database; with `only_plan` only count.

    `person` is an e-mail that goes from every text, and from the list of people. Raises
    LeaseLostError while a run is under way, StateError while a write's outcome is not known.
    """
    done: list[Erased] = []
    names = _connections(database, chosen)
    with _leases(database, names, now):
        try:
            with database.begin() as connection:
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("PRAGMA secure_delete = ON")
                run_ids = {
                    name: runs.start(connection, name, runs.ERASE, by, now) for name in names
                }
                for title, target in chosen:
                    done.append(_erase(connection, title, target, names, run_ids, why, by, now))
                if person is not None:
                    _erase_person(connection, person)
                for run_id in run_ids.values():
                    state = runs.RunState.DONE
                    runs.finish(connection, run_id, state, now, calls={}, counts={})
                if only_plan:
                    raise _OnlyShown
        except _OnlyShown:
            return done
    return done


def _erase(
    connection: sa.Connection,
    title: str,
    target: Target,
    names: Mapping[str, Sequence[int]],
    run_ids: Mapping[str, int],
    why: str,
    by: str,
    now: datetime,
) -> Erased:
    if erasing.unanswered(connection, target):
        raise StateError(
            f"the last write of {title} has no answer yet. Nothing was erased.",
            hint="run `prmsync sync` first: it looks the answer up",
        )
    made = Erased(title, target, copies=_copies(connection, target))
    values = erasing.values_of(connection, target)
    digests = {name: [erasures.digest(one) for one in sorted(values[name])] for name in values}
    erasures.add(
        connection,
        target.stream,
        target.record,
        target.link_ids,
        digests,
        why=why,
        by=by,
        now=now,
        linked={one.link_id for one in made.copies},
    )
    made.places = dict(erasing.erase(connection, target))
    texts = erasing.sweep(connection, target, {one for some in values.values() for one in some})
    if texts:
        made.places["texts"] = texts
    _note(connection, target, names, run_ids, now)
    return made


def _copies(connection: sa.Connection, target: Target) -> list[Copy]:
    found = links.by_ids(connection, target.link_ids)
    owners = {
        row.id: row.connection
        for row in connection.execute(sa.select(t.stream.c.id, t.stream.c.connection))
    }
    return [
        Copy(owners[one.stream_id], target.stream, one.id, one.crm_id)
        for one in found.values()
        if one.crm_id is not None and not one.crm_gone
    ]


def _note(
    connection: sa.Connection,
    target: Target,
    names: Mapping[str, Sequence[int]],
    run_ids: Mapping[str, int],
    now: datetime,
) -> None:
    """History says who erased which fields and when; it has no values."""
    stamp = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    blank = dict.fromkeys(target.fields, (None, None))
    found = links.by_ids(connection, target.link_ids)
    for name, stream_ids in names.items():
        rows = [
            Action(
                one.id,
                one.stream_id,
                "prm",
                runs.ERASE,
                dict(blank),
                REASON,
                state=ActionState.DONE,
                done_at=stamp,
            )
            for one in found.values()
            if one.stream_id in stream_ids
        ]
        journal.add(connection, run_ids[name], rows)


def _erase_person(connection: sa.Connection, email: str) -> None:
    """The list of people, the CRM's users as kept for an hour, and every text that quotes them."""
    connection.execute(
        t.person.delete().where(sa.func.lower(t.person.c.email) == email.strip().casefold())
    )
    connection.execute(t.connection.update().values(schema_cache=None, schema_cached_at=None))
    erasing.sweep_all(connection, {email.strip(), email.strip().casefold()})


def _connections(database: Database, chosen: Sequence[tuple[str, Target]]) -> dict[str, list[int]]:
    """Connection → its streams' ids, of those that know one of the records."""
    ids = {one for _, target in chosen for one in target.link_ids}
    with database.read() as connection:
        used = {link.stream_id for link in links.by_ids(connection, ids).values()}
        every = {
            state.name: [one.id for one in streams.streams_of(connection, state.name).values()]
            for state in streams.all_connections(connection)
        }
    return {name: some for name, some in every.items() if not used.isdisjoint(some)}


@contextmanager
def _leases(database: Database, names: Mapping[str, object], now: datetime) -> Iterator[None]:
    """No run of these connections while values go."""
    held: dict[str, int] = {}
    try:
        for name in names:
            with database.begin() as connection:
                gone = is_gone(lease.holder_of(connection, name))
                held[name] = lease.acquire(
                    connection, name, this_process(), now, holder_is_dead=gone
                )
        yield
    finally:
        with database.begin() as connection:
            for name, token in held.items():
                lease.release(connection, name, token)
