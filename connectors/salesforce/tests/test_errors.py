"""Salesforce's error answers, in each of their shapes, become our classes."""

from __future__ import annotations

import httpx
import pytest

from prmsync.errors import (
    AuthError,
    GoneError,
    LockedError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
    SchemaError,
)
from prmsync_salesforce.codes import CODES, LocatorExpiredError
from prmsync_salesforce.errors import judge, row_error, sign_in_error


def answered(status, body, kind="read", headers=None):
    return judge(httpx.Response(status, json=body, headers=headers), kind)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_a_good_answer_is_no_error(status):
    assert judge(httpx.Response(status), "read") is None


@pytest.mark.parametrize(
    ("status", "code", "message", "kind"),
    [
        (401, "INVALID_SESSION_ID", "Session expired or invalid", AuthError),
        (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", QuotaError),
        (403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded.", RetryableError),
        (403, "API_DISABLED_FOR_ORG", "no API", AuthError),
        (403, "INSUFFICIENT_ACCESS", "no", AuthError),
        (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", RetryableError),
        (500, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access", RetryableError),
        (400, "INVALID_FIELD", "No such column 'X' on sobject of type Account", SchemaError),
        (400, "INVALID_TYPE", "sObject type 'Accout' is not supported.", SchemaError),
        (404, "NOT_FOUND", "The requested resource does not exist", SchemaError),
        (400, "INVALID_QUERY_LOCATOR", "invalid query locator", LocatorExpiredError),
        (503, "SERVER_UNAVAILABLE", "busy", RetryableError),
        (400, "JSON_PARSER_ERROR", "Unexpected character", RejectedError),
        (418, "A_NEW_CODE", "new", RejectedError),
    ],
)
def test_a_whole_calls_error_is_read_by_its_code(status, code, message, kind):
    error = answered(status, [{"message": message, "errorCode": code}])
    assert type(error) is kind
    assert error.code == code


def test_the_order_of_keys_and_an_absent_list_of_fields_do_not_matter():
    error = answered(400, [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "At least 1 record"}])
    assert isinstance(error, RejectedError)
    assert error.fields == ()


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (500, "read", RetryableError),
        (502, "write", OutcomeUnknownError),
        (503, "write", OutcomeUnknownError),
        (503, "read", RetryableError),
        (429, "write", RetryableError),
        (401, "read", AuthError),
        (403, "read", AuthError),
        (404, "read", SchemaError),
        (300, "write", RejectedError),
        (400, "read", RejectedError),
    ],
)
def test_an_answer_without_a_code_is_read_by_its_status(status, kind, expected):
    error = judge(httpx.Response(status, text="<html>from a proxy</html>"), kind)
    assert type(error) is expected


def test_an_unknown_code_with_a_server_error_leaves_a_write_unknown():
    body = [{"message": "An unexpected error occurred", "errorCode": "UNKNOWN_EXCEPTION"}]
    assert type(answered(500, body, "write")) is OutcomeUnknownError
    assert type(answered(500, body, "read")) is RetryableError


def test_a_server_that_is_busy_leaves_a_write_unknown():
    body = [{"message": "busy", "errorCode": "SERVER_UNAVAILABLE"}]
    assert type(answered(503, body, "write")) is OutcomeUnknownError


def test_several_records_with_one_key_are_a_bare_list_of_addresses():
    error = answered(
        300, ["/services/data/v68.0/sobjects/X/1", "/services/data/v68.0/sobjects/X/2"]
    )
    assert isinstance(error, RejectedError)
    assert "external key" in error.message


def test_retry_after_is_kept_for_the_retry():
    body = [{"message": "busy", "errorCode": "SERVER_UNAVAILABLE"}]
    assert answered(503, body, headers={"Retry-After": "7"}).retry_after == 7.0


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ENTITY_IS_DELETED", GoneError),
        ("ENTITY_IS_LOCKED", LockedError),
        ("UNABLE_TO_LOCK_ROW", RetryableError),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", RetryableError),
        ("DUPLICATES_DETECTED", RejectedError),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", RejectedError),
        ("INVALID_FIELD", RejectedError),
        ("CANNOT_UPDATE_CONVERTED_LEAD", RejectedError),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", RejectedError),
        ("A_NEW_CODE", RejectedError),
    ],
)
def test_a_rows_error_is_read_by_its_status_code(code, kind):
    error = row_error([{"statusCode": code, "message": "m", "fields": ["LastName"]}])
    assert type(error) is kind
    assert error.fields == ("LastName",)
    assert "LastName" in error.message


def test_a_currency_that_is_not_active_is_refused_with_where_it_is_activated():
    refused = {
        "statusCode": "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
        "message": "Currency ISO Code: bad value for restricted picklist field: BRL",
        "fields": ["CurrencyIsoCode"],
    }
    error = row_error([refused])
    assert "BRL" in error.message
    assert "Manage Currencies" in error.hint
    assert "Manage Currencies" not in row_error([{**refused, "fields": ["Type"]}]).hint


def test_a_row_with_several_errors_tells_all_and_is_not_retried_for_one_of_them():
    error = row_error(
        [
            {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "locked", "fields": []},
            {"statusCode": "REQUIRED_FIELD_MISSING", "message": "missing", "fields": ["Name"]},
            {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "rule", "fields": ["A"]},
        ]
    )
    assert type(error) is RejectedError
    assert all(text in error.message for text in ("locked", "missing", "rule"))
    assert error.fields == ("Name", "A")


def test_a_refusal_without_a_reason_is_still_a_refusal():
    assert isinstance(row_error([]), RejectedError)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("STRING_TOO_LONG", "Name: data value too large: Jane Doe, 1 Main St (max length=80)"),
        ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: jane.doe@home"),
        ("DUPLICATE_VALUE", "duplicate value found: Email duplicates jane.doe@home"),
        ("JSON_PARSER_ERROR", "Cannot deserialize instance of date from Jane Doe"),
    ],
)
def test_values_of_a_record_are_not_repeated(code, message):
    error = row_error([{"statusCode": code, "message": message, "fields": ["Name"]}])
    assert "ane" not in error.message
    assert error.hint


def test_the_text_of_a_validation_rule_is_shown_for_the_admin_wrote_it():
    said = "Close date must be in a fiscal quarter"
    item = {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": said, "fields": []}
    assert said in row_error([item]).message


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
def test_a_duplicate_rule_names_the_records_that_match(key):
    matches = [{"matchRecords": [{"record": {"Id": "001000000000001AAA"}}]}]
    error = row_error(
        [
            {
                "statusCode": "DUPLICATES_DETECTED",
                "message": "Use one of these records?",
                key: {"matchResults": matches},
            }
        ]
    )
    assert "001000000000001AAA" in error.hint


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("invalid_client_id", AuthError),
        ("invalid_client", AuthError),
        ("invalid_grant", AuthError),
        ("server_error", RetryableError),
        ("something_new", AuthError),
    ],
)
def test_a_refused_sign_in_says_what_to_check(code, kind):
    error = sign_in_error(code, "because")
    assert type(error) is kind
    assert "because" in error.message
    assert error.hint


def test_every_code_has_words_for_the_admin_or_needs_none():
    silent = {code for code, rule in CODES.items() if not rule.hint}
    assert silent == {"MISSING_ARGUMENT", "ENTITY_IS_DELETED"}
