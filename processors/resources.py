"""What handlers share within one worker process: the database and the senders."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.senders.by_channel import make_senders
from processors.senders.sender import Channel, Sender
from runtime.application import JobContext
from runtime.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Resources:
    """`from_email` is the sender of e-mail whose job names none; `settings` are the process's."""

    database: Database
    senders: dict[Channel, Sender]
    settings: Settings
    from_email: str | None = None


@contextmanager
def open_resources(settings: Settings) -> Iterator[Resources]:
    """Open the database, bring it to this version's schema and make the senders.

    Raises:
        SettingsError: the settings cannot be used.
        DatabaseUnavailableError: the database does not answer.
    """
    senders = make_senders(settings)
    database = connect(settings.database.url.get_secret_value())
    try:
        migrate(database)
        yield Resources(database, senders, settings, settings.messaging.default_from_email or None)
    finally:
        database.close()


def resources_of(ctx: JobContext) -> Resources:
    """The resources of the process that runs this job."""
    resources: Resources = ctx.resources
    return resources
