"""Records that only the CRM has and of which there is nothing else to say.

A first load is made of them. What becomes of one is what `prmsync.reconcile.record` says of what
only one side has; here it is said without the questions that only other records raise.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from prmsync.domain.merge import Side
from prmsync.store.journal import Action, FieldChange
from prmsync.store.links import Link, LinkState
from prmsync.sync import references
from prmsync.sync.session import HOME, STOOD_IN, UNREADABLE, Session, Stream

ONLY_IN_CRM = "only in the CRM"


def creations(session: Session, stream: Stream, *, marked: bool) -> Callable[[Link], Action | None]:
    """What makes our record of a link's CRM record; None where more has to be asked. `marked`:
    some of the records refer to one that has no link yet."""
    given = stream.rule.taken_by[Side.PRM]
    if (
        not (stream.rule.create_prm and given)
        or stream.mapping.filter
        or stream.spec.relation is not None
    ):
        return lambda _: None
    # All fields, so that a record that lacks one is told at once; one name twice, so that the
    # getter gives a tuple for a single field too.
    names = [*given, *stream.fields.difference(given), given[0]]
    cells = itemgetter(*names)
    home: dict[str, FieldChange] = {HOME: (None, session.name)} if stream.mapping.home else {}

    def creation(link: Link) -> Action | None:
        crm = link.crm
        if crm is None or not _is_new(link) or STOOD_IN in crm or UNREADABLE in crm:
            return None
        if marked and references.any_marked(stream, crm):
            return None
        try:
            shown = cells(crm)
        except KeyError:
            return None
        fields: dict[str, FieldChange] = {
            name: (None, value)
            for name, value in zip(given, shown, strict=False)
            if value is not None
        }
        fields.update(home)
        return Action(link.id, link.stream_id, "prm", "create", fields, ONLY_IN_CRM)

    return creation


def _is_new(link: Link) -> bool:
    known = link.prm_id is not None or link.base is not None
    return link.state == LinkState.NEW and not (known or link.prm_gone or link.crm_gone)
