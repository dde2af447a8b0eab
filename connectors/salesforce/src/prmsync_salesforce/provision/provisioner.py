"""`prmsync provision` for Salesforce: look, deploy, grant, assign; each again without harm."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from prmsync.connector.protocol import Connector
from prmsync.connector.provisioning import ObjectNeed, OnProgress, ProvisionPlan
from prmsync.connector.schema import ObjectSchema
from prmsync.errors import ConfigurationError, Finding, RejectedError, SchemaError
from prmsync_salesforce import soql
from prmsync_salesforce.client import Client
from prmsync_salesforce.provision.compare import Comparison, compare
from prmsync_salesforce.provision.deploy import deploy, hint_for
from prmsync_salesforce.provision.granting import Grants
from prmsync_salesforce.provision.live import read_org
from prmsync_salesforce.provision.package import files_of, zipped
from prmsync_salesforce.provision.source import SERVICE_SET, source
from prmsync_salesforce.writing import BATCH_SIZE

_NEEDS_ADMIN = "provision apply needs an admin's one-time sign-in"


class SalesforceProvisioner:
    """`service` is signed in as the user that syncs; `admin` is None where only a plan is asked
    for, which then shows what that user sees."""

    def __init__(
        self,
        service: Connector,
        service_client: Client,
        admin: Client | None,
        sleep: Callable[[float], None],
        api_version: str,
    ) -> None:
        self._service = service
        self._service_client = service_client
        self._admin = admin
        self._sleep = sleep
        self._api_version = api_version

    def plan(self, needs: Sequence[ObjectNeed]) -> ProvisionPlan:
        """Raises ConnectorError."""
        return self._compared(needs).plan

    def apply(self, needs: Sequence[ObjectNeed], progress: OnProgress) -> ProvisionPlan:
        """Raises ConfigurationError without an admin, ConnectorError for what was refused."""
        if self._admin is None:
            raise ConfigurationError(_NEEDS_ADMIN, hint="See prmsync provision apply --help.")
        found = self._compared(needs)
        if not found.parts.empty:
            progress("deploying; Salesforce takes a minute or two")
            files = files_of(source(), found.parts, self._api_version)
            deploy(self._admin, zipped(files), self._sleep)
        if found.grants.objects or found.grants.fields:
            progress(f"granting in {SERVICE_SET}")
            self._grant(self._admin, found.grants)
        if found.assign:
            progress(f"assigning {SERVICE_SET}")
            self._assign(self._admin)
        return replace(found.plan, findings=self._compared(needs).plan.findings)

    def _compared(self, needs: Sequence[ObjectNeed]) -> Comparison:
        self._service.forget_schema()
        account = self._service.account()
        client = self._admin or self._service_client
        org = read_org(client, needs, self._seen(needs), account)
        return compare(needs, org, source())

    def _seen(self, needs: Sequence[ObjectNeed]) -> Mapping[str, ObjectSchema]:
        found = {}
        for name in dict.fromkeys(need.object for need in needs):
            try:
                found[name.lower()] = self._service.describe(name)
            except SchemaError:
                continue  # not shown to the user that syncs: the comparison says what follows
        return found

    def _grant(self, admin: Client, grants: Grants) -> None:
        parent = self._set_id(admin)
        objects = [
            {
                "attributes": {"type": "ObjectPermissions"},
                "ParentId": parent,
                "SobjectType": name,
                "PermissionsRead": True,
                "PermissionsCreate": True,
                "PermissionsEdit": True,
                "PermissionsDelete": delete,
                "PermissionsViewAllRecords": True,
            }
            for name, delete in grants.objects.items()
        ]
        fields = [
            {
                "attributes": {"type": "FieldPermissions"},
                "ParentId": parent,
                "SobjectType": name.partition(".")[0],
                "Field": name,
                "PermissionsRead": True,
                "PermissionsEdit": edit,
            }
            for name, edit in grants.fields.items()
        ]
        _create(admin, objects, "SobjectType")
        _create(admin, fields, "Field")

    def _assign(self, admin: Client) -> None:
        row = {
            "attributes": {"type": "PermissionSetAssignment"},
            "AssigneeId": self._service.account().user_id,
            "PermissionSetId": self._set_id(admin),
        }
        _create(admin, [row], "PermissionSetId")

    def _set_id(self, admin: Client) -> str:
        query = soql.select(("Id",), "PermissionSet", soql.equal("Name", SERVICE_SET))
        for answer in admin.query("metadata", query):
            for row in answer.rows:
                return str(row["Id"])
        raise RejectedError(
            f"the permission set {SERVICE_SET} is not in the org",
            hint="It was deleted meanwhile: run prmsync provision apply again.",
        )


def _create(admin: Client, rows: Sequence[Mapping[str, Any]], name: str) -> None:
    """Raises RejectedError with a finding for each row that was refused; the others are made.
    Salesforce's words are told whole: these rows hold no one's data."""
    findings: list[Finding] = []
    for start in range(0, len(rows), BATCH_SIZE):
        some = rows[start : start + BATCH_SIZE]
        body = {"allOrNone": False, "records": list(some)}
        results = admin.collection("POST", "", len(some), body=body)
        for row, result in zip(some, results, strict=True):
            if not result.get("success"):
                findings.append(_refused(f"{SERVICE_SET}: {row[name]}", result))
    if findings:
        raise RejectedError("Salesforce refused permissions", findings=findings)


def _refused(where: str, result: Mapping[str, Any]) -> Finding:
    problem = "; ".join(
        " ".join(f"{one.get('statusCode', '')}: {one.get('message', '')}".split())
        for one in result.get("errors") or ()
    )
    return Finding(where, problem or "no reason given", hint_for(problem))
