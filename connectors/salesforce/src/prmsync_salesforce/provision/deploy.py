"""One deployment by the Metadata API's REST resource: sent, followed to its end, judged.

Source: Metadata API Developer Guide, "Deploy Metadata with Apex Testing Using REST". A deployment
rolls back whole when a part of it fails, and goes on in the org when nobody follows it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from prmsync.errors import (
    AuthError,
    Finding,
    OutcomeUnknownError,
    RejectedError,
    RetryableError,
)
from prmsync_salesforce.client import Client, decoded

_OPTIONS = {"deployOptions": {"rollbackOnError": True, "singlePackage": True}}
_BOUNDARY = "prmsync-deployment-9b1f6e2c"
_WAITS = (1.0, 2.0, 3.0, 5.0)
"""Seconds between looks; the last one goes on."""
_LOOKS = 240
"""Looks before following ends: about twenty minutes, longer than any deployment of this size."""

_ADMIN = (
    "Sign in as an admin with “Modify Metadata Through Metadata API Functions” and “Customize "
    "Application”."
)
_HINTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), hint)
    for pattern, hint in (
        (
            "insufficient access|not have permission|requires.*permission",
            _ADMIN,
        ),
        (
            "already exists|duplicate (value|developer name)|there is already an? ",
            "Something of this name is in the org and not shown: look in Setup also under Deleted "
            "Fields, where a name stays taken until it is erased.",
        ),
        (
            "limit|maximum number|exceeded",
            "The org's edition allows no more of these: free one in Setup, or leave it out of the "
            "mapping.",
        ),
        (
            "user license|licen[cs]e",
            "The user's licence does not allow it: assign the permission set license “Salesforce "
            "API Integration” first, or take what it names out of the permission set, and run this "
            "again.",
        ),
        (
            "no CustomField named|no CustomObject named|not found|bad value for|does not exist",
            "It names something that this org does not have: is a standard field or feature "
            "turned off?",
        ),
        ("picklist", "Compare the field's picklist in Setup with the mapping."),
    )
)
_OWN_WORDS = "These are Salesforce's own words; nothing of the deployment was made."


def deploy(client: Client, archive: bytes, sleep: Callable[[float], None]) -> None:
    """Deploy a zip and wait for the end.

    Raises RejectedError with a finding for each refused part (then nothing was made),
    OutcomeUnknownError when the end was not seen: doing it again is safe.
    """
    try:
        answer = decoded(_send(client, archive), "write")
    except AuthError as error:
        raise AuthError(
            f"whoever signed in may not deploy: {error.message}", hint=_ADMIN, code=error.code
        ) from None
    deployment = str(answer.get("id") or "")
    if not deployment:
        raise OutcomeUnknownError("Salesforce answered a deployment without its id", hint=_AGAIN)
    _judge(_followed(client, deployment, sleep))


_AGAIN = "Run prmsync provision apply again: it makes what is still missing."


def _send(client: Client, archive: bytes) -> Any:
    return client.send(
        "write",
        "POST",
        f"{client.root}/metadata/deployRequest",
        content=multipart(archive),
        headers={"content-type": f"multipart/form-data; boundary={_BOUNDARY}"},
    )


def multipart(archive: bytes) -> bytes:
    """The options and the zip as one form."""
    parts = (
        (b'name="json"', b"application/json", orjson.dumps(_OPTIONS)),
        (b'name="file"; filename="deploy.zip"', b"application/zip", archive),
    )
    mark = f"--{_BOUNDARY}".encode()
    lines: list[bytes] = []
    for name, kind, content in parts:
        lines += [
            mark,
            b"Content-Disposition: form-data; " + name,
            b"Content-Type: " + kind,
            b"",
            content,
        ]
    return b"\r\n".join([*lines, mark + b"--", b""])


def _followed(client: Client, deployment: str, sleep: Callable[[float], None]) -> Mapping[str, Any]:
    path = f"/metadata/deployRequest/{deployment}"
    for look in range(_LOOKS):
        sleep(_WAITS[min(look, len(_WAITS) - 1)])
        try:
            answer = client.get("metadata", path, {"includeDetails": "true"})
        except RetryableError:
            continue  # the deployment goes on; the next look may reach the org
        result: Mapping[str, Any] = answer.get("deployResult") or {}
        if _is(result.get("done")):
            return result
    raise OutcomeUnknownError(
        f"deployment {deployment} has not ended after {_LOOKS} looks",
        hint=f"See Setup, Deployment Status. {_AGAIN}",
    )


def _judge(result: Mapping[str, Any]) -> None:
    if _is(result.get("success")):
        return
    details = result.get("details") or {}
    findings = [_finding(one) for one in _several(details.get("componentFailures"))]
    said = " ".join(str(result.get("errorMessage") or "").split())
    status = str(result.get("status") or "Failed")
    if status == "Canceled":
        raise RejectedError("the deployment was cancelled in the org", hint=_AGAIN)
    raise RejectedError(
        f"Salesforce refused the deployment{f': {said}' if said else ''}. Nothing was made.",
        hint=hint_for(said) if said else "",
        code=str(result.get("errorStatusCode") or ""),
        findings=findings,
    )


def _finding(failure: Mapping[str, Any]) -> Finding:
    problem = " ".join(str(failure.get("problem") or "no reason given").split())
    kind = str(failure.get("componentType") or "").strip()
    name = str(failure.get("fullName") or failure.get("fileName") or "")
    return Finding(f"{kind} {name}".strip(), problem, hint_for(problem))


def hint_for(problem: str) -> str:
    """What an admin can do about a part that Salesforce refused."""
    found = next((hint for pattern, hint in _HINTS if pattern.search(problem)), None)
    return found or _OWN_WORDS


def _several(found: Any) -> Sequence[Mapping[str, Any]]:
    """A list; older versions give one failure by itself."""
    if isinstance(found, Mapping):
        return [found]
    return [one for one in found or () if isinstance(one, Mapping)]


def _is(flag: Any) -> bool:
    """The guide's own examples write flags as text."""
    return flag is True or str(flag).lower() == "true"
