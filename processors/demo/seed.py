"""Fill a database with the demo's gyms and their workflows; repeating it changes nothing."""

from processors.database.engine import Database
from processors.database.insert import insert_new
from processors.database.migrate import migrate
from processors.database.models import Organisation, Workflow, utc_now
from processors.demo.gyms import GYMS
from processors.demo.workflows import WORKFLOWS


def seed(database: Database) -> None:
    """Migrate, then write what is not there yet.

    Raises:
        DatabaseUnavailableError: the database did not answer.
    """
    migrate(database)
    now = utc_now()
    organisations = [
        {
            "id": gym.org,
            "name": gym.name,
            "email": f"desk@{gym.org.removeprefix('org_')}.example",
            "phone": gym.phone,
            "timezone": "Europe/London",
            "settings": {},
            "created_at": now,
        }
        for gym in GYMS
    ]
    workflows = [
        {
            **workflow,
            "org_id": gym.org,
            "status": "active",
            "trigger_config": {},
            "variables": [],
            "created_at": now,
            "updated_at": now,
        }
        for gym in GYMS
        for workflow in WORKFLOWS
    ]
    with database.write() as session:
        insert_new(session, Organisation, organisations)
        insert_new(session, Workflow, workflows)
