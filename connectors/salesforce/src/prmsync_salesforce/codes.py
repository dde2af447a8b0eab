"""Salesforce's error codes: one table, with the class of each and what a CRM admin can do.

The codes are those of the SOAP API's StatusCode and ExceptionCode, which REST uses too, and of
OAuth. A code that is not here is a refusal of the row, or judged by the call's HTTP status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from prmsync.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    LockedError,
    QuotaError,
    RejectedError,
    RetryableError,
    SchemaError,
)


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


UNSURE = frozenset(
    {"SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION", "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE"}
)
"""Codes of a whole call that do not say whether anything was done."""
REQUEST_LIMIT = "REQUEST_LIMIT_EXCEEDED"
MOVED = "PRECONDITION_FAILED"

PERMISSION = (
    "Give the integration user's permission set this access (object, field, record sharing)."
)
_LOCKED = "Another process holds the record or its parent; it is tried again."
_PICKLIST = "Add the value to the field's active picklist values, or change the mapping's picklist."
_FIELD = "Is the field spelt as in Setup, and visible to the integration user (field security)?"
_AUTOMATION = "An Apex trigger or flow of the org refuses the record; its owner can say why."
LATER = "Salesforce is busy; it is tried again."
_BATCH = "Another record of the same batch failed; this one is tried again."
_LOGIN = "Look at the integration user's login history in Setup."
_REFERENCE = "The record or one that it refers to does not exist or is not visible."
_STAND_IN = "name a fallback owner in the mapping (owners: fallback: E-MAIL)"
_TRANSFER = f"Let the new owner see and edit this object, or {_STAND_IN}."
_DEPENDENT = "Other records or automation of the org keep it from deletion."
_QUERY = "The query is too large for the org; map fewer fields of this object."

SIGN_IN: Mapping[str, Rule] = {
    "invalid_client_id": Rule(
        AuthError, "Check client_id: the consumer key of the external client app."
    ),
    "invalid_client": Rule(AuthError, "Check client_secret: the consumer secret of the app."),
    "invalid_grant": Rule(
        AuthError, "Enable the client credentials flow in the app and name its “Run As” user."
    ),
    "invalid_request": Rule(AuthError, "base_url must be the org's own My Domain address."),
    "invalid_app_access": Rule(
        AuthError, "Allow the app for the user (Policies of the app, or a permission set)."
    ),
    "app_not_found": Rule(AuthError, "Install the external client app in this org."),
    "inactive_user": Rule(AuthError, "The app's “Run As” user is inactive."),
    "inactive_org": Rule(AuthError, "The org is locked or closed."),
    "rate_limit_exceeded": Rule(RetryableError, "Too many sign-ins; it is tried again."),
    "redirect_uri_mismatch": Rule(AuthError, "Add the address to the app's callback URLs."),
    "unsupported_grant_type": Rule(AuthError, "Enable the client credentials flow in the app."),
    "unsupported_response_type": Rule(AuthError, "Enable the authorization code flow in the app."),
    "server_error": Rule(RetryableError, LATER),
    "temporarily_unavailable": Rule(RetryableError, LATER),
}

ACCESS: Mapping[str, Rule] = {
    "INVALID_SESSION_ID": Rule(
        AuthError, "A new sign-in did not help: may the integration user use the API?"
    ),
    "INVALID_AUTH_HEADER": Rule(AuthError, "Check client_id and client_secret."),
    "API_DISABLED_FOR_ORG": Rule(AuthError, "This edition of Salesforce has no API access."),
    "API_CURRENTLY_DISABLED": Rule(AuthError, "Give the integration user “API Enabled”."),
    "CLIENT_NOT_ACCESSIBLE_FOR_USER": Rule(
        AuthError, "Allow the app for the integration user in the app's policies."
    ),
    "INVALID_LOGIN": Rule(AuthError, _LOGIN),
    "LOGIN_DURING_RESTRICTED_DOMAIN": Rule(
        AuthError, "Add this machine's address to the trusted IP ranges of the user's profile."
    ),
    "LOGIN_DURING_RESTRICTED_TIME": Rule(
        AuthError, "The profile's login hours exclude this time of day."
    ),
    "ORG_LOCKED": Rule(AuthError, "Salesforce has locked the org; its administrator can say why."),
    "PASSWORD_LOCKOUT": Rule(AuthError, _LOGIN),
    "MUTUAL_AUTHENTICATION_FAILED": Rule(
        AuthError, "The org wants a client certificate, which prmsync does not have."
    ),
    "TXN_SECURITY_POLICY_FAILED": Rule(
        RejectedError, "A transaction security policy of the org stops it.", call=AuthError
    ),
    "INSUFFICIENT_ACCESS": Rule(RejectedError, PERMISSION, call=AuthError),
    "INSUFFICIENT_ACCESS_OR_READONLY": Rule(RejectedError, PERMISSION, call=AuthError),
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Rule(
        RejectedError, PERMISSION, call=AuthError
    ),
    "FUNCTIONALITY_NOT_ENABLED": Rule(
        RejectedError, "The org's edition or settings lack this feature.", call=SchemaError
    ),
    "TRANSFER_REQUIRES_READ": Rule(RejectedError, _TRANSFER),
    "TRANSFER_REQUIRES_EDIT": Rule(RejectedError, _TRANSFER),
    "OP_WITH_INVALID_USER_TYPE_EXCEPTION": Rule(RejectedError, _TRANSFER),
    "LICENSE_LIMIT_EXCEEDED": Rule(RejectedError, "The org has no licence of this kind left."),
}

LIMITS: Mapping[str, Rule] = {
    REQUEST_LIMIT: Rule(
        QuotaError,
        "The org's API calls of the last 24 hours are used up; see Setup, System Overview.",
    ),
    "STORAGE_LIMIT_EXCEEDED": Rule(
        QuotaError, "The org's data storage is full; see Setup, Storage Usage."
    ),
    "EXCEEDED_QUOTA": Rule(QuotaError, "The org's storage is full; see Setup, Storage Usage."),
    "TOO_MANY_APEX_REQUESTS": Rule(RetryableError, LATER),
    "LIMIT_EXCEEDED": Rule(
        RejectedError, "One of the org's own limits is reached; Salesforce's words say which."
    ),
    "SERVER_UNAVAILABLE": Rule(RetryableError, LATER),
    "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE": Rule(RetryableError, LATER),
    "QUERY_TIMEOUT": Rule(RetryableError, LATER),
    "UNABLE_TO_LOCK_ROW": Rule(RetryableError, _LOCKED),
    "UNKNOWN_EXCEPTION": Rule(RetryableError, "Salesforce failed by itself; it is tried again."),
    "ALL_OR_NONE_OPERATION_ROLLED_BACK": Rule(RetryableError, _BATCH),
    "PROCESSING_HALTED": Rule(RetryableError, _BATCH),
    "BATCH_PROCESSING_HALTED": Rule(RetryableError, _BATCH),
    MOVED: Rule(
        RetryableError, "Somebody edited the record meanwhile; it is read and decided again."
    ),
}

RECORD: Mapping[str, Rule] = {
    "DUPLICATES_DETECTED": Rule(
        RejectedError,
        "A duplicate rule stops it: merge the records, link them with `prmsync match`, or let the "
        "rule allow the integration user.",
    ),
    "DUPLICATE_VALUE": Rule(
        RejectedError, "Another record already holds this unique value.", quote=False
    ),
    "DUPLICATE_EXTERNAL_ID": Rule(
        RejectedError, "Several records hold this external key: clear it in the wrong ones."
    ),
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": Rule(
        RejectedError,
        "A validation rule of the org refuses the record: correct the record, or let the rule skip "
        "the integration user (Setup, Object Manager, Validation Rules).",
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
    "MISSING_ARGUMENT": Rule(RejectedError),
    "STRING_TOO_LONG": Rule(RejectedError, "The text is longer than the field.", quote=False),
    "NUMBER_OUTSIDE_VALID_RANGE": Rule(
        RejectedError, "The number has more digits than the field.", quote=False
    ),
    "INVALID_EMAIL_ADDRESS": Rule(RejectedError, "Not an e-mail address.", quote=False),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": Rule(RejectedError, _PICKLIST),
    "INVALID_STATUS": Rule(RejectedError, _PICKLIST),
    "INVALID_CURRENCY_ISO": Rule(
        RejectedError, "Activate the currency in Setup, Manage Currencies.", quote=False
    ),
    "INACTIVE_OWNER_OR_USER": Rule(
        RejectedError,
        f"The owner has left: activate the user, give the record another owner, or {_STAND_IN}.",
    ),
    "INVALID_TYPE_ON_FIELD_IN_RECORD": Rule(
        RejectedError, "The value is not of the field's type.", quote=False
    ),
    "INVALID_CROSS_REFERENCE_TYPE_FOR_FIELD": Rule(
        RejectedError, "The field refers to records of another object."
    ),
    "JSON_PARSER_ERROR": Rule(
        RejectedError, "A value cannot be read as the field's type.", quote=False
    ),
    "MALFORMED_ID": Rule(RejectedError, "Not a Salesforce id of this object."),
    "INVALID_ID_FIELD": Rule(RejectedError, "Not a Salesforce id of this object."),
    "INVALID_CROSS_REFERENCE_KEY": Rule(RejectedError, _REFERENCE),
    "CIRCULAR_DEPENDENCY": Rule(
        RejectedError, "The record would be its own parent over a few steps."
    ),
    "CANNOT_UPDATE_CONVERTED_LEAD": Rule(
        RejectedError,
        "The lead was converted: what it became goes on in its place. Unlink the lead, or let the "
        "mapping leave converted leads out.",
    ),
    "ENTITY_IS_LOCKED": Rule(
        LockedError,
        "An approval process locks the record. Nothing has to be done: it is written by itself "
        "once the approval has ended; an approver or an admin can unlock it before.",
    ),
    "ALREADY_IN_PROCESS": Rule(
        RejectedError, "The record is in an approval process already; it waits for its end."
    ),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": Rule(RejectedError, _AUTOMATION),
    "CANNOT_EXECUTE_FLOW_TRIGGER": Rule(RejectedError, _AUTOMATION),
    "APEX_ERROR": Rule(RejectedError, _AUTOMATION),
    "FLOW_EXCEPTION": Rule(RejectedError, _AUTOMATION),
    "SELF_REFERENCE_FROM_TRIGGER": Rule(RejectedError, _AUTOMATION),
    "MIXED_DML_OPERATION": Rule(RejectedError, _AUTOMATION),
    "DELETE_FAILED": Rule(RejectedError, _DEPENDENT),
    "DEPENDENCY_EXISTS": Rule(RejectedError, _DEPENDENT),
    "UNDELETE_FAILED": Rule(RejectedError, "Restore it in Salesforce's recycle bin."),
    "ENTITY_IS_DELETED": Rule(GoneError),
    "NOT_FOUND": Rule(
        GoneError,
        "Is base_url the org's My Domain address, api_version one that it has, and the key field "
        "marked “External ID”?",
        call=SchemaError,
    ),
}

NAMES: Mapping[str, Rule] = {
    "INVALID_FIELD": Rule(RejectedError, _FIELD, call=SchemaError),
    "INVALID_FIELD_FOR_INSERT_UPDATE": Rule(RejectedError, _FIELD),
    "INVALID_TYPE": Rule(
        RejectedError,
        "Is the object spelt as in Setup, and may the integration user see it?",
        call=SchemaError,
    ),
    "INVALID_TYPE_FOR_OPERATION": Rule(
        RejectedError, "Salesforce does not take this operation on this object.", call=SchemaError
    ),
    "UNSUPPORTED_API_VERSION": Rule(
        SchemaError, "Set the connection's api_version to one that the org has."
    ),
    "INVALID_QUERY_LOCATOR": Rule(
        LocatorExpiredError,
        "Salesforce closed a query at the same page several times. The next run goes on with what "
        "is missing; if it stays so, does a proxy before Salesforce change addresses?",
    ),
    "INVALID_QUERY_FILTER_OPERATOR": Rule(SchemaError, _FIELD),
    "MALFORMED_QUERY": Rule(SchemaError, _FIELD),
    "QUERY_TOO_COMPLICATED": Rule(SchemaError, _QUERY),
    "OPERATION_TOO_LARGE": Rule(SchemaError, _QUERY),
    "EXCEEDED_ID_LIMIT": Rule(RejectedError, "The rows are sent in smaller calls."),
    "EXCEEDED_MAX_SIZE_REQUEST": Rule(RejectedError, "The rows are sent in smaller calls."),
}

CODES: Mapping[str, Rule] = {**SIGN_IN, **ACCESS, **LIMITS, **RECORD, **NAMES}
