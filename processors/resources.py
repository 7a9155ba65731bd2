"""What handlers share within one worker process: the database and the senders."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import text

from processors.analytics.recorder import EventRecorder
from processors.database.engine import Database, connect
from processors.database.migrate import migrate
from processors.senders.by_channel import make_senders
from processors.senders.sender import Channel, Sender
from runtime.config.settings import Settings
from runtime.context import JobContext


@dataclass(frozen=True, slots=True)
class Resources:
    """One object for all handlers of a process.

    Attributes:
        settings: the process's.
        from_email: the sender of e-mail whose job names none.
        events: records analytics events.
    """

    database: Database
    senders: dict[Channel, Sender]
    settings: Settings
    from_email: str | None = None
    events: EventRecorder = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows from the others."""
        object.__setattr__(self, "events", EventRecorder(self.database))


@contextmanager
def open_resources(settings: Settings) -> Iterator[Resources]:
    """Open the database, bring it to this version's schema and make the senders.

    Raises:
        SettingsError: the settings cannot be used.
        DatabaseUnavailableError: the database does not answer.
    """
    senders = make_senders(settings)
    database = connect(
        settings.database.url.get_secret_value(),
        default_country=settings.messaging.default_country,
    )
    try:
        migrate(database)
        yield Resources(database, senders, settings, settings.messaging.default_from_email or None)
    finally:
        database.close()


def probe(resources: Resources) -> None:
    """Whether the database answers.

    Raises:
        DatabaseUnavailableError: it does not.
    """
    with resources.database.read() as session:
        session.execute(text("SELECT 1"))


def resources_of(ctx: JobContext) -> Resources:
    """The resources of the process that runs this job."""
    resources: Resources = ctx.resources
    return resources
