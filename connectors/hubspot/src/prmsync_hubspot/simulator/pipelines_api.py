"""Pipelines and their stages: list, read, create, rename, remove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prmsync_hubspot.simulator.objects import ObjectType
from prmsync_hubspot.simulator.pipelines import (
    Pipeline,
    Stage,
    pipeline_from_json,
    stage_from_json,
)
from prmsync_hubspot.simulator.portal import Portal
from prmsync_hubspot.simulator.problems import ApiError, bad_request, not_found
from prmsync_hubspot.simulator.routing import Call, Reply, Route
from prmsync_hubspot.simulator.shapes import whole
from prmsync_hubspot.simulator.stamps import iso


class PipelinesApi:
    """`/crm/v3/pipelines/{type}` and `/crm/pipelines/2026-09/{type}`."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def routes(self) -> list[Route]:
        return [
            Route("GET", "*", "pipelines.list", self.list),
            Route("POST", "*", "pipelines.create", self.create),
            Route("GET", "*/*", "pipelines.read", self.read),
            Route("PATCH", "*/*", "pipelines.update", self.update),
            Route("PUT", "*/*", "pipelines.replace", self.replace),
            Route("DELETE", "*/*", "pipelines.delete", self.delete),
            Route("GET", "*/*/stages", "pipelines.stages", self.stages),
            Route("POST", "*/*/stages", "pipelines.stage_create", self.create_stage),
            Route("GET", "*/*/stages/*", "pipelines.stage_read", self.read_stage),
            Route("PATCH", "*/*/stages/*", "pipelines.stage_update", self.update_stage),
            Route("PUT", "*/*/stages/*", "pipelines.stage_update", self.update_stage),
            Route("DELETE", "*/*/stages/*", "pipelines.stage_delete", self.delete_stage),
        ]

    def list(self, call: Call) -> Reply:
        kind = self._kind(call, "read")
        shown = sorted(kind.pipelines.values(), key=lambda item: item.order)
        return 200, {"results": [item.as_json() for item in shown if not item.archived]}

    def read(self, call: Call) -> Reply:
        return 200, self._pipeline(call, "read").as_json()

    def create(self, call: Call) -> Reply:
        kind, body = self._kind(call, "write"), call.json()
        if not body.get("label") or not isinstance(body.get("stages"), list):
            raise bad_request("a pipeline needs a label and stages")
        made = _parsed_pipeline(body, self._portal.number(), iso(self._portal.now_ms()))
        kind.pipelines[made.id] = made
        return 201, made.as_json()

    def update(self, call: Call) -> Reply:
        pipeline, body = self._pipeline(call, "write"), call.json()
        pipeline.label = str(body.get("label") or pipeline.label)
        pipeline.order = whole(body.get("displayOrder"), "displayOrder", pipeline.order)
        pipeline.archived = bool(body.get("archived", pipeline.archived))
        pipeline.updated = iso(self._portal.now_ms())
        return 200, pipeline.as_json()

    def replace(self, call: Call) -> Reply:
        """All stages anew; one that is left out goes, unless records use it."""
        kind, pipeline = self._kind(call, "write"), self._pipeline(call, "write")
        raw = {**call.json(), "id": pipeline.id, "createdAt": pipeline.created}
        made = _parsed_pipeline(raw, pipeline.id, iso(self._portal.now_ms()))
        for stage_id in pipeline.stages.keys() - made.stages.keys():
            self._refuse_used(call, kind, "stage", stage_id)
        kind.pipelines[pipeline.id] = made
        return 200, made.as_json()

    def delete(self, call: Call) -> Reply:
        kind, pipeline = self._kind(call, "write"), self._pipeline(call, "write")
        self._refuse_used(call, kind, "pipeline", pipeline.id)
        del kind.pipelines[pipeline.id]
        return 204, None

    def stages(self, call: Call) -> Reply:
        return 200, {"results": self._pipeline(call, "read").as_json()["stages"]}

    def read_stage(self, call: Call) -> Reply:
        return 200, self._stage(call, "read").as_json()

    def create_stage(self, call: Call) -> Reply:
        pipeline, body = self._pipeline(call, "write"), call.json()
        if not body.get("label"):
            raise bad_request("a stage needs a label")
        now = iso(self._portal.now_ms())
        made = _parsed_stage(body, self._portal.number(), len(pipeline.stages), now)
        pipeline.stages[made.id] = made
        return 201, made.as_json()

    def update_stage(self, call: Call) -> Reply:
        stage, body = self._stage(call, "write"), call.json()
        raw = {**stage.as_json(), **body, "id": stage.id}
        made = _parsed_stage(raw, stage.id, stage.order, stage.created)
        stage.label, stage.order, stage.metadata = made.label, made.order, made.metadata
        stage.archived, stage.updated = made.archived, iso(self._portal.now_ms())
        return 200, stage.as_json()

    def delete_stage(self, call: Call) -> Reply:
        kind, stage = self._kind(call, "write"), self._stage(call, "write")
        self._refuse_used(call, kind, "stage", stage.id)
        del self._pipeline(call, "write").stages[stage.id]
        return 204, None

    def _refuse_used(self, call: Call, kind: ObjectType, what: str, its_id: str) -> None:
        """From version 2026-09 on, what records use is not deleted."""
        name = kind.pipeline_property if what == "pipeline" else kind.stage_property
        if call.actor.enforced and name is not None:
            rows = (kind.table.rows[row_id] for row_id in kind.table.live)
            if any(row.props.get(name) == its_id for row in rows):
                raise bad_request(f"the {what} {its_id} is in use and cannot be deleted")

    def _pipeline(self, call: Call, access: str) -> Pipeline:
        found = self._kind(call, access).pipelines.get(call.args[1])
        if found is None:
            raise not_found(f"there is no pipeline {call.args[1]}")
        return found

    def _stage(self, call: Call, access: str) -> Stage:
        found = self._pipeline(call, access).stages.get(call.args[2])
        if found is None:
            raise not_found(f"there is no stage {call.args[2]}")
        return found

    def _kind(self, call: Call, access: str) -> ObjectType:
        kind = self._portal.type_named(call.args[0])
        if kind.pipeline_property is None:
            raise ApiError(400, f"{kind.shown_name} has no pipelines")
        call.grant.need(f"crm.schemas.{kind.scope}.{access}")
        return kind


def _parsed_pipeline(raw: Mapping[str, Any], its_id: str, now: str) -> Pipeline:
    try:
        return pipeline_from_json(raw, its_id, now)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_request(f"Invalid input JSON: {error}") from None


def _parsed_stage(raw: Mapping[str, Any], its_id: str, place: int, now: str) -> Stage:
    try:
        return stage_from_json(raw, its_id, place, now)
    except (ValueError, TypeError, AttributeError) as error:
        raise bad_request(f"Invalid input JSON: {error}") from None
