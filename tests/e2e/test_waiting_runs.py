"""What a person does with runs and with what waits: look, leave it, write it after all; and what is
said of what is not there."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

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


def test_a_waiting_run_tells_which_of_its_rows_are_held(acme: Any) -> None:
    run = waiting(acme)
    assert acme.run("runs", "show", run).out.count("held by a brake\n") == 3
    assert acme.run("apply", run, "--yes").code == 0
    assert "held by a brake\n" not in acme.run("runs", "show", run).out
    assert len(acme.records("salesforce", "Account")) == 3


@pytest.mark.parametrize("command", [("held", "list"), ("parked", "list"), ("runs", "list")])
def test_a_connection_that_is_not_there_is_an_error_not_an_empty_list(
    command: tuple[str, str], acme: Any
) -> None:
    assert "There is no connection `acme`" in acme.refused(2, *command, "acme")


def test_a_decision_on_a_field_where_nothing_waits_is_refused(acme: Any) -> None:
    said = acme.refused(2, "held", "decide", "--field", "amount", "--take", "prm")
    assert "nothing waits on `amount`" in said


def test_what_a_person_left_is_explained_and_no_mismatch(acme: Any) -> None:
    assert acme.run("apply", waiting(acme), "--yes").code == 0
    edited = PARTNERS.replace("partner-2.example,GB", "partner-2.example,IE")
    assert acme.run("import", acme.write("edited.csv", edited), "--as", "partner").code == 0
    found = re.search(r"prmsync apply (\d+)", acme.run("plan", "acme-sf").out)
    assert found is not None
    assert acme.run("runs", "drop", found.group(1)).code == 0
    verified = acme.run("verify", "acme-sf")
    assert verified.code == 0, verified.said
    assert "partner: 1 left by a person until it moves" in verified.out
    assert "Different for a reason: 1; on one side only: 0." in verified.out


@pytest.mark.parametrize("command", ["plan", "verify"])
def test_a_crm_that_does_not_answer_keeps_no_other_connection_from_its_turn(
    command: str, acme: Any
) -> None:
    done = acme.run(command, PRMSYNC_CONNECTIONS__ACME_HS__BASE_URL="http://127.0.0.1:9")
    assert done.code == 1
    assert "acme-hs:\nnothing answers at http://127.0.0.1:9" in done.err
    assert "acme-sf" in done.out
