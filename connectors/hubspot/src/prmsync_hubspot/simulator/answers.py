"""Records as the API shows them, and the envelopes around them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from prmsync_hubspot.simulator.links import LinkType
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON
from prmsync_hubspot.simulator.rows import Change, Row
from prmsync_hubspot.simulator.stamps import iso
from prmsync_hubspot.simulator.writing import first_change

Show = Callable[[Row], JSON]
_SOURCES = ("hs_object_source", "hs_object_source_id", "hs_object_source_label")


def shower(portal: Portal, kind: ObjectType, names: Sequence[str]) -> Show:
    """A function that shows records of a type with these properties, empty ones as null."""
    account, modified = portal.account, kind.table.modified_property
    base = f"https://{account.ui_domain}/contacts/{account.portal_id}/record/{kind.type_id}/"

    def show(row: Row) -> JSON:
        props = row.props
        shown: JSON = {
            "id": props["hs_object_id"],
            "properties": {name: props.get(name) for name in names},
            "createdAt": iso(row.created),
            "updatedAt": props[modified],
            "archived": row.archived is not None,
            "url": base + props["hs_object_id"],
        }
        if row.archived is not None:
            shown["archivedAt"] = iso(row.archived)
        return shown

    return show


def show_written(portal: Portal, kind: ObjectType, row: Row, written: Iterable[str]) -> JSON:
    """The answer to a write: what was sent, and what HubSpot keeps itself."""
    names = {*written, *kind.system_names, *_SOURCES}
    if kind.pipeline_property is not None:
        names |= {"pipeline", "hs_is_closed", "hs_is_closed_won", "hs_deal_stage_probability"}
    known = sorted(name for name in names if name in kind.properties)
    return shower(portal, kind, known)(row)


def history_json(row: Row, names: Iterable[str]) -> JSON:
    """`propertiesWithHistory`: every value of the named properties, newest first."""
    return {name: [_change_json(change) for change in _changes(row, name)] for name in names}


def _changes(row: Row, name: str) -> list[Change]:
    if name in row.history:
        return row.history[name]
    return [first_change(row, row.props[name])] if name in row.props else []


def _change_json(change: Change) -> JSON:
    value, at, source, source_id, user = change
    shown: JSON = {"value": value, "timestamp": at, "sourceType": source}
    if source_id:
        shown["sourceId"] = source_id
    if user:
        shown["updatedByUserId"] = int(user)
    return shown


def associations_json(portal: Portal, kind: ObjectType, row: Row, wanted: Sequence[str]) -> JSON:
    """`associations` of a record: by plural of the other type, one entry per type of link."""
    shown: JSON = {}
    for name in wanted:
        other = portal.type_named(name)
        held = live_links(portal, kind, other, row.id)
        entries = [
            {"id": str(to), "type": link.name} for to, links in held.items() for link in links
        ]
        if entries:
            key = other.fqn if other.custom else other.plural.lower()
            shown[key] = {"results": entries}
    return shown


def live_links(
    portal: Portal, kind: ObjectType, other: ObjectType, from_id: int
) -> Mapping[int, list[LinkType]]:
    """Associations of a record to records that are not archived."""
    held = portal.links.of((kind.type_id, other.type_id), from_id)
    rows = other.table.rows
    return {to: links for to, links in held.items() if to in rows and rows[to].archived is None}


def envelope(results: Sequence[JSON], errors: Sequence[JSON], started: int, completed: int) -> JSON:
    """A batch's answer; with `errors` and `numErrors` where there are any."""
    body: JSON = {
        "completedAt": iso(completed),
        "status": "COMPLETE",
        "startedAt": iso(started),
        "results": list(results),
    }
    if errors:
        body["errors"] = list(errors)
        body["numErrors"] = len(errors)
    return body
