from __future__ import annotations

from typing import Any

import pytest

from prmsync.errors import (
    AuthError,
    ConnectorError,
    GoneError,
    OutcomeUnknownError,
    QuotaError,
    RejectedError,
    RetryableError,
    SchemaError,
)
from prmsync_hubspot.errors import TABLE, http_error, masked, no_results, row_error, unreadable

REFUSED = (
    'Property values were not valid: [{"isValid":false,"message":"Property \\"tier2\\" does not '
    'exist","error":"PROPERTY_DOESNT_EXIST","name":"tier2"},{"isValid":false,"message":'
    '"jo@acme.example is not an email","error":"INVALID_EMAIL","name":"email"}]'
)

CASES: list[tuple[int, dict[str, Any], type[ConnectorError]]] = [
    (400, {"category": "VALIDATION_ERROR", "message": REFUSED}, SchemaError),
    (400, {"message": "Unable to infer object type from: butterflies"}, SchemaError),
    (400, {"category": "VALIDATION_ERROR", "message": "Duplicate IDs found"}, RejectedError),
    (401, {"category": "INVALID_AUTHENTICATION"}, AuthError),
    (401, {"category": "EXPIRED_AUTHENTICATION"}, AuthError),
    (403, {"category": "MISSING_SCOPES"}, AuthError),
    (403, {}, AuthError),
    (404, {"category": "OBJECT_NOT_FOUND"}, GoneError),
    (404, {}, SchemaError),
    (409, {"category": "CONFLICT", "message": "Contact already exists"}, RejectedError),
    (423, {}, RetryableError),
    (429, {"errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING"}, RetryableError),
    (429, {"errorType": "RATE_LIMIT", "policyName": "DAILY"}, QuotaError),
    (429, {"category": "RATE_LIMITS", "message": "secondly limit"}, RetryableError),
    (429, {}, RetryableError),
    (477, {}, RetryableError),
    (500, {}, RetryableError),
    (503, {}, RetryableError),
    (418, {}, RejectedError),
]


@pytest.mark.parametrize(("status", "body", "expected"), CASES)
def test_each_answer_has_its_class(
    status: int, body: dict[str, Any], expected: type[ConnectorError]
) -> None:
    assert type(http_error(status, body)) is expected


@pytest.mark.parametrize("body", [None, [], "text", {"message": 5, "errors": 3, "context": "x"}])
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500])
def test_a_body_of_any_shape_becomes_an_error(status: int, body: object) -> None:
    assert isinstance(http_error(status, body), ConnectorError)


@pytest.mark.parametrize("rule", TABLE.values())
def test_every_rule_has_words_and_a_hint(rule: Any) -> None:
    assert rule.says
    assert rule.hint


def test_both_rate_limits_wait_by_default_and_as_told() -> None:
    burst = http_error(429, {"policyName": "TEN_SECONDLY_ROLLING"})
    search = http_error(429, {"category": "RATE_LIMITS"})
    told = http_error(429, {"policyName": "TEN_SECONDLY_ROLLING"}, 3.0)
    assert isinstance(burst, RetryableError)
    assert isinstance(search, RetryableError)
    assert isinstance(told, RetryableError)
    assert (burst.retry_after, search.retry_after, told.retry_after) == (10.0, 1.0, 3.0)


def test_a_server_error_leaves_a_writes_outcome_unknown() -> None:
    assert type(http_error(500, None, kind="write")) is OutcomeUnknownError
    assert type(http_error(504, {}, kind="write")) is OutcomeUnknownError
    assert type(http_error(503, {}, kind="write")) is OutcomeUnknownError
    told = {"category": "VALIDATION_ERROR", "message": "internal"}
    assert type(http_error(500, told, kind="write")) is OutcomeUnknownError
    assert type(row_error({"category": "INTERNAL_ERROR"})) is RetryableError
    assert type(unreadable(200, "write")) is OutcomeUnknownError


def test_of_a_read_nobody_asks_whether_it_arrived() -> None:
    told = unreadable(204, "read")
    assert type(told) is RetryableError
    assert "204" in told.message
    assert "arrived" in unreadable(204, "write").hint
    assert "arrived" not in told.hint + no_results().hint


def test_every_refused_property_is_named_from_json_inside_the_message() -> None:
    error = http_error(400, {"category": "VALIDATION_ERROR", "message": REFUSED})
    assert error.fields == ("tier2", "email")
    assert error.code == "PROPERTY_DOESNT_EXIST"
    assert [finding.where for finding in error.findings] == ["tier2", "email"]


def test_details_in_errors_and_in_the_message_count_once() -> None:
    listed = [
        {"code": "INVALID_OPTION", "context": {"propertyName": ["tier"]}, "message": "no"},
        {"code": "INVALID_OPTION", "context": {"propertyName": ["tier"]}, "message": "no"},
    ]
    error = row_error({"category": "VALIDATION_ERROR", "message": "no", "errors": listed})
    assert isinstance(error, RejectedError)
    assert error.fields == ("tier",)
    assert len(error.findings) == 1


def test_missing_scopes_are_named() -> None:
    context = {"requiredGranularScopes": ["crm.objects.deals.write", "crm.objects.owners.read"]}
    error = http_error(403, {"category": "MISSING_SCOPES", "context": context})
    assert "crm.objects.deals.write, crm.objects.owners.read" in error.message


def test_the_record_that_holds_a_unique_value_is_named() -> None:
    error = row_error(
        {
            "category": "CONFLICT",
            "message": "Contact already exists. Existing ID: 17",
            "context": {"existingId": ["17"]},
        }
    )
    assert isinstance(error, RejectedError)
    assert "17" in error.message


def test_personal_data_never_reaches_an_error_text() -> None:
    error = http_error(400, {"category": "VALIDATION_ERROR", "message": REFUSED})
    assert "acme.example" not in repr((error.message, error.hint, error.findings))
    assert masked('the value "Jo Doe" of "email" for jo@acme.example is wrong') == (
        'the value … of "email" for … is wrong'
    )


def test_a_refused_sign_in_is_an_auth_error_whatever_its_code() -> None:
    for body in ({"status": "BAD_REFRESH_TOKEN"}, {"error": "invalid_grant"}, {}):
        assert type(http_error(400, body, kind="sign_in")) is AuthError


def test_blank_required_properties_are_named() -> None:
    error = http_error(
        400,
        {
            "category": "VALIDATION_ERROR",
            "message": "Error creating DEAL. Some required properties were not set.",
            "context": {"properties": ["closedate", "amount"]},
        },
    )
    assert isinstance(error, RejectedError)
    assert error.fields == ("closedate", "amount")
    assert "a required property is blank: closedate, amount" in error.message


def test_a_detail_code_that_is_new_is_told_with_its_property() -> None:
    message = 'Property values were not valid: [{"error":"BRAND_NEW","name":"tier","message":"x"}]'
    error = http_error(400, {"category": "VALIDATION_ERROR", "message": message})
    assert isinstance(error, RejectedError)
    assert (error.code, error.fields) == ("BRAND_NEW", ("tier",))
    assert "BRAND_NEW" in str(error.findings[0])
