"""Names the kind of a call, under which the simulator counts it."""

from __future__ import annotations

import re

from prmsync.connector.simulator.http import Request

DATA_PATH = re.compile(r"/services/data/(v\d+\.\d+)(/.*)?$")
_COLLECTIONS = {
    "POST": "collections-create",
    "PATCH": "collections-update",
    "DELETE": "collections-delete",
}
_SINGLE = {"GET": "record-read", "PATCH": "record-update", "DELETE": "record-delete"}


def classify(request: Request) -> str:
    """One of: token, authorize, revoke, userinfo, versions, resources, limits, query, query-more,
    query-all, describe-global, describe, organization, object, deleted, updated, record-create,
    record-read, record-update, record-delete, record-upsert, collections-create,
    collections-update, collections-upsert, collections-delete, collections-retrieve, composite,
    composite-batch, composite-tree, bulk-query, bulk-ingest, tooling, metadata, soap, other."""
    if request.path.startswith("/services/oauth2/"):
        return request.path.rpartition("/")[2]
    if request.path.startswith("/id/"):
        return "userinfo"
    if request.path.startswith("/services/Soap/"):
        return "soap"
    match = DATA_PATH.match(request.path)
    if match is None:
        return "versions" if request.path.rstrip("/") == "/services/data" else "other"
    segments = (match.group(2) or "").strip("/").split("/")
    return _resource(request.method, segments)


def _resource(method: str, segments: list[str]) -> str:
    first = segments[0]
    if first in ("", "limits"):
        return first or "resources"
    if first == "jobs":
        return "bulk-ingest" if segments[1:2] == ["ingest"] else "bulk-query"
    if first in ("tooling", "metadata"):
        return first
    if first in ("query", "queryAll"):
        if len(segments) > 1:
            return "query-more"
        return "query" if first == "query" else "query-all"
    if first == "sobjects":
        return _sobjects(method, segments[1:])
    if segments == ["connect", "organization"]:
        return "organization"
    if first == "composite":
        return _composite(method, segments[1:])
    return "other"


def _composite(method: str, rest: list[str]) -> str:
    if not rest:
        return "composite"
    if rest[0] in ("batch", "tree"):
        return f"composite-{rest[0]}"
    if rest[0] != "sobjects":
        return "other"
    if len(rest) == 1:
        return _COLLECTIONS.get(method, "other")
    return "collections-retrieve" if len(rest) == 2 else "collections-upsert"


def _sobjects(method: str, rest: list[str]) -> str:
    if not rest:
        return "describe-global"
    if len(rest) == 1:
        return "record-create" if method == "POST" else "object"
    if rest[1] in ("describe", "deleted", "updated"):
        return rest[1]
    if len(rest) == 3 and method == "PATCH":
        return "record-upsert"
    return _SINGLE.get(method, "other")
