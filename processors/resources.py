"""What handlers share within one worker process: the database and the senders."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from processors.database.engine import Database
from processors.database.event_recorder import EventRecorder
from processors.senders.route import Route
from processors.senders.sender import Channel, Sender
from runtime.config.settings import Settings
from runtime.context import JobContext


@dataclass(frozen=True, slots=True)
class Resources:
    """One object for all handlers of a process.

    Attributes:
        senders: of each channel, one or several in their order.
        settings: the process's.
        from_email: the sender of e-mail whose job names none.
        events: records analytics events.
    """

    database: Database
    senders: Mapping[Channel, Sender | Route]
    settings: Settings
    from_email: str | None = None
    events: EventRecorder = field(init=False)
    routes: Mapping[Channel, Route] = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows from the others."""
        object.__setattr__(self, "events", EventRecorder(self.database))
        routes = {channel: Route.of(sender) for channel, sender in self.senders.items()}
        object.__setattr__(self, "routes", routes)


def resources_of(ctx: JobContext) -> Resources:
    """The resources of the process that runs this job."""
    resources: Resources = ctx.resources
    return resources
