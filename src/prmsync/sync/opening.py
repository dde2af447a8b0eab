"""From a connector and mappings to a session: account pinned, names resolved, streams ready."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError

from prmsync import __version__
from prmsync.connector.protocol import Connector
from prmsync.connector.schema import Account, ObjectSchema, Person
from prmsync.domain.merge import Writes
from prmsync.errors import AuthError, Finding, SchemaError, StateError
from prmsync.mapping.model import StreamMapping
from prmsync.mapping.translate import Translator
from prmsync.reconcile.rules import GroupRule, RecordRule
from prmsync.store import claims
from prmsync.store import streams as store
from prmsync.store.claims import Claim, Doubt
from prmsync.store.database import Database
from prmsync.store.streams import ConnectionState, StreamState
from prmsync.sync.claims import other_account, require_undoubted, standing
from prmsync.sync.live_schema import object_spec, resolve
from prmsync.sync.session import Session, Stream

SCHEMA_AGE = timedelta(hours=1)
"""How long a CRM's described schema is trusted before it is read again."""


@dataclass(frozen=True, slots=True)
class Described:
    """What was read of an account's schema, as kept between runs."""

    made_by: str
    mappings: str
    objects: dict[str, ObjectSchema]
    people: list[Person]


_DESCRIBED = TypeAdapter(Described)


def open_session(
    database: Database,
    name: str,
    connector: Connector,
    *,
    connector_name: str,
    title: str,
    mappings: Sequence[StreamMapping],
    writes: Writes,
    now: Callable[[], datetime],
    new_id: Callable[[], str],
    actor: str,
    to_compare: bool = False,
) -> Session:
    """Sign in, check the account and resolve the mappings; nothing is read or written yet.

    Raises AuthError for another account than this database knows, SchemaError with every
    mismatch between mappings and CRM, StateError for a paused connection and for a database that
    is a copy. With `to_compare` (`verify`, which writes to neither side) none of these but the
    mismatches are in the way.
    """
    with database.begin() as connection:
        state = store.ensure_connection(connection, name, connector_name)
        known = store.ensure_streams(connection, name, [one.stream for one in mappings])
        claim = standing(connection, name, now(), new_id)
    if not to_compare:
        _require_going(state, claim)
    account = connector.account()
    other = _is_other(database, state, account, claim, now(), refuse=not to_compare)
    described = _describe(database, state, connector, mappings, now(), passing=other)
    ready = _streams(mappings, known, described, account)
    return Session(
        database,
        name,
        connector,
        title,
        account,
        ready,
        writes,
        now,
        new_id,
        actor,
        people={one.user_id or one.id: one.name for one in described.people if one.name},
        known_to=claim.known_to,
        doubted=other or claim.kind is not None,
    )


def _require_going(state: ConnectionState, claim: Claim) -> None:
    require_undoubted(claim)
    if state.paused:
        raise StateError(
            f"{state.name} is paused: {state.paused_why or 'by hand'}",
            hint=f"prmsync resume {state.name}",
        )


def _is_other(
    database: Database,
    state: ConnectionState,
    account: Account,
    claim: Claim,
    now: datetime,
    *,
    refuse: bool,
) -> bool:
    """Whether this is another account than the one that the connection was synced with."""
    if state.org_id is None:
        with database.begin() as connection:
            store.pin_connection(connection, state.name, account.org_id, account.environment)
        return False
    if state.org_id == account.org_id:
        if claim.kind == Doubt.ACCOUNT:
            with database.begin() as connection:
                claims.right_account(connection, state.name)
        return False
    why = (
        f"it is bound to account {state.org_id}, but these credentials open {account.org_id} "
        f"({account.name})"
    )
    other_account(database, state.name, why, account.org_id, now)
    if refuse:
        raise AuthError(
            f"{state.name}: {why}",
            hint="Use the credentials of the account it was synced with, or a new connection "
            "name with a database of its own. If the account itself was replaced: prmsync verify "
            f"{state.name} compares it and writes nothing, then prmsync resume {state.name}",
        )
    return True


def _describe(
    database: Database,
    state: ConnectionState,
    connector: Connector,
    mappings: Sequence[StreamMapping],
    now: datetime,
    *,
    passing: bool,
) -> Described:
    """The account's schema, at most `SCHEMA_AGE` old; that of a `passing` account is not kept."""
    mark = _mark(mappings)
    cached = None if passing else _cached(state, mark, now)
    if cached is not None:
        return cached
    objects: dict[str, ObjectSchema] = {}
    findings = []
    for mapping in mappings:
        try:
            objects[mapping.object] = connector.describe(mapping.object)
        except SchemaError as error:
            findings.append(Finding(str(mapping.at), error.message, error.hint))
    if findings:
        raise _misfit(findings)
    described = Described(__version__, mark, objects, list(connector.people()))
    if passing:
        return described
    with database.begin() as connection:
        text = orjson.dumps(described).decode()
        store.save_schema(connection, state.name, text, now)
    return described


def _cached(state: ConnectionState, mark: str, now: datetime) -> Described | None:
    if state.schema_cache is None or state.schema_cached_at is None:
        return None
    if now - state.schema_cached_at > SCHEMA_AGE:
        return None
    try:
        found = _DESCRIBED.validate_json(state.schema_cache)
    except ValidationError:  # written by another version: read it anew
        return None
    return found if (found.made_by, found.mappings) == (__version__, mark) else None


def forget_schema(database: Database, name: str, now: datetime) -> None:
    """Have the next run describe the account anew (`prmsync mapping check --live`, errors)."""
    with database.begin() as connection:
        store.save_schema(connection, name, None, now)


def _mark(mappings: Sequence[StreamMapping]) -> str:
    """A digest of what mappings say; where in its file a line stands does not count."""
    said = _without_places([dataclasses.asdict(one) for one in mappings])
    packed = orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(packed, digest_size=16).hexdigest()


def _without_places(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_places(item) for key, item in value.items() if key not in ("at", "places")
        }
    if isinstance(value, list | tuple):
        return [_without_places(item) for item in value]
    return value


def _streams(
    mappings: Sequence[StreamMapping],
    known: dict[str, StreamState],
    described: Described,
    account: Account,
) -> dict[str, Stream]:
    ready = {}
    findings: list[Finding] = []
    for mapping in mappings:
        schema = described.objects[mapping.object]
        resolved, wrong = resolve(mapping, schema, account, described.people)
        findings += wrong
        if wrong:
            continue
        rule = record_rule(mapping)
        translator = Translator(mapping, resolved)
        ready[mapping.stream] = Stream(
            mapping.stream,
            mapping,
            known[mapping.stream],
            translator,
            object_spec(mapping, resolved),
            rule,
            rule.copy_to_crm(),
            tuple(member for group in rule.groups for member in group.members),
            translator.references,
            _mark([mapping]),
        )
    if findings:
        raise _misfit(findings)
    return ready


def _misfit(findings: list[Finding]) -> SchemaError:
    count = f"{len(findings)} problem" + ("s" if len(findings) > 1 else "")
    return SchemaError(
        f"{count} between the mapping and the CRM. Nothing was read or written.",
        findings=findings,
    )


def record_rule(mapping: StreamMapping) -> RecordRule:
    """The mapping's merge rules, without anything the decision does not need."""
    groups = tuple(
        GroupRule(
            group.name,
            group.members,
            group.policy,
            group.direction,
            group.first,
            next(
                (
                    index
                    for index, member in enumerate(group.members)
                    if mapping.fields[member].transform == "stage"
                ),
                None,
            ),
        )
        for group in mapping.groups.values()
    )
    return RecordRule(
        groups, mapping.create_crm, mapping.create_prm, mapping.on_delete, mapping.recreate
    )
