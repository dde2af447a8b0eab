"""Sessions for the sync commands and the service: one connection, signed in and resolved."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from prmsync.answers.day_snapshots import keep_day_before
from prmsync.connector.protocol import Connector
from prmsync.connector.registry import plugin
from prmsync.domain.merge import Writes
from prmsync.errors import (
    ConfigurationError,
    ConnectorError,
    InputError,
    NotFoundError,
    QuotaError,
    SchemaError,
)
from prmsync.service.ids import new_id
from prmsync.service.installation import notice_older, remember
from prmsync.service.memory import settle_collector
from prmsync.service.program_file import program_of
from prmsync.service.wiring import Application
from prmsync.store import runs
from prmsync.sync import quota
from prmsync.sync.describing import forget_schema
from prmsync.sync.opening import open_session
from prmsync.sync.session import Session


def person() -> str:
    """Who runs this process, for the journal: the operating system's user name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run without a named user
        return "unknown user"


@contextmanager
def session_on(
    application: Application,
    name: str,
    *,
    asked: str = "sync",
    actor: str | None = None,
    progress: Callable[[str, int], None] | None = None,
    to_compare: bool = False,
    while_paused: bool = False,
    only: str | None = None,
) -> Iterator[Session]:
    """A session on one connection; its connector is closed at the end. With `to_compare` also on
    one that is paused or in doubt, with `while_paused` on one that a person has paused.
    With `only` it works on this stream and leaves the others alone. `asked` is what for: a run that
    fails before it begins is kept as one of this kind.

    Raises what opening a connection can raise: configuration, mapping, sign-in, schema, and
    StateError for a database that is a copy or was restored.
    """
    section = application.settings.connection(name)
    mappings = application.mappings(name)
    who = actor or person()
    folder = application.settings.folder
    notice_older(application.database, folder, application.now())
    with application.connected(name) as connector:
        with _noting_failure(application, name, asked, who, connector):
            session = open_session(
                application.database,
                name,
                connector,
                connector_name=section.connector,
                title=plugin(section.connector).title,
                mappings=mappings,
                writes=Writes(section.writes),
                now=application.now,
                new_id=new_id,
                actor=who,
                to_compare=to_compare,
                while_paused=while_paused,
                only=only,
                forecast_share=section.forecast_share,
            )
        if progress is not None:
            session.progress = progress
        settle_collector()
        try:
            yield session
            _keep_day(application)
        except SchemaError:
            # What is remembered of the CRM's schema is no longer true.
            forget_schema(application.database, name, application.now())
            raise
        finally:
            _note_calls(session)
            remember(application.database, folder)


def _keep_day(application: Application) -> None:
    """How deals stood yesterday stays, for the forecast. A program file or deals that it cannot
    read are told by the forecast's own commands; a sync is none the worse for them."""
    with suppress(ConfigurationError, InputError):
        program = program_of(application.settings)
        keep_day_before(application.database, program, application.now())


def _note_calls(session: Session) -> None:
    """Calls of commands that are no run count in the connection's share too."""
    with session.database.begin() as connection:
        quota.note(connection, session, keep_stop=True)


@contextmanager
def _noting_failure(
    application: Application, name: str, asked: str, actor: str, connector: Connector
) -> Iterator[None]:
    """A connection that cannot be opened leaves a failed run, so that `status` does not show
    yesterday's success; one that is out of calls a stopped one that says when it goes on."""
    try:
        yield
    except QuotaError as error:
        title = plugin(application.settings.connection(name).connector).title
        told = quota.explained_before(
            application.database, name, title, application.now(), connector.usage(), error
        )
        _keep_run(application, name, asked, actor, runs.RunState.STOPPED, told)
        raise told from error
    except ConnectorError as error:
        _keep_run(application, name, asked, actor, runs.RunState.FAILED, error)
        raise


def _keep_run(
    application: Application,
    name: str,
    asked: str,
    actor: str,
    state: runs.RunState,
    error: ConnectorError,
) -> None:
    now = application.now()
    with application.database.begin() as connection:
        run_id = runs.start(connection, name, asked, actor, now)
        runs.finish(connection, run_id, state, now, calls={}, counts={}, message=error.message)


def is_undo(application: Application, run_id: int) -> bool:
    """Whether this run puts back what another one wrote. Raises NotFoundError."""
    with application.database.read() as connection:
        return runs.get(connection, run_id).kind == runs.UNDO


def connection_of_run(application: Application, run_id: int) -> str:
    """The connection a run belongs to. Raises NotFoundError for an unknown run."""
    with application.database.read() as connection:
        return runs.get(connection, run_id).connection


def named_or_all(application: Application, name: str | None) -> list[str]:
    """The named connection, or all of prmsync.toml in its order."""
    if name is not None:
        application.settings.connection(name)
        return [name]
    names = list(application.settings.connections)
    if not names:
        raise NotFoundError(
            "prmsync.toml names no connection",
            hint="add a [connections.NAME]; `prmsync init` shows how",
        )
    return names
