"""A migrated database of each kind, with a gym in it, and the stand-in engine over it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.database.models import Contact, Organisation, Workflow
from processors.resources import Resources
from processors.senders.outbox import OutboxSender
from runtime.config.settings import Settings
from tests.postgres import PrivatePostgres
from tests.processors.harness import ORG, Engine


@pytest.fixture(scope="session")
def sqlite_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database to copy: to migrate one for each test would take a third of the run."""
    file = tmp_path_factory.mktemp("original") / "atlas.db"
    _migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def postgres_shared(postgres_server: PrivatePostgres) -> str:
    """A migrated database that one test after the other has for itself."""
    url = postgres_server.new_database()
    _migrate(url)
    return url


def _migrate(url: str) -> None:
    database = connect(url)
    migrate(database)
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of the test's `database`; of an empty one for a test that does not ask for that."""
    is_migrated = "database" in request.fixturenames
    if request.param == "postgresql":
        if not is_migrated:
            return str(request.getfixturevalue("postgres_url"))
        url: str = request.getfixturevalue("postgres_shared")
        request.getfixturevalue("postgres_server").delete_rows(url)
        return url
    file = tmp_path / "atlas.db"
    if is_migrated:
        shutil.copyfile(request.getfixturevalue("sqlite_original"), file)
    return f"sqlite:///{file}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What commands say is the same over both databases: `make slow` shows it on PostgreSQL."""
    for item in items:
        if item.path.stem.endswith("commands") and "[postgresql" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = connect(database_url)
    with database.write() as session:
        # Tests run at any hour; those of quiet hours say what theirs are.
        awake = {"quiet_hours": []}
        session.add(
            Organisation(id=ORG, name="Iron Works Gym", phone="+442071838750", settings=awake)
        )
        session.add(Organisation(id="org_other", name="Other Gym"))
    yield database
    database.close()


@pytest.fixture
def engine(database: Database, make_settings: Callable[..., Settings]) -> Engine:
    outbox = OutboxSender()
    return Engine(
        Resources(
            database,
            {"email": outbox, "sms": outbox, "whatsapp": outbox},
            make_settings(),
            "Iron Works <hello@iron.example>",
        )
    )


@pytest.fixture
def add_workflow(database: Database) -> Callable[..., str]:
    def add(nodes: list[Any], edges: list[Any], **fields: Any) -> str:
        values = {
            "org_id": ORG,
            "id": "wf_1",
            "name": "Welcome",
            "status": "active",
            "trigger_type": "lead_created",
        }
        with database.write() as session:
            workflow = Workflow(**(values | fields), nodes=nodes, edges=edges)
            session.add(workflow)
            return workflow.id

    return add


@pytest.fixture
def add_lead(database: Database) -> Callable[..., str]:
    def add(**fields: Any) -> str:
        values = {
            "org_id": ORG,
            "id": "lead_1",
            "first_name": "Ana",
            "last_name": "Ruiz",
            "email": "ana@example.com",
            "phone": "+447700900123",
            "score": 60,
            "source": "website",
        }
        with database.write() as session:
            lead = Contact(**(values | fields))
            session.add(lead)
            return lead.id

    return add
