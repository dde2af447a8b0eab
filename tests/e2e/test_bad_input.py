"""What goes wrong is told in words, with a remedy and the right exit code; nothing is lost, and the
other records go on. No command here may end in a traceback (see `Acme.run`)."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PARTNERS = "name,domain,tier\nGlobex,globex.example,Gold\nInitech,initech.example,Silver\n"
NOTHING_DONE = "Nothing was read or written."


@pytest.fixture
def filled(acme: Any) -> Any:
    """Two partners that no CRM has yet."""
    acme.write("partners.csv", PARTNERS)
    assert acme.run("import", "partners.csv", "--as", "partner").code == 0
    return acme


def scalar(acme: Any, sql: str) -> Any:
    connection = sqlite3.connect(acme.folder / "prmsync.db")
    try:
        found = connection.execute(sql).fetchone()
        connection.commit()
    finally:
        connection.close()
    return found[0] if found else None


# prmsync.toml


def test_broken_toml_is_placed_and_changes_nothing(acme: Any) -> None:
    acme.edit("prmsync.toml", 'url = "sqlite:///prmsync.db"', 'url = "sqlite:///prmsync.db')
    said = acme.refused(2, "status")
    assert "prmsync.toml:5:" in said
    assert "the line ends before its text is closed" in said
    assert NOTHING_DONE in said


def test_unknown_keys_are_all_named_with_their_near_spelling(acme: Any) -> None:
    acme.edit("prmsync.toml", "schedule =", "shedule =")
    said = acme.refused(2, "sync")
    assert said.count("unknown key `shedule`") == 2
    assert said.count("did you mean `schedule`?") == 2


def test_a_literal_secret_is_refused_and_not_repeated(acme: Any) -> None:
    acme.edit(
        "prmsync.toml",
        '"file:simulator-credentials/salesforce-client_secret"',
        '"a-secret-typed-here"',
    )
    said = acme.refused(2, "plan")
    assert "client_secret" in said and "env:NAME" in said
    assert "a-secret-typed-here" not in said


def test_a_missing_secret_is_named_by_its_place(acme: Any) -> None:
    acme.edit("prmsync.toml", "file:simulator-credentials/hubspot-token", "env:NOT_SET_ANYWHERE")
    said = acme.refused(2, "plan", "acme-hs")
    assert "connections.acme-hs.auth.token" in said
    assert "export NOT_SET_ANYWHERE=" in said


def test_an_option_that_the_connector_does_not_know_is_refused(acme: Any) -> None:
    said = acme.refused(2, "plan", "acme-sf", PRMSYNC_CONNECTIONS__ACME_SF__OPTIONS__CURENCY="EUR")
    assert "did you mean `currency`?" in said


def test_production_and_sandbox_never_share_a_database(acme: Any) -> None:
    said = acme.refused(2, "sync", PRMSYNC_CONNECTIONS__ACME_SF__ENVIRONMENT="sandbox")
    assert said.count("One database never mixes them") == 2


# Mappings


def test_an_unknown_mapping_key_is_placed(acme: Any) -> None:
    acme.edit("mappings/salesforce/partner.yaml", "match:", "mathc:")
    said = acme.refused(2, "plan", "acme-sf")
    assert "mappings/salesforce/partner.yaml:14:1" in said
    assert "did you mean `match`?" in said


def test_a_field_that_the_crm_lacks_is_placed_before_anything_is_written(filled: Any) -> None:
    filled.edit("mappings/salesforce/registration.yaml", "Protected_Until__c", "Protectd_Until__c")
    said = filled.refused(2, "sync", "acme-sf", "--yes")
    assert "registration.yaml:40:" in said
    assert "did you mean `Protected_Until__c`?" in said
    assert filled.records("salesforce", "Account") == []


def test_two_owners_of_one_field_are_named_both(acme: Any) -> None:
    for crm in ("salesforce", "hubspot"):
        file = f"mappings/{crm}/registration.yaml"
        line = next(
            one
            for one in (acme.folder / file).read_text(encoding="utf-8").splitlines()
            if one.startswith("  number:")
        )
        acme.edit(file, line, line.replace("policy: prm", "policy: crm"))
    said = acme.refused(2, "plan")
    assert "owns `number` already (mappings/hubspot/registration.yaml:" in said
    assert "one owner per field" in said


# The CRM's account


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_crm_that_does_not_answer_does_not_keep_the_other_from_its_run(
    filled: Any, crm: str
) -> None:
    variable = {"salesforce": "ACME_SF", "hubspot": "ACME_HS"}[crm]
    dead = {f"PRMSYNC_CONNECTIONS__{variable}__BASE_URL": "http://127.0.0.1:1"}
    said = filled.refused(1, "sync", "--yes", **dead)
    assert "nothing answers at http://127.0.0.1:1" in said
    assert "Is base_url right?" in said
    other, name = ("hubspot", "companies") if crm == "salesforce" else ("salesforce", "Account")
    assert len(filled.records(other, name)) == 2
    assert filled.run("sync", "--yes").code == 0
    assert len(filled.records("salesforce", "Account")) == 2


@pytest.mark.parametrize(
    ("connection", "file", "told"),
    [
        ("acme-sf", "salesforce-client_secret", "Check client_secret"),
        ("acme-hs", "hubspot-token", "check the token"),
    ],
)
def test_wrong_credentials_are_told_without_their_text(
    acme: Any, connection: str, file: str, told: str
) -> None:
    acme.write(f"simulator-credentials/{file}", "not-the-right-one\n")
    said = acme.refused(2, "sync", connection)
    assert told in said
    assert "not-the-right-one" not in said
    assert "{" not in said


@pytest.mark.parametrize(
    ("connection", "org"), [("acme-sf", "00D000000000001EAA"), ("acme-hs", "4711")]
)
def test_another_account_than_pinned_is_refused(filled: Any, connection: str, org: str) -> None:
    variable = connection.upper().replace("-", "_")
    said = filled.refused(
        2, "sync", connection, "--yes", **{f"PRMSYNC_CONNECTIONS__{variable}__ORG": org}
    )
    assert org in said
    assert filled.records("salesforce", "Account") == filled.records("hubspot", "companies") == []


@pytest.mark.parametrize("connection", ["acme-sf", "acme-hs"])
def test_a_sandbox_setting_does_not_reach_a_production_account(acme: Any, connection: str) -> None:
    environ = {
        f"PRMSYNC_CONNECTIONS__{name}__ENVIRONMENT": "sandbox" for name in ("ACME_SF", "ACME_HS")
    }
    said = acme.refused(2, "sync", connection, **environ)
    assert "production" in said and "correct environment" in said


def test_a_database_of_another_account_is_not_written_to_this_one(filled: Any) -> None:
    assert filled.run("sync", "acme-sf").code == 3
    scalar(filled, "UPDATE connection SET org_id = '00D999999999999AAA' WHERE name = 'acme-sf'")
    said = filled.refused(2, "sync", "acme-sf", "--yes")
    assert "bound to account 00D999999999999AAA" in said
    assert filled.records("salesforce", "Account") == []


# The database


def test_a_missing_database_is_not_made_by_accident(acme: Any) -> None:
    (acme.folder / "prmsync.db").unlink()
    said = acme.refused(2, "sync")
    assert "there is no database" in said and "prmsync init" in said
    assert not (acme.folder / "prmsync.db").exists()


def test_a_file_that_is_no_database_is_left_as_it_is(acme: Any) -> None:
    acme.write(
        "prmsync.db", "a letter to my aunt, long enough to be read as a page of a database\n"
    )
    for command in (("status",), ("db", "upgrade"), ("init",)):
        assert "is not a database" in acme.refused(2, *command)
    assert (acme.folder / "prmsync.db").read_text(encoding="utf-8").startswith("a letter")


def test_a_database_of_a_newer_prmsync_is_not_touched(acme: Any) -> None:
    scalar(acme, "UPDATE alembic_version SET version_num = '9999'")
    for command in (("sync",), ("db", "upgrade")):
        said = acme.refused(2, *command)
        assert "newer prmsync (schema 9999" in said


def test_a_database_of_another_program_is_not_taken(acme: Any) -> None:
    (acme.folder / "prmsync.db").unlink()
    scalar(acme, "CREATE TABLE invoice (id INTEGER)")
    assert "holds no prmsync tables" in acme.refused(2, "status")
    assert "another program" in acme.refused(2, "init")


# CSV


def test_another_encoding_is_named_with_its_byte_and_line(acme: Any) -> None:
    (acme.folder / "p.csv").write_bytes("name,domain\nMüller,m.example\n".encode("cp1252"))
    said = acme.refused(1, "import", "p.csv", "--as", "partner")
    assert "p.csv:2" in said and "0xFC" in said and "--encoding cp1252" in said
    assert acme.run("import", "p.csv", "--as", "partner", "--encoding", "cp1252").code == 0
    assert scalar(acme, "SELECT name FROM partner") == "Müller"


def test_every_bad_row_is_named_and_nothing_is_imported_unless_asked(acme: Any) -> None:
    acme.write("p.csv", "name,tier,colour\nAcme,Gold,red\nBeta,Gould,\n,Gold,\n")
    said = acme.refused(1, "import", "p.csv", "--as", "partner")
    assert "2 of 3 rows are bad. Nothing was imported." in said
    assert "p.csv:3" in said and "there is no tier Gould" in said and "Gold" in said
    assert "p.csv:4" in said and "--skip-bad" in said
    assert scalar(acme, "SELECT count(*) FROM partner") == 0
    said = acme.refused(1, "import", "p.csv", "--as", "partner", "--skip-bad")
    assert "1 created" in said and "columns not used: colour" in said


def test_columns_that_fill_nothing_needed_are_told_with_the_remedy(acme: Any) -> None:
    acme.write("p.csv", "company,site\nAcme,acme.example\n")
    assert "--column name=THEIR_COLUMN" in acme.refused(2, "import", "p.csv", "--as", "partner")
    assert acme.run("import", "p.csv", "--as", "partner", "--column", "name=company").code == 0


# Records that a CRM refuses


DEALS = (
    "number,partner,customer_name,product_lines,amount,currency\n"
    "DR-1,Globex,Northwind,firewall,100,EUR\n"
    "DR-2,Initech,Hooli,firewall,100,EUR\n"
)
REFUSAL = {
    "salesforce": {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION"},
    "hubspot": {"code": "INVALID_OPTION"},
}


@pytest.mark.parametrize(
    ("connection", "crm", "name"),
    [
        ("acme-sf", "salesforce", "PRM_Registration__c"),
        ("acme-hs", "hubspot", "prm_registration"),
    ],
)
def test_a_record_that_the_crm_refuses_is_kept_aside_and_the_others_go_on(
    filled: Any, connection: str, crm: str, name: str
) -> None:
    filled.write("deals.csv", DEALS)
    assert filled.run("import", "deals.csv", "--as", "registration").code == 0
    rule = {"record": "DR-1", "message": "Discount needs approval", **REFUSAL[crm]}
    filled.fault(crm, rule)
    said = filled.refused(1, "sync", connection, "--yes")
    assert "prmsync parked list" in said
    assert len(filled.records(crm, name)) == 1
    listed = filled.run("parked", "list").out
    assert "DR-1" in listed and "DR-2" not in listed
    assert "Discount needs approval" in " ".join(listed.split())
    replay = re.search(r"prmsync parked replay (\d+)", listed)
    assert replay is not None
    filled.no_faults(crm)
    assert filled.run("parked", "replay", replay[1]).code == 0
    assert filled.run("sync", connection, "--yes").code == 0
    assert len(filled.records(crm, name)) == 2


def test_a_value_that_is_too_long_is_not_cut_and_all_else_goes_on(filled: Any) -> None:
    filled.write("deals.csv", DEALS.replace("Northwind", "N" * 300))
    assert filled.run("import", "deals.csv", "--as", "registration").code == 0
    filled.refused(1, "sync", "acme-sf", "--yes")
    assert customers(filled) == {"DR-1": None, "DR-2": "Hooli"}
    listed = filled.run("parked", "list").out
    assert "DR-1" in listed and "customer_name" in listed
    filled.write("deals.csv", DEALS)
    assert filled.run("import", "deals.csv", "--as", "registration").code == 0
    assert filled.run("sync", "acme-sf", "--yes").code == 0
    assert customers(filled) == {"DR-1": "Northwind", "DR-2": "Hooli"}


def customers(acme: Any) -> dict[str, Any]:
    rows = acme.records("salesforce", "PRM_Registration__c")
    return {row["Name"]: row.get("Customer_Name__c") for row in rows}


# Plans and runs


def test_runs_that_do_not_exist_are_told_with_where_to_look(acme: Any) -> None:
    for command in (("apply", "99"), ("runs", "show", "99"), ("runs", "drop", "99")):
        said = acme.refused(2, *command)
        assert "there is no run 99" in said and "prmsync runs list" in said


def test_a_run_of_a_connection_that_was_taken_out_is_not_applied(filled: Any) -> None:
    assert filled.run("sync", "acme-sf").code == 3
    text = (filled.folder / "prmsync.toml").read_text(encoding="utf-8")
    head = text.split("# Salesforce, simulated")[0]
    filled.write("prmsync.toml", head)
    environ = {"PRMSYNC_CONNECTIONS__ACME_SF__BASE_URL": ""}
    shown = subprocess.run(
        [sys.executable, "-m", "prmsync.cli.main", "apply", "1", "--yes"],
        cwd=filled.folder,
        env={k: v for k, v in filled.environ.items() if k not in environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert shown.returncode == 2, shown.stderr
    assert "no connection `acme-sf`" in shown.stderr
    assert filled.records("salesforce", "Account") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text.replace("Globex", "Globe"), "was edited after it was made"),
        (lambda _: "{}", "is not a plan file"),
        (lambda _: "no JSON", "is not a plan file"),
    ],
)
def test_a_plan_file_that_was_changed_is_refused(filled: Any, change: Any, told: str) -> None:
    assert filled.run("plan", "acme-sf", "--out", "plan.json").code == 0
    path: Path = filled.folder / "plan.json"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    assert told in filled.refused(2, "apply", "plan.json", "--yes")
    assert filled.records("salesforce", "Account") == []


def test_a_plan_file_is_done_once(filled: Any) -> None:
    assert filled.run("plan", "acme-sf", "--out", "plan.json").code == 0
    assert filled.run("apply", "plan.json", "--yes").code == 0
    assert "make a new plan" in filled.refused(2, "apply", "plan.json", "--yes")
    assert len(filled.records("salesforce", "Account")) == 2


def test_a_waiting_run_is_not_written_without_a_clear_yes(filled: Any) -> None:
    assert filled.run("sync", "acme-sf").code == 3
    done = filled.run("apply", "1")  # nobody is there to answer
    assert done.code == 3, done.said
    assert "prmsync apply 1 --yes" in done.said
    assert filled.records("salesforce", "Account") == []


def test_a_plan_that_a_brake_would_hold_is_not_written_without_a_clear_yes(filled: Any) -> None:
    assert filled.run("plan", "acme-sf").code == 0
    done = filled.run("apply", "1")
    assert done.code == 3
    assert "first creations wait for a person" in done.said
    assert "prmsync apply 1 --yes" in done.said
    assert filled.run("apply", "1", "--yes").code == 0


def test_two_processes_on_one_connection_do_everything_once(filled: Any) -> None:
    filled.write(
        "more.csv",
        "name,domain\n" + "".join(f"P{n},p{n}.example\n" for n in range(300)),
    )
    assert filled.run("import", "more.csv", "--as", "partner").code == 0
    filled.fault("salesforce", {"method": "PATCH", "latency_ms": 300})
    command = [sys.executable, "-m", "prmsync.cli.main", "sync", "acme-sf", "--yes"]
    both = [
        subprocess.Popen(
            command,
            cwd=filled.folder,
            env=filled.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120)[0] for one in both]
    codes = sorted(one.returncode for one in both)
    assert codes in ([0, 0], [0, 1]), said
    assert not any("Traceback" in text or "mistake of its own" in text for text in said), said
    if codes == [0, 1]:
        assert any("acme-sf" in text and "another process" in text for text in said), said
    assert len(filled.records("salesforce", "Account")) == 302
    assert filled.run("verify", "acme-sf").code == 0


def test_what_nobody_knows_is_told_with_where_to_look(acme: Any) -> None:
    for command, told in (
        (("plan", "acme"), "Connections: acme-hs, acme-sf"),
        (("history", "partner", "Nobody"), "there is no partner"),
        (("held", "show", "7"), "prmsync held list"),
        (("parked", "replay", "7"), "prmsync parked list"),
    ):
        assert told in acme.refused(2, *command)
    assert json.loads(acme.run("status", "--json").out) is not None
