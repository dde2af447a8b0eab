"""What a person does with a run that a brake holds: look, leave it, write it after all."""

from __future__ import annotations

import json
import re
from typing import Any

PARTNERS = "name,domain,country\n" + "".join(
    f"Partner {n} Ltd,partner-{n}.example,GB\n" for n in range(1, 4)
)


def waiting(acme: Any) -> str:
    """The number of a run that waits: the first creations in a CRM always do."""
    assert acme.run("import", acme.write("partners.csv", PARTNERS), "--as", "partner").code == 0
    told = acme.refused(3, "sync", "acme-sf")
    found = re.search(r"These writes wait as run (\d+)", told)
    assert found is not None, told
    return found.group(1)


def test_a_dropped_run_writes_nothing_and_the_next_run_does_not_ask_again(acme: Any) -> None:
    run = waiting(acme)
    dropped = acme.run("runs", "drop", run)
    assert (dropped.code, dropped.out) == (
        0,
        f"3 writes of run {run} are left until their values move.\n",
    )
    assert json.loads(acme.run("runs", "show", run, "--json").out)["state"] == "dropped"
    assert "nothing to write" in acme.refused(0, "sync", "acme-sf")
    assert acme.records("salesforce", "Account") == []
    assert f"run {run} is dropped" in acme.refused(2, "apply", run, "--yes")
