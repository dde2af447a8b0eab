"""One API call: who makes it, with which version, and where faults for single rows come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from prmsync.connector.simulator.faults import Faults
from prmsync.connector.simulator.http import Request
from prmsync_salesforce.simulator.database import Table
from prmsync_salesforce.simulator.failure import ApiError, bad_data
from prmsync_salesforce.simulator.org import Org, Writer
from prmsync_salesforce.simulator.schema import ObjectDefinition


@dataclass(frozen=True, slots=True)
class Call:
    """`version` is the path's, e.g. `v68.0`; `segments` follow it, percent-decoded. `tooling`: it
    goes to the Tooling API."""

    request: Request
    version: str
    segments: tuple[str, ...]
    writer: Writer
    faults: Faults
    org: Org
    tooling: bool = False

    @property
    def method(self) -> str:
        return self.request.method

    def below(self, name: str) -> Call:
        """The same call seen from inside the resource `name`."""
        tooling = self.tooling or name == "tooling"
        return replace(self, segments=self.segments[1:], tooling=tooling)

    def table(self, name: str) -> Table | None:
        """An object's table, None when the caller does not see it over the REST API."""
        table = self.org.database.table(name)
        if table is None or table.definition.tooling:
            return None
        return table if self.seen(table) is not None else None

    def seen(self, table: Table) -> ObjectDefinition | None:
        """The object as the caller sees it, None when they do not."""
        return self.org.access.view(table, self.writer.user_id)

    def definition(self, table: Table) -> ObjectDefinition:
        """The object as the caller sees it."""
        return self.seen(table) or table.definition

    def parameter(self, name: str) -> str | None:
        """A query parameter's first value, its name without regard to case."""
        for key, values in self.request.query.items():
            if key.lower() == name.lower():
                return values[0]
        return None

    def flag(self, name: str) -> bool:
        return (self.parameter(name) or "").lower() == "true"

    def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises JSON_PARSER_ERROR."""
        try:
            body = orjson.loads(self.request.body or b"{}")
        except orjson.JSONDecodeError as error:
            raise ApiError(400, "JSON_PARSER_ERROR", str(error)) from error
        if not isinstance(body, dict):
            raise ApiError(400, "JSON_PARSER_ERROR", "The HTTP entity body must be an object")
        return body

    def check_row(self, values: Mapping[str, Any], *more: str | None) -> None:
        """Refuses this row when a fault rule says so; rules see all its text values."""
        if not self.faults.has_row_rules:
            return
        texts = [value for value in (*values.values(), *more) if isinstance(value, str)]
        rule = self.faults.for_record(self.request, texts)
        if rule is not None:
            code = rule.code or "UNABLE_TO_LOCK_ROW"
            message = rule.message or "unable to obtain exclusive access to this record"
            raise bad_data(code, message)
