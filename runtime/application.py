"""The seam between the engine and a domain: one object, found by a dotted name.

The engine never imports the domain. It is told where it is (setting ``ATLAS_APPLICATION``,
default ``processors``), as ``celery -A`` does, and takes the module's ``application``.
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from runtime.catalogue.catalogue import Catalogue, Priority, Queue
from runtime.catalogue.retry import RetryPolicy
from runtime.errors import CatalogueError
from runtime.jobs.decorator import JobDecorator, When
from runtime.middleware import Middleware

if TYPE_CHECKING:
    import click

    from runtime.catalogue.recurring import Recurring
    from runtime.config.settings import Settings


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One line of ``atlas check``: `subject` works or does not, and what that means."""

    subject: str
    ok: bool
    message: str


@dataclass(frozen=True, slots=True)
class AuditResult:
    """One line of ``atlas audit`` of the application's own.

    Attributes:
        subject: what was examined, in the plural.
        examined: how many.
        counts: how many are wrong, by what is wrong with them.
        examples: some of these, one line each.
    """

    subject: str
    examined: int
    counts: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[str, ...] = ()


class Audits(Protocol):
    """What ``atlas audit`` calls of an application."""

    def __call__(self, settings: "Settings", /, *, repair: bool) -> Iterable[AuditResult]:
        """Examine, and put right what is wrong if asked to."""


def _no_audits(_settings: "Settings", /, *, repair: bool) -> Iterable[AuditResult]:  # noqa: ARG001
    return ()


@dataclass(slots=True)
class Application:
    """A domain: its catalogue and what it needs around it.

    Example:
        >>> from runtime import AtlasClient
        >>> app = Application()
        >>> @app.job(queue="mail")
        ... def welcome(address: str) -> str:
        ...     return f"welcome, {address}"
        >>> welcome("ana@example.com")
        'welcome, ana@example.com'
        >>> welcome.new("ana@example.com").payload
        {'address': 'ana@example.com'}

    Attributes:
        catalogue: queues and kinds; `job` adds to it.
        open: called once per worker process with the settings; the context manager's value is
            what handlers find in `JobContext.resources` (a database, senders), and its exit
            releases them. Called again, with a growing delay, while it raises an
            `OutsideUnavailableError`.
        checks: called by ``atlas check``; must not raise.
        audits: called by ``atlas audit``.
        unserved: queues that workers must not serve under these settings, each with the reason,
            such as a provider that is not configured. Their jobs wait, every screen says why, and
            ``atlas check`` fails.
        unused: variables that this application does not read although an operator may think so,
            each with what to set instead; ``atlas check`` names those that are set.
        commands: called by ``atlas`` for the domain's own sub-commands.
        middleware: hooks around enqueueing and execution, the outermost first; not applied to jobs
            of stock RQ producers.
        probe: called every few seconds in a worker, in a thread, with its resources; raises an
            `OutsideUnavailableError` while something outside, such as a database, is away.
        recurring: jobs that run again and again from the first worker's start on; operators may
            change, pause or remove them at run time.
    """

    catalogue: Catalogue = field(default_factory=lambda: Catalogue((), ()))
    open: Callable[["Settings"], AbstractContextManager[Any]] = lambda _settings: nullcontext()
    checks: Callable[["Settings"], Iterable[CheckResult]] = lambda _settings: ()
    audits: Audits = _no_audits
    commands: Callable[[], Iterable["click.Command"]] = field(default=lambda: ())
    unserved: Callable[["Settings"], Mapping[str, str]] = lambda _settings: {}
    unused: Mapping[str, str] = field(default_factory=dict)
    recurring: tuple["Recurring", ...] = ()
    middleware: tuple[Middleware, ...] = ()
    probe: Callable[[Any], None] | None = None

    def job(
        self,
        *,
        queue: str | Queue = "default",
        name: str = "",
        retry: RetryPolicy | None = None,
        timeout: timedelta = timedelta(seconds=60),
        priority: Priority = Priority.NORMAL,
        isolated: bool = False,
        hint: tuple[str, ...] = (),
        every: timedelta | None = None,
        cron: str = "",
        timezone: str = "UTC",
    ) -> "JobDecorator":
        """Make a function of a module a kind of job.

        Its arguments, all with types, are the payload: they are checked when the job is enqueued
        and before it runs. A first argument of type `JobContext` gets the context.

        Args:
            queue: a `Queue`, or the name of one; one that is not there yet gets ten slots.
            name: of the kind; default is the function's.
            retry: attempts and backoff.
            timeout: how long one attempt may run.
            priority: of jobs that name none.
            isolated: run in a child process, which can be killed.
            hint: arguments that may be shown, redacted, in lists.
            every: also run it again and again, so far apart; its arguments need defaults.
            cron: the same at times, in five fields, by the clock of `timezone`.
            timezone: e.g. ``Europe/London``.
        """
        return JobDecorator(
            self,
            queue=queue,
            name=name,
            retry=retry or RetryPolicy(),
            timeout=timeout,
            priority=priority,
            isolated=isolated,
            hint=hint,
            when=When(every, cron, timezone),
        )


def look_in_working_directory() -> None:
    """Let modules be found in the working directory, after everything that is installed.

    Commands do not look there by themselves, and our children must not look there first.
    """
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)


def load_application(dotted: str) -> Application:
    """The `Application` that module `dotted` offers under the name ``application``.

    Raises:
        CatalogueError: the module cannot be imported or offers none.
    """
    look_in_working_directory()
    try:
        module = importlib.import_module(dotted)
    except ImportError as error:
        raise CatalogueError(f"ATLAS_APPLICATION: cannot import {dotted!r}: {error}") from error
    for name in ("application", "app"):
        application = getattr(module, name, None)
        if isinstance(application, Application):
            return application
    raise CatalogueError(
        f"ATLAS_APPLICATION: module {dotted!r} has no Application named 'application' or 'app'"
    )
