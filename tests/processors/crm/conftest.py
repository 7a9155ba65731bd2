"""One migrated database of each kind for all tests of the CRM's records."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.database.models import Organisation


@pytest.fixture(scope="session")
def sqlite_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    yield from _migrated(f"sqlite:///{_file(tmp_path_factory)}")


@pytest.fixture(scope="session")
def postgresql_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    server = request.getfixturevalue("postgres_server")
    yield from _migrated(server.new_database())


@pytest.fixture(params=["sqlite", "postgresql"])
def shared_database(request: pytest.FixtureRequest) -> Database:
    """Migrated once; tests keep apart by their organisations."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found


@pytest.fixture
def org(shared_database: Database) -> str:
    """An organisation of this test alone."""
    org = f"org_{uuid.uuid4().hex[:8]}"
    with shared_database.write() as session:
        session.add(Organisation(id=org, name="Iron Works Gym"))
    return org


def _file(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("crm") / "atlas.db"


def _migrated(url: str) -> Iterator[Database]:
    database = connect(url)
    migrate(database)
    yield database
    database.close()
