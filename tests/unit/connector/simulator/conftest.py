"""A small notebook API on the real chassis: POST /notes adds a note, GET /notes lists them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from prmsync.connector.protocol import SimulatorOptions
from prmsync.connector.simulator.chassis import Chassis, ControlError, json_response
from prmsync.connector.simulator.http import Request, Response

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Notebook:
    def __init__(self) -> None:
        self.notes: list[str] = []
        self.last_request: Request | None = None
        self.chassis = Chassis(
            "notebook",
            SimulatorOptions(now=lambda: START, seed=7),
            self._api,
            lambda request: request.path.split("/")[1],
            self,
        )
        self.handle = self.chassis.handle

    def _api(self, request: Request) -> Response:
        self.last_request = request
        if request.method == "POST":
            self.notes.append(request.body.decode())
            return json_response(201, {"count": len(self.notes)})
        if request.method == "DELETE":
            self.notes.clear()
            return Response(204)
        return json_response(200, self.notes)

    def list_records(self, object_name: str, record_id: str | None) -> list[dict[str, Any]]:
        return [{"text": note, "object": object_name} for note in self.notes]

    def write_as_user(
        self,
        object_name: str,
        record_id: str | None,
        values: Mapping[str, Any],
        user: str | None,
        stamp: datetime | None,
    ) -> str:
        if "text" not in values:
            raise ControlError("a note needs a text")
        self.notes.append(f"{values['text']} by {user} at {stamp}")
        return record_id or str(len(self.notes))

    def delete_as_user(self, object_name: str, record_id: str, user: str | None) -> None:
        del self.notes[int(record_id) - 1]

    def dump(self) -> dict[str, Any]:
        return {"notes": list(self.notes)}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.notes = list(state["notes"])


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()
