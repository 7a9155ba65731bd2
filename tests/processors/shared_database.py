"""A migrated database of each kind for a whole file of tests: emptied of its gyms before each."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete

from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.database.models import Message, Organisation
from tests.processors.harness import ORG


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    if request.param == "postgresql":
        url = str(request.getfixturevalue("postgres_server").new_database())
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('shared') / 'atlas.db'}"
    database = connect(url)
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def database(migrated: Database) -> Database:
    """Two gyms and nothing else."""
    with migrated.write() as session:
        # What belongs to an organisation goes with it; messages outlive theirs.
        session.execute(delete(Organisation))
        session.execute(delete(Message))
        # Tests run at any hour; those of quiet hours say what theirs are.
        awake = {"quiet_hours": []}
        session.add(
            Organisation(id=ORG, name="Iron Works Gym", phone="+442071838750", settings=awake)
        )
        session.add(Organisation(id="org_other", name="Other Gym"))
    return migrated
