"""The child process of `runtime.worker.attempt.isolated`: runs one handler and ends."""

import asyncio
import json
import os
import signal
import sys
from contextlib import closing
from datetime import datetime
from typing import Any

from pydantic_core import to_json

from runtime.application import JobContext, load_application
from runtime.broker import open_broker
from runtime.catalogue.error_facts import error_facts
from runtime.client import AtlasClient
from runtime.config.settings import Settings, load_settings
from runtime.jobs.fingerprint import error_text, handler_traceback
from runtime.outcomes import Outcome
from runtime.stock.bridge import perform_stock_job
from runtime.worker.attempt.handlers import load_handler
from runtime.worker.attempt.isolated import MAX_REPLY_BYTES, outcome_to
from runtime.worker.attempt.progress import ChildNotes
from runtime.worker.system.parent_death import die_with_parent


def main() -> None:
    """Read a request from stdin, run it, write the answer to what stdout was at the start."""
    die_with_parent(int(sys.argv[1]))
    # Who stops a whole control group signals us too; when this job ends is the worker's to decide,
    # which kills. A function: what the handler starts would inherit an ignored signal.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    reply_fd = os.dup(1)
    os.dup2(2, 1)  # what the handler prints must not end up in the answer
    request = json.loads(sys.stdin.buffer.read())
    with os.fdopen(reply_fd, "wb") as reply:
        reply.write(_answer(request))


def _answer(request: dict[str, Any]) -> bytes:
    try:
        settings = load_settings()
        if request["stock"]:
            value = perform_stock_job(settings, request["job_id"])
        else:
            value = _run_kind(settings, request)
    except Outcome as outcome:
        return json.dumps({"outcome": outcome_to(outcome)}).encode()
    except BaseException as error:  # noqa: BLE001 - the parent decides what it means
        text, frame = handler_traceback(error)
        facts = error_facts(error)
        return json.dumps(
            {
                "names": sorted(facts.names),
                "status": facts.status,
                "retry_after_s": facts.retry_after_s,
                "error_class": type(error).__name__,
                "message": error_text(error),
                "traceback": text,
                "frame": frame,
            }
        ).encode()
    # The work is done: a value that cannot travel must not make it run again.
    try:
        reply = b'{"value":' + to_json(value) + b"}"
    except (TypeError, ValueError):
        # RQ's own words for a value that its serializer refuses (rq/defaults.py).
        return b'{"value":"Unserializable return value"}'
    return reply if len(reply) <= MAX_REPLY_BYTES else b'{"value":"Return value too large"}'


def _run_kind(settings: Settings, request: dict[str, Any]) -> Any:
    application = load_application(settings.application)
    kind = application.catalogue.kind(request["kind"])
    handler = load_handler(kind)
    payload = kind.payload.model_validate_json(request["payload"])
    fields = request["context"]
    with (
        closing(AtlasClient.from_settings(settings)) as client,
        application.open(settings) as resources,
    ):
        broker = open_broker(settings)
        context = JobContext(
            **{
                **fields,
                "enqueued_at": datetime.fromisoformat(fields["enqueued_at"]),
                "deadline": datetime.fromisoformat(fields["deadline"]),
            },
            client=client,
            resources=resources,
            notes=ChildNotes(broker),
        )
        if handler.is_async:
            return asyncio.run(handler.function(context, payload))
        return handler.function(context, payload)


if __name__ == "__main__":
    main()
