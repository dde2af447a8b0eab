"""`--schema` and `--data`: a saved portal's schema, and records to start with.

Schema, in HubSpot's own JSON shapes (a list, or `{"results": [...]}` as the API answers):

    {"account": {portalId, accountType, timeZone, companyCurrency, additionalCurrencies},
     "objects": {"deals": {"properties": [...], "pipelines": [...], "requiredByAdmin": [...],
                           "schema": {...}}},           schema: for custom objects
     "labels": [{"from", "to", "name"?, "label", "inverseLabel"?}],
     "owners": [...],
     "flows": [...],                                    workflows, as automation v4 shows them
     "settings": {...},                                 see `settings.Settings`
     "replace": true}                                   without the partner program's own fields

Data: `{"companies": [...], "deals": [...], "associations": [{"from": {"object", "id"},
"to": {"object", "id"}, "label"?}]}`; a record is `{id?, properties, createdAt?, updatedAt?}` or
plain properties. Or what the control path `state` gave: everything, as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from prmsync.connector.simulator.chassis import ControlError
from prmsync.errors import ConfigurationError, Finding
from prmsync_hubspot.simulator.actor import Actor
from prmsync_hubspot.simulator.builtin import add_builtin, add_partner_program
from prmsync_hubspot.simulator.control import HubSpotRecords
from prmsync_hubspot.simulator.definitions import property_from_json
from prmsync_hubspot.simulator.flows_api import control_flows
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.pipelines import pipeline_from_json
from prmsync_hubspot.simulator.portal import Owner, Portal
from prmsync_hubspot.simulator.problems import ApiError
from prmsync_hubspot.simulator.schemas_api import make_custom_type
from prmsync_hubspot.simulator.settings import parse_settings
from prmsync_hubspot.simulator.stamps import iso, parse_ms
from prmsync_hubspot.simulator.writing import Writer

_ACCOUNT = {
    "portalId": "portal_id",
    "accountType": "account_type",
    "timeZone": "time_zone",
    "companyCurrency": "currency",
    "additionalCurrencies": "currencies",
    "uiDomain": "ui_domain",
}
_STATE = {"account", "owners", "types", "links", "counters"}
"""Keys of what the control path `state` gives."""
_SCHEMA_KEYS = {"account", "objects", "labels", "owners", "flows", "settings", "replace"}
IMPORT = Actor(None, "IMPORT", "simulator-data")


class _Findings:
    """Collects what is wrong, so that all of it is told at once."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._found: list[Finding] = []

    def add(self, where: str, message: str) -> None:
        self._found.append(Finding(where, message))

    def attempt(self, where: str, step: Callable[..., object], *args: object) -> None:
        """Run a step; what it refuses is a finding."""
        try:
            step(*args)
        except ApiError as error:
            self.add(where, error.message)
        except (KeyError, TypeError, ValueError, AttributeError, ControlError) as error:
            self.add(where, str(error) or repr(error))

    def stop(self) -> None:
        """Raises ConfigurationError if anything was found."""
        if self._found:
            raise ConfigurationError(
                f"the simulator's {self._what} has {len(self._found)} problem(s)",
                hint="Correct the file; its shapes are those of HubSpot's own API.",
                findings=self._found,
            )


def load_schema(portal: Portal, schema: Mapping[str, Any] | None) -> None:
    """Fill a portal: built-in objects, the partner program, then the schema over them.

    Raises ConfigurationError with every problem of the schema.
    """
    raw = schema or {}
    found = _Findings("schema")
    for key in raw:
        if key not in _SCHEMA_KEYS:
            found.add(key, f"unknown key; known: {', '.join(sorted(_SCHEMA_KEYS))}")
    found.attempt("account", _load_account, portal, raw.get("account") or {})
    values, problems = parse_settings(raw.get("settings") or {})
    for problem in problems:
        found.add("settings", problem)
    portal.settings = replace(portal.settings, **values)
    add_builtin(portal)
    if not raw.get("replace"):
        add_partner_program(portal)
    for name, item in (raw.get("objects") or {}).items():
        _load_object(portal, name, item, found)
    for place, item in enumerate(_listed(raw.get("labels"))):
        found.attempt(f"labels[{place}]", _load_label, portal, item)
    for place, item in enumerate(_listed(raw.get("owners"))):
        found.attempt(f"owners[{place}]", _load_owner, portal, item)
    for place, item in enumerate(_listed(raw.get("flows"))):
        found.attempt(f"flows[{place}]", control_flows, portal, item)
    found.stop()


def _load_account(portal: Portal, raw: Mapping[str, Any]) -> None:
    known = {_ACCOUNT[key]: raw[key] for key in _ACCOUNT if key in raw}
    if "currencies" in known:
        known["currencies"] = tuple(known["currencies"])
    account = replace(portal.account, **known)
    account.as_json(portal.clock.now())
    portal.account = account


def _load_object(portal: Portal, name: str, raw: Mapping[str, Any], found: _Findings) -> None:
    where = f"objects.{name}"
    kind = portal.find_type(name)
    needed: list[str] = []
    if kind is None:
        schema = {"name": name, **(raw.get("schema") or {})}
        needed = _listed(schema.pop("requiredProperties", None))
        found.attempt(where, make_custom_type, portal, schema)
        kind = portal.find_type(name) or portal.find_type(str(schema["name"]))
    if kind is None:
        return
    for place, item in enumerate(_listed(raw.get("properties"))):
        found.attempt(f"{where}.properties[{place}]", _load_property, kind, item)
    pipelines = _listed(raw.get("pipelines"))
    if pipelines:
        found.attempt(f"{where}.pipelines", _load_pipelines, kind, pipelines)
    required = raw.get("requiredByAdmin") or []
    for key, names in (("requiredByAdmin", required), ("schema.requiredProperties", needed)):
        for item in names:
            if item not in kind.properties:
                found.add(f"{where}.{key}", f"no property {item}")
    kind.admin_required = tuple(required)
    kind.required = tuple(needed) or kind.required


def _load_property(kind: ObjectType, raw: Mapping[str, Any]) -> None:
    kind.add_property(property_from_json(raw))


def _load_pipelines(kind: ObjectType, raw: list[Mapping[str, Any]]) -> None:
    made = [pipeline_from_json(item, str(item["id"]), iso(0)) for item in raw]
    kind.pipelines = {item.id: item for item in made}


def _load_label(portal: Portal, raw: Mapping[str, Any]) -> None:
    pair = (
        portal.type_named(str(raw["from"])).type_id,
        portal.type_named(str(raw["to"])).type_id,
    )
    label = str(raw["label"])
    if any(item.label == label for item in portal.links.types.get(pair, {}).values()):
        return
    name = str(raw.get("name") or label.lower().replace(" ", "_"))
    portal.add_label(pair, name, label, raw.get("inverseLabel"))


def _load_owner(portal: Portal, raw: Mapping[str, Any]) -> None:
    number = str(raw.get("id") or portal.number())
    user_id = raw.get("userId") or raw.get("userIdIncludingInactive") or int(number) % 1_000_000
    portal.owners[number] = Owner(
        number,
        str(raw["email"]),
        str(raw.get("firstName") or ""),
        str(raw.get("lastName") or ""),
        int(user_id),
        bool(raw.get("archived", False)),
    )


def load_data(portal: Portal, writer: Writer, data: Mapping[str, Any] | None) -> None:
    """Add records, or take up a whole state. Raises ConfigurationError with every problem."""
    found = _Findings("data")
    records = HubSpotRecords(portal, writer)
    if data and data.keys() >= _STATE:
        found.attempt("state", records.restore, data)
        found.stop()
        return
    for name, items in (data or {}).items():
        kind = portal.find_type(name)
        if name == "associations":
            continue
        if kind is None:
            found.add(name, "there is no such object")
            continue
        for place, item in enumerate(_listed(items)):
            try:
                _load_record(portal, writer, kind, item)
            except ApiError as error:
                found.add(f"{name}[{place}]", error.message)
            except (TypeError, ValueError, AttributeError) as error:
                found.add(f"{name}[{place}]", str(error))
    for place, item in enumerate(_listed((data or {}).get("associations"))):
        found.attempt(f"associations[{place}]", _load_association, records, item)
    found.stop()


def _load_record(portal: Portal, writer: Writer, kind: ObjectType, raw: Mapping[str, Any]) -> None:
    given = raw["properties"] if isinstance(raw.get("properties"), Mapping) else raw
    given = {
        name: value
        for name, value in given.items()
        if name not in kind.properties or not kind.properties[name].read_only
    }
    whole = given is not raw and "properties" in raw
    created = parse_ms(str(raw["createdAt"])) if whole and raw.get("createdAt") else None
    modified = parse_ms(str(raw["updatedAt"])) if whole and raw.get("updatedAt") else None
    draft = writer.draft_create(kind, given, IMPORT, {})
    row_id = int(raw["id"]) if whole and raw.get("id") else None
    if row_id is not None and row_id in kind.table.rows:
        raise ValueError(f"id {row_id} is there twice")
    row = writer.commit(draft, IMPORT, created, row_id)
    kind.next_id = max(kind.next_id, row.id)
    if modified is not None:
        kind.table.touch(row, modified)
    if whole and raw.get("archived"):
        kind.table.archive(row, portal.now_ms() if modified is None else modified)


def _load_association(records: HubSpotRecords, raw: Mapping[str, Any]) -> None:
    values = {
        "from_object": raw["from"]["object"],
        "from_id": raw["from"]["id"],
        "to_object": raw["to"]["object"],
        "to_id": raw["to"]["id"],
        "label": raw.get("label"),
    }
    records.write_as_user("associations", None, values, None, None)


def _listed(raw: Any) -> list[Any]:
    """A list, bare or as `{"results": [...]}`."""
    if isinstance(raw, Mapping):
        raw = raw.get("results")
    return list(raw or [])
