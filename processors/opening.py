"""Opening and probing what handlers share: called once in each worker process, and then often."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from processors.crm.repository.opening import require_crm_tables
from processors.database.migrate import migrate
from processors.database.opening import database_of
from processors.resources import Resources
from processors.senders.by_channel import make_routes
from processors.settings import CrmSettings
from runtime.config.settings import Settings


@contextmanager
def open_resources(settings: Settings) -> Iterator[Resources]:
    """Open the database, bring it to this version's schema and make the senders.

    Raises:
        SettingsError: the settings cannot be used.
        DatabaseUnavailableError: the database does not answer.
    """
    own = settings.of(CrmSettings)
    senders = make_routes(own.messaging)
    database = database_of(own)
    try:
        migrate(database)
        require_crm_tables(database)
        yield Resources(database, senders, settings, own.messaging.default_from_email)
    finally:
        database.close()


def probe(resources: Resources) -> None:
    """Whether the database answers.

    Raises:
        DatabaseUnavailableError: it does not.
    """
    with resources.database.read() as session:
        session.execute(text("SELECT 1"))
