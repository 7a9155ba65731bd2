"""A child process of `runtime.worker.attempt.children`: runs job after job until it is ended."""

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import closing
from contextvars import copy_context
from functools import cached_property
from typing import Any

import redis
from pydantic_core import to_json

from runtime.application import Application, load_application, look_in_working_directory
from runtime.broker import open_broker
from runtime.broker.connection import connect
from runtime.catalogue.error_facts import error_facts
from runtime.client import AtlasClient
from runtime.config.settings import Settings, load_settings
from runtime.context import JobContext
from runtime.jobs.fingerprint import error_text, handler_traceback
from runtime.outcomes import Outcome
from runtime.stock.job import RefusedError, StockJob
from runtime.worker.attempt.child_state import ChildState
from runtime.worker.attempt.frames import MAX_ANSWER_BYTES, packed, receive_blocking
from runtime.worker.attempt.handlers import Handler, load_handler
from runtime.worker.attempt.isolated import outcome_to
from runtime.worker.attempt.progress import ChildProgress
from runtime.worker.attempt.run_handler import run_handler
from runtime.worker.system.parent_death import die_with_parent

_MAX_MESSAGE = 20_000


def main() -> None:
    """Say that it is ready; then, for each request: answer it, and say '' or why it cannot go on.

    Requests come by what stdin was at the start, answers go to what stdout was: what a job reads
    or prints must not touch them.
    """
    die_with_parent(int(sys.argv[1]))
    # Who stops a whole control group signals us too; when a job ends is the worker's to decide,
    # which kills. A function: what the handler starts would inherit an ignored signal.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    os.close(nothing)
    state = ChildState()
    jobs = _Jobs(state.note)
    _send(answers, b"")
    while (request := receive_blocking(requests)) is not None:
        # What one job sets in the context is not there for the next.
        _send(answers, copy_context().run(jobs.answer, json.loads(request)))
        if not jobs.expects_more:
            _send(answers, state.restore().encode())
    os._exit(0)  # its worker is gone, and nobody would wait for threads that a job left


def _send(pipe: int, body: bytes) -> None:
    message = memoryview(packed(body))
    while message:
        message = message[os.write(pipe, message) :]


class _Jobs:
    """Runs what requests ask for; `loaded` is called when a job's code is there, before it runs."""

    def __init__(self, loaded: Callable[[], None]) -> None:
        self._loaded = loaded
        self._handlers: dict[str, Handler] = {}
        self._stock: StockJob | None = None

    @cached_property
    def _settings(self) -> Settings:
        return load_settings()

    @cached_property
    def _application(self) -> Application:
        return load_application(self._settings.application)

    @cached_property
    def _connection(self) -> redis.Redis:
        return connect(self._settings)

    @property
    def expects_more(self) -> bool:
        """Whether the job that ran last has a callback still to be called."""
        return self._stock is not None

    def answer(self, request: dict[str, Any]) -> bytes:
        """The answer to one request, as `runtime.worker.attempt.isolated` reads it."""
        stock: StockJob | None = None
        try:
            if request["run"] == "kind":
                fields = {"value": self._run_kind(request)}
            else:
                stock = self._stock_job(request)
                if request["run"] == "stock":
                    fields = stock.perform()
                else:
                    stock.call_back(request["run"], request["error_class"], request["message"])
                    fields = {"value": None}
        except RefusedError as refused:
            fields = {"refused": str(refused)}
        except Outcome as outcome:
            fields = {"outcome": outcome_to(outcome)}
        except BaseException as error:  # noqa: BLE001 - the parent decides what it means
            fields = _told(error)
        if stock is not None and request["run"] == "stock" and stock.to_call:
            self._stock = stock
            fields |= stock.to_call
        return _encoded(fields)

    def _stock_job(self, request: dict[str, Any]) -> StockJob:
        """The job that ran here and waits for its callback, or one read anew."""
        stock, self._stock = self._stock, None
        if stock is None or stock.id != request["job_id"] or request["run"] == "stock":
            look_in_working_directory()
            job_id, attempt = request["job_id"], request["attempt"]
            stock = StockJob(self._settings, self._connection, job_id, attempt)
            self._loaded()
        return stock

    def _handler(self, kind: str) -> Handler:
        if kind not in self._handlers:
            self._handlers[kind] = load_handler(self._application.catalogue.kind(kind))
        return self._handlers[kind]

    def _run_kind(self, request: dict[str, Any]) -> Any:
        handler = self._handler(request["kind"])
        self._loaded()
        payload = handler.kind.payload.model_validate_json(request["payload"])
        with closing(open_broker(self._settings)) as broker:
            progress = ChildProgress(broker)

            def context(client: AtlasClient, resources: Any) -> JobContext:
                fields = request["context"]
                return JobContext.restored(
                    fields, client=client, resources=resources, sink=progress
                )

            return run_handler(
                handler, payload, context, application=self._application, settings=self._settings
            )


def _encoded(fields: dict[str, Any]) -> bytes:
    if "value" not in fields:
        return json.dumps(fields).encode()
    # The work is done: a value that cannot travel must not make it run again.
    try:
        answer = to_json(fields)
    except (TypeError, ValueError):
        # RQ's own words for a value that its serializer refuses (rq/defaults.py).
        return to_json(fields | {"value": "Unserializable return value"})
    try:
        json.loads(answer)
    except (ValueError, RecursionError):  # a number of thousands of digits, for one
        return to_json(fields | {"value": "Unserializable return value"})
    if len(answer) > MAX_ANSWER_BYTES:
        return to_json(fields | {"value": "Return value too large"})
    return answer


def _told(error: BaseException) -> dict[str, Any]:
    """An error as it travels."""
    text, frame = handler_traceback(error)
    facts = error_facts(error)
    return {
        "names": sorted(facts.names),
        "status": facts.status,
        "retry_after_s": facts.retry_after_s,
        "error_class": type(error).__name__,
        "message": error_text(error)[:_MAX_MESSAGE],
        "traceback": text,
        "frame": frame,
    }


if __name__ == "__main__":
    main()
