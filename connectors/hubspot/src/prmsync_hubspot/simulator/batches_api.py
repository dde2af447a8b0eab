"""Batches of records: 100 inputs, whole refusals, and 207 answers that hold failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prmsync_hubspot.simulator.answers import envelope, history_json, show_written, shower
from prmsync_hubspot.simulator.associating import LinkUp, associate_new
from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.objects_api import ObjectsApi, kind_for, properties_of
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import JSON, ApiError, bad_request, invalid_values
from prmsync_hubspot.simulator.routing import Call, Reply, Route
from prmsync_hubspot.simulator.shapes import objects, texts
from prmsync_hubspot.simulator.writing import Claims, Draft, Writer

LARGEST_BATCH = 100
LARGEST_BATCH_WITH_HISTORY = 50
Input = Mapping[str, Any]


@dataclass(slots=True)
class _Planned:
    """A batch row that passed validation; `new` is told in an upsert's answer only."""

    draft: Draft
    trace: str | None
    links: list[LinkUp]
    new: bool | None = None


@dataclass(slots=True)
class _Failed:
    """A batch row that was refused."""

    id: str
    trace: str | None
    error: ApiError


class BatchesApi:
    """`…/{type}/batch/{read,create,update,upsert,archive}`."""

    def __init__(self, portal: Portal, writer: Writer, objects: ObjectsApi) -> None:
        self._portal = portal
        self._writer = writer
        self._objects = objects

    def routes(self) -> list[Route]:
        return [
            Route("POST", f"*/batch/{name}", f"objects.batch_{name}", handler, ("v3",))
            for name, handler in (
                ("read", self.read),
                ("create", self.create),
                ("update", self.update),
                ("upsert", self.upsert),
                ("archive", self.archive),
            )
        ]

    def read(self, call: Call) -> Reply:
        """207 with one error that lists the ids not found."""
        kind, body = kind_for(self._portal, call, "read"), call.json()
        started, id_property = self._portal.now_ms(), str(body.get("idProperty") or "")
        archived = call.flag("archived")
        show = shower(self._portal, kind, kind.shown(texts(body.get("properties"), "properties")))
        history = texts(body.get("propertiesWithHistory"), "propertiesWithHistory")
        results, missing = [], []
        inputs = inputs_of(body, LARGEST_BATCH_WITH_HISTORY if history else LARGEST_BATCH)
        for row_id in dict.fromkeys(str(item.get("id")) for item in inputs):
            row = self._objects.row(kind, row_id, id_property, archived=archived)
            if row is None:
                missing.append(row_id)
                continue
            results.append(show(row))
            if history:
                results[-1]["propertiesWithHistory"] = history_json(row, history)
        errors = [_not_found_row(kind, missing)] if missing else []
        return self._reply(results, errors, started, 200)

    def create(self, call: Call) -> Reply:
        kind, inputs = kind_for(self._portal, call, "write"), inputs_of(call.json())
        claims: Claims = {}

        def plan(item: Input, trace: str | None) -> _Planned:
            given = properties_of(item)
            self._objects.refuse_on_fault(call.request, None, given)
            draft = self._writer.draft_create(kind, given, call.actor, claims)
            links = associate_new(self._portal, kind, item.get("associations"))
            return _Planned(draft, trace, links)

        return self._write(call, kind, inputs, plan, next(self._objects.created_status))

    def update(self, call: Call) -> Reply:
        kind, inputs = kind_for(self._portal, call, "write"), inputs_of(call.json())
        _no_duplicates([str(item.get("id")) for item in inputs])
        claims: Claims = {}

        def plan(item: Input, trace: str | None) -> _Planned:
            id_property = str(item.get("idProperty") or "")
            if id_property:
                self._objects.need_unique(kind, id_property)
            row = self._objects.row(kind, str(item.get("id")), id_property)
            if row is None:
                raise ApiError(404, _missing_text(kind), "OBJECT_NOT_FOUND")
            given = properties_of(item)
            self._objects.refuse_on_fault(call.request, row, given)
            draft = self._writer.draft_update(kind, row, given, call.actor, claims)
            return _Planned(draft, trace, [])

        return self._write(call, kind, inputs, plan, 200)

    def upsert(self, call: Call) -> Reply:
        kind, inputs = kind_for(self._portal, call, "write"), inputs_of(call.json())
        for item in inputs:
            if not item.get("idProperty"):
                raise bad_request("idProperty is required for an upsert")
            self._objects.need_unique(kind, str(item["idProperty"]))
        _no_duplicates([str(item.get("id")) for item in inputs])
        claims: Claims = {}

        def plan(item: Input, trace: str | None) -> _Planned:
            return self._plan_upsert(call, kind, item, trace, claims)

        return self._write(call, kind, inputs, plan, 200)

    def _plan_upsert(
        self, call: Call, kind: ObjectType, item: Input, trace: str | None, claims: Claims
    ) -> _Planned:
        key, value = str(item["idProperty"]), str(item.get("id") or "")
        if not value:
            raise bad_request("id is required for an upsert")
        row = kind.table.by_unique(key, value)
        given = {**properties_of(item)}
        self._objects.refuse_on_fault(call.request, row, given, value)
        if row is None:
            given.setdefault(key, value)
            draft = self._writer.draft_create(kind, given, call.actor, claims)
        else:
            draft = self._writer.draft_update(kind, row, given, call.actor, claims)
        return _Planned(draft, trace, [], new=row is None)

    def archive(self, call: Call) -> Reply:
        """204, also for ids that are not there."""
        kind = kind_for(self._portal, call, "write")
        for item in inputs_of(call.json()):
            row = kind.table.get(str(item.get("id")))
            if row is not None:
                self._writer.archive(kind, row, call.actor)
        return 204, None

    def _write(
        self,
        call: Call,
        kind: ObjectType,
        inputs: Sequence[Input],
        plan: Callable[[Input, str | None], _Planned],
        status: int,
    ) -> Reply:
        """Validate all rows, refuse the batch or keep the good ones, write them."""
        started = self._portal.now_ms()
        _no_duplicate_traces(inputs)
        planned: list[_Planned] = []
        failed: list[_Failed] = []
        for item in inputs:
            trace = item.get("objectWriteTraceId")
            trace = None if trace is None else str(trace)
            try:
                planned.append(plan(item, trace))
            except ApiError as error:
                failed.append(_Failed(str(item.get("id", "")), trace, error))
        _refuse_whole(failed)
        results = [self._commit(call, kind, row) for row in planned]
        return self._reply(results, _error_rows(kind, failed), started, status)

    def _commit(self, call: Call, kind: ObjectType, planned: _Planned) -> JSON:
        row = self._writer.commit(planned.draft, call.actor)
        for link_up in planned.links:
            link_up(row.id)
        shown = show_written(self._portal, kind, row, planned.draft.values)
        if planned.new is not None:
            shown["new"] = planned.new
        if planned.trace is not None:
            shown["objectWriteTraceId"] = planned.trace
        return shown

    def _reply(self, results: list[JSON], errors: list[JSON], started: int, status: int) -> Reply:
        if self._portal.settings.shuffle_batches:
            self._portal.random.shuffle(results)
        body = envelope(results, errors, started, self._portal.now_ms())
        return (207 if errors else status), body


def inputs_of(body: Mapping[str, Any], most: int = LARGEST_BATCH) -> list[Input]:
    """`inputs` of a batch. Raises ApiError 400 for none, too many, or no objects."""
    if body.get("inputs") is None:
        raise bad_request("Invalid input JSON: inputs are missing")
    inputs = objects(body["inputs"], "inputs")
    if len(inputs) > most:
        raise bad_request(f"the batch has {len(inputs)} inputs, at most {most} are allowed")
    return [*inputs]


def _no_duplicates(ids: Sequence[str]) -> None:
    if len(set(ids)) < len(ids):
        twice = [item for item in dict.fromkeys(ids) if ids.count(item) > 1]
        raise bad_request(
            f"Duplicate IDs found in batch input: [{', '.join(twice)}]. IDs must be unique",
            ids=twice,
        )


def _no_duplicate_traces(inputs: Sequence[Input]) -> None:
    traces = [str(item["objectWriteTraceId"]) for item in inputs if "objectWriteTraceId" in item]
    if len(set(traces)) < len(traces):
        raise bad_request("objectWriteTraceId must be unique in a batch")


def _refuse_whole(failed: Sequence[_Failed]) -> None:
    """Rows with an objectWriteTraceId fail alone, and so do records that are not there; any other
    refusal is one of the whole batch. Values that were not valid are told for all rows."""
    whole = [
        item.error
        for item in failed
        if item.trace is None and item.error.category != "OBJECT_NOT_FOUND"
    ]
    if not whole:
        return
    problems = [problem for error in whole for problem in error.problems]
    if problems and all(error.problems for error in whole):
        raise invalid_values(problems)
    raise whole[0]


def _error_rows(kind: ObjectType, failed: Sequence[_Failed]) -> list[JSON]:
    missing = [item.id for item in failed if _plainly_missing(item)]
    rows = [_not_found_row(kind, missing)] if missing else []
    for item in failed:
        if not _plainly_missing(item):
            context = {"objectWriteTraceId": [item.trace]} if item.trace is not None else {}
            if item.id:
                context["ids"] = [item.id]
            rows.append(item.error.as_row(context))
    return rows


def _plainly_missing(item: _Failed) -> bool:
    return item.trace is None and item.error.category == "OBJECT_NOT_FOUND"


def _not_found_row(kind: ObjectType, ids: Sequence[str]) -> JSON:
    error = ApiError(404, _missing_text(kind), "OBJECT_NOT_FOUND")
    return error.as_row({"ids": ids})


def _missing_text(kind: ObjectType) -> str:
    return (
        f"Could not get some {kind.shown_name} objects, they may be deleted or not exist."
        " Check that ids are valid."
    )
