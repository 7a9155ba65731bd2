"""An application whose handlers enqueue, a thousand at a time."""

import itertools
import threading

from runtime.application import Application
from runtime.catalogue.catalogue import Catalogue, Kind, Queue
from runtime.catalogue.retry import RetryPolicy
from runtime.context import JobContext
from tests.runtime.engine_app import Note

_running = itertools.count(1)
_all_run = threading.Event()


def spread(ctx: JobContext, note: Note) -> None:
    """Waits until as many others run as `note.seconds` says, then enqueues with all of them."""
    if next(_running) >= note.seconds:
        _all_run.set()
    together = _all_run.wait(30)
    ctx.client.enqueue("note", org=ctx.org, payload={}, job_id=f"{ctx.job_id}-{together}")


async def take(_ctx: JobContext, _note: Note) -> None:
    """The job that was enqueued."""


application = Application(
    catalogue=Catalogue(
        queues=[Queue("test:wide", slots=1000), Queue("test:notes", slots=10)],
        kinds=[
            Kind("spread", "test:wide", Note, f"{__name__}:spread", retry=RetryPolicy(attempts=1)),
            Kind("note", "test:notes", Note, f"{__name__}:take"),
        ],
    )
)
