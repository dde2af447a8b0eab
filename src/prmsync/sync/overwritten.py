"""A creation that landed on a CRM record of somebody else's.

A creation is an upsert on the external key. Where somebody in the CRM gave a linked record the key
of another record of ours, it writes that record instead. Its link then shows values that nobody
edited there: each group of them waits for a person, and none flows into our record.
"""

from __future__ import annotations

import sqlalchemy as sa

from prmsync.domain.values import Values
from prmsync.mapping.translate import PIPELINE
from prmsync.store import held as held_store
from prmsync.store import links
from prmsync.store import records as prm_records
from prmsync.store.held import HeldItem
from prmsync.store.links import Dirty, Link
from prmsync.sync.not_taken import OVERWRITTEN
from prmsync.sync.session import Session, Stream


def hold_overwritten(
    connection: sa.Connection,
    session: Session,
    stream: Stream,
    link: Link,
    written: Values,
    version: str | None,
) -> None:
    """Note what the CRM record of this link holds now, and hold what that changed."""
    before = link.crm or {}
    now = {**before, **{name: one for name, one in written.items() if not name.startswith("@")}}
    ours = prm_records.read(connection, stream.name, [str(link.prm_id)]).get(str(link.prm_id), {})
    pipeline = now.get(PIPELINE)
    mapped = {name: ours.get(name) for name in stream.members}
    projected = stream.translator.project(mapped, str(pipeline) if pipeline else None).values
    waiting = {item.group for item in held_store.of_links(connection, [link.id]).get(link.id, ())}
    items: list[HeldItem] = []
    for group in stream.rule.groups:
        old, new, mine, base = (
            tuple(side.get(name) for name in group.members)
            for side in (before, now, projected, link.base or {})
        )
        if old != new and mine != new and group.name not in waiting:
            items.append(
                held_store.new_item(
                    link.id, group.name, group.members, OVERWRITTEN, mine, new, base
                )
            )
    held_store.open_items(connection, items, None, session.now())
    link.crm, link.dirty = now, Dirty.CHANGED
    link.crm_version = version if version is not None else link.crm_version
    links.save(connection, [link])
