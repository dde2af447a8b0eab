"""HubSpot's error answers: `{status, message, correlationId, category, errors?, context?}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

JSON = dict[str, Any]


class ApiError(Exception):
    """A refusal. `extra` holds further top-level keys of the body (context, errors, policyName …).

    Without a category the body has none, as HubSpot leaves it out in places. `row_context` is told
    only where the refusal is one of a 207 answer; `problems` are refused values, each by itself.
    """

    def __init__(
        self,
        status: int,
        message: str,
        category: str | None = "VALIDATION_ERROR",
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        row_context: Mapping[str, Sequence[str]] | None = None,
        problems: Sequence[JSON] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.category = category
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})
        self.row_context = dict(row_context or {})
        self.problems = tuple(problems)

    def body(self, correlation_id: str) -> JSON:
        """The whole answer's body."""
        body: JSON = {"status": "error", "message": self.message, "correlationId": correlation_id}
        body.update(self.extra)
        if self.category is not None:
            body["category"] = self.category
        return body

    def as_row(self, context: Mapping[str, Sequence[str]]) -> JSON:
        """An entry of `errors` in a 207 answer; `context` says which row it is about."""
        own = {**self.extra.get("context", {}), **self.row_context}
        row: JSON = {"status": "error", "category": self.category or "VALIDATION_ERROR"}
        if "subCategory" in self.extra:
            row["subCategory"] = self.extra["subCategory"]
        row["message"] = self.message
        told = {**{key: list(value) for key, value in context.items()}, **own}
        if told:
            row["context"] = told
        if "errors" in self.extra:
            row["errors"] = self.extra["errors"]
        return row


def value_problem(name: str, message: str, code: str) -> JSON:
    """What is wrong with one property's value, as it stands inside `message`."""
    return {"isValid": False, "message": message, "error": code, "name": name}


def invalid_values(problems: Sequence[JSON]) -> ApiError:
    """400 for property values; the details stand in `errors` and again as JSON in `message`."""
    errors = [
        {
            "message": problem["message"],
            "code": problem["error"],
            "context": {"propertyName": [problem["name"]]},
        }
        for problem in problems
    ]
    details = orjson.dumps(list(problems)).decode()
    message = f"Property values were not valid: {details}"
    return ApiError(400, message, extra={"errors": errors}, problems=problems)


def bad_request(message: str, **context: Sequence[str]) -> ApiError:
    """400 VALIDATION_ERROR."""
    extra = {"context": {key: list(value) for key, value in context.items()}} if context else {}
    return ApiError(400, message, extra=extra)


def not_found(message: str = "resource not found") -> ApiError:
    """404 OBJECT_NOT_FOUND."""
    return ApiError(404, message, "OBJECT_NOT_FOUND")


def no_such_path() -> ApiError:
    """404 for a path that HubSpot does not have."""
    return ApiError(404, "resource not found", None)
