"""One API call: who makes it, with which version, and where faults for single rows come from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from prmsync.connector.simulator.faults import Faults
from prmsync.connector.simulator.http import Request
from prmsync_salesforce.simulator.failure import ApiError, bad_data
from prmsync_salesforce.simulator.org import Writer


@dataclass(frozen=True, slots=True)
class Call:
    """`version` is the path's, e.g. `v68.0`; `segments` follow it, percent-decoded."""

    request: Request
    version: str
    segments: tuple[str, ...]
    writer: Writer
    faults: Faults

    @property
    def method(self) -> str:
        return self.request.method

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
