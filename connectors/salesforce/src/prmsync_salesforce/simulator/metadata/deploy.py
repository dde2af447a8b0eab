"""Deployments: applied whole or not at all, and reported component by component.

What a deployment changes is there at once; its status says `InProgress` at the first look, as a
real one does, so that callers must ask again.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from prmsync_salesforce.simulator.failure import ApiError
from prmsync_salesforce.simulator.ids import long_id, make_id
from prmsync_salesforce.simulator.metadata.apply import Applier
from prmsync_salesforce.simulator.metadata.package import CHILDREN, Component, read_package
from prmsync_salesforce.simulator.metadata.problem import Problem
from prmsync_salesforce.simulator.metadata.xmltree import as_xml
from prmsync_salesforce.simulator.org import Org
from prmsync_salesforce.simulator.values import stamp

OPTIONS: Mapping[str, Any] = {
    "allowMissingFiles": False,
    "autoUpdatePackage": False,
    "checkOnly": False,
    "ignoreWarnings": False,
    "performRetrieve": False,
    "purgeOnDelete": False,
    "rollbackOnError": True,
    "runTests": None,
    "singlePackage": True,
    "testLevel": None,
}


def require_admin(org: Org, user_id: str) -> None:
    """Raises INSUFFICIENT_ACCESS for who may not use the Metadata API."""
    if not org.access.is_admin(user_id):
        raise ApiError(
            403,
            "INSUFFICIENT_ACCESS",
            "INSUFFICIENT_ACCESS: use of the Metadata API requires a user with the "
            "ModifyAllData or ModifyMetadata permissions",
        )


@dataclass(slots=True)
class Deployment:
    """One request. `looks` counts how often its status was asked."""

    id: str
    user_id: str
    options: Mapping[str, Any]
    started: datetime
    successes: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    error: str | None = None
    looks: int = 0

    @property
    def status(self) -> str:
        if self.looks < 2:
            return "Pending" if self.looks == 0 else "InProgress"
        return "Failed" if self.failures or self.error else "Succeeded"


class Deployments:
    """Takes deployments of administrators and remembers their results."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._all: dict[str, Deployment] = {}
        self._numbers = itertools.count(1)

    def request(self, content: bytes, options: Mapping[str, Any], user_id: str) -> Deployment:
        """Deploy a zip file's package. Raises INSUFFICIENT_ACCESS for who is no administrator."""
        require_admin(self._org, user_id)
        known = {name: value for name, value in options.items() if name in OPTIONS}
        deployment = Deployment(
            make_id("0Af", next(self._numbers)), user_id, {**OPTIONS, **known}, self._org.now()
        )
        self._all[deployment.id] = deployment
        self._carry_out(deployment, content)
        return deployment

    def look(self, text: str) -> Deployment:
        """The deployment, one look later. Raises NOT_FOUND."""
        deployment = self._all.get(long_id(text) or "")
        if deployment is None:
            raise ApiError(404, "NOT_FOUND", "The requested resource does not exist")
        deployment.looks += 1
        return deployment

    def result(self, deployment: Deployment, *, details: bool) -> dict[str, Any]:
        """The `deployResult`; without `details` only its counts."""
        done = deployment.status in ("Succeeded", "Failed")
        failures = deployment.failures if done else []
        successes = deployment.successes if done else []
        moment = stamp(self._org.now())
        user = self._org.database.row(deployment.user_id) or {}
        answer: dict[str, Any] = {
            "id": deployment.id,
            "checkOnly": deployment.options["checkOnly"],
            "ignoreWarnings": deployment.options["ignoreWarnings"],
            "rollbackOnError": deployment.options["rollbackOnError"],
            "status": deployment.status,
            "done": done,
            "success": deployment.status == "Succeeded",
            "numberComponentsDeployed": len(successes),
            "numberComponentsTotal": len(deployment.successes) + len(deployment.failures),
            "numberComponentErrors": len(failures),
            "numberTestsCompleted": 0,
            "numberTestsTotal": 0,
            "numberTestErrors": 0,
            "runTestsEnabled": False,
            "createdBy": deployment.user_id,
            "createdByName": user.get("Name"),
            "createdDate": stamp(deployment.started),
            "startDate": stamp(deployment.started),
            "lastModifiedDate": moment,
            "completedDate": moment if done else None,
            "errorMessage": deployment.error if done else None,
            "errorStatusCode": "UNKNOWN_EXCEPTION" if done and deployment.error else None,
            "stateDetail": None if done else "Processing Type: CustomField",
        }
        if details:
            answer["details"] = {
                "componentSuccesses": successes,
                "componentFailures": failures,
                "runTestResult": {"numFailures": 0, "numTestsRun": 0, "totalTime": 0.0},
            }
        return answer

    def _carry_out(self, deployment: Deployment, content: bytes) -> None:
        try:
            package = read_package(content)
        except Problem as problem:
            deployment.error = str(problem)
            return
        for file, text in package.problems:
            deployment.failures.append(_failure(self._org.now(), file, "", "", text))
        saved = _Saved(self._org)
        with self._org.database.all_or_none() as roll_back:
            for item in package.components:
                self._apply(deployment, item)
            if deployment.options["checkOnly"] or (
                deployment.failures and deployment.options["rollbackOnError"]
            ):
                roll_back()
                saved.put_back()

    def _apply(self, deployment: Deployment, item: Component) -> None:
        try:
            created = Applier(self._org).apply(item)
        except Problem as problem:
            deployment.failures.append(
                _failure(self._org.now(), item.file, item.type, item.full_name, str(problem))
            )
            return
        self._keep(item)
        deployment.successes.append(
            {
                **_message(self._org.now(), item.file, item.type, item.full_name),
                "changed": True,
                "created": created,
                "success": True,
            }
        )

    def _keep(self, item: Component) -> None:
        """What was deployed, to be retrieved: of an object without the parts that go by themselves,
        of which its file may hold nothing else."""
        whole = item.type == "CustomObject"
        node = item.node.without(CHILDREN) if whole else item.node
        if node.children:
            self._org.deployed.sources[item.type, item.full_name] = as_xml(node)


class _Saved:
    """The schema and who sees it, to go back to. Records are the database's business."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._definitions = {name: table.definition for name, table in org.database.tables.items()}
        self._access = org.access.dump()
        self._value_sets = dict(org.value_sets)
        self._sources = dict(org.deployed.sources)

    def put_back(self) -> None:
        database = self._org.database
        for name, table in list(database.tables.items()):
            if name not in self._definitions:
                database.drop(name)
            elif table.definition is not self._definitions[name]:
                database.define(self._definitions[name])
        self._org.access.restore(self._access)
        self._org.value_sets.clear()
        self._org.value_sets.update(self._value_sets)
        self._org.deployed.sources = self._sources


def _message(now: datetime, file: str, type_name: str, full_name: str) -> dict[str, Any]:
    return {
        "changed": False,
        "columnNumber": None,
        "componentType": type_name,
        "created": False,
        "createdDate": stamp(now),
        "deleted": False,
        "fileName": file,
        "fullName": full_name,
        "id": None,
        "lineNumber": None,
        "problem": None,
        "problemType": None,
        "success": False,
        "warning": False,
    }


def _failure(
    now: datetime, file: str, type_name: str, full_name: str, problem: str
) -> dict[str, Any]:
    message = _message(now, file, type_name, full_name)
    return {**message, "problem": problem, "problemType": "Error"}
