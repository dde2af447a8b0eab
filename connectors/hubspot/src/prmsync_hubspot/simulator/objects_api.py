"""Records: list, read, create, change, archive, search, merge."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any
from urllib.parse import quote

from prmsync.connector.simulator.faults import Faults
from prmsync.connector.simulator.http import Request
from prmsync_hubspot.simulator.answers import (
    associations_json,
    history_json,
    show_written,
    shower,
)
from prmsync_hubspot.simulator.associating import associate_new
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError, bad_request, not_found
from prmsync_hubspot.simulator.routing import Call, Reply, Route
from prmsync_hubspot.simulator.rows import Row
from prmsync_hubspot.simulator.search import Searcher
from prmsync_hubspot.simulator.shapes import mapping
from prmsync_hubspot.simulator.writing import Writer

LARGEST_PAGE = 100
LARGEST_PAGE_WITH_HISTORY = 50


class ObjectsApi:
    """`/crm/v3/objects/…` and `/crm/objects/2026-09/…` for single records."""

    def __init__(self, portal: Portal, writer: Writer, faults: Faults) -> None:
        self._portal = portal
        self._writer = writer
        self._faults = faults
        self._searcher = Searcher(portal)
        self.created_status = cycle((201, 200))

    def routes(self) -> list[Route]:
        v3 = ("v3",)
        return [
            Route("GET", "*", "objects.list", self.list, v3),
            Route("POST", "*", "objects.create", self.create, v3),
            Route("POST", "*/search", "objects.search", self.search, v3),
            Route("POST", "*/merge", "objects.merge", self.merge, v3),
            Route("GET", "*/*", "objects.read", self.read, v3),
            Route("PATCH", "*/*", "objects.update", self.update, v3),
            Route("DELETE", "*/*", "objects.archive", self.archive, v3),
        ]

    def list(self, call: Call) -> Reply:
        kind = self._kind(call, "read")
        with_history = call.listed("propertiesWithHistory")
        most = LARGEST_PAGE_WITH_HISTORY if with_history else LARGEST_PAGE
        limit = call.whole("limit", 10)
        if not 1 <= limit <= most:
            raise bad_request(f"limit must be between 1 and {most}, was {limit}")
        start, archived = self._start(call), call.flag("archived")
        rows, more = kind.table.page(start, limit, archived=archived)
        answer: JSON = {"results": self._shown(call, kind, rows)}
        if more:
            behind = str(rows[-1].id + 1)
            if self._portal.settings.opaque_cursors:
                behind = urlsafe_b64encode(behind.encode()).decode()
            answer["paging"] = {"next": self._next(call, behind)}
        return 200, answer

    def _start(self, call: Call) -> int:
        """The id at which a page begins. Raises ApiError 400 for what is no cursor."""
        if not self._portal.settings.opaque_cursors:
            return call.whole("after", 0)
        try:
            return int(urlsafe_b64decode(call.first("after") or urlsafe_b64encode(b"0")))
        except ValueError:
            raise bad_request("after is not a paging cursor token") from None

    def _next(self, call: Call, after: str) -> JSON:
        query = "&".join(
            f"{name}={quote(value, safe='')}"
            for name, values in call.request.query.items()
            if name != "after"
            for value in values
        )
        headers = call.request.headers
        root = (
            f"{headers.get('x-forwarded-proto', 'https')}://{headers.get('host', 'api.hubapi.com')}"
        )
        link = f"{root}{call.request.path}?{query}&after={quote(after, safe='')}"
        return {"after": after, "link": link}

    def _shown(self, call: Call, kind: ObjectType, rows: Sequence[Row]) -> Sequence[JSON]:
        show = shower(self._portal, kind, kind.shown(call.listed("properties")))
        shown = [show(row) for row in rows]
        history, wanted = call.listed("propertiesWithHistory"), call.listed("associations")
        if history or wanted:
            for row, item in zip(rows, shown, strict=True):
                if history:
                    item["propertiesWithHistory"] = history_json(row, history)
                held = associations_json(self._portal, kind, row, wanted) if wanted else {}
                if held:
                    item["associations"] = held
        return shown

    def read(self, call: Call) -> Reply:
        kind = self._kind(call, "read")
        row = self.row(kind, call.args[1], call.first("idProperty"), archived=call.flag("archived"))
        if row is None:
            raise not_found()
        return 200, self._shown(call, kind, [row])[0]

    def create(self, call: Call) -> Reply:
        kind = self._kind(call, "write")
        body = call.json()
        given = properties_of(body)
        self.refuse_on_fault(call.request, None, given)
        draft = self._writer.draft_create(kind, given, call.actor, {})
        links = associate_new(self._portal, kind, body.get("associations"))
        row = self._writer.commit(draft, call.actor)
        for link in links:
            link(row.id)
        return next(self.created_status), show_written(self._portal, kind, row, draft.values)

    def update(self, call: Call) -> Reply:
        kind = self._kind(call, "write")
        row = self.row(kind, call.args[1], call.first("idProperty"))
        if row is None:
            raise not_found()
        given = properties_of(call.json())
        self.refuse_on_fault(call.request, row, given)
        draft = self._writer.draft_update(kind, row, given, call.actor, {})
        self._writer.commit(draft, call.actor)
        return 200, show_written(self._portal, kind, row, draft.values)

    def archive(self, call: Call) -> Reply:
        """204 for an unknown id too."""
        kind = self._kind(call, "write")
        row = kind.table.get(call.args[1])
        if row is not None:
            self._writer.archive(kind, row, call.actor)
        return 204, None

    def search(self, call: Call) -> Reply:
        kind = self._kind(call, "read")
        return 200, self._searcher.search(kind, call.json())

    def merge(self, call: Call) -> Reply:
        kind, body = self._kind(call, "write"), call.json()
        primary = self.row(kind, str(body.get("primaryObjectId")))
        other = self.row(kind, str(body.get("objectIdToMerge")))
        if primary is None or other is None:
            raise not_found("one of the records to merge does not exist")
        if primary is other:
            raise bad_request("a record cannot be merged with itself")
        row = self._writer.merge(kind, primary, other, call.actor)
        return 200, show_written(self._portal, kind, row, kind.default_properties)

    def row(
        self, kind: ObjectType, row_id: str, id_property: str = "", *, archived: bool = False
    ) -> Row | None:
        """A record by id, or by the value of a unique property. Raises ApiError 400 for a
        property that is not unique."""
        if not id_property or id_property == "hs_object_id":
            return kind.table.get(row_id, archived=archived)
        self.need_unique(kind, id_property)
        return kind.table.by_unique(id_property, row_id)

    def need_unique(self, kind: ObjectType, name: str) -> None:
        """Raises ApiError 400 unless the property's values are unique."""
        if name not in kind.table.unique:
            raise bad_request(
                f"Unable to perform update/upsert by non-unique {kind.type_id} property {name}"
                f" in portal ID {self._portal.account.portal_id}"
            )

    def refuse_on_fault(
        self, request: Request, row: Row | None, given: Mapping[str, Any], key: str = ""
    ) -> None:
        """Raises ApiError where a fault rule for single records fires."""
        if not self._faults.has_row_rules:
            return
        texts = [key, *(str(value) for value in given.values() if isinstance(value, str))]
        if row is not None:
            texts += [str(row.id), *row.props.values()]
        rule = self._faults.for_record(request, texts)
        if rule is not None:
            raise ApiError(
                rule.status or 400,
                rule.message or "the record was refused",
                rule.code or "VALIDATION_ERROR",
            )

    def _kind(self, call: Call, access: str) -> ObjectType:
        return kind_for(self._portal, call, access)


def kind_for(portal: Portal, call: Call, access: str) -> ObjectType:
    """The object type a call is about. Raises ApiError 403 without the scope for it."""
    kind = portal.type_named(call.args[0])
    call.grant.need(f"crm.objects.{kind.scope}.{access}")
    return kind


def properties_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """`properties` of a body or a batch input. Raises ApiError 400 where it is no object."""
    return mapping(body.get("properties"), "properties")
