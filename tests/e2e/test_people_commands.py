"""What people do with the journal and with what waits, as they type it: undo a bad run, answer
held fields from a file, export history, erase a person."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

HEAD = "number,partner,customer_name,customer_contact\n"


def rows(contact: Callable[[int], str]) -> str:
    return HEAD + "".join(f"DR-{n},Globex,Customer {n} AG,{contact(n)}\n" for n in (1, 2, 3))


@pytest.fixture
def home(acme: Any) -> Any:
    """Three registrations that Salesforce and the partner database agree on."""
    acme.write("partners.csv", "name,domain,country\nGlobex,globex.example,DE\n")
    acme.write("deals.csv", rows(lambda n: f"first{n}@x.example"))
    for file, kind in (("partners.csv", "partner"), ("deals.csv", "registration")):
        done = acme.run("import", file, "--as", kind)
        assert done.code == 0, done.said
    assert acme.run("sync", "acme-sf", "--yes").code == 0
    return acme


def contacts(acme: Any) -> list[str]:
    found = acme.records("salesforce", "PRM_Registration__c")
    return sorted(str(one.get("Customer_Contact__c")) for one in found if not one["IsDeleted"])


def edit_in_salesforce(acme: Any, number: str, contact: str) -> None:
    record = next(
        one for one in acme.records("salesforce", "PRM_Registration__c") if one["Name"] == number
    )
    httpx.patch(
        f"{acme.urls['salesforce']}/_simulator/records",
        json={
            "object": "PRM_Registration__c",
            "id": record["Id"],
            "values": {"Customer_Contact__c": contact},
        },
        trust_env=False,
    ).raise_for_status()


def a_bad_run(acme: Any) -> int:
    acme.write("wrong.csv", rows(lambda n: "wrong@x.example"))
    assert acme.run("import", "wrong.csv", "--as", "registration").code == 0
    done = acme.run("sync", "acme-sf", "--json")
    assert done.code == 0, done.said
    assert contacts(acme) == ["wrong@x.example"] * 3
    return int(json.loads(done.out)[0]["run_id"])


def test_a_bad_run_is_looked_at_undone_and_stays_undone(home: Any) -> None:
    bad = a_bad_run(home)
    edit_in_salesforce(home, "DR-2", "corrected@x.example")
    plan = home.run("runs", "undo", str(bad), "--plan")
    assert plan.code == 0, plan.said
    assert "wrong@x.example → first1@x.example" in plan.out
    assert "customer_contact stays corrected@x.example" in plan.out
    assert "Do exactly this: prmsync apply " in plan.out
    assert contacts(home) == ["corrected@x.example", "wrong@x.example", "wrong@x.example"]
    done = home.run("runs", "undo", str(bad), "--json")
    told = json.loads(done.out)
    assert (done.code, told["state"], told["undoes"], told["held"]) == (0, "done", bad, 2)
    assert [one["record"] for one in told["kept"]] == ["DR-2  Customer 2 AG"]
    after = ["corrected@x.example", "first1@x.example", "first3@x.example"]
    assert contacts(home) == after
    assert home.run("sync", "acme-sf").code == 0
    assert contacts(home) == after
    listed = home.run("held", "list")
    assert listed.out.count(f"undone run {bad}") == 2
    assert home.run("verify", "acme-sf").code == 0


def test_a_run_is_undone_while_its_connection_is_paused_and_stays_so_on_resume(home: Any) -> None:
    bad = a_bad_run(home)
    first = [f"first{n}@x.example" for n in (1, 2, 3)]
    assert home.run("pause", "acme-sf", "--why", "cleaning up").code == 0
    assert "acme-sf is paused: cleaning up" in home.refused(2, "sync", "acme-sf")
    undo = json.loads(home.run("runs", "undo", str(bad), "--plan", "--json").out)["run"]
    assert home.run("apply", str(undo)).code == 0
    assert contacts(home) == first
    again = json.loads(home.run("runs", "undo", str(undo), "--plan", "--json").out)["run"]
    dropped = json.loads(home.run("runs", "drop", str(again), "--json").out)
    assert dropped == {"run": again, "dropped": 3}
    assert home.run("resume", "acme-sf").code == 0
    assert home.run("sync", "acme-sf").code == 0
    assert contacts(home) == first


def test_an_undo_that_fails_says_how_to_undo_the_rest(acme: Any) -> None:
    acme.write("partners.csv", "name,domain\nGlobex,globex.example\nInitech,initech.example\n")
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    bad = json.loads(acme.run("sync", "acme-hs", "--yes", "--json").out)[0]["run_id"]
    fault = {"path": "batch/archive", "status": 503, "times": 1}
    httpx.post(
        f"{acme.urls['hubspot']}/_simulator/faults", json=fault, trust_env=False
    ).raise_for_status()
    said = acme.refused(1, "runs", "undo", str(bad), "--yes")
    assert "2 deletes not made" in said
    assert f"Undo the rest: prmsync runs undo {bad}" in said
    assert acme.run("runs", "undo", str(bad), "--yes").code == 0
    assert {one["archived"] for one in acme.records("hubspot", "companies")} == {True}


def test_undo_says_what_it_cannot_do(home: Any) -> None:
    assert "there is no run 4711" in home.refused(2, "runs", "undo", "4711")
    idle = json.loads(home.run("sync", "acme-sf", "--json").out)[0]["run_id"]
    assert "wrote nothing" in home.refused(2, "runs", "undo", str(idle))


def test_held_fields_are_answered_from_a_file(home: Any) -> None:
    home.run("runs", "undo", str(a_bad_run(home)))
    out = home.run("held", "list", "--field", "customer_contact", "--out", "held.csv")
    assert (out.code, "3 written to held.csv" in out.out) == (0, True)
    path = home.folder / "held.csv"
    with path.open(encoding="utf-8", newline="") as file:
        listed = sorted(csv.DictReader(file), key=lambda row: row["record"])
    assert [one["ours"] for one in listed] == ["wrong@x.example"] * 3
    for row, take in zip(listed, ("crm", "", "prm"), strict=True):
        row["take"] = take
    save(path, listed)
    decided = home.run("held", "decide", "--file", "held.csv", "--json")
    assert (decided.code, json.loads(decided.out)["decided"]) == (0, 2)
    assert home.run("sync", "acme-sf").code == 0
    assert contacts(home) == ["first1@x.example", "first2@x.example", "wrong@x.example"]
    assert len(json.loads(home.run("held", "list", "--json").out)) == 1


def save(path: Any, listed: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, listed[0].keys())
        writer.writeheader()
        writer.writerows(listed)


def test_a_file_of_decisions_is_taken_whole_or_not_at_all(home: Any) -> None:
    home.run("runs", "undo", str(a_bad_run(home)))
    home.run("held", "list", "--out", "held.csv")
    path = home.folder / "held.csv"
    with path.open(encoding="utf-8", newline="") as file:
        listed = sorted(csv.DictReader(file), key=lambda row: row["record"])
    save(path, [{**row, "take": word} for row, word in zip(listed, ["prm", "x"], strict=False)])
    assert "held.csv:3  take is `x`" in home.refused(1, "held", "decide", "--file", "held.csv")
    for row in listed:
        row["take"] = "crm"
    save(path, [{**listed[0], "seen": "v0"}, {**listed[1], "id": "4711"}, listed[2]])
    said = home.refused(2, "held", "decide", "--file", "held.csv")
    assert "held.csv:2  DR-1  Customer 1 AG, customer_contact: its values are not those" in said
    assert "held.csv:3  nothing waits as 4711" in said
    assert "2 decisions cannot be noted. Nothing was decided." in said
    assert len(json.loads(home.run("held", "list", "--json").out)) == 3


def test_what_is_decided_is_named_by_number_filter_or_file(home: Any) -> None:
    assert "name an ID, or a filter" in home.refused(2, "held", "decide", "--take", "prm")
    assert "--take is prm or crm" in home.refused(2, "held", "decide", "7")
    said = home.refused(2, "held", "decide", "--file", "x.csv", "--take", "prm")
    assert "give nothing beside it" in said
    assert "nothing waits as 7" in home.refused(2, "held", "decide", "7", "--take", "prm")


def test_refusals_are_listed_with_their_code_and_tried_again_by_filter(home: Any) -> None:
    assert "Nothing is refused." in home.run("parked", "list").out
    assert "name a LINK" in home.refused(2, "parked", "replay")
    assert "name a LINK" in home.refused(2, "parked", "drop")
    assert "not refused: 7" in home.refused(2, "parked", "drop", "7")
    dropped = home.run("parked", "drop", "--all", "--json")
    assert (dropped.code, json.loads(dropped.out)) == (0, {"dropped": 0, "links": []})
    assert "--side is prm or crm" in home.refused(2, "parked", "list", "--side", "x")
    assert "nothing is refused as 7" in home.refused(2, "parked", "show", "7")
    again = home.run("parked", "replay", "--all", "--json")
    assert (again.code, json.loads(again.out)) == (0, {"replayed": 0, "links": []})


def test_history_is_told_for_a_record_a_run_and_a_field(home: Any) -> None:
    bad = a_bad_run(home)
    told = home.run("history", "registration", "DR-1")
    assert "first1@x.example → wrong@x.example" in told.out
    edit_in_salesforce(home, "DR-1", "new@x.example")
    home.run("sync", "acme-sf")
    told = home.run("history", "registration", "DR-1", "--field", "customer_contact", "--json")
    lines = json.loads(told.out)
    assert [one["side"] for one in lines] == ["crm", "crm", "prm"]
    assert lines[1]["fields"] == {
        "customer_contact": {"old": "first1@x.example", "new": "wrong@x.example"}
    }
    assert {one["connection"] for one in lines} == {"acme-sf"}
    text = home.run("history", "registration", "DR-1").out
    assert "was last modified by" in " ".join(text.split())
    of_run = json.loads(home.run("history", "--run", str(bad), "--json").out)
    assert "registration DR-1" in home.run("history", "--run", str(bad)).out
    assert len(of_run) == 3
    since = ("history", "registration", "DR-1", "--since", "2999-01-01", "--json")
    assert json.loads(home.run(*since).out) == []


def test_history_is_exported_for_auditors(home: Any) -> None:
    bad = a_bad_run(home)
    edit_in_salesforce(home, "DR-1", "=HYPERLINK(1)")
    home.run("sync", "acme-sf")
    done = home.run("history", "--export", "all.csv", "--connection", "acme-sf")
    assert done.code == 0, done.said
    with (home.folder / "all.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    assert {one["new"] for one in listed if one["side"] == "prm"} == {"'=HYPERLINK(1)"}
    assert {one["by"] for one in listed} != {""}
    done = home.run("history", "--run", str(bad), "--export", "run.jsonl", "--json")
    lines = [json.loads(one) for one in (home.folder / "run.jsonl").read_text().splitlines()]
    assert json.loads(done.out) == {"file": "run.jsonl", "rows": 3}
    assert {(one["field"], one["new"], one["run"]) for one in lines} == {
        ("customer_contact", "wrong@x.example", bad)
    }
    assert "names no format" in home.refused(2, "history", "--export", "all.xlsx")
    assert "is no day" in home.refused(2, "history", "--run", "1", "--since", "soon")
    assert "name a record" in home.refused(2, "history")


def test_a_person_is_erased_here_and_on_request_in_the_crm(home: Any) -> None:
    plan = home.run("erase", "registration", "DR-1", "--plan")
    assert plan.code == 0, plan.said
    assert "registration DR-1" in plan.out
    assert "may still be shown in acme-sf: http" in plan.out
    assert "first1@x.example" not in plan.said
    assert "Nothing was erased." in home.refused(3, "erase", "registration", "DR-1")
    done = home.run("erase", "registration", "DR-1", "--yes", "--crm")
    assert done.code == 0, done.said
    assert ": cleared" in done.out
    assert b"first1@x.example" not in (home.folder / "prmsync.db").read_bytes()
    assert contacts(home) == ["None", "first2@x.example", "first3@x.example"]
    assert home.run("sync", "acme-sf").code == 0
    assert home.run("verify", "acme-sf").code == 0
    told = json.loads(home.run("erase", "registration", "DR-2", "--yes", "--json").out)
    assert [one["cleared"] for one in told[0]["crm"]] == [False]
    shown = " ".join(home.run("verify", "acme-sf").out.split())
    assert "1 record was erased here only: the CRM may still show the values" in shown
    assert "there is no registration" in home.refused(2, "erase", "registration", "DR-9", "--yes")
    history = home.run("history", "registration", "DR-1").out
    assert "erased at a person's right" in history
