"""Creating, changing, archiving and merging records, with what HubSpot refuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prmsync.connector.simulator.automations import LATER_SECONDS, Automations
from prmsync_hubspot.simulator.actor import Actor
from prmsync_hubspot.simulator.definitions import OWNER, Property, check
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError, invalid_values, value_problem
from prmsync_hubspot.simulator.rows import Row
from prmsync_hubspot.simulator.stamps import iso
from prmsync_hubspot.simulator.webhooks import Webhooks

RULES_SINCE = "2026-09"
"""From this API version on, an admin's required properties apply to API writes."""

Claims = dict[tuple[str, str], int]
"""(unique property, value) → the row of a batch that takes it; keeps two rows from one value."""


@dataclass(slots=True)
class Draft:
    """Values that passed validation, "" clearing; `row` is None for a new record."""

    kind: ObjectType
    row: Row | None
    values: dict[str, str]
    claimed: list[tuple[str, str]] = field(default_factory=list)


class Writer:
    """Validates first (`draft_…`), then writes (`commit`): a refused batch writes nothing."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.automations = Automations()
        self.webhooks = Webhooks(portal)

    def draft_create(
        self, kind: ObjectType, given: Mapping[str, Any], actor: Actor, claims: Claims
    ) -> Draft:
        """Raises ApiError for values that HubSpot refuses."""
        values = self._values(kind, given)
        self._place_in_pipeline(kind, values, {})
        self._need(kind, values, {}, actor)
        return self._claim(Draft(kind, None, values), claims)

    def draft_update(
        self, kind: ObjectType, row: Row, given: Mapping[str, Any], actor: Actor, claims: Claims
    ) -> Draft:
        """Raises ApiError for values that HubSpot refuses."""
        values = self._values(kind, given)
        _append_choices(kind, row, values)
        self._place_in_pipeline(kind, values, row.props)
        self._need(kind, values, row.props, actor)
        return self._claim(Draft(kind, row, values), claims)

    def commit(
        self, draft: Draft, actor: Actor, at: int | None = None, row_id: int | None = None
    ) -> Row:
        """Write a draft; `at` is a time (ms) other than now, `row_id` the id of a new record."""
        now = self._portal.now_ms() if at is None else at
        if draft.row is None:
            new_id = row_id or self._portal.new_row_id(draft.kind)
            row = self._create(draft, actor, now, new_id)
            if self.webhooks.any:
                self.webhooks.created(draft.kind, row, actor)
            return self._automated(draft.kind, {}, row, actor)
        row, table = draft.row, draft.kind.table
        watched = self.automations.any or self.webhooks.any
        old = dict(row.props) if watched else {}
        self.lag(draft.kind, row.id)
        for name, value in draft.values.items():
            _keep_history(row, name, value, now, actor)
            table.set_value(row, name, value)
        if actor.user_id is not None:
            row.props["hs_updated_by_user_id"] = actor.user_id
        self._calculate(draft.kind, row)
        table.touch(row, now)
        if self.webhooks.any:
            self.webhooks.changed(draft.kind, row, _differing(old, row, draft.values), actor)
        return self._automated(draft.kind, old, row, actor)

    def _automated(self, kind: ObjectType, old: Mapping[str, str], row: Row, actor: Actor) -> Row:
        """The row after what the admin's automations make of a write to it."""
        names = tuple(name.lower() for name in (kind.name, kind.singular, kind.plural, kind.fqn))
        for user, values in self.automations.rewrites(names, old, row.props):
            before = dict(row.props) if self.webhooks.any else {}
            later = row.modified + (LATER_SECONDS * 1000 if user is not None else 0)
            by = actor if user is None else Actor(user, "AUTOMATION_PLATFORM", f"userId:{user}")
            for name, value in values.items():
                text = "" if value is None else str(value)
                _keep_history(row, name, text, later, by)
                kind.table.set_value(row, name, text)
            if by.user_id is not None:
                row.props["hs_updated_by_user_id"] = by.user_id
            self._calculate(kind, row)
            kind.table.touch(row, later)
            if self.webhooks.any:
                self.webhooks.changed(kind, row, _differing(before, row, values), by)
        return row

    def archive(self, kind: ObjectType, row: Row, actor: Actor) -> None:
        """Into the recycle bin."""
        self.lag(kind, row.id)
        kind.table.archive(row, self._portal.now_ms())
        self.webhooks.archived(kind, row, actor)

    def restore(self, kind: ObjectType, row: Row, actor: Actor) -> None:
        """Back from the recycle bin. The caller has checked its unique values."""
        self.lag(kind, row.id)
        kind.table.restore(row)
        kind.table.touch(row, self._portal.now_ms())
        self.webhooks.restored(kind, row, actor)

    def merge(self, kind: ObjectType, primary: Row, other: Row, actor: Actor) -> Row:
        """The primary's values win, its blanks are filled; both old ids find the winner."""
        now, table = self._portal.now_ms(), kind.table
        values = {name: value for name, value in other.props.items() if _mergeable(kind, name)}
        values.update({name: value for name, value in primary.props.items() if name in values})
        merged = (*primary.merged, *other.merged, other.id)
        self.lag(kind, other.id)
        table.merge_away(other, primary)
        self._portal.links.move(kind.type_id, other.id, primary.id)
        winner = self._renumbered(kind, primary) if self._portal.settings.merge_new_id else primary
        if winner is not primary:
            merged = (*merged, primary.id)
        row = self.commit(Draft(kind, winner, values), actor, now)
        row.merged = merged
        row.props["hs_merged_object_ids"] = ";".join(str(item) for item in merged)
        self.webhooks.merged(kind, row, (primary.id, other.id), actor)
        return row

    def lag(self, kind: ObjectType, row_id: int) -> None:
        """Let the search index show the present state for as long as it lags."""
        seconds = self._portal.settings.index_lag_seconds
        if seconds:
            kind.table.remember(row_id, self._portal.now_ms() + int(seconds * 1000))

    def _renumbered(self, kind: ObjectType, primary: Row) -> Row:
        row = primary.copy()
        row.id = self._portal.new_row_id(kind)
        row.history = primary.history
        row.props["hs_object_id"] = str(row.id)
        self.lag(kind, primary.id)
        self.lag(kind, row.id)
        kind.table.merge_away(primary, row)
        kind.table.add(row)
        self._portal.links.move(kind.type_id, primary.id, row.id)
        return row

    def _create(self, draft: Draft, actor: Actor, now: int, row_id: int) -> Row:
        kind = draft.kind
        props = {name: value for name, value in draft.values.items() if value != ""}
        stamp, table = iso(now), kind.table
        props[table.created_property] = props["hs_createdate"] = stamp
        props[table.modified_property] = stamp
        props["hs_object_id"] = str(row_id)
        props["hs_object_source"] = props["hs_object_source_label"] = actor.source
        props["hs_object_source_id"] = actor.source_id
        if actor.user_id is not None:
            props["hs_created_by_user_id"] = props["hs_updated_by_user_id"] = actor.user_id
        self.lag(kind, row_id)
        row = Row(row_id, now, props)
        self._calculate(kind, row)
        table.add(row)
        return row

    def _values(self, kind: ObjectType, given: Mapping[str, Any]) -> dict[str, str]:
        """Stored forms; JSON null, for which no meaning is documented, has no effect."""
        problems: list[JSON] = []
        values: dict[str, str] = {}
        for name, value in given.items():
            definition = kind.properties.get(name)
            if definition is None:
                message = f'Property "{name}" does not exist'
                problems.append(value_problem(name, message, "PROPERTY_DOESNT_EXIST"))
            elif definition.read_only:
                message = f'"{name}" is a read only property; its value cannot be set.'
                problems.append(value_problem(name, message, "READ_ONLY_VALUE"))
            elif value is not None:
                values[name] = check(definition, value, problems)
                self._check_owner(definition, values[name], problems)
        if problems:
            raise invalid_values(problems)
        return values

    def _check_owner(self, definition: Property, value: str, problems: list[JSON]) -> None:
        if definition.referenced == OWNER and value and value not in self._portal.owners:
            message = f"{value} was not one of the allowed options: []"
            problems.append(value_problem(definition.name, message, "INVALID_OPTION"))

    def _place_in_pipeline(
        self, kind: ObjectType, values: dict[str, str], held: Mapping[str, str]
    ) -> None:
        """A stage must be one of its pipeline's; without a pipeline it is the first one's."""
        if kind.pipeline_property is None or kind.stage_property is None:
            return
        if kind.pipeline_property not in values and kind.stage_property not in values:
            return
        merged = {**held, **values}
        pipeline_id, stage_id = merged.get(kind.pipeline_property), merged.get(kind.stage_property)
        known = [item.id for item in kind.pipelines.values() if not item.archived]
        if stage_id and not pipeline_id and known:
            pipeline_id = values[kind.pipeline_property] = known[0]
        if pipeline_id and pipeline_id not in known:
            raise invalid_values([_no_option(kind.pipeline_property, pipeline_id, known)])
        if stage_id and pipeline_id:
            stages = [s.id for s in kind.pipelines[pipeline_id].stages.values() if not s.archived]
            if stage_id not in stages:
                raise invalid_values([_no_option(kind.stage_property, stage_id, stages)])

    def _need(
        self, kind: ObjectType, values: Mapping[str, str], held: Mapping[str, str], actor: Actor
    ) -> None:
        names = dict.fromkeys(kind.required)
        if actor.enforced:
            names |= dict.fromkeys(kind.admin_required)
        missing = [name for name in names if not values.get(name, held.get(name))]
        if held:
            missing = [name for name in missing if name in values]
        if missing:
            verb = "updating" if held else "creating"
            raise ApiError(
                400,
                f"Error {verb} {kind.shown_name}. Some required properties were not set.",
                extra={"context": {"properties": missing}},
            )

    def _claim(self, draft: Draft, claims: Claims) -> Draft:
        """Take the unique values of a draft. Raises ApiError for values that others have."""
        own = 0 if draft.row is None else draft.row.id
        table = draft.kind.table
        wanted = [
            (name, draft.values[name].casefold())
            for name in table.unique
            if draft.values.get(name, "") != ""
        ]
        for name, value in wanted:
            holder = claims.get((name, value), table.holder(name, value))
            if holder is not None and (holder != own or own == 0):
                raise self._taken(draft.kind, name, draft.values[name], own, holder)
        for claim in wanted:
            claims[claim] = own
        draft.claimed = wanted
        return draft

    def _taken(self, kind: ObjectType, name: str, value: str, own: int, holder: int) -> ApiError:
        if kind.type_id == "0-1" and name == "email":
            context = {"existingId": [str(holder)]} if holder else {}
            text = f"Contact already exists. Existing ID: {holder}"
            return ApiError(
                409, text if holder else "Contact already exists", "CONFLICT", row_context=context
            )
        type_text = f"innerTypeId={kind.type_id}" if kind.custom else f"legacyObjectType={kind.fqn}"
        coordinates = (
            f"portalId={self._portal.account.portal_id}, objectTypeId=ObjectTypeId{{{type_text}}},"
            f" propertyName={name}, value={value}"
        )
        message = (
            f"Cannot set PropertyValueCoordinates{{{coordinates}}} on {own or 'a new object'}."
            f" {holder or 'Another object'} already has that value."
        )
        return invalid_values([value_problem(name, message, "CONFLICTING_UNIQUE_VALUE")])

    def _calculate(self, kind: ObjectType, row: Row) -> None:
        """Read-only properties that follow the stage."""
        if kind.stage_property is None or "hs_is_closed" not in kind.properties:
            return
        pipeline = kind.pipelines.get(row.props.get("pipeline", ""))
        stage = pipeline.stages.get(row.props.get("dealstage", "")) if pipeline else None
        row.props["hs_is_closed"] = _flag(stage is not None and stage.closed)
        row.props["hs_is_closed_won"] = _flag(stage is not None and stage.won)
        if stage is not None and "probability" in stage.metadata:
            row.props["hs_deal_stage_probability"] = stage.metadata["probability"]


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _no_option(name: str, value: str, known: list[str]) -> JSON:
    message = f"{value} was not one of the allowed options: [{', '.join(known)}]"
    return value_problem(name, message, "INVALID_OPTION")


def _append_choices(kind: ObjectType, row: Row, values: dict[str, str]) -> None:
    """A checkbox value that begins with ";" adds to what is there."""
    for name, value in values.items():
        if value.startswith(";") and kind.properties[name].field_type == "checkbox":
            both = [*row.props.get(name, "").split(";"), *value.split(";")]
            values[name] = ";".join(dict.fromkeys(part for part in both if part))


def _differing(old: Mapping[str, str], row: Row, names: Iterable[str]) -> list[str]:
    return [name for name in names if old.get(name) != row.props.get(name)]


def _mergeable(kind: ObjectType, name: str) -> bool:
    definition = kind.properties.get(name)
    return definition is not None and not definition.read_only and not name.startswith("hs_")


def _keep_history(row: Row, name: str, value: str, now: int, actor: Actor) -> None:
    held = row.props.get(name, "")
    if held == value:
        return
    changes = row.history.setdefault(name, [])
    if not changes and held:
        changes.append(first_change(row, held))
    changes.insert(0, (value, iso(now), actor.source, actor.source_id, actor.user_id or ""))


def first_change(row: Row, value: str) -> tuple[str, str, str, str, str]:
    """The entry of a value that the record was created with."""
    props = row.props
    return (
        value,
        iso(row.created),
        props.get("hs_object_source", ""),
        props.get("hs_object_source_id", ""),
        props.get("hs_created_by_user_id", ""),
    )
