"""An application whose database is away while a file of that name exists."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.application import Application
from runtime.catalogue.catalogue import Catalogue, Kind, Queue
from runtime.catalogue.retry import RetryPolicy
from runtime.config.settings import Settings
from runtime.context import JobContext
from runtime.errors import OutsideUnavailableError
from runtime.worker.services import outside
from tests.runtime.engine_app import Note

HERE = __name__
outside.PROBE_S = 0.2


class StoreAwayError(OutsideUnavailableError):
    """The store does not answer."""

    outside = "store"


def _probe(_resources: object = None) -> None:
    if Path(os.environ["STORE_AWAY"]).exists():
        raise StoreAwayError("store: connection refused")


@contextmanager
def _open(_settings: Settings) -> Iterator[str]:
    _probe()
    yield "the store"


def ask(ctx: JobContext, _note: Note) -> str:
    _probe()
    return str(ctx.resources)


application = Application(
    catalogue=Catalogue(
        queues=[Queue("test:plain", slots=50)],
        kinds=[
            Kind(
                "ask", "test:plain", Note, f"{HERE}:ask",
                retry=RetryPolicy(attempts=50, backoff="fixed", base_s=0.5, jitter=False),
            ),
        ],
    ),
    open=_open,
    probe=_probe,
)  # fmt: skip
