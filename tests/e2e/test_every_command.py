"""Every command against every kind of bad input: what it says, its exit code, and that nothing was
touched. One table for arguments, one for what is wrong around the commands."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

CONNECTIONS = "Connections: acme-hs, acme-sf"
RUNS = "prmsync runs list"
STREAMS = "known: opportunity, partner, registration, relation"

# (arguments, exit code, words that must be said)
WRONG: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    # connections
    ("sync nowhere", 2, (CONNECTIONS,)),
    ("plan nowhere", 2, (CONNECTIONS,)),
    ("verify nowhere", 2, (CONNECTIONS,)),
    ("match nowhere", 2, (CONNECTIONS,)),
    ("pause nowhere", 2, (CONNECTIONS,)),
    ("resume nowhere", 2, (CONNECTIONS,)),
    ("runs list nowhere", 2, (CONNECTIONS,)),
    ("held list nowhere", 2, (CONNECTIONS,)),
    ("parked list nowhere", 2, (CONNECTIONS,)),
    ("parked drop --connection nowhere --all", 2, (CONNECTIONS,)),
    ("held decide --connection nowhere --field value --take prm", 2, (CONNECTIONS,)),
    ("history registration DR-1 --connection nowhere", 2, (CONNECTIONS,)),
    ("pause", 2, ("one of: acme-hs, acme-sf; or --all",)),
    ("pause acme-sf --all", 2, ("name one connection, or all of them",)),
    # streams and fields
    ("sync --stream deals", 2, ("no stream `deals`", "one of: partner, opportunity")),
    ("plan --stream partners", 2, ("no stream `partners`",)),
    ("pause acme-sf --stream deals", 2, ("no stream `deals`",)),
    ("held list --stream registrations", 2, ("did you mean `registration`?",)),
    ("held list --field vlue", 2, ("did you mean `value`?",)),
    ("held decide --field nofield --take prm", 2, ("nothing waits on `nofield`",)),
    ("parked list --stream relations", 2, ("did you mean `relation`?",)),
    ("parked replay --stream deals", 2, ("there is no stream `deals`", STREAMS)),
    ("history registration DR-1 --field amont", 2, ("did you mean `amount`?",)),
    ("mapping show deals", 2, ("there is no stream `deals`", STREAMS)),
    # runs
    ("apply 999", 2, ("there is no run 999", RUNS)),
    ("runs show 999", 2, ("there is no run 999", RUNS)),
    ("runs drop 999", 2, ("there is no run 999", RUNS)),
    ("runs undo 999", 2, ("there is no run 999", RUNS)),
    ("runs revert 999", 2, ("there is no run 999", RUNS)),
    ("history --run 999", 2, ("there is no run 999", RUNS)),
    ("runs show first", 2, ("'RUN': not a whole number", "prmsync runs show --help")),
    ("runs list --limit 0", 2, ("greater than or equal to 1",)),
    ("apply DONE", 2, ("run DONE is ", "make a new plan: prmsync plan acme-sf")),
    ("runs drop DONE", 2, ("run DONE is ",)),
    ("runs revert DONE --yes", 2, ("run DONE is ",)),
    ("runs undo WAITING", 2, ("wrote nothing: there is nothing to undo",)),
    ("apply WAITING", 3, ("prmsync apply WAITING --yes",)),
    ("runs revert WAITING", 3, ("prmsync runs revert WAITING --yes",)),
    # what waits
    ("held show 999", 2, ("nothing waits as 999", "prmsync held list")),
    ("held show one", 2, ("'ID': not a whole number",)),
    ("held decide 999 --take crm", 2, ("nothing waits as 999", "Nothing was decided")),
    ("held decide HELD", 2, ("--take is prm or crm",)),
    ("held decide HELD --take both", 2, ("--take is prm or crm",)),
    ("held decide --take prm", 2, ("name an ID, or a filter",)),
    ("held decide --file none.csv", 2, ("none.csv cannot be read",)),
    ("held decide --file filed.csv", 2, ("it lacks take", "held list --out")),
    ("held decide HELD --file filed.csv", 2, ("give nothing beside it",)),
    ("parked show 999", 2, ("nothing is refused as 999", "prmsync parked list")),
    ("parked replay 999", 2, ("not refused: 999",)),
    ("parked drop 999", 2, ("not refused: 999",)),
    ("parked drop", 2, ("name a LINK, a filter such as --code, or --all",)),
    ("parked drop --code NOSUCH", 2, ("nothing that is meant is refused",)),
    ("parked list --side both", 2, ("--side is prm or crm",)),
    # records
    ("history registration DR-9", 2, ("there is no registration", "did you mean")),
    ("history thing DR-1", 2, ("there are no records called 'thing'",)),
    ("history registration", 2, ("by OBJECT and ID",)),
    ("history", 2, ("--export FILE for a whole period",)),
    ("history registration DR-1 --since yesterday", 2, ("yesterday is no day", "2026-11-22")),
    ("erase registration DR-9 --yes", 2, ("there is no registration", "Nothing was erased")),
    ("erase thing DR-1 --yes", 2, ("there are no records called 'thing'",)),
    ("erase person nobody --yes", 2, ("is no e-mail address",)),
    ("erase registration DR-1 --field number --yes", 2, ("this field cannot be blank",)),
    ("erase registration DR-1 --field nofield --yes", 2, ("has no field nofield",)),
    ("erase registration DR-1", 3, ("Nothing was erased.", "--yes")),
    ("registrations show DR-9", 2, ("there is no registration DR-9",)),
    ("registrations review DR-9", 2, ("there is no registration DR-9",)),
    ("registrations submit DR-1", 2, ("DR-1",)),
    ("partners show Nobody", 2, ("there is no partner Nobody",)),
    ("conflicts show 999", 2, ("there is no channel conflict 999",)),
    ("margins explain DR-9", 2, ("there is no registration DR-9",)),
    ("report pipeline --partner Nobody", 2, ("there is no partner Nobody",)),
    ("forecast --period soon", 2, ("is not a quarter",)),
    # files
    ("import none.csv --as partner", 2, ("none.csv cannot be read",)),
    ("import deals.csv --as thing", 2, ("is not one of 'partner'",)),
    ("import cp1252.csv --as partner", 1, ("cp1252.csv:2", "0xFC", "--encoding cp1252")),
    ("import filed.csv --as partner", 2, ("--column name=THEIR_COLUMN",)),
    ("import filed.csv --as registration --map none.yaml", 2, ("none.yaml file not found",)),
    ("match acme-sf --apply none.csv", 2, ("none.csv cannot be read",)),
    ("match acme-sf --apply filed.csv", 2, ("not a match file", "--out FILE")),
    ("match acme-sf --out nodir/x.csv", 2, ("nodir/x.csv cannot be written",)),
    ("plan acme-sf --out nodir/x.json", 2, ("nodir/x.json cannot be written",)),
    ("held list --out nodir/x.csv", 2, ("nodir/x.csv cannot be written",)),
    ("history --export nodir/x.csv", 2, ("nodir/x.csv cannot be written",)),
    ("history --export history.pdf", 2, ("names no format", "FILE.jsonl")),
    ("apply none.json", 2, ("none.json cannot be read", "prmsync plan --out")),
    ("apply filed.csv", 2, ("is not a plan file",)),
    ("mapping check none.yaml", 2, ("no mapping files at `none.yaml`",)),
    # usage
    ("nosuchcommand", 2, ("No such command", "prmsync --help")),
    ("sync --nosuchoption", 2, ("No such option", "prmsync sync --help")),
    ("erase", 2, ("Missing argument", "prmsync erase --help")),
)


@pytest.fixture(scope="module")
def prepared(worked: Any) -> Any:
    (worked.acme.folder / "cp1252.csv").write_bytes("name\nMüller\n".encode("cp1252"))
    return worked


def touched(worked: Any) -> dict[str, Any]:
    """Everything that a command must leave alone: both CRMs, our records, links, what waits."""
    acme = worked.acme
    found = {
        name: acme.records(crm, name)
        for crm, name in (
            ("salesforce", "Account"),
            ("salesforce", "Opportunity"),
            ("salesforce", "PRM_Registration__c"),
            ("hubspot", "companies"),
            ("hubspot", "deals"),
            ("hubspot", "prm_registration"),
        )
    }
    with closing(sqlite3.connect(acme.folder / "prmsync.db")) as rows:
        for table in ("partner", "opportunity", "registration", "link", "held", "parked"):
            found[f"our {table}"] = rows.execute(f"SELECT * FROM {table}").fetchall()
        found["waiting"] = rows.execute(
            "SELECT id, state FROM action WHERE state = 'waiting'"
        ).fetchall()
    return found


@pytest.mark.parametrize("case", WRONG, ids=[one[0] for one in WRONG])
def test_wrong_arguments_are_told_with_the_remedy_and_touch_nothing(
    prepared: Any, case: tuple[str, int, tuple[str, ...]]
) -> None:
    line, code, words = case
    before = touched(prepared)
    done = prepared.acme.run(*prepared.filled(*line.split()))
    assert done.code == code, done.said
    said = " ".join(done.said.split())
    for word in words:
        told = word.replace("DONE", prepared.done).replace("WAITING", prepared.waiting)
        assert told in said
    assert touched(prepared) == before


# What is wrong around the commands: (what, how it is spoilt, exit code, words).

ANY = (
    "status",
    "sync",
    "plan",
    "apply WAITING --yes",
    "match acme-sf",
    "verify",
    "held list",
    "held show HELD",
    "held decide HELD --take prm",
    "parked list",
    "parked show REFUSED",
    "parked replay --all",
    "parked drop --all",
    "runs list",
    "runs show DONE",
    "runs drop WAITING",
    "runs undo DONE --yes",
    "runs revert WAITING --yes",
    "history registration DR-1",
    "erase registration DR-1 --yes",
    "pause --all",
    "resume --all",
    "import filed.csv --as registration",
    "conflicts check",
    "conflicts list",
    "margins compute",
    "margins list",
    "forecast",
    "registrations list",
    "registrations extend DR-1",
    "partners list",
    "report pipeline",
)
"""Commands that need the settings and the database."""
SYNCING = (
    "sync acme-sf",
    "plan acme-sf",
    "match acme-sf",
    "verify acme-sf",
    "runs undo DONE --yes",
    "erase registration DR-1 --crm --plan",
)
"""Commands that need Salesforce, but the last."""

Spoiler = Callable[[Path], None]


def replaced(file: str, old: str, new: str) -> Spoiler:
    def spoil(folder: Path) -> None:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new), encoding="utf-8")

    return spoil


def in_database(*statements: str) -> Spoiler:
    def spoil(folder: Path) -> None:
        with closing(sqlite3.connect(folder / "prmsync.db")) as rows:
            for one in statements:
                rows.execute(one)
            rows.commit()
            rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return spoil


AWAY = "prmsync.db.away"
"""Where a database is put aside: one that was written anew would be taken for a restored one."""


def cut_in_half(folder: Path) -> None:
    path = folder / "prmsync.db"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


AROUND: dict[str, tuple[Spoiler, int, tuple[str, ...]]] = {
    "broken settings": (
        replaced("prmsync.toml", 'url = "sqlite:///prmsync.db"', 'url = "sqlite:'),
        2,
        ("prmsync.toml:5:", "Nothing was read or written"),
    ),
    "an unknown setting": (
        replaced("prmsync.toml", "schedule =", "shedule ="),
        2,
        ("unknown key `shedule`", "did you mean `schedule`?"),
    ),
    "no database": (
        lambda folder: (folder / "prmsync.db").rename(folder / AWAY) and None,
        2,
        ("there is no database", "prmsync init"),
    ),
    "a database cut short": (cut_in_half, 2, ("is damaged", "restore it from a backup")),
    "a database that is none": (
        lambda folder: (folder / "prmsync.db").write_bytes(b"a letter to my aunt " * 500) and None,
        2,
        ("is not a database",),
    ),
    "a newer database": (
        in_database("UPDATE alembic_version SET version_num = '9999'"),
        2,
        ("newer prmsync", "9999"),
    ),
    "an older database": (
        in_database("UPDATE alembic_version SET version_num = '0001'"),
        2,
        ("has schema 0001", "prmsync db upgrade"),
    ),
}


@contextmanager
def spoilt(worked: Any, spoil: Spoiler) -> Iterator[None]:
    """The folder with one thing wrong; put back as it was."""
    folder = worked.acme.folder
    with closing(sqlite3.connect(folder / "prmsync.db")) as rows:
        rows.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    names = ("prmsync.toml", "prmsync.db", "mappings/salesforce/registration.yaml")
    kept = {name: (folder / name).read_bytes() for name in names}
    spoil(folder)
    try:
        yield
    finally:
        for ending in ("-wal", "-shm"):
            (folder / f"prmsync.db{ending}").unlink(missing_ok=True)
        if (folder / AWAY).exists():
            (folder / AWAY).rename(folder / "prmsync.db")
        for name, content in kept.items():
            (folder / name).write_bytes(content)


@pytest.mark.parametrize("name", AROUND)
def test_no_command_works_with_what_is_broken(prepared: Any, name: str) -> None:
    spoil, code, words = AROUND[name]
    before = touched(prepared)
    with spoilt(prepared, spoil):
        for line in ANY:
            done = prepared.acme.run(*prepared.filled(*line.split()))
            said = " ".join(done.said.split())
            assert done.code == code, (line, said)
            for word in words:
                assert word in said, (line, said)
    assert touched(prepared) == before


REGISTRATION = "mappings/salesforce/registration.yaml"
MAPPED: dict[str, tuple[Spoiler, tuple[str, ...]]] = {
    "an unknown mapping key": (
        replaced(REGISTRATION, "match:", "mathc:"),
        ("registration.yaml:11:1", "did you mean `match`?"),
    ),
    "YAML that is none": (
        replaced(REGISTRATION, "fields:", "fields: ["),
        ("registration.yaml:", "not valid YAML"),
    ),
    "a rule against a direction": (
        replaced(
            REGISTRATION,
            "expected_close: Expected_Close__c",
            "expected_close: {crm: Expected_Close__c, direction: to_crm, first: crm}",
        ),
        ("registration.yaml:", "contradicts `direction: to_crm`"),
    ),
}


@pytest.mark.parametrize("name", MAPPED)
def test_no_run_works_with_a_wrong_mapping(prepared: Any, name: str) -> None:
    spoil, words = MAPPED[name]
    before = touched(prepared)
    with spoilt(prepared, spoil):
        for line in (
            *SYNCING[:-1],
            "mapping check",
            "mapping show registration",
            "held list nowhere",
        ):
            done = prepared.acme.run(*prepared.filled(*line.split()))
            said = " ".join(done.said.split())
            assert done.code == 2, (line, said)
            if "nowhere" not in line:
                for word in words:
                    assert word in said, (line, said)
        assert prepared.acme.run("held", "list").code == 0  # what waits can still be looked at
    assert touched(prepared) == before


DEAD = "http://127.0.0.1:1"
CRM_WRONG: dict[str, tuple[dict[str, str], int, tuple[str, ...]]] = {
    "unreachable": ({"BASE_URL": DEAD}, 1, (f"nothing answers at {DEAD}", "base_url")),
    "unauthorised": ({"AUTH__CLIENT_ID": "somebody-else"}, 2, ("Check client_",)),
    "another org": ({"ORG": "00D000000000001EAA"}, 2, ("00D000000000001EAA",)),
}


@pytest.mark.parametrize("name", CRM_WRONG)
def test_a_crm_that_cannot_be_used_is_told_by_every_command_that_needs_it(
    prepared: Any, name: str
) -> None:
    settings, code, words = CRM_WRONG[name]
    environ = {f"PRMSYNC_CONNECTIONS__ACME_SF__{key}": value for key, value in settings.items()}
    before = touched(prepared)
    for line in SYNCING[:-1]:
        done = prepared.acme.run(*prepared.filled(*line.split()), **environ)
        said = " ".join(done.said.split())
        assert done.code == code, (line, said)
        for word in words:
            assert word in said, (line, said)
    for line in ("status", "held list", "runs list", SYNCING[-1]):  # these ask no CRM
        assert prepared.acme.run(*prepared.filled(*line.split()), **environ).code == 0, line
    assert touched(prepared) == before
