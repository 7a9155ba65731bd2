"""Closing the step that waits for a job: its delivery ended, or the job failed for good."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from processors.errors import DatabaseUnavailableError, DefinitionError
from processors.workflow.execution.advance import BUDGET, Advance
from processors.workflow.execution.board import Step
from processors.workflow.execution.definitions import plan_of
from processors.workflow.execution.moving import give_up
from processors.workflow.execution.outcomes import Ended
from processors.workflow.execution.store import lock_execution, read_steps
from runtime.client import NewJob

_Close = Callable[[Advance, Step], None]


def settle_step(
    session: Session,
    *,
    org: str,
    execution_id: uuid.UUID,
    node_id: str,
    output: dict[str, Any],
    error: str | None,
    now: datetime,
) -> list[NewJob]:
    """Close the step that waits for a delivery, and go on from it in the caller's transaction.

    A completed step stays completed. A failed one becomes completed if a retried job delivered
    after all. A step that does not exist (any more) is ignored. If a step after it fails, that is
    undone and left to a job of the execution: what was delivered stays delivered.

    Args:
        session: a write transaction that holds no lock on the contact's row.
        org: whose execution.
        execution_id: which one.
        node_id: the key of its step.
        output: what is known of the delivery.
        error: why it failed, None if it did not.
        now: the time.

    Returns:
        The jobs to enqueue after the commit.
    """

    def close(advance: Advance, step: Step) -> None:
        if step.status == "failed" and error is None:
            advance.reopen(step)
        if error is None:
            advance.end(step, Ended(output))
        else:
            advance.fail(step, error, output)

    statuses = ("running", "failed")
    return _settle(session, org, execution_id, node_id, close, now=now, statuses=statuses)


def fail_step(
    session: Session,
    *,
    org: str,
    execution_id: uuid.UUID,
    node_id: str,
    waits_as: str,
    output: dict[str, Any] | None,
    error: str,
    now: datetime,
) -> list[NewJob]:
    """Close a step as failed whose job failed for good, if it still waits for it.

    Args:
        session: a write transaction.
        org: whose execution.
        execution_id: which one.
        node_id: the key of its step.
        waits_as: the status in which a step waits for such a job; in any other one it went on.
        output: what is known of its result.
        error: why it failed.
        now: for the jobs.

    Returns:
        The jobs to enqueue after the commit.
    """

    def close(advance: Advance, step: Step) -> None:
        advance.fail(step, error, output)

    return _settle(session, org, execution_id, node_id, close, now=now, statuses=(waits_as,))


def _settle(
    session: Session,
    org: str,
    execution_id: uuid.UUID,
    key: str,
    close: _Close,
    *,
    now: datetime,
    statuses: tuple[str, ...],
) -> list[NewJob]:
    execution = lock_execution(session, org, execution_id)
    if execution is None or execution.status == "cancelled":
        return []
    try:
        plan = plan_of(session, org, execution.workflow_id, execution.version)
    except DefinitionError as error:
        give_up(session, org, execution_id, str(error), now=now)
        return []
    rows = read_steps(session, execution_id)
    before = (execution.status, execution.error_message, execution.completed_at,
              execution.variables)  # fmt: skip

    def go_on(budget: int) -> list[NewJob]:
        advance = Advance(session, execution, plan, rows, now=now)
        step = advance.find(key)
        is_first = step is not None and step.status in statuses
        if step is not None and is_first:
            close(advance, step)
        elif step is None and not advance.is_known(key):
            return []
        if is_first:
            advance.run(budget)
        advance.save()
        return advance.jobs(offer_all=not is_first)

    try:
        with session.begin_nested():
            return go_on(BUDGET)
    except DatabaseUnavailableError:
        raise
    except Exception:  # noqa: BLE001 - whatever it was, it comes again in the execution's own job
        (execution.status, execution.error_message, execution.completed_at,
         execution.variables) = before  # fmt: skip
        # What it remembers of this transaction has been undone.
        session.info.pop("repository", None)
        return go_on(0)
