"""The Metadata API over SOAP: deployments, retrievals, and what an org has of each kind."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from prmsync.connector.simulator.http import Request, Response
from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.metadata.deploy import Deployments, require_admin
from prmsync_salesforce.simulator.metadata.listing import SUFFIXES, listed
from prmsync_salesforce.simulator.metadata.package import CHILDREN, FOLDERS
from prmsync_salesforce.simulator.metadata.problem import Problem
from prmsync_salesforce.simulator.metadata.reading import MOST, read_component
from prmsync_salesforce.simulator.metadata.retrieve import Retrievals
from prmsync_salesforce.simulator.metadata.xmltree import Node, element, parse
from prmsync_salesforce.simulator.org import Org

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope '
    'xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:sf="http://soap.sforce.com/2006/04/metadata" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns="http://soap.sforce.com/2006/04/metadata"><soapenv:Body>{body}'
    "</soapenv:Body></soapenv:Envelope>"
)
_HEADERS = {"content-type": "text/xml;charset=UTF-8"}


class MetadataSoap:
    """Answers `/services/Soap/m/…`. `user_of` tells whose session id it is."""

    def __init__(
        self, org: Org, deployments: Deployments, user_of: Callable[[str], str | None]
    ) -> None:
        self._org = org
        self._deployments = deployments
        self._retrievals = Retrievals(org)
        self._of_admins: dict[str, Callable[[Node], Response]] = {
            "listMetadata": self._listed,
            "readMetadata": self._read,
            "retrieve": self._retrieve,
        }
        self._user_of = user_of

    def handle(self, request: Request) -> Response:
        """Answer one SOAP call, refusals as faults."""
        try:
            envelope = parse(request.body)
            header, body = envelope.first("Header"), envelope.first("Body")
            session = next(header.below("sessionId"), None) if header is not None else None
            user_id = self._user_of(session.value) if session is not None else None
            if user_id is None:
                raise ApiError(
                    500,
                    "INVALID_SESSION_ID",
                    "Invalid Session ID found in SessionHeader: Illegal Session",
                )
            return self._called(body.children[0] if body and body.children else None, user_id)
        except Problem as problem:
            return _fault("soapenv:Client", str(problem))
        except ApiError as error:
            return _fault(f"sf:{error.code}", f"{error.code}: {_plain(error)}")

    def _called(self, call: Node | None, user_id: str) -> Response:
        name = call.name if call is not None else ""
        if call is not None and name == "deploy":
            return _result(name, self._deploy(call, user_id))
        if call is not None and name == "checkDeployStatus":
            deployment = self._deployments.look(call.text("asyncProcessId"))
            details = call.flag("includeDetails")
            return _result(name, self._deployments.result(deployment, details=details))
        if name == "describeMetadata":
            return _result(name, _kinds())
        if call is not None and name == "checkRetrieveStatus":
            return _result(name, self._retrievals.look(call.text("asyncProcessId")))
        work = self._of_admins.get(name)
        if call is not None and work is not None:
            require_admin(self._org, user_id)
            return work(call)
        return _fault("soapenv:Client", f"No operation available for request {name}")

    def _deploy(self, call: Node, user_id: str) -> dict[str, Any]:
        options = call.first("DeployOptions") or call.first("deployOptions")
        given = {
            child.name: child.value.lower() == "true" if _boolean(child.value) else child.value
            for child in (options.children if options is not None else ())
        }
        try:
            content = base64.b64decode(call.text("ZipFile") or call.text("zipFile"))
        except binascii.Error as error:
            raise Problem("The zip file is not base64") from error
        deployment = self._deployments.request(content, given, user_id)
        return {"done": False, "id": deployment.id, "state": "Queued"}

    def _retrieve(self, call: Node) -> Response:
        wanted = [
            (types.text("name"), member.value)
            for package in call.below("unpackaged")
            for types in package.all("types")
            for member in types.all("members")
        ]
        return _result(call.name, self._retrievals.request(wanted))

    def _listed(self, call: Node) -> Response:
        kinds = [query.text("type") for query in call.all("queries")]
        return _result(call.name, [one for kind in kinds for one in listed(self._org, kind)])

    def _read(self, call: Node) -> Response:
        kind = call.text("type") or call.text("metadataType")
        names = [one.value for one in call.all("fullNames")]
        if len(names) > MOST:
            raise ApiError(500, "LIMIT_EXCEEDED", f"readMetadata takes {MOST} names at most")
        records = [_record(kind, read_component(self._org, kind, name)) for name in names]
        return _answer(call.name, f"<result>{''.join(records)}</result>")


def _record(kind: str, elements: Mapping[str, Any] | None) -> str:
    if elements is None:
        return '<records xsi:nil="true"/>'
    inner = "".join(element(key, item) for key, item in elements.items())
    return f'<records xsi:type="{kind}">{inner}</records>'


def _plain(error: ApiError) -> str:
    return error.message.removeprefix(f"{error.code}: ")


def _boolean(text: str) -> bool:
    return text.lower() in ("true", "false")


def _kinds() -> dict[str, Any]:
    objects = [
        {
            "childXmlNames": list(CHILDREN.values()) if name == "CustomObject" else [],
            "directoryName": folder,
            "inFolder": False,
            "metaFile": False,
            "suffix": SUFFIXES[folder],
            "xmlName": name,
        }
        for folder, name in FOLDERS.items()
    ]
    return {
        "metadataObjects": objects,
        "organizationNamespace": "",
        "partialSaveAllowed": True,
        "testRequired": False,
    }


def _result(name: str, result: Any) -> Response:
    return _answer(name, element("result", result))


def _answer(name: str, inner: str) -> Response:
    body = f"<{name}Response>{inner}</{name}Response>"
    return Response(200, _ENVELOPE.format(body=body).encode(), _HEADERS)


def _fault(code: str, text: str) -> Response:
    body = (
        f"<soapenv:Fault><faultcode>{code}</faultcode>"
        f"<faultstring>{escape(text)}</faultstring></soapenv:Fault>"
    )
    return Response(500, _ENVELOPE.format(body=body).encode(), _HEADERS)
