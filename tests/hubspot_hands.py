"""A CRM user of a HubSpot test account, by the vendor's API and a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

MADE_BY_TESTS = "00000000-0000-0001-0000-"
"""How the external keys of the contract's records begin."""
VERSION = "2026-09"
BATCH = 100


class HubSpotHands:
    """`objects` are the objects that tests make records of, each with its key property."""

    def __init__(
        self, client: httpx.Client, base_url: str, token: str, objects: Mapping[str, str]
    ) -> None:
        self._client = client
        self._root = f"{base_url}/crm/objects/{VERSION}"
        self._headers = {"authorization": f"Bearer {token}"}
        self._objects = objects
        self._by_hand: list[tuple[str, str]] = []

    def creates(self, object_name: str, values: Mapping[str, Any]) -> str:
        made = self._call("POST", object_name, {"properties": dict(values)})
        self._by_hand.append((object_name, str(made["id"])))
        return str(made["id"])

    def edits(self, object_name: str, record_id: str, values: Mapping[str, Any]) -> None:
        self._call("PATCH", f"{object_name}/{record_id}", {"properties": dict(values)})

    def deletes(self, object_name: str, record_id: str) -> None:
        self._call("DELETE", f"{object_name}/{record_id}")

    def merges(self, object_name: str, record_id: str, into: str) -> None:
        body = {"primaryObjectId": into, "objectIdToMerge": record_id}
        self._call("POST", f"{object_name}/merge", body)

    def sweep(self) -> None:
        for name, record_id in self._by_hand:
            self.deletes(name, record_id)
        self._by_hand.clear()
        for name, key in self._objects.items():
            self._archive(name, self._made(name, key))

    def _made(self, name: str, key: str) -> list[str]:
        found: list[str] = []
        query = {"limit": str(BATCH), "properties": key}
        while True:
            page = self._call("GET", name, params=query)
            found += [
                one["id"]
                for one in page["results"]
                if (one["properties"].get(key) or "").startswith(MADE_BY_TESTS)
            ]
            if "paging" not in page:
                return found
            query["after"] = page["paging"]["next"]["after"]

    def _archive(self, name: str, ids: Sequence[str]) -> None:
        for at in range(0, len(ids), BATCH):
            inputs = [{"id": one} for one in ids[at : at + BATCH]]
            self._call("POST", f"{name}/batch/archive", {"inputs": inputs})

    def _call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Any:
        answer = self._client.request(
            method, f"{self._root}/{path}", json=body, params=params, headers=self._headers
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None
