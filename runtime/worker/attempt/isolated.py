"""Runs a handler in a child process, which can be killed.

For CPU-bound, untrusted or native code, and for the functions of stock RQ jobs. Request and answer
are JSON; what the handler prints goes to stderr.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runtime.catalogue.error_facts import ErrorFacts
from runtime.outcomes import Cancel, DeadLetter, Outcome, Retry, Snooze
from runtime.worker.attempt.children import ChildEndedError, Children
from runtime.worker.attempt.frames import MAX_ANSWER_BYTES
from runtime.worker.attempt.verdict import RemoteError

# The error class of an attempt whose child ended by itself.
CHILD_DIED = "ChildProcessDied"


class ChildError(Exception):
    """Carries an error that a handler raised in its child process."""

    def __init__(self, remote: RemoteError) -> None:
        super().__init__(remote.message)
        self.remote = remote

    @classmethod
    def of_end(cls, error: ChildEndedError | OSError) -> "ChildError":
        """The child ended, or could not be started."""
        text = str(error)
        return cls(RemoteError(CHILD_DIED, text, text))


@dataclass(frozen=True, slots=True)
class IsolatedRequest:
    """A kind's handler that is to run in a child, with its context."""

    kind: str
    payload_json: str
    context: dict[str, Any]


async def run_isolated(
    children: Children, request: IsolatedRequest, begun: Callable[[], None] = lambda: None
) -> Any:
    """The handler's value; the child is killed when the awaiting task is cancelled.

    Args:
        children: one of them runs it.
        request: what is to run.
        begun: called when there is a child for it.

    Raises:
        ChildError: the handler raised, or the child ended without an answer.
        Outcome: the handler raised one.
    """
    fields = {
        "run": "kind",
        "kind": request.kind,
        "payload": request.payload_json,
        "context": request.context,
    }
    try:
        async with children.one() as child:
            begun()
            answer = await child.ask(json.dumps(fields).encode())
    except (ChildEndedError, OSError) as error:
        raise ChildError.of_end(error) from None
    return value_of(read_answer(answer))


def read_answer(reply: bytes) -> dict[str, Any]:
    """The fields of an answer.

    Raises:
        ChildError: it is none.
    """
    try:
        answer = json.loads(reply) if len(reply) <= MAX_ANSWER_BYTES else None
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        text = "the child process answered what is no answer"
        raise ChildError(RemoteError(CHILD_DIED, text, text))
    return answer


def value_of(answer: dict[str, Any]) -> Any:
    """The value that the handler returned.

    Raises:
        ChildError: it raised an error.
        Outcome: it raised one.
    """
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
