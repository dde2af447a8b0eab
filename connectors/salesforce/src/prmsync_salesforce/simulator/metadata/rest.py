"""`/metadata/deployRequest`: deployments over REST."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import orjson

from prmsync.connector.simulator.chassis import json_response
from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.call import Call
from prmsync_salesforce.simulator.failure import ApiError, no_resource
from prmsync_salesforce.simulator.metadata.deploy import Deployment, Deployments


class MetadataRest:
    """The resource of deployments."""

    def __init__(self, deployments: Deployments) -> None:
        self._deployments = deployments

    def handle(self, call: Call) -> Response:
        """Answer `/metadata/deployRequest` and one request below it. Raises ApiError."""
        if call.segments[1:2] != ("deployRequest",) or len(call.segments) > 3:
            raise no_resource()
        if len(call.segments) == 2 and call.method == "POST":
            options, content = _parts(call.request)
            deployment = self._deployments.request(content, options, call.writer.user_id)
            return json_response(
                201, {"id": deployment.id, "deployOptions": dict(deployment.options)}
            )
        if len(call.segments) == 3 and call.method == "GET":
            deployment = self._deployments.look(call.segments[2])
            return json_response(200, self._answer(deployment, call.flag("includeDetails")))
        raise ApiError(405, "METHOD_NOT_ALLOWED", f"HTTP Method '{call.method}' not allowed.")

    def _answer(self, deployment: Deployment, details: bool) -> dict[str, Any]:
        return {
            "id": deployment.id,
            "url": None,
            "deployOptions": dict(deployment.options),
            "deployResult": self._deployments.result(deployment, details=details),
        }


def _parts(request: Request) -> tuple[dict[str, Any], bytes]:
    """The options and the zip file of a multipart request. Raises ApiError."""
    kind = request.headers.get("content-type", "")
    head = b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head + request.body)
    if not message.is_multipart():
        raise ApiError(400, "INVALID_MULTIPART_REQUEST", "A multipart request is needed")
    options: dict[str, Any] = {}
    content: bytes | None = None
    for part in message.get_payload():
        if not isinstance(part, Message):
            continue
        data = part.get_payload(decode=True)
        body = data if isinstance(data, bytes) else b""
        if part.get_content_type() == "application/json":
            options = _options(body)
        else:
            content = body
    if content is None:
        raise ApiError(400, "INVALID_MULTIPART_REQUEST", "The zip file is missing")
    return options, content


def _options(body: bytes) -> dict[str, Any]:
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, "JSON_PARSER_ERROR", str(error)) from error
    options = given.get("deployOptions") if isinstance(given, dict) else None
    if not isinstance(options, dict):
        raise ApiError(400, "MISSING_ARGUMENT", "deployOptions are missing")
    return options
