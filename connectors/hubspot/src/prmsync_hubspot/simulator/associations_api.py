"""Associations v4: pairs of records, their labels, and the labels' definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prmsync_hubspot.simulator.answers import envelope, live_links
from prmsync_hubspot.simulator.associating import link_types
from prmsync_hubspot.simulator.batches_api import inputs_of
from prmsync_hubspot.simulator.links import USER_DEFINED, LinkType
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError, bad_request, not_found
from prmsync_hubspot.simulator.routing import Call, Reply, Route
from prmsync_hubspot.simulator.shapes import items, reference, whole

LARGEST_READ = 1_000
LARGEST_WRITE = 2_000
LARGEST_PAGE = 500
MOST_PER_RECORD = 1_000

Pair = tuple[ObjectType, ObjectType]
RowWrite = Callable[[Pair, Mapping[str, Any]], JSON]


class AssociationsApi:
    """`/crm/v4/associations/…`, `/crm/v4/objects/…/associations/…` and the dated paths."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        """Of the family "associations"."""
        batch = "*/*/batch"
        return [
            Route("POST", f"{batch}/read", "associations.batch_read", self.batch_read),
            Route("POST", f"{batch}/create", "associations.batch_create", self.batch_create),
            Route("POST", f"{batch}/archive", "associations.batch_archive", self.batch_archive),
            Route(
                "POST",
                f"{batch}/labels/archive",
                "associations.batch_labels_archive",
                self.batch_labels_archive,
            ),
            Route(
                "POST",
                f"{batch}/associate/default",
                "associations.batch_default",
                self.batch_default,
            ),
            Route("GET", "*/*/labels", "associations.labels", self.labels),
            Route("POST", "*/*/labels", "associations.label_create", self.create_label),
            Route("PUT", "*/*/labels", "associations.label_update", self.update_label),
            Route("DELETE", "*/*/labels/*", "associations.label_delete", self.delete_label),
        ]

    def object_routes(self) -> list[Route]:
        """Of the family "objects"."""
        v4 = ("v4",)
        one = "*/*/associations/*"
        return [
            Route("GET", one, "associations.list", self.list_one, v4),
            Route("PUT", "*/*/associations/default/*/*", "associations.default", self.default, v4),
            Route("PUT", f"{one}/*", "associations.create", self.create, v4),
            Route("DELETE", f"{one}/*", "associations.archive", self.archive, v4),
        ]

    def batch_read(self, call: Call) -> Reply:
        pair, started = self._pair(call, "read"), self._portal.now_ms()
        results: list[JSON] = []
        errors: list[JSON] = []
        for item in inputs_of(call.json(), LARGEST_READ):
            row = pair[0].table.get(str(item.get("id")))
            page, after = self._page(pair, row.id if row else -1, item, MOST_PER_RECORD)
            if not page:
                errors.append(_none_found(pair, str(item.get("id"))))
                continue
            results.append({"from": {"id": str(item["id"])}, "to": page})
            if after:
                results[-1]["paging"] = {"next": {"after": after}}
        body = envelope(results, errors, started, self._portal.now_ms())
        return (207 if errors else 200), body

    def list_one(self, call: Call) -> Reply:
        pair = self._pair_of(call, call.args[0], call.args[2], "read")
        row = pair[0].table.get(call.args[1])
        if row is None:
            raise not_found()
        limit = min(call.whole("limit", LARGEST_PAGE), LARGEST_PAGE)
        page, after = self._page(pair, row.id, {"after": call.first("after", "0")}, limit)
        answer: JSON = {"results": page}
        if after:
            answer["paging"] = {"next": {"after": after}}
        return 200, answer

    def _page(
        self, pair: Pair, from_id: int, item: Mapping[str, Any], limit: int
    ) -> tuple[list[JSON], str]:
        after = whole(item.get("after"), "after", 0)
        held = live_links(self._portal, *pair, from_id)
        ids = [to for to in held if to > after]
        page = [
            {"toObjectId": to, "associationTypes": [kind.as_json() for kind in held[to]]}
            for to in ids[:limit]
        ]
        return page, str(ids[limit - 1]) if len(ids) > limit else ""

    def create(self, call: Call) -> Reply:
        """PUT of one pair; the body is a list of types."""
        pair = self._pair_of(call, call.args[0], call.args[2], "write")
        raw = {"from": {"id": call.args[1]}, "to": {"id": call.args[3]}, "types": call.json_list()}
        return 201, self._create_row(pair, raw)

    def archive(self, call: Call) -> Reply:
        pair = self._pair_of(call, call.args[0], call.args[2], "write")
        ids = [kind.table.get(text) for kind, text in zip(pair, call.args[1::2], strict=True)]
        if ids[0] is not None and ids[1] is not None:
            self._portal.links.dissociate(_types(pair), ids[0].id, ids[1].id)
        return 204, None

    def batch_create(self, call: Call) -> Reply:
        return self._each(call, self._create_row, 201)

    def batch_default(self, call: Call) -> Reply:
        return self._each(call, self._default_row, 200)

    def batch_labels_archive(self, call: Call) -> Reply:
        """204; labels between records that are not associated are passed over."""
        pair = self._pair(call, "write")
        checked = []
        for item in inputs_of(call.json(), LARGEST_WRITE):
            types = link_types(self._portal, pair, item.get("types"))
            checked.append((*self._ends(pair, item.get("from"), item.get("to")), types))
        for from_id, to_id, types in checked:
            self._portal.links.remove_types(_types(pair), from_id, to_id, types)
        return 204, None

    def batch_archive(self, call: Call) -> Reply:
        """204; removes everything between the records, whatever the labels."""
        pair = self._pair(call, "write")
        for item in inputs_of(call.json(), LARGEST_WRITE):
            for end in items(item.get("to"), "to"):
                from_id, to_id = self._ends(pair, item.get("from"), end)
                self._portal.links.dissociate(_types(pair), from_id, to_id)
        return 204, None

    def _each(self, call: Call, write: RowWrite, status: int) -> Reply:
        pair, started = self._pair(call, "write"), self._portal.now_ms()
        results: list[JSON] = []
        errors: list[JSON] = []
        for item in inputs_of(call.json(), LARGEST_WRITE):
            try:
                results.append(write(pair, item))
            except ApiError as error:
                errors.append(error.as_row({}))
        body = envelope(results, errors, started, self._portal.now_ms())
        return (207 if errors else status), body

    def _create_row(self, pair: Pair, item: Mapping[str, Any]) -> JSON:
        types = link_types(self._portal, pair, item.get("types"))
        from_id, to_id = self._ends(pair, item.get("from"), item.get("to"))
        self._portal.links.associate(_types(pair), from_id, to_id, types)
        return {
            "fromObjectTypeId": pair[0].type_id,
            "fromObjectId": from_id,
            "toObjectTypeId": pair[1].type_id,
            "toObjectId": to_id,
            "labels": [kind.label for kind in types if kind.label is not None],
        }

    def default(self, call: Call) -> Reply:
        """PUT of one pair without a label."""
        pair, started = (
            self._pair_of(call, call.args[0], call.args[2], "write"),
            self._portal.now_ms(),
        )
        row = self._default_row(pair, {"from": {"id": call.args[1]}, "to": {"id": call.args[3]}})
        return 200, envelope([row], [], started, self._portal.now_ms())

    def _default_row(self, pair: Pair, item: Mapping[str, Any]) -> JSON:
        unlabeled = self._portal.links.unlabeled(_types(pair))
        if unlabeled is None:
            raise bad_request(f"{pair[0].shown_name} and {pair[1].shown_name} do not associate")
        from_id, to_id = self._ends(pair, item.get("from"), item.get("to"))
        self._portal.links.associate(_types(pair), from_id, to_id, [unlabeled])
        spec = {
            "associationCategory": unlabeled.category,
            "associationTypeId": unlabeled.type_id,
        }
        return {
            "from": {"id": str(from_id)},
            "to": {"id": str(to_id)},
            "associationSpec": spec,
        }

    def _ends(self, pair: Pair, from_end: object, to_end: object) -> tuple[int, int]:
        """Ids of both records. Raises ApiError for one that is not there, or both the same."""
        found = []
        for kind, end in zip(pair, (from_end, to_end), strict=True):
            text = reference(end)
            row = kind.table.get(text)
            if row is None:
                raise _invalid_id(text)
            found.append(row.id)
        if pair[0] is pair[1] and found[0] == found[1]:
            raise ApiError(400, f"Object {found[0]} cannot be associated to itself ({found[1]})")
        return found[0], found[1]

    def labels(self, call: Call) -> Reply:
        pair = self._pair(call, "read")
        types = self._portal.links.types.get(_types(pair), {})
        return 200, {"results": [types[type_id].as_json() for type_id in sorted(types)]}

    def create_label(self, call: Call) -> Reply:
        pair, body = self._pair(call, "read"), call.json()
        call.grant.need(f"crm.schemas.{pair[0].scope}.write")
        label, name = body.get("label"), body.get("name")
        if not label or not name:
            raise bad_request("a label needs a label and a name")
        types = self._portal.links.types.get(_types(pair), {}).values()
        if any(kind.name == name and kind.category == USER_DEFINED for kind in types):
            raise bad_request(f"an association type named {name} already exists")
        made = self._portal.add_label(_types(pair), str(name), str(label), body.get("inverseLabel"))
        return 200, {"results": [kind.as_json() for kind in made]}

    def update_label(self, call: Call) -> Reply:
        pair, body = self._pair(call, "read"), call.json()
        call.grant.need(f"crm.schemas.{pair[0].scope}.write")
        kind = self._own_label(pair, str(body.get("associationTypeId")))
        inverse = self._portal.links.types[_types(pair)[::-1]][kind.inverse]
        kind.label = str(body.get("label") or kind.label)
        inverse.label = str(body.get("inverseLabel") or kind.label)
        return 204, None

    def delete_label(self, call: Call) -> Reply:
        pair = self._pair(call, "read")
        call.grant.need(f"crm.schemas.{pair[0].scope}.write")
        kind = self._own_label(pair, call.args[2])
        self._portal.links.forget(_types(pair), kind.type_id)
        return 204, None

    def _own_label(self, pair: Pair, type_id: str) -> LinkType:
        kind = self._portal.links.find(_types(pair), USER_DEFINED, type_id)
        if kind is None or kind.label is None:
            raise not_found(f"there is no label with type id {type_id}")
        return kind

    def _pair(self, call: Call, access: str) -> Pair:
        return self._pair_of(call, call.args[0], call.args[1], access)

    def _pair_of(self, call: Call, one: str, other: str, access: str) -> Pair:
        pair = self._portal.type_named(one), self._portal.type_named(other)
        for kind in pair:
            call.grant.need(f"crm.objects.{kind.scope}.{access}")
        return pair


def _types(pair: Pair) -> tuple[str, str]:
    return pair[0].type_id, pair[1].type_id


def _none_found(pair: Pair, from_id: str) -> JSON:
    one, other = (kind.type_id if kind.custom else kind.name for kind in pair)
    return {
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": f"No {other} is associated with {one} {from_id}.",
        "context": {
            "fromObjectId": [from_id],
            "fromObjectType": [one],
            "toObjectType": [other],
        },
    }


def _invalid_id(text: str) -> ApiError:
    return ApiError(
        400,
        f"{text} is not a valid ID",
        extra={
            "subCategory": "crm.associations.INVALID_IDENTIFIER",
            "context": {"id": [text]},
        },
    )
