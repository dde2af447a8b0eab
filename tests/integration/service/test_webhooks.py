"""A real `prmsync serve` and a HubSpot that calls it: news arrive long before the schedule."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from prmsync.domain.values import Values
from prmsync_hubspot.simulator.settings import CLIENT_SECRET

SUBSCRIPTIONS = [
    {"type": f"object.{event}", "object": "companies"}
    for event in ("creation", "deletion", "restore", "merge", "propertyChange")
]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def place(make_place: Callable[..., Any]) -> Any:
    """One HubSpot connection, `hs`, that runs once an hour, and takes webhooks."""
    place = make_place(hs="hubspot", schedule="1h")
    port = free_port()
    file = place.folder / "prmsync.toml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("[service]\n", f'[service]\nwebhooks = "127.0.0.1:{port}"\n')
    hook = f"http://127.0.0.1:{port}/webhooks/hs"
    text = text.replace('schedule = "1h"\n', f'schedule = "1h"\nwebhook = "{hook}"\n')
    file.write_text(f'{text}auth.webhook_secret = "file:app.secret"\n', encoding="utf-8")
    (place.folder / "app.secret").write_text(CLIENT_SECRET, encoding="utf-8")
    webhooks(place, target=hook, subscriptions=SUBSCRIPTIONS)
    return place


def webhooks(place: Any, **body: Any) -> dict[str, Any]:
    url = f"{place.crms['hs'].url}/_simulator/webhooks"
    answer = httpx.post(url, json=body, trust_env=False, timeout=60)
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def test_an_edit_in_hubspot_arrives_long_before_the_schedule(place: Any, globex: Values) -> None:
    partner = place.insert("partner", globex)
    assert place.prmsync("sync", "--yes").returncode == 0
    service = place.serve()
    service.tells("run ended", connection="hs")
    webhooks(place, clear=True, subscriptions=SUBSCRIPTIONS, automatic=True)
    place.crms["hs"].rename("Globex", "Globex Holding")
    service.until(lambda: place.ours("partner", partner)["name"] == "Globex Holding")
    assert service.lines("next run brought forward by a webhook", connection="hs")
    heard = service.health()[1]["connections"]["hs"]["webhooks"]
    assert heard["taken"] >= 1
    assert heard["refused"] == 0
    assert "Globex Holding" not in service.log.read_text(encoding="utf-8")
    webhooks(place, automatic=False)
    assert service.stop() == 0


def test_repeated_unordered_and_forged_deliveries_do_no_harm(place: Any, globex: Values) -> None:
    partner = place.insert("partner", globex)
    assert place.prmsync("sync", "--yes").returncode == 0
    service = place.serve()
    service.tells("run ended", connection="hs")
    webhooks(place, clear=True, subscriptions=SUBSCRIPTIONS)
    crm = place.crms["hs"]
    crm.rename("Globex", "Globex One")
    crm.rename("Globex One", "Globex Two")
    forged = webhooks(place, deliver={"signed": False, "keep": True})
    assert set(forged["answers"]) == {401}
    late = webhooks(place, deliver={"age_seconds": 400, "keep": True})
    assert late["answers"][-1] == 401
    assert not service.lines("next run brought forward by a webhook")
    webhooks(place, deliver={"order": "reversed", "times": 3})
    service.until(lambda: place.ours("partner", partner)["name"] == "Globex Two")
    heard = service.health()[1]["connections"]["hs"]["webhooks"]
    assert (heard["taken"], heard["refused"]) == (3, 2)
    assert {one["code"] for one in service.lines("webhook refused")} == {"SIGNATURE", "TIMESTAMP"}
    assert service.stop() == 0


def test_a_service_that_cannot_prove_webhooks_does_not_start(place: Any) -> None:
    (place.folder / "app.secret").unlink()
    refused = place.prmsync("serve")
    assert refused.returncode == 2
    assert "app.secret" in refused.stderr


def test_salesforce_takes_none_and_says_so(make_place: Callable[..., Any]) -> None:
    place = make_place(sf="salesforce", schedule="1h")
    file = place.folder / "prmsync.toml"
    text = file.read_text(encoding="utf-8")
    hook = "https://prm.example.com/webhooks/sf"
    file.write_text(text.replace('"1h"\n', f'"1h"\nwebhook = "{hook}"\n'), encoding="utf-8")
    refused = place.prmsync("serve")
    assert refused.returncode == 2
    assert "takes none from Salesforce" in refused.stderr
