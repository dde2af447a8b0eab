"""Pipelines and stages: internal ids, labels, metadata as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prmsync_hubspot.simulator.problems import JSON
from prmsync_hubspot.simulator.shapes import whole
from prmsync_hubspot.simulator.stamps import iso


@dataclass(slots=True)
class Stage:
    id: str
    label: str
    order: int
    metadata: dict[str, str]
    created: str = iso(0)
    updated: str = iso(0)
    archived: bool = False

    def as_json(self) -> JSON:
        return {
            "label": self.label,
            "displayOrder": self.order,
            "metadata": self.metadata,
            "id": self.id,
            "createdAt": self.created,
            "updatedAt": self.updated,
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": self.archived,
        }

    @property
    def closed(self) -> bool:
        return self.metadata.get("isClosed") == "true"

    @property
    def won(self) -> bool:
        return self.closed and float(self.metadata.get("probability") or 0) == 1.0


@dataclass(slots=True)
class Pipeline:
    """`stages` by id, in display order."""

    id: str
    label: str
    order: int
    stages: dict[str, Stage] = field(default_factory=dict)
    created: str = iso(0)
    updated: str = iso(0)
    archived: bool = False

    def as_json(self) -> JSON:
        stages = sorted(self.stages.values(), key=lambda stage: stage.order)
        return {
            "label": self.label,
            "displayOrder": self.order,
            "id": self.id,
            "stages": [stage.as_json() for stage in stages if not stage.archived],
            "createdAt": self.created,
            "updatedAt": self.updated,
            "archived": self.archived,
        }


def stage_from_json(raw: Mapping[str, Any], stage_id: str, place: int, now: str) -> Stage:
    """A stage as the pipelines API takes or shows it; `stage_id` where `raw` has none.

    A deal stage closes where probability is 0 or 1, unless its metadata says otherwise.
    """
    given = raw.get("metadata")
    metadata = {key: _text(value) for key, value in (given or {}).items()}
    if "probability" in metadata and "isClosed" not in metadata:
        metadata["isClosed"] = _text(float(metadata["probability"]) in (0.0, 1.0))
    return Stage(
        id=str(raw.get("id") or raw.get("stageId") or stage_id),
        label=str(raw.get("label") or ""),
        order=whole(raw.get("displayOrder"), "displayOrder", place),
        metadata=metadata,
        created=str(raw.get("createdAt") or now),
        updated=str(raw.get("updatedAt") or now),
        archived=bool(raw.get("archived", False)),
    )


def pipeline_from_json(raw: Mapping[str, Any], pipeline_id: str, now: str) -> Pipeline:
    """A pipeline as the pipelines API takes or shows it. Stages without an id get numbers."""
    made = Pipeline(
        id=str(raw.get("id") or raw.get("pipelineId") or pipeline_id),
        label=str(raw.get("label") or ""),
        order=whole(raw.get("displayOrder"), "displayOrder", 0),
        created=str(raw.get("createdAt") or now),
        updated=str(raw.get("updatedAt") or now),
        archived=bool(raw.get("archived", False)),
    )
    for place, item in enumerate(raw.get("stages") or []):
        stage = stage_from_json(item, f"{pipeline_id}{place + 1:02d}", place, now)
        made.stages[stage.id] = stage
    return made


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
