"""A deployment followed to its end: what each answer of the org means for the admin."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from prmsync.errors import OutcomeUnknownError, RejectedError
from prmsync_salesforce.provision.admin import OneTimeToken
from prmsync_salesforce.provision.deploy import deploy


class Answers:
    """Answers the deployment with an id, and each look with the next result."""

    def __init__(self, *results: Any) -> None:
        self.results = list(results)
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.method == "POST":
            return httpx.Response(201, json={"id": "0Af000000000001AAA"})
        found = self.results.pop(0) if len(self.results) > 1 else self.results[0]
        if isinstance(found, int):
            return httpx.Response(found, json=[])
        return httpx.Response(200, json={"id": "0Af000000000001AAA", "deployResult": found})


@pytest.fixture
def followed(scripted):
    def follow(*results: Any) -> Answers:
        from prmsync.connector.budget import CallBudget
        from prmsync_salesforce.client import Client

        answers = Answers(*results)
        org = scripted(answers)
        token = OneTimeToken("00D!x", "https://acme.my.salesforce.com", org.runtime.now())
        answers.slept = org.slept
        client = Client(token, org.runtime, CallBudget(), "68.0")
        deploy(client, b"PK-a-zip", org.runtime.sleep)
        return answers

    return follow


def failed(*failures: dict[str, Any], **more: Any) -> dict[str, Any]:
    details = {"componentFailures": list(failures)}
    return {"done": True, "success": False, "status": "Failed", "details": details, **more}


DONE = {"done": True, "success": True, "status": "Succeeded"}
WAITS = {"done": False, "success": False, "status": "InProgress"}


def test_the_zip_goes_as_one_form_that_rolls_back_whole(followed):
    answers = followed(DONE)
    sent = answers.sent[0]
    assert sent.url.path == "/services/data/v68.0/metadata/deployRequest"
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=")
    body = sent.content
    assert b'name="json"' in body
    assert b'"rollbackOnError":true' in body
    assert b"PK-a-zip" in body
    assert answers.sent[1].url.params["includeDetails"] == "true"


def test_it_is_looked_at_less_and_less_often(followed):
    answers = followed(*[WAITS] * 6, DONE)
    assert answers.slept == [1.0, 2.0, 3.0, 5.0, 5.0, 5.0, 5.0]


def test_flags_that_are_written_as_text_count_too(followed):
    assert followed({"done": "true", "success": "true", "status": "Succeeded"})


def test_every_refused_part_is_a_finding_with_a_remedy(followed):
    taken = {
        "componentType": "CustomField",
        "fullName": "Account.PRM_Tier__c",
        "problem": "There is already a field named PRM_Tier on Account.",
    }
    standard = {
        "componentType": "PermissionSet",
        "fullName": "PRM_Sync_Service",
        "problem": "In field: field - no CustomField named Account.DunsNumber found",
    }
    with pytest.raises(RejectedError, match="Nothing was made") as refused:
        followed(failed(taken, standard))
    one, other = refused.value.findings
    assert (one.where, one.message) == ("CustomField Account.PRM_Tier__c", taken["problem"])
    assert "Deleted Fields" in one.hint
    assert "standard field or feature" in other.hint


def test_a_single_failure_may_stand_without_a_list(followed):
    one = {"componentType": "Layout", "fullName": "X", "problem": "something new"}
    result = {**failed(), "details": {"componentFailures": one}}
    with pytest.raises(RejectedError) as refused:
        followed(result)
    [finding] = refused.value.findings
    assert finding.hint == "These are Salesforce's own words; nothing of the deployment was made."


def test_a_refusal_of_the_whole_says_why(followed):
    with pytest.raises(RejectedError, match="INSUFFICIENT_ACCESS: no") as refused:
        followed(failed(errorMessage="INSUFFICIENT_ACCESS: not have permission"))
    assert "Modify Metadata" in refused.value.hint


def test_a_cancelled_deployment_can_be_made_again(followed):
    with pytest.raises(RejectedError, match="cancelled") as refused:
        followed({"done": True, "success": False, "status": "Canceled"})
    assert "provision apply again" in refused.value.hint


def test_a_deployment_that_never_ends_is_left_to_the_org(followed):
    with pytest.raises(OutcomeUnknownError, match="has not ended") as left:
        followed(WAITS)
    assert "Deployment Status" in left.value.hint
