"""Fill a database with the demo's gyms and their workflows; repeating it changes nothing."""

from processors.database.engine import Database
from processors.database.insert import insert_new
from processors.database.migrate import migrate
from processors.database.models import Organisation, Workflow, utc_now
from processors.demo.gyms import GYMS
from processors.demo.workflows import definitions, quickened
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
            # By night as by day: a demo at 23:00 must not be one of messages that wait.
            "settings": {"quiet_hours": []},
            "created_at": now,
        }
        for gym in GYMS
    ]
    drawn = [quickened(definition) for definition in definitions()]
    with database.write() as session:
        insert_new(session, Organisation, organisations)
        for gym in GYMS:
            for definition in drawn:
                if session.get(Workflow, (gym.org, definition["id"])) is None:
                    save_workflow(session, gym.org, definition, status="active")
