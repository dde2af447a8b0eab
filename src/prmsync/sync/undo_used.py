"""What the values of a record do not show and an undo has to know: whether one that the run created
is in use by now, and whether one that it took away was made again since."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.reconcile.undo import GONE_AGAIN
from prmsync.store import links, written
from prmsync.store.bulk import select_rows
from prmsync.store.journal import Action
from prmsync.store.links import Link, LinkState
from prmsync.store.runs import UNDO, Run
from prmsync.store.tables import PRM_TABLES
from prmsync.sync.session import Session, Stream

CAME_BACK = "it was taken away since, and somebody restored it"


@dataclass(slots=True)
class Used:
    """Why a created record is not taken away again, or one that an undo took away not made again,
    by link id; one side each."""

    prm: dict[int, str] = field(default_factory=dict)
    crm: dict[int, str] = field(default_factory=dict)

    def of(self, link: Link, side: Side) -> str:
        """The reason, "" where nothing speaks against it."""
        return (self.prm if side is Side.PRM else self.crm).get(link.id, "")


def used_since(
    session: Session, stream: Stream, run: Run, undo_id: int, link_ids: Sequence[int]
) -> Used:
    """Look for what uses the records that `run` created among these links: who modified them in
    the CRM or restored them, and other records that name them and that the undo does not take
    away itself. And for what made again those that `run` took away, an undo itself."""
    used = Used()
    with session.database.read() as connection:
        done = written.of_run(connection, run.id, link_ids)
        created = {side: _with(done, side, "create") for side in Side}
        found = links.by_ids(connection, {one for ids in created.values() for one in ids})
        for side, ids in created.items():
            named = _named(connection, session, stream, undo_id, side, [found[one] for one in ids])
            back = dict.fromkeys(
                written.taken_away_since(connection, run.id, side.value, ids), CAME_BACK
            )
            again = _made_again(connection, run, side, _with(done, side, "delete"))
            (used.prm if side is Side.PRM else used.crm).update({**named, **back, **again})
    used.crm |= _touched(session, stream, [found[one] for one in created[Side.CRM]])
    return used


def _with(done: Mapping[int, Sequence[Action]], side: Side, op: str) -> list[int]:
    """The links of which the run did this on one side."""
    return [
        link_id
        for link_id, rows in done.items()
        if any(one.side == side and one.op == op for one in rows)
    ]


def _made_again(
    connection: sa.Connection, run: Run, side: Side, link_ids: Sequence[int]
) -> Mapping[int, str]:
    """What an undo took away, and another one has made again: who takes it away after that has the
    last word."""
    if run.kind != UNDO or not link_ids:
        return {}
    found = written.made_again_since(connection, run.id, side.value, link_ids)
    return dict.fromkeys(found, GONE_AGAIN)


def _touched(session: Session, stream: Stream, created: Sequence[Link]) -> Mapping[int, str]:
    """Records that a person modified in the CRM, in fields that are not mapped too, or made anew: a
    relation that says the same."""
    there = {str(one.crm_id): one.id for one in created if one.crm_id and not one.crm_gone}
    if not there:
        return {}
    records = session.connector.fetch(stream.spec, list(there))
    return {
        there[crm_id]: f"record last modified in the CRM by {session.person(one.modified_by)}"
        for crm_id, one in records.items()
        if one.modified_by and _is_another(session, one.modified_by)
    }


def _is_another(session: Session, user: str) -> bool:
    """Where the CRM does not tell who we are, its known people are the others."""
    ours = session.account.user_id
    return user != ours if ours else user in session.people


def _named(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    undo_id: int,
    side: Side,
    created: Sequence[Link],
) -> Mapping[int, str]:
    """Records that others name on this side, those excepted that this undo takes away too."""
    ours = {str(one.prm_id): one.id for one in created if one.prm_id is not None}
    counts: dict[tuple[int, str], int] = {}
    for child in session.streams.values():
        for name, parent in child.references.items():
            if parent != stream.name:
                continue
            table = PRM_TABLES[child.name]
            rows = select_rows(connection, [table.c.id, table.c[name]], table.c[name], list(ours))
            there = _there(connection, child, undo_id, side, [str(row[0]) for row in rows])
            for record, target in rows:
                if record in there:
                    key = (ours[target], child.name)
                    counts[key] = counts.get(key, 0) + 1
    return {
        link_id: f"still named by {count:,} {kind} record{'s' if count > 1 else ''}"
        for (link_id, kind), count in counts.items()
    }


def _there(
    connection: sa.Connection, child: Stream, undo_id: int, side: Side, prm_ids: Sequence[str]
) -> set[str]:
    """Which of these records there are on this side, and will be after the undo."""
    known = links.by_prm_ids(connection, child.id, prm_ids)
    going = written.planned_deletions(
        connection, undo_id, side.value, [one.id for one in known.values()]
    )
    if side is Side.PRM:
        return {one for one in prm_ids if one not in known or known[one].id not in going}
    return {
        prm_id
        for prm_id, link in known.items()
        if link.crm_id is not None
        and not link.crm_gone
        and link.state != LinkState.ENDED
        and link.id not in going
    }
