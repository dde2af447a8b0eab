"""`/composite`: up to 25 calls in one, each with its own status inside an HTTP 200."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.database import Database
from prmsync_salesforce.simulator.failure import ApiError, no_resource

MAX_QUERIES = 5
_QUERY = re.compile(r"/services/data/v[\d.]+/(query|queryAll|composite/sobjects)\b")
MAX_CALLS = 25
"""Calls in one composite call or batch."""
_FROM_THE_CALL = ("accept", "authorization", "content-type")
_REFERENCE = re.compile(r"@\{([A-Za-z0-9_]+)((?:\.[A-Za-z0-9_]+|\[\d+\])+)\}")
_STEP = re.compile(r"\.([A-Za-z0-9_]+)|\[(\d+)\]")


class Composite:
    """The resource that bundles calls. `inner` answers one of them."""

    def __init__(self, database: Database, inner: Callable[[Request, str], Response]) -> None:
        self._database = database
        self._inner = inner

    def handle(self, call: Call) -> Response:
        """Answer `/composite`. Raises ApiError for a request that cannot be read."""
        if len(call.segments) > 1 or call.method != "POST":
            raise no_resource()
        body = call.body()
        parts = body.get("compositeRequest")
        if not isinstance(parts, list) or not parts:
            raise ApiError(400, "JSON_PARSER_ERROR", "compositeRequest must be a list of calls")
        if len(parts) > MAX_CALLS:
            raise ApiError(
                400,
                "LIMIT_EXCEEDED",
                f"The composite request holds more than {MAX_CALLS} subrequests",
            )
        urls = [str(part.get("url")) for part in parts if isinstance(part, dict)]
        queries = sum(_QUERY.search(url) is not None for url in urls)
        if queries > MAX_QUERIES:
            raise ApiError(
                400,
                "LIMIT_EXCEEDED",
                f"The composite request holds more than {MAX_QUERIES} queries and collections",
            )
        with self._database.all_or_none() as roll_back:
            answers = self._answers(call, parts)
            failed = any(answer["httpStatusCode"] >= 400 for answer in answers)
            if failed and body.get("allOrNone") is True:
                roll_back()
                answers = [_halted(answer) for answer in answers]
        return json_response(200, {"compositeResponse": answers})

    def _answers(self, call: Call, parts: list[Any]) -> list[dict[str, Any]]:
        known: dict[str, bytes] = {}
        answers = []
        for part in parts:
            response = self._response(call, part, known)
            known[str(part["referenceId"])] = response.body
            answers.append(_answer(part, response))
        return answers

    def _response(self, call: Call, part: Any, known: dict[str, bytes]) -> Response:
        if not isinstance(part, dict) or not {"method", "url", "referenceId"} <= part.keys():
            raise ApiError(
                400, "JSON_PARSER_ERROR", "each subrequest needs method, url and referenceId"
            )
        try:
            return self._inner(_request(call, _filled(part, known)), call.writer.user_id)
        except ApiError as error:
            return json_response(error.status, error.as_answer())


def _answer(part: dict[str, Any], response: Response) -> dict[str, Any]:
    location = response.headers.get("location")
    return {
        # As it is: a describe is long, and read by the caller alone.
        "body": orjson.Fragment(response.body) if response.body else None,
        "httpHeaders": {"Location": location} if location else {},
        "httpStatusCode": response.status,
        "referenceId": part["referenceId"],
    }


def _request(call: Call, part: dict[str, Any]) -> Request:
    url = urlsplit(part["url"])
    return Request(
        method=part["method"].upper(),
        path=url.path,
        query=parse_qs(url.query, keep_blank_values=True),
        headers={**_inherited(call.request), **_headers(part.get("httpHeaders"))},
        body=orjson.dumps(part["body"]) if part.get("body") is not None else b"",
    )


def _inherited(request: Request) -> dict[str, str]:
    """All that a subrequest takes over from the call around it; other headers are its own."""
    return {name: one for name, one in request.headers.items() if name in _FROM_THE_CALL}


def _headers(given: Any) -> dict[str, str]:
    """A subrequest's own headers; the caller's sign-in cannot be replaced by them."""
    named = given if isinstance(given, dict) else {}
    found = {str(name).lower(): str(value) for name, value in named.items()}
    return {name: value for name, value in found.items() if name not in _FROM_THE_CALL}


def _filled(part: dict[str, Any], known: dict[str, bytes]) -> dict[str, Any]:
    """The subrequest with `@{reference.path}` replaced by values of earlier answers."""

    def replaced(match: re.Match[str]) -> str:
        value: Any = orjson.loads(known.get(match.group(1)) or b"null")
        for name, position in _STEP.findall(match.group(2)):
            try:
                value = value[name] if name else value[int(position)]
            except (LookupError, TypeError) as error:
                raise ApiError(
                    400,
                    "PROCESSING_HALTED",
                    f"Invalid reference specified. No value for {match.group(0)} found",
                ) from error
        return str(value)

    def fill(item: Any) -> Any:
        if isinstance(item, str):
            return _REFERENCE.sub(replaced, item)
        if isinstance(item, dict):
            return {key: fill(value) for key, value in item.items()}
        return [fill(value) for value in item] if isinstance(item, list) else item

    filled: dict[str, Any] = fill(part)
    return filled


def _halted(answer: dict[str, Any]) -> dict[str, Any]:
    if answer["httpStatusCode"] >= 400:
        return answer
    error = ApiError(
        400,
        "PROCESSING_HALTED",
        "The transaction was rolled back since another operation in the same transaction failed.",
    )
    return {**answer, "body": error.as_answer(), "httpHeaders": {}, "httpStatusCode": 400}
