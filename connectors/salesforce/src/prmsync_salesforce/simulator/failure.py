"""Errors as Salesforce's REST API words them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """One refused call or record. `fields` None leaves the key out of the answer, as Salesforce
    does for errors that are not about a record's data. `more` are further keys of the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: list[str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.more = dict(more or {})

    def as_answer(self) -> list[dict[str, Any]]:
        """The body of a single call's error answer."""
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = self.fields
        return [{**body, **self.more}]

    def as_row(self) -> dict[str, Any]:
        """One row's result in a collections answer."""
        error: dict[str, Any] = {"statusCode": self.code, "message": self.message}
        error |= {"fields": self.fields or [], **self.more}
        return {"success": False, "errors": [error]}


def no_resource() -> ApiError:
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


def unknown_type(name: str) -> ApiError:
    """The org has no such object, or not for this user."""
    return ApiError(400, "INVALID_TYPE", f"sObject type '{name}' is not supported.")


def bad_data(code: str, message: str, *fields: str) -> ApiError:
    """A record's data is refused."""
    return ApiError(400, code, message, list(fields))


def rolled_back() -> ApiError:
    return bad_data(
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "Record rolled back because not all records were valid and the request was using "
        "AllOrNone header",
    )
