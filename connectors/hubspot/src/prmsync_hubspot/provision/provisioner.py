"""Compares an account with what mappings need, and makes what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from prmsync.connector.provisioning import Automations, ObjectNeed, OnProgress, ProvisionPlan
from prmsync.domain.counted import counted
from prmsync.errors import (
    AuthError,
    ConfigurationError,
    ConnectorError,
    Finding,
    RejectedError,
    SchemaError,
)
from prmsync_hubspot.catalog import Catalog
from prmsync_hubspot.client import Client
from prmsync_hubspot.errors import row_error
from prmsync_hubspot.paths import ASSOCIATIONS, PIPELINES, PROPERTIES, SCHEMAS, Paths
from prmsync_hubspot.provision.automations import FlowReader
from prmsync_hubspot.provision.compare import Comparison, Parts, compare
from prmsync_hubspot.provision.making import (
    Body,
    label_body,
    object_body,
    pipeline_body,
    property_body,
)
from prmsync_hubspot.provision.portal import PortalReader
from prmsync_hubspot.provision.words import GROUP, GROUP_LABEL
from prmsync_hubspot.vendor import Metadata

BATCH = 100
_HIDDEN = (
    "HubSpot says it exists, and does not show it",
    "Something of this name may be archived: restore it (Settings > Properties > Archived), or "
    "delete it for good and run this again.",
)
_SIGN_IN = "Sign in as an admin in the browser, or give an admin's token: --admin-token env:NAME"


class HubSpotProvisioner:
    """See `Provisioner`. Looks as the admin where there is one, else as whoever syncs."""

    def __init__(self, client: Client, paths: Paths, *, admin: bool) -> None:
        self._client = client
        self._paths = paths
        self._admin = admin
        metadata = Metadata(client, paths)
        self._catalog = Catalog(metadata)
        self._reader = PortalReader(client, paths, self._catalog, metadata)

    def plan(self, needs: Sequence[ObjectNeed]) -> ProvisionPlan:
        return self._compared(needs).plan

    def apply(self, needs: Sequence[ObjectNeed], progress: OnProgress) -> ProvisionPlan:
        if not self._admin:
            raise ConfigurationError("making this takes an admin's one-time sign-in", hint=_SIGN_IN)
        found = self._compared(needs)
        if found.plan.unread:
            raise AuthError(
                "the admin's sign-in does not show everything, so nothing was made",
                hint="Sign in with the scopes that docs/crm-admin.md names for this.",
                code="MISSING_SCOPES",
                findings=found.plan.unread,
            )
        self._make(found.parts, progress)
        after = self._compared(needs).plan
        left = {one.name for one in after.steps}
        made = tuple(one for one in found.plan.steps if one.name not in left)
        findings = (*after.findings, *(Finding(one.name, *_HIDDEN) for one in after.steps))
        return replace(found.plan, steps=made, findings=findings)

    def automations(self, objects: Sequence[str]) -> Automations:
        """See `AutomationReader`."""
        return FlowReader(self._client, self._paths, self._catalog).read(objects)

    def _compared(self, needs: Sequence[ObjectNeed]) -> Comparison:
        return compare(needs, self._reader.read(needs))

    def _make(self, parts: Parts, progress: OnProgress) -> None:
        for name, need in parts.objects.items():
            progress(f"making the object {name}")
            self._make_object(name, need)
        for name in parts.groups:
            progress(f"making the property group of {name}")
            path = self._paths.path(PROPERTIES, self._type(name), "groups")
            self._post(f"{name}.{GROUP}", path, {"name": GROUP, "label": GROUP_LABEL})
        for name, fields in parts.properties.items():
            progress(f"making {counted(len(fields), 'property', 'properties')} of {name}")
            bodies = [property_body(one, GROUP) for one in fields]
            for start in range(0, len(bodies), BATCH):
                self._make_properties(name, bodies[start : start + BATCH])
        for name, pipeline, place in parts.pipelines:
            progress(f"making the pipeline {pipeline.name}")
            path = self._paths.path(PIPELINES, self._type(name))
            self._post(f"{name}.{pipeline.name}", path, pipeline_body(pipeline, place))
        for name, label in parts.labels:
            progress(f"making the association label {label.label}")
            ends = self._type(name), self._type(label.to_object)
            path = self._paths.path(ASSOCIATIONS, *ends, "labels")
            self._post(f"{name}: {label.label}", path, label_body(label))

    def _make_object(self, name: str, need: ObjectNeed) -> None:
        path = self._paths.path(SCHEMAS)
        self._post(name, path, object_body(name, need.stream, need.fields))
        self._catalog.forget()

    def _make_properties(self, name: str, bodies: Sequence[Body]) -> None:
        """Raises RejectedError with a finding for each that was refused; the others are made."""
        path = self._paths.path(PROPERTIES, self._type(name), "batch", "create")
        told = self._post(name, path, {"inputs": list(bodies)})
        findings = [
            _finding(f"{name}.{_named(one)}", one)
            for one in told.get("errors") or ()
            if one.get("category") != "OBJECT_ALREADY_EXISTS"
        ]
        if findings:
            raise RejectedError("HubSpot refused properties", findings=findings)

    def _type(self, name: str) -> str:
        """What stands for an object in paths."""
        return self._catalog.type(name).path

    def _post(self, where: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One thing to make; HubSpot's words are told whole, for it is nobody's data."""
        try:
            return self._client.call("write", "POST", path, body=body, by_row=True).data
        except (RejectedError, AuthError, SchemaError) as error:
            raise _refusal(where, error) from error


def _refusal(where: str, error: RejectedError | AuthError | SchemaError) -> ConnectorError:
    """The same with what was to be made: a missing right stays one, all else was refused."""
    told = error.findings or [Finding("", error.message)]
    findings = [Finding(f"{where} {one.where}".strip(), one.message, one.hint) for one in told]
    kind = AuthError if isinstance(error, AuthError) else RejectedError
    return kind(
        f"HubSpot does not make {where}", hint=error.hint, code=error.code, findings=findings
    )


def _named(told: Mapping[str, Any]) -> str:
    names = (told.get("context") or {}).get("name") or ()
    return str(names[0]) if names else "?"


def _finding(where: str, told: Mapping[str, Any]) -> Finding:
    error = row_error(told)
    return Finding(where, error.message, error.hint)
