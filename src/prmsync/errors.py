"""The error tree: one class per consequence for the caller.

PrmsyncError
├── ConfigurationError        exit 2: prmsync.toml, mapping, CSV column map, usage
│   └── MappingError          exit 2: with file:line:column for every finding
├── StoreError                exit 2: database missing, of another version, damaged
├── InputError                exit 1: rows of a file that cannot be taken
├── NotFoundError             exit 2: an id, run or connection that does not exist
├── StateError                exit 2: a move that the record's state does not allow
├── BrakeError                exit 3: a brake waits for a person
├── LeaseLostError            exit 1: another process runs this connection
└── ConnectorError            exit 1: what a CRM said, in one of our classes
    ├── RetryableError        the same call may succeed later
    │   └── OutcomeUnknownError   sent, no answer: it may have been written
    ├── RejectedError         this record was refused; others go on
    ├── GoneError             the record is deleted, with evidence
    ├── AuthError             exit 2: credentials, permission, another org than pinned
    ├── QuotaError            the CRM's limit is reached; says when it goes on
    └── SchemaError           exit 2: object, field, stage or picklist value missing
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: `where` (file:line:column, key or record), what, and a remedy."""

    where: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        head = f"{self.where}  {self.message}" if self.where else self.message
        return f"{head}\n    {self.hint}" if self.hint else head


class PrmsyncError(Exception):
    """Root of all errors that a person can act on; never shown as a traceback.

    `message` says what is wrong, `hint` what to do, `findings` lists every problem found.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return self.message


class ConfigurationError(PrmsyncError):
    """prmsync.toml, an environment variable or a command's arguments are wrong."""

    exit_code = 2


class MappingError(ConfigurationError):
    """Mapping files are wrong; `findings` holds every problem of all files."""


class StoreError(PrmsyncError):
    """The database is missing, damaged, or at another schema version."""

    exit_code = 2


class InputError(PrmsyncError):
    """Rows of an input file cannot be taken; `findings` names each with its line."""


class NotFoundError(PrmsyncError):
    """Something named by the user does not exist."""

    exit_code = 2


class StateError(PrmsyncError):
    """A record's state does not allow the move that was asked for."""

    exit_code = 2


class BrakeError(PrmsyncError):
    """A brake holds writes until a person answers."""

    exit_code = 3


class LeaseLostError(PrmsyncError):
    """Another process runs this connection, or took it over from this one."""


class ConnectorError(PrmsyncError):
    """What a CRM answered. `code` is the vendor's own code; `fields` are CRM field names."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str = "",
        fields: Sequence[str] = (),
        findings: Sequence[Finding] = (),
    ) -> None:
        super().__init__(message, hint=hint, findings=findings)
        self.code = code
        self.fields = tuple(fields)


class RetryableError(ConnectorError):
    """The same call may succeed later. `retry_after` is in seconds where the CRM named it."""

    retry_after: float | None = None


class OutcomeUnknownError(RetryableError):
    """A write was sent and no answer came: it may or may not have happened."""


class RejectedError(ConnectorError):
    """The CRM refused this record; the others go on."""


class LockedError(RejectedError):
    """The CRM lets nobody edit this record for now (an approval); it is tried again by itself."""


class GoneError(ConnectorError):
    """The record was deleted or archived in the CRM: this is evidence."""


class AuthError(ConnectorError):
    """Sign-in or permission failed, or the account is not the one that is pinned."""

    exit_code = 2


class QuotaError(ConnectorError):
    """The CRM's limit, or our share of it, is used up."""

    retry_after: float | None = None


class SchemaError(ConnectorError):
    """The CRM lacks an object, field, stage or picklist value that the mapping names."""

    exit_code = 2
