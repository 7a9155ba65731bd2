"""Runs a handler in a child process of its own, which can be killed.

For CPU-bound, untrusted or native code, and for the functions of stock RQ jobs. The child is a
fresh interpreter (no fork: no inherited locks), leads its own session so that a kill reaches what
it starts, and dies with this process. Request and answer are JSON on its stdin and stdout; what
the handler prints goes to stderr.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runtime.catalogue.error_facts import ErrorFacts
from runtime.outcomes import Cancel, DeadLetter, Outcome, Retry, Snooze
from runtime.worker.attempt.verdict import RemoteError

MAX_REPLY_BYTES = 4 * 1024 * 1024


class ChildError(Exception):
    """Carries an error that a handler raised in its child process."""

    def __init__(self, remote: RemoteError) -> None:
        super().__init__(remote.message)
        self.remote = remote


@dataclass(frozen=True, slots=True)
class IsolatedRequest:
    """What the child is to run: a stock job by id, or a kind's handler with its context."""

    job_id: str
    stock: bool
    kind: str = ""
    payload_json: str = ""
    context: dict[str, Any] | None = None


async def run_isolated(request: IsolatedRequest) -> Any:
    """The handler's value; the child is killed when the awaiting task is cancelled.

    Raises:
        ChildError: the handler raised, or the child ended without an answer.
        Outcome: the handler raised one.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "runtime.worker.attempt.isolated_child", str(os.getpid()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
        limit=MAX_REPLY_BYTES,
    )  # fmt: skip
    body = json.dumps(
        {
            "job_id": request.job_id,
            "stock": request.stock,
            "kind": request.kind,
            "payload": request.payload_json,
            "context": request.context,
        }
    ).encode()
    try:
        reply, _ = await process.communicate(body)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return _read(reply, process.returncode or 0)


def _read(reply: bytes, code: int) -> Any:
    try:
        answer = json.loads(reply) if len(reply) <= MAX_REPLY_BYTES else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        text = f"the child process ended without an answer ({how})"
        raise ChildError(RemoteError("ChildProcessDied", text, text))
    if "value" in answer:
        return answer["value"]
    if "outcome" in answer:
        raise outcome_from(answer["outcome"])
    raise ChildError(
        RemoteError(
            answer["error_class"],
            answer["message"],
            answer["traceback"],
            answer.get("frame", ""),
            ErrorFacts(
                frozenset(answer.get("names", ())),
                answer.get("status"),
                answer.get("retry_after_s"),
            ),
        )
    )


def outcome_to(outcome: Outcome) -> dict[str, Any]:
    """An outcome as JSON."""
    match outcome:
        case Retry():
            after_s = None if outcome.after is None else outcome.after.total_seconds()
            return {
                "name": "retry",
                "after_s": after_s,
                "reason": outcome.reason,
                "fault": outcome.fault,
            }
        case Snooze():
            return {"name": "snooze", "until": outcome.until.isoformat(), "reason": outcome.reason}
        case Cancel():
            return {"name": "cancel", "reason": outcome.reason}
        case DeadLetter():
            return {"name": "dead_letter", "reason": outcome.reason}
    raise TypeError(type(outcome).__name__)


def outcome_from(fields: dict[str, Any]) -> Outcome:
    """The outcome that `outcome_to` wrote."""
    reason = str(fields["reason"])
    match fields["name"]:
        case "retry":
            after_s = fields["after_s"]
            after = None if after_s is None else timedelta(seconds=after_s)
            return Retry(after, reason=reason, fault=bool(fields.get("fault")))
        case "snooze":
            return Snooze(datetime.fromisoformat(fields["until"]), reason=reason)
        case "cancel":
            return Cancel(reason)
        case _:
            return DeadLetter(reason)
