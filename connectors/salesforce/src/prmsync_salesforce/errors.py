"""Salesforce's answers → our errors; what each code means is in `codes`.

Error shapes: REST answers `[{message, errorCode, fields?}]`, rows of a collection
`[{statusCode, message, fields}]`, sign-in `{error, error_description}`; any key may be absent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import httpx
import orjson

from prmsync.connector.budget import CallKind
from prmsync.connector.retry import retry_after
from prmsync.errors import (
    AuthError,
    ConnectorError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
    SchemaError,
)
from prmsync_salesforce.clock import answered_at
from prmsync_salesforce.codes import (
    CODES,
    LATER,
    MOVED,
    PERMISSION,
    REQUEST_LIMIT,
    UNSURE,
    Rule,
)
from prmsync_salesforce.currency import FIELD as CURRENCY

__all__ = ["call_error", "judge", "row_error", "sign_in_error"]

Link = Callable[[str, str], str | None]
"""The address of a record: (object, id)."""

_UNKNOWN_ROW = Rule(RejectedError)
_HOLDER = re.compile(r"record with id: ([A-Za-z0-9]{15,18})")
_INACTIVE = re.compile(r"inactive user \[([A-Za-z0-9]{15,18})\]")
_NAMED = 3
"""Matching records that a refusal names with their addresses."""


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


def row_error(errors: Sequence[Mapping[str, Any]], link: Link | None = None) -> ConnectorError:
    """One row's error; the first that is not worth a retry decides what becomes of the row.
    `link` gives the addresses of records that it names."""
    found = [_of_code(_code_of(item), item, _row_class(item), link) for item in errors]
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


def _of_code(
    code: str, item: Mapping[str, Any], kind: type[ConnectorError], link: Link | None = None
) -> ConnectorError:
    rule = CODES.get(code, _UNKNOWN_ROW)
    fields = tuple(str(name) for name in item.get("fields") or ())
    said = " ".join(str(item.get("message") or "").split())[:300] if rule.quote else ""
    about = f" ({', '.join(fields)})" if fields else ""
    # A currency that is not active is refused as a picklist value, but is activated elsewhere.
    remedy = CODES["INVALID_CURRENCY_ISO"].hint if fields == (CURRENCY,) else rule.hint
    hint = " ".join(part for part in (remedy, _others(item, link)) if part)
    return kind(
        f"{code}{about}" + (f": {said}" if said else ""), hint=hint, code=code, fields=fields
    )


def _row_class(item: Mapping[str, Any]) -> type[ConnectorError]:
    code = _code_of(item)
    return _limit_class(item) if code == REQUEST_LIMIT else _rule(code).row


def _call_class(
    code: str, item: Mapping[str, Any], status: int, kind: CallKind
) -> type[ConnectorError]:
    if code == REQUEST_LIMIT:
        return _limit_class(item)
    if code not in CODES or (code in UNSURE and kind == "write"):
        # A server that broke off does not say how far it came: a plain create would come twice.
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
    if status == 412:
        return RetryableError(f"{MOVED}: the record moved", hint=CODES[MOVED].hint, code=MOVED)
    if status == 429:
        return RetryableError(f"Salesforce answered {status}", hint=LATER)
    if status >= 500:
        if kind == "write":
            return OutcomeUnknownError(
                f"Salesforce answered {status} to a write",
                hint="It may have been written; it is read back before anything is sent again.",
            )
        return RetryableError(f"Salesforce answered {status}", hint=LATER)
    if status in (401, 403):
        return AuthError(f"Salesforce answered {status}", hint=PERMISSION)
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


def _others(item: Mapping[str, Any], link: Link | None) -> str:
    """The records that stand in the way, or the user who left, with their addresses."""
    left = _INACTIVE.search(str(item.get("message") or ""))
    if left is not None:
        return f"The owner is {_shown('User', left[1], link)}."
    found = list(dict.fromkeys(_matches(item)))
    if not found:
        return ""
    shown = [_shown(name, record_id, link) for name, record_id in found[:_NAMED]]
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return f"It matches {', '.join(shown)}{more}."


def _shown(name: str, record_id: str, link: Link | None) -> str:
    address = link(name, record_id) if link is not None and name else None
    return " ".join(part for part in (name, record_id, address and f"({address})") if part)


def _matches(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Object and id of each record that a duplicate rule found (Salesforce spells its key with a
    slip), or that holds the unique value."""
    result = item.get("duplicateResut") or item.get("duplicateResult")
    matches = result.get("matchResults") if isinstance(result, dict) else None
    yield from _matched_records(matches or ())
    holder = _HOLDER.search(str(item.get("message") or ""))
    if holder is not None:
        yield "", holder[1]


def _matched_records(matches: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for match in matches:
        for one in match.get("matchRecords") or ():
            record = one.get("record") or {}
            kind = (record.get("attributes") or {}).get("type") or match.get("entityType")
            if record.get("Id"):
                yield str(kind or ""), str(record["Id"])
