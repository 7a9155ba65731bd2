"""A job of a stock RQ producer in its child process: its function, and its callbacks."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import redis

from runtime.broker.connection import broker_errors
from runtime.config.settings import Settings
from runtime.errors import AtlasError, BrokerUnavailableError
from runtime.outcomes import Cancel, Snooze
from runtime.stock.allowed import is_allowed, not_allowed
from runtime.stock.bridge import fetch, load_rq
from runtime.stock.missing import why_missing

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLBACKS = ("success", "failure", "stopped")
_AWAY_S = 2


class RefusedError(AtlasError):
    """The job can never run here; the text says why, and what to do."""


class StockJob:
    """One attempt. Everything that it names is checked and imported before anything runs.

    RQ imports by the names that stand in Redis now, which may not be those that the worker saw
    when it took the job: they are checked here again.

    Args:
        attempt: counts from 1.

    Raises:
        RefusedError: it names a function that is not allowed, or uses what is not supported.
        Snooze: Redis is away; nothing has begun.
        Exception: its function or a callback cannot be imported.
    """

    def __init__(
        self, settings: Settings, connection: redis.Redis, job_id: str, attempt: int
    ) -> None:
        load_rq(settings)
        self.id = job_id
        self._attempt = attempt
        self._connection = connection
        self._error: BaseException | None = None
        self._value: Any = None
        self._pending = ""
        try:
            with broker_errors():
                self._job = fetch(connection, job_id)
        except BrokerUnavailableError as error:
            soon = datetime.now(UTC) + timedelta(seconds=_AWAY_S)
            raise Snooze(soon, reason=str(error)) from None
        self._check(settings.allowed_functions)
        try:
            if not callable(self._job.func):
                raise RefusedError(f"{self._job.func_name} is not callable")
            self._callbacks: dict[str, Callable[..., Any] | None] = {
                name: getattr(self._job, f"{name}_callback") for name in _CALLBACKS
            }
        except ValueError:
            if why := self._missing():
                raise ValueError(why) from None
            raise

    @property
    def to_call(self) -> dict[str, Any]:
        """The callback that is to be called now, and how long it may take; empty if none is."""
        if not self._pending or self._callbacks[self._pending] is None:
            return {}
        return {"callback": self._pending, "callback_s": self._callback_s(self._pending)}

    def perform(self) -> dict[str, Any]:
        """Run its function: the fields of the answer.

        Raises:
            BaseException: whatever the function raises.
        """
        from rq import Retry  # noqa: PLC0415 - loaded above, after the prefix was set

        try:
            value = self._job.perform()
        except (Snooze, Cancel):
            raise
        except BaseException as error:
            self._error, self._pending = error, "failure"
            raise
        if isinstance(value, Retry):
            return self._again(value)
        self._value, self._pending = value, "success"
        return {"value": value}

    def call_back(self, name: str, error_class: str, message: str) -> None:
        """Call a callback ('success', 'failure' or 'stopped'), if the job has it.

        Args:
            name: which.
            error_class: of the error, when its own process could not tell: it was killed.
            message: that error's text.

        Raises:
            Exception: whatever the callback raises.
        """
        from rq.job import JobStatus  # noqa: PLC0415 - loaded above
        from rq.timeouts import (  # noqa: PLC0415
            JobTimeoutException,
            UnixSignalDeathPenalty,
        )

        callback = self._callbacks[name]
        arguments: tuple[Any, ...] = ()
        if callback is None:
            return
        if name == "success":
            self._job._status = JobStatus.FINISHED
            arguments = (self._value,)
        elif name == "failure":
            self._job._status = JobStatus.FAILED
            error = self._error or _killed(error_class, message)
            arguments = (type(error), error, error.__traceback__)
        elif self._job.get_status() not in (JobStatus.CANCELED, JobStatus.STOPPED):
            return
        limit: Any = UnixSignalDeathPenalty  # RQ's own, which has no types
        with limit(self._callback_s(name), JobTimeoutException, job_id=self.id):
            callback(self._job, self._connection, *arguments)

    def _callback_s(self, name: str) -> int:
        return int(getattr(self._job, f"{name}_callback_timeout"))

    def _check(self, allowed: tuple[str, ...]) -> None:
        function = self._job.func_name or ""
        if not is_allowed(function, allowed):
            raise RefusedError(not_allowed(f"function {function!r}", allowed))
        for name in _CALLBACKS:
            callback = getattr(self._job, f"_{name}_callback_name")
            if callback and not is_allowed(callback, allowed):
                raise RefusedError(not_allowed(f"its on_{name} {callback!r}", allowed))
        if self._job.webhooks:
            raise RefusedError(
                "it asks for webhooks, which are never sent from here: use on_success, on_failure"
            )

    def _missing(self) -> str:
        """Which of the functions that it names does not exist; '' if all do."""
        callbacks = (getattr(self._job, f"_{name}_callback_name") for name in _CALLBACKS)
        names = filter(None, (self._job.func_name, *callbacks))
        return next(filter(None, map(why_missing, names)), "")

    def _again(self, retry: Any) -> dict[str, Any]:
        """RQ's rule for a function that returns a Retry (rq/worker/base.py, handle_job_retry)."""
        if self._attempt > retry.max:
            raise RuntimeError(f"it returned a Retry after {retry.max} retries, its max")
        if retry.enqueue_at_front:
            key = cast("str", self._job.key)
            self._connection.hset(key, "enqueue_at_front_on_retry", "1")
        return {"again_s": retry.get_interval(self._attempt - 1, retry.intervals)}


def _killed(error_class: str, message: str) -> BaseException:
    """The error of a job whose process was killed, by RQ's classes."""
    from rq.exceptions import AbandonedJobError  # noqa: PLC0415 - loaded by the caller
    from rq.timeouts import JobTimeoutException  # noqa: PLC0415

    timed_out = error_class == "HandlerTimeoutError"
    return JobTimeoutException(message) if timed_out else AbandonedJobError(message)
