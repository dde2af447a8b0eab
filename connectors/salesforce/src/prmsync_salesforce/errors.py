"""Salesforce's error codes → our classes, in one table, with what a CRM admin can do.

Error shapes: REST answers `[{message, errorCode, fields?}]`, rows of a collection
`[{statusCode, message, fields}]`, sign-in `{error, error_description}`; any key may be absent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
import orjson

from prmsync.connector.budget import CallKind
from prmsync.connector.retry import retry_after
from prmsync.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    LockedError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
    SchemaError,
)
from prmsync_salesforce.clock import answered_at


class LocatorExpiredError(RejectedError):
    """A query locator is no longer valid: the query is to be asked again."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a code means for a row and, where that differs, for a whole call. `quote` is False
    where Salesforce's text repeats the record's own values, which never reach logs or errors."""

    row: type[ConnectorError]
    hint: str = ""
    call: type[ConnectorError] | None = None
    quote: bool = True


UNAVAILABLE = "SERVER_UNAVAILABLE"

_PERMISSION = (
    "Give the integration user's permission set this access (object, field, record sharing)."
)
_LOCKED = "Another process holds the record or its parent; it is tried again."
_PICKLIST = "Add the value to the field's active picklist values, or change the mapping's picklist."
_FIELD = "Is the field spelt as in Setup, and visible to the integration user (field security)?"
_AUTOMATION = "An Apex trigger or flow of the org refuses the record; its owner can say why."
_LATER = "Salesforce is busy; it is tried again."

CODES: Mapping[str, Rule] = {
    # Sign-in and permission
    "INVALID_SESSION_ID": Rule(
        AuthError, "A new sign-in did not help: may the integration user use the API?"
    ),
    "INVALID_AUTH_HEADER": Rule(AuthError, "Check client_id and client_secret."),
    "API_DISABLED_FOR_ORG": Rule(AuthError, "This edition of Salesforce has no API access."),
    "API_CURRENTLY_DISABLED": Rule(AuthError, "Give the integration user “API Enabled”."),
    "INSUFFICIENT_ACCESS": Rule(RejectedError, _PERMISSION, call=AuthError),
    "INSUFFICIENT_ACCESS_OR_READONLY": Rule(RejectedError, _PERMISSION, call=AuthError),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Rule(
        RejectedError, _PERMISSION, call=AuthError
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Rule(RejectedError, _AUTOMATION),
    "CANNOT_EXECUTE_FLOW_TRIGGER": Rule(RejectedError, _AUTOMATION),
    # Limits
    "REQUEST_LIMIT_EXCEEDED": Rule(
        QuotaError,
        "The org's API calls of the last 24 hours are used up; see Setup, System Overview.",
    ),
    "STORAGE_LIMIT_EXCEEDED": Rule(
        QuotaError, "The org's data storage is full; see Setup, Storage Usage."
    ),
    UNAVAILABLE: Rule(RetryableError, _LATER),
    "QUERY_TIMEOUT": Rule(RetryableError, _LATER),
    "UNABLE_TO_LOCK_ROW": Rule(RetryableError, _LOCKED),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Rule(
        RetryableError, "Another record of the same batch failed; this one is tried again."
    ),
    "PROCESSING_HALTED": Rule(
        RetryableError, "Another record of the same batch failed; this one is tried again."
    ),
    # The record itself
    "DUPLICATES_DETECTED": Rule(
        RejectedError,
        "A duplicate rule stops it: merge the records, link them with `prmsync match`, or let the "
        "rule allow the integration user.",
    ),
    "DUPLICATE_VALUE": Rule(
        RejectedError, "Another record already holds this unique value.", quote=False
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Rule(
        RejectedError, "A validation rule of the org refuses the record."
    ),
    "FIELD_INTEGRITY_EXCEPTION": Rule(
        RejectedError, "The values do not fit together.", quote=False
    ),
    "FIELD_FILTER_VALIDATION_EXCEPTION": Rule(
        RejectedError, "A lookup filter of the org refuses the referenced record."
    ),
    "REQUIRED_FIELD_MISSING": Rule(
        RejectedError, "Map the field, or give it a default value in Salesforce."
    ),
    "STRING_TOO_LONG": Rule(RejectedError, "The text is longer than the field.", quote=False),
    "NUMBER_OUTSIDE_VALID_RANGE": Rule(
        RejectedError, "The number has more digits than the field.", quote=False
    ),
    "INVALID_EMAIL_ADDRESS": Rule(RejectedError, "Not an e-mail address.", quote=False),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Rule(RejectedError, _PICKLIST),
    "INACTIVE_OWNER_OR_USER": Rule(
        RejectedError, "The owner is inactive; set the connection's fallback owner.", quote=False
    ),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Rule(
        RejectedError, "The value is not of the field's type.", quote=False
    ),
    "JSON_PARSER_ERROR": Rule(
        RejectedError, "A value cannot be read as the field's type.", quote=False
    ),
    "MALFORMED_ID": Rule(RejectedError, "Not a Salesforce id of this object."),
    "INVALID_CROSS_REFERENCE_KEY": Rule(
        RejectedError, "The record or one that it refers to does not exist or is not visible."
    ),
    "DUPLICATE_EXTERNAL_ID": Rule(
        RejectedError, "Several records hold this external key: clear it in the wrong ones."
    ),
    "MISSING_ARGUMENT": Rule(RejectedError),
    "CANNOT_UPDATE_CONVERTED_LEAD": Rule(RejectedError, "Converted leads cannot be changed."),
    "ENTITY_IS_LOCKED": Rule(
        LockedError,
        "An approval process locks the record. Nothing has to be done: it is written by itself "
        "once the approval has ended; an approver or an admin can unlock it before.",
    ),
    "DELETE_FAILED": Rule(RejectedError, "Other records or automation keep it from deletion."),
    "ENTITY_IS_DELETED": Rule(GoneError),
    "NOT_FOUND": Rule(
        GoneError,
        "Is base_url the org's My Domain address, api_version one that it has, and the key field "
        "marked “External ID”?",
        call=SchemaError,
    ),
    # Names that the org does not have
    "INVALID_FIELD": Rule(RejectedError, _FIELD, call=SchemaError),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Rule(RejectedError, _FIELD),
    "INVALID_TYPE": Rule(
        RejectedError,
        "Is the object spelt as in Setup, and may the integration user see it?",
        call=SchemaError,
    ),
    "UNSUPPORTED_API_VERSION": Rule(
        SchemaError, "Set the connection's api_version to one that the org has."
    ),
    "INVALID_QUERY_LOCATOR": Rule(LocatorExpiredError),
    "INVALID_QUERY_FILTER_OPERATOR": Rule(SchemaError, _FIELD),
    "MALFORMED_QUERY": Rule(SchemaError, _FIELD),
    # Sign-in (OAuth)
    "invalid_client_id": Rule(
        AuthError, "Check client_id: the consumer key of the external client app."
    ),
    "invalid_client": Rule(AuthError, "Check client_secret: the consumer secret of the app."),
    "invalid_grant": Rule(
        AuthError, "Enable the client credentials flow in the app and name its “Run As” user."
    ),
    "invalid_request": Rule(AuthError, "base_url must be the org's own My Domain address."),
    "inactive_user": Rule(AuthError, "The app's “Run As” user is inactive."),
    "inactive_org": Rule(AuthError, "The org is locked or closed."),
    "unsupported_grant_type": Rule(AuthError, "Enable the client credentials flow in the app."),
    "server_error": Rule(RetryableError, _LATER),
    "temporarily_unavailable": Rule(RetryableError, _LATER),
}

_UNKNOWN_ROW = Rule(RejectedError)


def judge(response: httpx.Response, kind: CallKind) -> ConnectorError | None:
    """The error of a whole call, None when the answer can be used."""
    if response.status_code < 300:
        return None
    error = call_error(response.status_code, _body(response), kind)
    if isinstance(error, RetryableError | QuotaError):
        error.retry_after = retry_after(response.headers, answered_at(response))
    return error


def call_error(status: int, body: Any, kind: CallKind) -> ConnectorError:
    """The error of a whole call, or of one call inside a composite, by its JSON body."""
    first = body[0] if isinstance(body, list) and body else body
    item = first if isinstance(first, dict) else {}
    code = _code_of(item)
    return (
        _of_code(code, item, _call_class(code, item, status, kind))
        if code
        else _of_status(status, kind)
    )


def row_error(errors: Sequence[Mapping[str, Any]]) -> ConnectorError:
    """One row's error; the first that is not worth a retry decides what becomes of the row."""
    found = [_of_code(_code_of(item), item, _row_class(item)) for item in errors]
    if not found:
        return RejectedError("Salesforce refused the record and gave no reason")
    worst = next((error for error in found if not isinstance(error, RetryableError)), found[0])
    if len(found) > 1:
        worst.message = "; ".join(dict.fromkeys(error.message for error in found))
        worst.fields = tuple(dict.fromkeys(name for error in found for name in error.fields))
    return worst


def sign_in_error(
    code: object, description: object, hints: Mapping[str, str] | None = None
) -> ConnectorError:
    """The error of a refused token request; `hints` are the grant's own."""
    name = str(code or "")
    rule = CODES.get(name, Rule(AuthError, "Check client_id, client_secret and base_url."))
    return rule.row(
        f"Salesforce refused the sign-in: {description or 'no reason given'}"
        + (f" ({name})" if name else ""),
        hint=(hints or {}).get(name, rule.hint),
        code=name,
    )


def _of_code(code: str, item: Mapping[str, Any], kind: type[ConnectorError]) -> ConnectorError:
    rule = CODES.get(code, _UNKNOWN_ROW)
    fields = tuple(str(name) for name in item.get("fields") or ())
    said = " ".join(str(item.get("message") or "").split())[:300] if rule.quote else ""
    about = f" ({', '.join(fields)})" if fields else ""
    hint = " ".join(part for part in (rule.hint, _duplicates(item)) if part)
    return kind(
        f"{code}{about}" + (f": {said}" if said else ""), hint=hint, code=code, fields=fields
    )


def _row_class(item: Mapping[str, Any]) -> type[ConnectorError]:
    code = _code_of(item)
    return _limit_class(item) if code == "REQUEST_LIMIT_EXCEEDED" else _rule(code).row


def _call_class(
    code: str, item: Mapping[str, Any], status: int, kind: CallKind
) -> type[ConnectorError]:
    if code == "REQUEST_LIMIT_EXCEEDED":
        return _limit_class(item)
    if code not in CODES or (code == UNAVAILABLE and kind == "write"):
        # A server that is busy does not say how far it came: a plain create would be made twice.
        return type(_of_status(status, kind))
    return _rule(code).call or _rule(code).row


def _limit_class(item: Mapping[str, Any]) -> type[ConnectorError]:
    """Too many long calls at one moment pass soon; the day's total does not."""
    concurrent = "concurrent" in str(item.get("message") or "").lower()
    return RetryableError if concurrent else QuotaError


def _rule(code: str) -> Rule:
    return CODES.get(code, _UNKNOWN_ROW)


def _of_status(status: int, kind: CallKind) -> ConnectorError:
    """For answers without a code that we know: a proxy's page, or a code that is new."""
    if status == 429:
        return RetryableError(f"Salesforce answered {status}", hint=_LATER)
    if status >= 500:
        if kind == "write":
            return OutcomeUnknownError(
                f"Salesforce answered {status} to a write",
                hint="It may have been written; it is read back before anything is sent again.",
            )
        return RetryableError(f"Salesforce answered {status}", hint=_LATER)
    if status in (401, 403):
        return AuthError(f"Salesforce answered {status}", hint=_PERMISSION)
    if status == 404:
        return SchemaError(f"Salesforce answered {status}", hint=CODES["NOT_FOUND"].hint)
    if status == 300:
        return RejectedError(
            "several records hold the same external key",
            hint="Make the key field unique in Salesforce and clear the key of the wrong records.",
        )
    return RejectedError(f"Salesforce answered {status}")


def _body(response: httpx.Response) -> Any:
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None


def _code_of(item: Mapping[str, Any]) -> str:
    return str(item.get("errorCode") or item.get("statusCode") or item.get("error") or "")


def _duplicates(item: Mapping[str, Any]) -> str:
    """Ids of the records that a duplicate rule found. Salesforce spells the key with a slip."""
    result = item.get("duplicateResut") or item.get("duplicateResult")
    matches = result.get("matchResults") if isinstance(result, dict) else None
    ids = list(_record_ids(matches or ()))
    return f"It matches {', '.join(ids[:5])}." if ids else ""


def _record_ids(matches: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for match in matches:
        for record in match.get("matchRecords") or ():
            found = (record.get("record") or {}).get("Id")
            if found:
                yield str(found)
