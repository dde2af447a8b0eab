"""What a decision writes beside people's values: our key in the CRM, and a record's home here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.domain.values import Scalar, Values
from prmsync.store import links
from prmsync.store.journal import Action, FieldChange
from prmsync.store.links import UNSTAMPED, Link
from prmsync.sync.session import HOME, KEY, Session, Stream
from prmsync.sync.unanswered import creations

LINKED = "first linked here"
STAMPED = "our key, written once"
MIXED_UP = "our key of the record itself: it showed that of another one"


def row(
    link: Link, side: str, op: str, old: Mapping[str, Scalar], new: Values, reason: str
) -> Action:
    fields = {name: (old.get(name), value) for name, value in new.items()}
    return Action(link.id, link.stream_id, str(side), op, fields, reason)


def bookkeeping(
    session: Session,
    stream: Stream,
    link: Link,
    prm: Values | None,
    made: list[Action],
) -> None:
    """Our key in a CRM record that lacks it, and the home of a record that has none. They join
    the record's own update, because no CRM takes one record twice in a batch."""
    linked = link.crm is not None and not link.crm_gone and prm is not None and not link.prm_gone
    lacks_key = not (link.crm or {}).get(KEY) or UNSTAMPED in (link.crm or ())
    if linked and stream.mapping.stamp_key and stream.spec.key and lacks_key:
        join(made, link, Side.CRM, KEY, (None, link.prm_id), STAMPED)
    homeless = stream.mapping.home and prm is not None and prm.get(HOME) is None
    if homeless and linked:
        join(made, link, Side.PRM, HOME, (None, session.name), LINKED)


def own_keys(
    connection: sa.Connection, stream: Stream, decided: Sequence[tuple[Link, list[Action]]]
) -> set[int]:
    """A record may show the key of another one of ours: a merge fills what its winner leaves
    blank, and people copy. The other could not be made without being written over it, so this one
    gets its own key first. Returns the links that wait: the other, which is made later, or this
    one, where nobody knows yet whether the other has been written over it already."""
    wrong: dict[str, list[tuple[Link, list[Action]]]] = {}
    for link, made in decided:
        key = link.crm.get(KEY) if link.crm else None
        if key is not None and key != link.prm_id and link.is_linked and not link.crm_gone:
            wrong.setdefault(str(key), []).append((link, made))
    if not wrong:
        return set()
    owners = links.by_prm_ids(connection, stream.id, wrong)
    for key in wrong.keys() - owners.keys():
        _put_back(stream, key, wrong[key])
    sent = creations(connection, stream)
    later: set[int] = set()
    for key, owner in owners.items():
        if owner.id in sent:
            later.update(link.id for link, _ in wrong[key])
            continue
        for link, made in wrong[key]:
            join(made, link, Side.CRM, KEY, (key, link.prm_id), MIXED_UP)
        if owner.crm_id is None:
            later.add(owner.id)
    return later


def _put_back(stream: Stream, key: str, decided: Sequence[tuple[Link, list[Action]]]) -> None:
    """Typed over by a person: our key goes back with the next write of the record. It makes none
    alone, so that two programs that write keys there do not keep each other writing."""
    if stream.mapping.stamp_key:
        for link, made in decided:
            for action in made:
                if _is_update(action, Side.CRM):
                    action.fields[KEY] = (key, link.prm_id)


def _is_update(action: Action, side: Side) -> bool:
    return action.side == side and action.op == "update"


def join(
    made: list[Action], link: Link, side: Side, name: str, change: FieldChange, reason: str
) -> None:
    for action in made:
        if _is_update(action, side):
            action.fields[name] = change
            return
    made.append(row(link, side, "update", {name: change[0]}, {name: change[1]}, reason))
