"""What `atlas executions` changes: by an operator's id, with the jobs enqueued before the commit.

What cannot be enqueued must not be stored as if it were. A worker that is quicker waits for the
execution's row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from processors.database import models
from processors.database.engine import Database
from processors.database.models import Workflow, WorkflowExecution
from processors.database.prefixes import find_by_prefix
from processors.errors import DefinitionError
from processors.workflow.execution import control, replaying
from processors.workflow.execution.replaying import Replay
from processors.workflow.execution.store import ENDED
from runtime.client import NewJob

Action = Literal["pause", "resume", "cancel"]
Enqueue = Callable[[Sequence[NewJob]], Any]
_NOUN = "execution"


@dataclass(frozen=True, slots=True)
class Changed:
    """An execution that was changed.

    Attributes:
        is_held: its workflow is paused, so that it goes on only when that is active again.
    """

    id: str
    is_held: bool


def change(
    database: Database, ident: str, action: Action, *, said: str, enqueue: Enqueue
) -> Changed:
    """Pause, resume or cancel one execution.

    Args:
        database: migrated to this version.
        ident: its id, or the first characters of it.
        action: what is done.
        said: by whom and why; of what is cancelled it is kept.
        enqueue: enqueues what follows.

    Raises:
        NoSuchRowError: the id names none, or several.
        DefinitionError: it is in a state in which that cannot be done.
        DatabaseUnavailableError: the database did not answer.
        BrokerUnavailableError: Redis is away; nothing was changed.
    """
    now = models.utc_now()
    with database.write() as session:
        found = find_by_prefix(session, WorkflowExecution, ident, _NOUN)
        org, execution_id = found.org_id, found.id
        if found.status in ENDED:
            raise DefinitionError(f"the execution has ended: it is {found.status}")
        match action:
            case "pause":
                jobs = control.pause(session, org, execution_id, now=now)
            case "resume":
                jobs = control.resume(session, org, execution_id, now=now)
            case "cancel":
                reason = f"cancelled {said}"
                jobs = control.cancel(session, org, execution_id, now=now, reason=reason)
        enqueue(jobs)
        workflow = session.get_one(Workflow, (org, found.workflow_id))
    return Changed(str(execution_id), is_held=workflow.status == "paused")


def preview(database: Database, ident: str, step: str) -> Replay:
    """What a replay would do.

    Raises:
        NoSuchRowError: the id names none, or several.
        DefinitionError: it cannot be replayed from there.
        DatabaseUnavailableError: the database did not answer.
    """
    with database.read() as session:
        found = find_by_prefix(session, WorkflowExecution, ident, _NOUN)
        return replaying.look(session, found.org_id, found.id, step, now=models.utc_now())


def replay(
    database: Database, ident: str, step: str, *, sends_again: bool, enqueue: Enqueue
) -> Replay:
    """Run an execution again from a step on; what that means.

    Args:
        database: migrated to this version.
        ident: its id, or the first characters of it.
        step: a node, or the key of a step.
        sends_again: what was sent is sent once more.
        enqueue: enqueues what follows.

    Raises:
        NoSuchRowError: the id names none, or several.
        DefinitionError: it cannot be replayed from there, or not without sending again.
        DatabaseUnavailableError: the database did not answer.
        BrokerUnavailableError: Redis is away; nothing was changed.
    """
    now = models.utc_now()
    with database.write() as session:
        found = find_by_prefix(session, WorkflowExecution, ident, _NOUN)
        org, execution_id = found.org_id, found.id
        plan = replaying.look(session, org, execution_id, step, now=now)
        jobs = replaying.replay(session, org, execution_id, step, now=now, sends_again=sends_again)
        enqueue(jobs)
    return plan
