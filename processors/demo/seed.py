"""Fill a database with the demo's gyms and their workflows; repeating it changes nothing."""

from processors.database.engine import Database
from processors.database.insert import insert_new
from processors.database.migrate import migrate
from processors.database.models import Organisation, Workflow, utc_now
from processors.demo.gyms import GYMS
from processors.demo.workflows import WORKFLOWS
from processors.workflow.definition.saving import save_workflow


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
    with database.write() as session:
        insert_new(session, Organisation, organisations)
        for gym in GYMS:
            for workflow in WORKFLOWS:
                if session.get(Workflow, (gym.org, workflow["id"])) is None:
                    save_workflow(session, gym.org, workflow, status="active")
