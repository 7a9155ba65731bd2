"""The seam between the engine and a domain: one object, found by a dotted name.

The engine never imports the domain. It is told where it is (setting ``ATLAS_APPLICATION``,
default ``processors``), as ``celery -A`` does, and takes the module's ``application``.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runtime.catalogue.catalogue import Catalogue
from runtime.errors import CatalogueError
from runtime.middleware import Middleware

if TYPE_CHECKING:
    import click

    from runtime.catalogue.recurring import Recurring
    from runtime.client import AtlasClient
    from runtime.config.settings import Settings


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of ``atlas check``: `subject` works or does not, and what that means."""

    subject: str
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class Application:
    """A domain: its catalogue and what it needs around it.

    Attributes:
        catalogue: queues and kinds.
        open: called once per worker process with the settings; the context manager's value is
            what handlers find in `JobContext.resources` (a database, senders), and its exit
            releases them.
        checks: called by ``atlas check``; must not raise.
        commands: called by ``atlas`` for the domain's own sub-commands.
        middleware: hooks around enqueueing and execution, the outermost first; not applied to jobs
            of stock RQ producers.
        recurring: jobs that run again and again from the first worker's start on; operators may
            change, pause or remove them at run time.
    """

    catalogue: Catalogue
    open: Callable[["Settings"], AbstractContextManager[Any]] = lambda _settings: nullcontext()
    checks: Callable[["Settings"], Iterable[CheckResult]] = lambda _settings: ()
    commands: Callable[[], Iterable["click.Command"]] = field(default=lambda: ())
    recurring: tuple["Recurring", ...] = ()
    middleware: tuple[Middleware, ...] = ()


class JobContext(NamedTuple):
    """What a handler is told about the attempt it runs.

    Attributes:
        attempt: 1 for the first try.
        deadline: when this attempt times out.
        client: enqueues further jobs; blocking and safe to share between threads. From an
            ``async def`` handler call it through `asyncio.to_thread`.
        resources: what `Application.open` made in this process.
        headers: short texts that came with the job, for middleware.
        execution: names this attempt (RQ's execution id).
    """

    job_id: str
    queue: str
    kind: str
    org: str
    priority: int
    attempt: int
    max_attempts: int
    enqueued_at: datetime
    deadline: datetime
    client: "AtlasClient"
    resources: Any
    headers: Mapping[str, str] = MappingProxyType({})
    execution: str = ""
    notes: "NoteTaker | None" = None

    def progress(self, done: float, total: float = 1.0, message: str = "") -> None:
        """Say how far the job is: `done` of `total`, and one line. The last one is kept.

        Returns at once, from any thread; it is written within half a second, and before the end of
        the attempt is.
        """
        if self.notes is not None:
            self.notes.progress(self.job_id, self.execution, done, total, message)

    def log(self, line: str) -> None:
        """Add a line to the job's own log: the last 100 are kept, each up to 500 characters.

        Returns at once, from any thread.
        """
        if self.notes is not None:
            self.notes.log(self.job_id, self.execution, line)


class NoteTaker(Protocol):
    """Takes what running jobs say of themselves; see `JobContext.progress` and `JobContext.log`."""

    def progress(
        self, job_id: str, execution: str, done: float, total: float, message: str
    ) -> None:
        """Note how far a job is."""

    def log(self, job_id: str, execution: str, line: str) -> None:
        """Note a line."""


def load_application(dotted: str) -> Application:
    """The `Application` that module `dotted` offers under the name ``application``.

    Raises:
        CatalogueError: the module cannot be imported or offers none.
    """
    try:
        module = importlib.import_module(dotted)
    except ImportError as error:
        raise CatalogueError(f"ATLAS_APPLICATION: cannot import {dotted!r}: {error}") from error
    application = getattr(module, "application", None)
    if not isinstance(application, Application):
        raise CatalogueError(f"ATLAS_APPLICATION: module {dotted!r} has no 'application'")
    return application
