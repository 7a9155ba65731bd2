"""From a job to an advance: read, run, write, in one transaction; the jobs that follow from it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.orm import Session

from processors.database.engine import Database
from processors.database.models import WorkflowExecution, WorkflowStep
from processors.errors import DatabaseUnavailableError, DefinitionError
from processors.workflow.execution.advance import BUDGET, Advance
from processors.workflow.execution.board import OPEN
from processors.workflow.execution.definitions import plan_of
from processors.workflow.execution.outcomes import StepFailedError
from processors.workflow.execution.store import (
    ENDED,
    MAX_ERROR,
    lock_execution,
    read_steps,
    stop_listening,
)
from runtime.client import NewJob
from runtime.errors import AtlasError
from runtime.outcomes import DeadLetter, Outcome

Result = TypeVar("Result")
# What is to be done before it goes on; whether this is the first time that the job does it.
Before = Callable[[Advance], bool]


@dataclass(frozen=True, slots=True)
class Moved:
    """What came of a move.

    Attributes:
        jobs: to enqueue now that it is committed.
        problem: why the execution cannot go on, if a step failed for good and nothing handles it.
    """

    advance: Advance
    jobs: list[NewJob]
    problem: str | None


def load(
    session: Session, org: str, execution_id: uuid.UUID, now: datetime, job_id: str = ""
) -> Advance | None:
    """Lock an execution and read its steps; None when the organisation has no such execution.

    Raises:
        DefinitionError: its version cannot run.
    """
    execution = lock_execution(session, org, execution_id)
    if execution is None:
        return None
    plan = plan_of(session, org, execution.workflow_id, execution.version)
    rows = read_steps(session, execution_id)
    return Advance(session, execution, plan, rows, now=now, job_id=job_id)


def move(
    database: Database,
    org: str,
    execution_id: uuid.UUID,
    before: Before,
    *,
    now: datetime,
    job_id: str = "",
) -> Moved | None:
    """Advance an execution in a transaction of its own; None when there is no such execution.

    A step that fails undoes the whole transaction: it runs again, with the failure known.

    Raises:
        DefinitionError: its version cannot run.
    """
    failures: dict[str, str] = {}
    while True:
        try:
            with database.write() as session:
                try:
                    advance = load(session, org, execution_id, now, job_id)
                except DefinitionError as error:
                    give_up(session, org, execution_id, str(error), now=now)
                    unreadable = str(error)
                    break
                if advance is None:
                    return None
                advance.failures = failures
                is_first = before(advance)
                advance.run(BUDGET)
                advance.save()
                jobs = advance.jobs(offer_all=not is_first)
            return Moved(advance, jobs, _problem(advance))
        except StepFailedError as error:
            if error.key in failures:
                raise DefinitionError(str(error)) from error
            failures[error.key] = error.reason
    # Raised after the commit: the execution has failed, and an operator is told why.
    raise DeadLetter(f"the definition cannot run any more: {unreadable}")


def give_up(
    session: Session, org: str, execution_id: uuid.UUID, reason: str, *, now: datetime
) -> None:
    """End an execution whose version no release can run any more: as failed, with the reason."""
    said = " ".join(reason.split())[:MAX_ERROR]
    session.execute(
        update(WorkflowExecution)
        .where(
            WorkflowExecution.id == execution_id,
            WorkflowExecution.org_id == org,
            WorkflowExecution.status.not_in(ENDED),
        )
        .values(status="failed", error_message=said, completed_at=now)
    )
    session.execute(
        update(WorkflowStep)
        .where(WorkflowStep.execution_id == execution_id, WorkflowStep.status.in_(OPEN))
        .values(status="cancelled", completed_at=now)
    )
    stop_listening(session, execution_id)


def inline(work: Callable[[int], Result]) -> Result:
    """Do `work` with a budget of steps; with none if one of them fails.

    What begins an execution does more than one thing (an event starts several workflows): a step
    that fails must fail alone, in a job of its own execution, where an operator sees and retries
    it.
    """
    try:
        return work(BUDGET)
    except (Outcome, AtlasError, DatabaseUnavailableError):
        raise
    except Exception:  # noqa: BLE001 - whatever it was, it comes again where it belongs
        return work(0)


def _problem(advance: Advance) -> str | None:
    if advance.problem is not None:
        return advance.problem
    # What failed in a loop is the loop's to handle, until the loop itself fails.
    failed = [step for step in advance.failed_now if not step.path]
    return f"step {failed[0].key}: {failed[0].error}" if failed else None
