"""The one table from what HubSpot says to what prmsync does, with a hint for the CRM admin.

HubSpot's error body is `{status, message, correlationId, category, errors?, context?}` where any
part may be missing; details of refused values come in `errors`, as JSON inside `message`, or both.
Codes are looked up from the most to the least specific: detail code, subcategory, rate-limit
policy, category, HTTP status. Messages of the API may quote values of records, so they are
masked: an error text names properties and codes, never what a person typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from prmsync.connector.budget import CallKind
from prmsync.errors import (
    AuthError,
    ConnectorError,
    Finding,
    GoneError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
    SchemaError,
)


class Rule(NamedTuple):
    """`wait` is the pause in seconds where HubSpot names none (search 429s have no Retry-After)."""

    error: type[ConnectorError]
    says: str
    hint: str
    wait: float | None = None


_LATER = "HubSpot has a problem of its own; prmsync tries again"
_KEY = "check the token in [connections.NAME.auth]: the service key or private app may be revoked"
_SCOPES = (
    "in HubSpot, open Development > Keys > Service keys (or the app), add the scope, save, and run "
    "prmsync again; with an app of your own sign in anew first: prmsync connect NAME --again"
)
_VALUE = "correct the value in the partner database, or the property's rule in HubSpot"
_OPTION = (
    "add the option to the property in HubSpot (Settings > Properties), or map the value to an "
    "option that exists; options are matched by internal name"
)
_PROPERTY = "create the property in HubSpot (Settings > Properties) or correct the mapping"
_OBJECT = "name the object by its API name, type id or fully qualified name (p123_name)"
_REQUIRED = "map a field to this property, or relax the rule (Settings > Objects > Create record)"
_UNIQUE = (
    "where both are one, link ours with that record (prmsync match), or merge the two if both are "
    "in HubSpot; else correct the value"
)
_NOT_UNIQUE = (
    "HubSpot lets this be chosen only when a property is made: make a new one that requires unique "
    "values, and name it as the mapping's key"
)
_PERMISSION = "give the user behind the token the permission, in Settings > Users & Teams"
_CODE = "it is used up or too old: run prmsync connect once more"
_REDIRECT = "add the address that prmsync connect shows (redirect_uri) to the app's redirect URLs"
_READ_ONLY = "the property is calculated or set by HubSpot: map it with direction from the CRM"

_CURRENCY = (
    "add the currency in HubSpot (Settings > Account management > Currency), or correct it in the "
    "partner database"
)
_STAGE = (
    "the stage was deleted, or belongs to another pipeline: correct the mapping's stages, or make "
    "it again (Settings > Objects > Deals > Pipelines), then prmsync mapping check --live"
)
_OWNER = (
    "the owner was deactivated or removed: give the record another one, or set the mapping's "
    "`owners: fallback`"
)
_CHANGED = (
    "correct the value in the partner database; if the property has got another type in HubSpot, "
    "prmsync mapping check --live says so"
)
_OF_FIELD = {
    ("INVALID_OPTION", "deal_currency_code"): _CURRENCY,
    ("INVALID_OPTION", "dealstage"): _STAGE,
    ("INVALID_OPTION", "pipeline"): _STAGE,
    ("INVALID_OPTION", "hs_pipeline_stage"): _STAGE,
    ("INVALID_OPTION", "hs_pipeline"): _STAGE,
    ("INVALID_OPTION", "hubspot_owner_id"): _OWNER,
    ("INVALID_OWNER", "hubspot_owner_id"): _OWNER,
}
"""Hints for a code and a property of HubSpot's own, where they say more than the code's."""
_SAID = frozenset({"INVALID_AUTHENTICATION", "EXPIRED_AUTHENTICATION", "REVOKED_AUTHENTICATION"})
"""Codes whose message is for developers."""

Link = Callable[[str], str | None]
"""Where a person opens the record with this id."""

NO_ASSOCIATIONS = "crm.associations.NO_ASSOCIATIONS_FOUND"
INVALID_IDENTIFIER = "crm.associations.INVALID_IDENTIFIER"
SIGN_IN_ENDED = "invalid_grant"
"""OAuth's own code for a sign-in that a person has to make again."""
REQUIRED = "REQUIRED_PROPERTIES"
NOT_UNIQUE = "NOT_UNIQUE"
"""Our own codes: HubSpot tells of blank required properties, and of a key that is no unique one, in
words only."""

TABLE: dict[str | int, Rule] = {
    # associations
    INVALID_IDENTIFIER: Rule(
        RejectedError,
        "one of the two records is archived or unknown",
        "restore the record in HubSpot, or remove the relation in the partner database",
    ),
    # detail codes of refused values
    "PROPERTY_DOESNT_EXIST": Rule(SchemaError, "the property does not exist", _PROPERTY),
    "INVALID_OPTION": Rule(RejectedError, "the value is not an option of the property", _OPTION),
    "INVALID_EMAIL": Rule(RejectedError, "the value is not an e-mail address", _VALUE),
    "INVALID_DATE": Rule(RejectedError, "the value is not a date", _CHANGED),
    "INVALID_LONG": Rule(RejectedError, "the value is not a whole number or time", _CHANGED),
    "INVALID_INTEGER": Rule(RejectedError, "the value is not a whole number", _CHANGED),
    "INVALID_NUMBER": Rule(RejectedError, "the value is not a number", _CHANGED),
    "INVALID_DOUBLE": Rule(RejectedError, "the value is not a number", _CHANGED),
    "INVALID_TYPE": Rule(RejectedError, "the value is of another type than the property", _CHANGED),
    "INVALID_OWNER": Rule(RejectedError, "the owner does not exist", _OWNER),
    "INVALID_ALPHA": Rule(RejectedError, "the property takes letters only", _VALUE),
    "LEADING_TRAILING_WHITESPACE": Rule(
        RejectedError, "the value begins or ends with a blank", _VALUE
    ),
    "READ_ONLY_VALUE": Rule(RejectedError, "the property cannot be written", _READ_ONLY),
    "PROPERTY_VALUE_TOO_LONG": Rule(RejectedError, "the value is too long", _VALUE),
    "CONFLICTING_UNIQUE_VALUE": Rule(RejectedError, "the value is taken", _UNIQUE),
    REQUIRED: Rule(RejectedError, "a required property is blank", _REQUIRED),
    NOT_UNIQUE: Rule(SchemaError, "the key property does not require unique values", _NOT_UNIQUE),
    # rate limits: policyName of the general limit, category of the search limit
    "TEN_SECONDLY_ROLLING": Rule(RetryableError, "too many calls in ten seconds", _LATER, 10.0),
    "SECONDLY": Rule(RetryableError, "too many calls in one second", _LATER, 1.0),
    "DAILY": Rule(
        QuotaError,
        "the account's daily API limit is used up",
        "the run goes on after midnight in the account's time zone; other integrations of the "
        "same account may share this limit",
    ),
    "RATE_LIMITS": Rule(RetryableError, "too many calls in one second", _LATER, 1.0),
    "RATE_LIMIT": Rule(RetryableError, "too many calls", _LATER, 10.0),
    # categories
    "MISSING_SCOPES": Rule(AuthError, "the token lacks a scope", _SCOPES),
    "INVALID_AUTHENTICATION": Rule(AuthError, "HubSpot does not accept the token", _KEY),
    "EXPIRED_AUTHENTICATION": Rule(AuthError, "the token has expired", _KEY),
    "REVOKED_AUTHENTICATION": Rule(AuthError, "the token was revoked", _KEY),
    "BANNED": Rule(AuthError, "HubSpot does not let this app in", _KEY),
    "BAD_REFRESH_TOKEN": Rule(
        AuthError, "HubSpot does not accept the refresh token", "sign in again: prmsync connect"
    ),
    "BAD_AUTH_CODE": Rule(
        AuthError, "HubSpot does not accept the code that the browser brought", _CODE
    ),
    "BAD_REDIRECT_URI": Rule(AuthError, "the app does not know the address here", _REDIRECT),
    "MISMATCH_REDIRECT_URI_AUTH_CODE": Rule(
        AuthError, "the app does not know the address here", _REDIRECT
    ),
    "BAD_CLIENT_ID": Rule(AuthError, "HubSpot does not know the client id", _KEY),
    "BAD_CLIENT_SECRET": Rule(AuthError, "HubSpot does not accept the client secret", _KEY),
    "invalid_grant": Rule(
        AuthError, "HubSpot does not accept the refresh token", "sign in again: prmsync connect"
    ),
    "invalid_client": Rule(AuthError, "HubSpot does not accept the client id and secret", _KEY),
    "USER_DOES_NOT_HAVE_PERMISSIONS": Rule(AuthError, "permission is missing", _PERMISSION),
    "OBJECT_NOT_FOUND": Rule(
        GoneError, "the record is archived, merged away or unknown", "look in HubSpot's recycle bin"
    ),
    "CONFLICT": Rule(RejectedError, "a record with this unique value exists already", _UNIQUE),
    "OBJECT_ALREADY_EXISTS": Rule(RejectedError, "the record exists already", _UNIQUE),
    "VALIDATION_ERROR": Rule(RejectedError, "HubSpot refused the values", _VALUE),
    "UNKNOWN_OBJECT": Rule(SchemaError, "HubSpot has no such object", _OBJECT),
    "INTERNAL_ERROR": Rule(RetryableError, "HubSpot failed on this record", _LATER),
    # HTTP status, where the body says nothing that is known
    400: Rule(RejectedError, "HubSpot refused the request", _VALUE),
    401: Rule(AuthError, "HubSpot does not accept the token", _KEY),
    402: Rule(AuthError, "the account's subscription does not include this", _PERMISSION),
    403: Rule(AuthError, "permission is missing", _PERMISSION),
    404: Rule(SchemaError, "HubSpot has no such object or endpoint", _OBJECT),
    405: Rule(SchemaError, "HubSpot does not offer this in this version", "check api_version"),
    409: Rule(RejectedError, "a record with this unique value exists already", _UNIQUE),
    410: Rule(SchemaError, "HubSpot has switched this API version off", "check api_version"),
    413: Rule(RejectedError, "the request is too large for HubSpot", "shorten the longest values"),
    423: Rule(RetryableError, "the record is locked for a moment", _LATER, 2.0),
    429: Rule(RetryableError, "too many calls", _LATER, 10.0),
    477: Rule(RetryableError, "HubSpot is moving the account to another data centre", _LATER, 60.0),
    503: Rule(RetryableError, "HubSpot is not available", _LATER),
}
"""Code or status → what it means for us."""

_IF_THIS_STAYS = "if this stays, check base_url and api_version"
_NEXT_RUN = f"the next run asks again; {_IF_THIS_STAYS}"
NO_ANSWER_HINT = "prmsync looks whether the write arrived before it sends anything again"
_JSON_TAIL = re.compile(r"\[\s*\{.*\}\s*\]", re.DOTALL)
_IN_WORDS = (
    (re.compile(r"unable to infer object type", re.IGNORECASE), "UNKNOWN_OBJECT"),
    (re.compile(r"required propert(y|ies)", re.IGNORECASE), REQUIRED),
    (re.compile(r"non-unique .*property", re.IGNORECASE), NOT_UNIQUE),
)
"""What HubSpot says without a code of its own."""
_HOLDER = re.compile(r"existing id:? *(\d+)|(\d+) already has that value", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s\"'<>,;]+@[^\s\"'<>,;]+")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAME = re.compile(r"[\"'][a-z][a-z0-9_]{0,99}[\"']")


class Detail(NamedTuple):
    """One refused value: HubSpot's code and the property it is about ("" where not told)."""

    code: str
    field: str


def http_error(
    status: int, body: Any, wait: float | None = None, kind: CallKind = "read"
) -> ConnectorError:
    """An answer that is not 2xx → our error. `body` is parsed JSON or None, `wait` the seconds of
    a Retry-After header. A server error leaves the outcome of a write unknown."""
    told: dict[str, Any] = body if isinstance(body, dict) else {}
    rule, code = _rule(status, told)
    if status >= 500 and (status not in TABLE or kind == "write"):
        # Whatever the body says: the server does not know itself how far it came.
        return _server_error(status, write=kind == "write")
    if kind == "sign_in" and issubclass(rule.error, RejectedError | SchemaError):
        rule = TABLE[401]
    if code == "BAD_REFRESH_TOKEN":
        code = SIGN_IN_ENDED
    error = _build(rule, code, told)
    if isinstance(error, RetryableError):
        error.retry_after = rule.wait if wait is None else wait
    elif isinstance(error, QuotaError):
        error.retry_after = wait
    return error


def unreadable(status: int, kind: CallKind) -> ConnectorError:
    """A 2xx answer whose body is not what HubSpot documents: for a write, nobody knows."""
    said = f"HubSpot answered {status} without a body that can be read"
    if kind == "write":
        hint = f"{_IF_THIS_STAYS}; {NO_ANSWER_HINT}"
        return OutcomeUnknownError(said, hint=hint, code=str(status))
    return RetryableError(said, hint=_NEXT_RUN, code=str(status))


def no_results() -> RetryableError:
    """An answer without the list that it was asked for, which is never taken for an empty one."""
    said = "HubSpot's answer lacks the list that it was asked for (results)"
    return RetryableError(said, hint=_NEXT_RUN, code="NO_RESULTS")


def row_error(error: Mapping[str, Any], link: Link | None = None) -> ConnectorError:
    """One entry of a 207 answer's `errors` → our error for that row. `link` gives the addresses of
    records that stand in its way."""
    rule, code = _rule(400, error)
    return _build(rule, code, error, link)


def batch_error(errors: Any) -> ConnectorError:
    """The `errors` of a batch whose rows nobody settles → one error: the first one's, with the
    findings of all."""
    told = [one for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    found = [row_error(one) for one in told or [{}]]
    rest = [finding for one in found[1:] for finding in one.findings or [Finding("", one.message)]]
    found[0].findings = (*found[0].findings, *rest)
    return found[0]


def details(body: Mapping[str, Any]) -> list[Detail]:
    """Every refused value that a body tells of, each once, in order."""
    found = [*_listed(body.get("errors")), *_inside(body.get("message"))]
    return list(dict.fromkeys(found))


def masked(message: object) -> str:
    """A vendor message without JSON, addresses and quoted values; property names stay."""
    text = _JSON_TAIL.sub("", message if isinstance(message, str) else "")
    text = _EMAIL.sub("…", text)
    text = _QUOTED.sub(lambda hit: hit[0] if _NAME.fullmatch(hit[0]) else "…", text)
    return text.strip(" :")[:200]


def _listed(errors: object) -> Iterator[Detail]:
    for entry in errors if isinstance(errors, list) else ():
        if not isinstance(entry, dict):
            continue
        context = entry.get("context")
        names = context.get("propertyName") if isinstance(context, dict) else None
        field = names[0] if isinstance(names, list) and names else entry.get("in") or ""
        if code := entry.get("code") or entry.get("subCategory"):
            yield Detail(str(code), str(field))


def _inside(message: object) -> Iterator[Detail]:
    hit = _JSON_TAIL.search(message) if isinstance(message, str) else None
    if hit is None:
        return
    try:
        entries = orjson.loads(hit[0])
    except orjson.JSONDecodeError:
        return
    for entry in entries:
        if code := entry.get("error"):
            yield Detail(str(code), str(entry.get("name") or ""))


def _rule(status: int, body: Mapping[str, Any]) -> tuple[Rule, str]:
    """The most specific rule, and the code to tell."""
    codes = _specific_codes(body)
    for code in codes:
        if code in TABLE:
            return TABLE[code], code
    keys = ("subCategory", "policyName", "category", "errorType", "status", "error")
    general = [value for key in keys if isinstance(value := body.get(key), str)]
    # A detail code that is new to us says more than its category.
    told = (codes or [code for code in general if code != "error"] or [str(status)])[0]
    for code in general:
        if code in TABLE:
            return TABLE[code], codes[0] if codes else code
    return TABLE.get(status, TABLE[400]), told


def _specific_codes(body: Mapping[str, Any]) -> list[str]:
    codes = [detail.code for detail in details(body)]
    if "PROPERTY_DOESNT_EXIST" in codes:
        # The one that no other value of the record can mend.
        codes.insert(0, "PROPERTY_DOESNT_EXIST")
    message = body.get("message")
    if isinstance(message, str):
        codes += [code for words, code in _IN_WORDS if words.search(message)]
    return codes


def _build(
    rule: Rule, code: str, body: Mapping[str, Any], link: Link | None = None
) -> ConnectorError:
    found = details(body)
    named = [detail.field for detail in found if detail.field] or _context(body, "properties")
    fields = tuple(dict.fromkeys(named))
    return rule.error(
        _text(rule, code, body, fields, link),
        hint=_hint(rule, code, fields),
        code=code,
        fields=fields,
        findings=[_finding(detail, rule) for detail in found],
    )


def _hint(rule: Rule, code: str, fields: Sequence[str]) -> str:
    hints = [_OF_FIELD.get((code, name), rule.hint) for name in fields] or [rule.hint]
    return "; ".join(dict.fromkeys(hints))


def _text(
    rule: Rule,
    code: str,
    body: Mapping[str, Any],
    fields: Sequence[str],
    link: Link | None,
) -> str:
    about = f": {', '.join(fields)}" if fields else ""
    scopes = _context(body, "requiredGranularScopes")
    if scopes:
        about = f": {', '.join(scopes)}"
    if holder := _holder(body):
        address = link(holder) if link is not None else None
        about = f"{about}: record {holder}" + (f" ({address})" if address else "")
    # Where the table has no words of its own for the code, HubSpot's masked ones say more.
    vendor = "" if about or code in _SAID else masked(body.get("message"))
    tail = f" ({code}{': ' if vendor else ''}{vendor})"
    return f"{rule.says}{about}{tail}"


def _holder(body: Mapping[str, Any]) -> str:
    """The id of the record that holds a unique value; "" where HubSpot does not tell."""
    existing = _context(body, "existingId")
    said = _HOLDER.search(str(body.get("message") or ""))
    return existing[0] if existing else (said[1] or said[2]) if said else ""


def _context(body: Mapping[str, Any], key: str) -> list[str]:
    context = body.get("context")
    values = context.get(key) if isinstance(context, dict) else None
    return [str(value) for value in values] if isinstance(values, list) else []


def _finding(detail: Detail, whole: Rule) -> Finding:
    rule = TABLE.get(detail.code, whole)
    fields = [detail.field] if detail.field else []
    return Finding(detail.field, f"{rule.says} ({detail.code})", _hint(rule, detail.code, fields))


def _server_error(status: int, *, write: bool) -> ConnectorError:
    if write:
        return OutcomeUnknownError(
            f"HubSpot failed while it handled a write ({status})",
            hint=NO_ANSWER_HINT,
            code=str(status),
        )
    return RetryableError(f"HubSpot failed ({status})", hint=_LATER, code=str(status))
