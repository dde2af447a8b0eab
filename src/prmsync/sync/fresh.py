"""A first load: a page of CRM records that nothing here can match is decided where it is stored.

Storing it first, to select, unpack and mark every link again a moment later, would be a fifth of
what a first load costs. Nothing is decided in another way: the page goes through `decide_page` and
`carry_out` as any other, and observation, decision, journal row, record and link are one commit.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from prmsync.domain.merge import Side
from prmsync.mapping.status import STATUS_KEYS
from prmsync.store import links, observations
from prmsync.store.links import Observation
from prmsync.sync import brakes, references
from prmsync.sync.mapping_change import NOTHING
from prmsync.sync.plan import Plan
from prmsync.sync.planning import take_fresh
from prmsync.sync.session import KEY, Session, Stream


class FreshPages:
    """Takes pages over at once where a person has let the run go, so that no brake can hold them.

    A record with a key of ours may belong to another partner database: from the first one on
    nothing is taken at once any more, and the run looks at all keys before it goes on.
    """

    def __init__(self, session: Session, plan: Plan) -> None:
        self._session = session
        self._plan = plan
        self._usual = not session.may_write(Side.PRM)
        self._taking: set[int] = set()

    def admits(self, stream: Stream) -> bool:
        """Whether this read is the stream's first and its mapping as simple as can be."""
        first = stream.state.crm_cursor is None and stream.change == NOTHING
        return first and stream.spec.relation is None and not self._usual

    def begin(self, stream: Stream) -> bool:
        """Look, once our side was observed, whether it has records that could match."""
        with self._session.database.read() as connection:
            ours = links.unlinked(connection, stream.id, crm_side=False, dirty_only=False)
            if next(iter(ours), None) is not None:
                return False
            if self._plan.created is None:
                self._plan.created = brakes.created_before(connection, self._session)
        self._taking.add(stream.id)
        return True

    def took(self, stream: Stream) -> bool:
        """Whether our side was observed before this stream's pages were taken."""
        return stream.id in self._taking

    def take(
        self, connection: sa.Connection, stream: Stream, seen: Sequence[Observation]
    ) -> Sequence[Observation]:
        """Store and decide one page; returns what has to go the usual way: records that came
        before, as a read in several places at once may show them twice, or all of them."""
        if self._usual or stream.id not in self._taking or not seen:
            return seen
        if not self._are_fresh(stream, seen):
            return seen
        page, others = observations.new_links(connection, stream.id, seen)
        if page:
            take_fresh(connection, self._session, stream, self._plan, page)
        return others

    def _are_fresh(self, stream: Stream, seen: Sequence[Observation]) -> bool:
        """Whether no record is deleted, refers to what is not linked yet, or shows what only one
        shows that was written to by us or by another installation."""
        if any(KEY in one.values for one in seen):
            self._usual = True
            return False
        names = (*STATUS_KEYS, *stream.references)
        for one in seen:
            values = one.values
            if one.deleted or (
                any(map(values.get, names))
                and (
                    not values.keys().isdisjoint(STATUS_KEYS)
                    or references.any_marked(stream, values)
                )
            ):
                return False
        return True
