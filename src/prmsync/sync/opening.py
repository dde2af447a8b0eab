"""From a connector and mappings to a session: account pinned, names resolved, streams ready."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from prmsync.connector.protocol import Connector
from prmsync.connector.schema import Account, Person
from prmsync.domain.counted import counted
from prmsync.domain.merge import Side, Writes
from prmsync.errors import AuthError, Finding, SchemaError, StateError
from prmsync.mapping.model import StreamMapping
from prmsync.mapping.translate import PIPELINE, Translator
from prmsync.reconcile.rules import GroupRule, RecordRule
from prmsync.store import claims, links, misfits, pausing
from prmsync.store import streams as store
from prmsync.store.claims import Claim, Doubt
from prmsync.store.database import Database
from prmsync.store.misfits import PausedPart
from prmsync.store.streams import ConnectionState, StreamState
from prmsync.sync.claims import other_account, require_undoubted, standing
from prmsync.sync.describing import Objects, describe, people_of, remembered
from prmsync.sync.fitting import Fitted, fit_all, without_forecast
from prmsync.sync.live_fields import OPTIONAL, STREAM, TOLD
from prmsync.sync.live_schema import object_spec
from prmsync.sync.mapping_change import compare, digest
from prmsync.sync.observe import settle_rules
from prmsync.sync.rights import require_rights
from prmsync.sync.session import FORECAST_SHARE, Session, Stream
from prmsync.sync.typed_meanwhile import require_history


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
    while_paused: bool = False,
    only: str | None = None,
    forecast_share: int = FORECAST_SHARE,
) -> Session:
    """Sign in, check the account and resolve the mappings; nothing is read or written yet.

    What no longer fits the CRM is paused part by part (`Session.paused`). Raises AuthError for
    another account than this database knows, SchemaError with every mismatch between mappings and
    CRM where no record is linked yet or nothing would be left, StateError for a paused connection
    and for a database that is a copy. With `to_compare` (`verify`, which writes to neither side)
    none of these but the mismatches are in the way, with `while_paused` no pause by a person is.
    With `only` this stream is worked on, and the others are left alone.
    """
    with database.begin() as connection:
        state = store.ensure_connection(connection, name, connector_name)
        known = store.ensure_streams(connection, name, [one.stream for one in mappings])
        claim = standing(connection, name, now(), new_id)
    if not to_compare:
        require_undoubted(claim)
        if not while_paused:
            _require_going(state)
    lacking = require_history(connector, mappings)
    if lacking:
        raise _misfit(lacking)
    aside = {} if while_paused else _left_alone(database, name, mappings, only)
    account = connector.account()
    other = _is_other(database, state, account, claim, now(), refuse=not to_compare)
    written = writes in (Writes.BOTH, Writes.CRM)
    objects, people = _described(
        database, state, connector, mappings, now(), anew=other, written=written
    )
    fitted = fit_all(mappings, objects, account, people)
    session = Session(
        database,
        name,
        connector,
        title,
        account,
        _streams(mappings, known, fitted),
        writes,
        now,
        new_id,
        actor,
        paused=_paused(database, name, fitted, now()),
        people=_names(people),
        known_to=claim.known_to,
        doubted=other or claim.kind is not None,
        aside=aside,
        forecast_share=forecast_share,
    )
    session.mapping_edits = _edits(session)
    session.look_again = lambda: _look_again(session, mappings, known)
    return session


def _left_alone(
    database: Database, name: str, mappings: Sequence[StreamMapping], only: str | None
) -> dict[str, str]:
    """Streams that are paused, or not the one that is chosen. Raises StateError where the chosen
    one is paused."""
    with database.read() as connection:
        aside = pausing.paused_streams(connection, name)
    if only in aside:
        raise StateError(
            f"{only} of {name} is paused: {aside[only]}",
            hint=f"prmsync resume {name} --stream {only}",
        )
    others = [one.stream for one in mappings if only not in (None, one.stream)]
    return {**dict.fromkeys(others, ""), **aside}


def _described(
    database: Database,
    state: ConnectionState,
    connector: Connector,
    mappings: Sequence[StreamMapping],
    now: datetime,
    *,
    anew: bool,
    written: bool,
) -> tuple[Objects, Sequence[Person]]:
    """The account's objects and people, remembered where nothing speaks against it. With `anew`
    it is another account, whose schema is not kept. `written`: whether this CRM is written to."""
    with database.read() as connection:
        broken = any(
            one.part not in OPTIONAL for one in misfits.of_connection(connection, state.name)
        )
    cached = None if broken or anew else remembered(state, mappings, now)
    if cached is not None:
        return cached.objects, people_of(database, state, connector, cached, now)
    require_rights(connector, mappings, written=written)
    return describe(database, state.name, connector, mappings, now, keep=not anew)


def _names(people: Sequence[Person]) -> dict[str, str]:
    return {one.user_id or one.id: one.name for one in people if one.name}


def _edits(session: Session) -> list[str]:
    return [f"{stream.name}: {line}" for stream in session.active for line in stream.change.lines]


def _look_again(
    session: Session, mappings: Sequence[StreamMapping], known: Mapping[str, StreamState]
) -> bool:
    """Ask the CRM anew what it is like; what fits no more is paused, and the session goes on."""
    session.connector.forget_schema()
    require_rights(session.connector, mappings, written=session.may_write(Side.CRM))
    objects, people = describe(
        session.database, session.name, session.connector, mappings, session.now()
    )
    fitted = fit_all(mappings, objects, session.account, people)
    before = {(one.stream, one.part, one.message) for one in session.paused}
    session.paused = _paused(session.database, session.name, fitted, session.now())
    if before == {(one.stream, one.part, one.message) for one in session.paused}:
        return False
    states = {**known, **{name: stream.state for name, stream in session.streams.items()}}
    session.streams = _streams(mappings, states, fitted)
    settle_rules(session)
    return True


def _paused(
    database: Database, name: str, fitted: Mapping[str, Fitted], now: datetime
) -> list[PausedPart]:
    """What does not fit, stored; raises SchemaError where that is no matter of a part."""
    parts = [
        PausedPart(stream, one.part, one.where, one.message, one.hint, now)
        for stream, found in fitted.items()
        for one in found.misfits
    ]
    grave = [one for one in parts if one.part not in OPTIONAL]
    with database.read() as connection:
        begun = links.any_of_connection(connection, name)
    if grave and (not begun or all(one.mapping is None for one in fitted.values())):
        told = (one for found in fitted.values() for one in found.misfits)
        missing = any(one.gone or one.part == STREAM for one in told)
        findings = [Finding(one.place, one.message, one.hint) for one in grave]
        raise _misfit(findings, _MAKES.format(name) if missing else "")
    with database.begin() as connection:
        return misfits.replace(connection, name, parts)


def _require_going(state: ConnectionState) -> None:
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


def _streams(
    mappings: Sequence[StreamMapping],
    known: Mapping[str, StreamState],
    fitted: Mapping[str, Fitted],
) -> dict[str, Stream]:
    """What is in use of every stream that is not paused as a whole."""
    return {
        whole.stream: _stream(whole, found.mapping, found, known[whole.stream])
        for whole in mappings
        if (found := fitted[whole.stream]).mapping is not None
    }


def _stream(
    whole: StreamMapping, mapping: StreamMapping, found: Fitted, state: StreamState
) -> Stream:
    rule = record_rule(mapping)
    translator = Translator(mapping, found.resolved)
    if TOLD in found.paused:
        whole = without_forecast(whole)
    optional = frozenset(OPTIONAL)
    mark = digest(whole, found.paused - optional, found.gone - optional)
    kept = [name for name in whole.fields if name not in mapping.fields]
    if whole.stages is not None and mapping.stages is None:
        kept.append(PIPELINE)
    return Stream(
        mapping.stream,
        mapping,
        state,
        translator,
        object_spec(mapping, found.resolved),
        rule,
        rule.copy_to_crm(),
        tuple(member for group in rule.groups for member in group.members),
        translator.references,
        mark,
        compare(state.mapping_hash, mark),
        found.paused,
        tuple(kept),
    )


_MAKES = "What the CRM lacks is listed, and can be made for you, by: prmsync provision plan {}"


def _misfit(findings: list[Finding], hint: str = "") -> SchemaError:
    count = counted(len(findings), "problem")
    return SchemaError(
        f"{count} between the mapping and the CRM. Nothing was read or written.",
        hint=hint,
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
