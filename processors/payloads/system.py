"""Payloads of the system's queues: clean-up, health, audit, repair, dead letters."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from processors.payloads.base import Id, Name, Payload, Reason


class CleanUp(Payload):
    """Delete what is older than its retention.

    Attributes:
        retention_days: executions, their steps, events, health reports and dead letters older
            than this.
        message_retention_days: messages in a final state; longer, because a message's row is what
            keeps it from being sent again.
        activity_retention_days: activities; longer than any span that conditions ask about.
        batch_size: rows a transaction.
    """

    retention_days: Annotated[float, Field(ge=0, le=3_650)] = 30
    message_retention_days: Annotated[float, Field(ge=0, le=3_650)] = 90
    activity_retention_days: Annotated[float, Field(ge=0, le=3_650)] = 400
    batch_size: Annotated[int, Field(ge=1, le=10_000)] = 100


class CheckHealth(Payload):
    """Examine the database and undelivered messages; record what was found."""

    level: Literal["basic", "full"] = "full"


class Audit(Payload):
    """Examine every job in Redis; `repair` jobs in a wrong state."""

    repair: bool = True


class RepairExecutions(Payload):
    """Move executions on whose open steps have no job.

    Attributes:
        after_s: steps that have been open for longer are examined.
    """

    after_s: Annotated[float, Field(ge=0, le=604_800)] = 30


class RequeueDeadLetters(Payload):
    """Requeue the jobs of open dead letters.

    Attributes:
        queue: only those of this queue.
        group: only those with this fingerprint.
        until: those that died up to then.
        actor: who asked for it.
        reason: why.
    """

    queue: Id | None = None
    group: Id | None = None
    until: AwareDatetime
    actor: Name = "atlas"
    reason: Reason = ""
