"""What a driver said about the database, in words with a remedy.

Only faults of the database as a whole are translated (unreachable, damaged, locked, full, no
permission). A constraint that a row breaks stays SQLAlchemy's IntegrityError. Driver texts are
passed on as one line and never with parameters, so that no value of a record leaves by them.
"""

from __future__ import annotations

from sqlalchemy import URL

from prmsync.errors import StoreError

_SQLITE = (
    (
        "file is not a database",
        "is not a database, or is damaged",
        "restore it from a backup, or correct [database] url",
    ),
    ("malformed", "is damaged", "restore it from a backup, or correct [database] url"),
    (
        "unable to open database file",
        "cannot be opened",
        "check that its folder exists and that this user may read and write it",
    ),
    (
        "readonly database",
        "may not be written by this user",
        "check the permissions of the file and of its folder",
    ),
    (
        "database is locked",
        "is busy: another process is writing to it",
        "wait for that process to end, then run this again",
    ),
    ("full", "cannot grow: the disk is full", "make room on the disk, then run this again"),
    ("disk i/o error", "cannot be read or written: disk error", "check the disk"),
    ("no such table", "lacks a table", "run `prmsync db upgrade`"),
)
_POSTGRES = (
    (("28",), "refuses the sign-in", "check user and password in [database] url"),
    (("3D000",), "does not exist", "create it (createdb), or correct [database] url"),
    (("42501",), "does not allow this user to do that", "grant this user rights on the schema"),
    (("42P01",), "lacks a table", "run `prmsync db upgrade`"),
    (("53100",), "cannot grow: the disk is full", "make room on its disk"),
    (("53",), "has no more connections or memory to give", "raise its limits, or try later"),
    (("40", "55P03"), "is busy with another process's changes", "run this again"),
    (("25006",), "only allows reading", "use the primary server in [database] url"),
)
_UNREACHABLE = ("cannot be reached", "check that the server runs, and [database] url")
_AUTH_TEXTS = ("password authentication failed", "no password supplied", "pg_hba.conf")


def store_error(url: URL, error: BaseException) -> StoreError | None:
    """The StoreError for a driver error, or None where it does not concern the database itself."""
    text = str(error).strip()
    if url.get_backend_name() == "sqlite":
        return _sqlite_error(url, text)
    return _postgres_error(url, error, text)


def display_name(url: URL) -> str:
    """The database as people know it: a path, or server and name; never user or password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"{url.database or ''} on {url.host or 'the local socket'}{port}"


def _sqlite_error(url: URL, text: str) -> StoreError | None:
    lower = text.lower()
    for part, what, hint in _SQLITE:
        if part in lower:
            return StoreError(f"the database {display_name(url)} {what}", hint=hint)
    return None


def _postgres_error(url: URL, error: BaseException, text: str) -> StoreError | None:
    name = f"the database {display_name(url)}"
    state = getattr(error, "sqlstate", None)
    if state is None:
        return _no_connection(url, error, name, text)
    for prefixes, what, hint in _POSTGRES:
        if state.startswith(prefixes):
            return StoreError(f"{name} {what}: {_one_line(url, text)}", hint=hint)
    if state.startswith(("08", "57P")):
        return StoreError(f"{name} {_UNREACHABLE[0]}", hint=_UNREACHABLE[1])
    return None


def _no_connection(url: URL, error: BaseException, name: str, text: str) -> StoreError | None:
    """libpq gives no SQLSTATE for a connection that never stood, or that broke."""
    if type(error).__name__ not in ("OperationalError", "ConnectionTimeout"):
        return None
    line = _one_line(url, text)
    if any(part in text for part in _AUTH_TEXTS):
        return StoreError(f"{name} {_POSTGRES[0][1]}: {line}", hint=_POSTGRES[0][2])
    if "does not exist" in text and "database" in text:
        return StoreError(f"{name} {_POSTGRES[1][1]}", hint=_POSTGRES[1][2])
    return StoreError(f"{name} {_UNREACHABLE[0]}: {line}", hint=_UNREACHABLE[1])


def _one_line(url: URL, text: str) -> str:
    line = text.splitlines()[0] if text else "no answer"
    password = url.password or url.query.get("password")
    return line.replace(str(password), "***") if password else line
