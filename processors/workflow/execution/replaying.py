"""Replaying an execution from a step: what would run, be called and be sent again; and doing it.

A step that may have sent something keeps its outcome, unless the operator wants it to be sent
again.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from processors.database.models import Message, Workflow, WorkflowExecution, WorkflowStep
from processors.errors import DefinitionError
from processors.workflow.execution import control
from processors.workflow.execution.advance import Advance
from processors.workflow.execution.board import OPEN, Step
from processors.workflow.execution.keeping import Place, places_behind, sent_below
from processors.workflow.execution.keys import read_path, step_key
from processors.workflow.execution.moving import load
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.reading import message_info
from processors.workflow.execution.store import ENDED
from processors.workflow.execution.views import StepMessage
from runtime.client import NewJob

_CALLING = ("request_http", "run_action")


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replay from a step would do.

    Attributes:
        execution_id: which execution.
        step: key of the step that it begins with.
        runs: keys of the steps that run again whatever is asked for.
        calls: of these, the ones that call something outside again (over HTTP, or code of the
            application's own).
        keeps: keys of the steps that have sent something, or have started another execution. They
            keep their outcome, unless what was sent is to be sent again.
        sends: the messages that would be sent again then.
        refused: why it cannot be replayed without sending again.
        is_held: its workflow is paused, so that it goes on only when that is active again.
    """

    execution_id: str
    step: str
    runs: Sequence[str]
    calls: Sequence[str]
    keeps: Sequence[str]
    sends: Sequence[StepMessage]
    refused: str | None
    is_held: bool


def look(
    session: Session, org: str, execution_id: uuid.UUID, name: str, *, now: datetime
) -> Replay:
    """What a replay would do; nothing is changed.

    Args:
        session: to read with.
        org: whose execution.
        execution_id: which one.
        name: the step to begin with, by its node or its key.
        now: the time.

    Raises:
        DefinitionError: there is no such execution or step, or it cannot be replayed from there.
    """
    advance, first = _find(session, org, execution_id, name, now)
    places = places_behind(session, advance, first)
    _check(places)
    kept = [place for place in places if place.outcome() is not None]
    again = [place for place in places if place.outcome() is None]
    return Replay(
        execution_id=str(execution_id),
        step=first.key,
        runs=[place.last.key for place in again],
        calls=[place.last.key for place in again if place.kind in _CALLING],
        keeps=[place.last.key for place in kept],
        sends=[message_info(message) for message in _sent(session, places)],
        refused=_refusal(session, places),
        is_held=advance.execution.workflow_status == "paused",
    )


def replay(
    session: Session,
    org: str,
    execution_id: uuid.UUID,
    name: str,
    *,
    now: datetime,
    sends_again: bool,
) -> list[NewJob]:
    """Run an execution again from a step on; the jobs to enqueue.

    Args:
        session: a write transaction.
        org: whose execution.
        execution_id: which one.
        name: the step to begin with, by its node or its key.
        now: the time.
        sends_again: what was sent is sent once more, and other workflows are started once more.

    Raises:
        DefinitionError: there is no such execution or step, it cannot be replayed from there, or
            not without sending again.
    """
    advance, first = _find(session, org, execution_id, name, now)
    places = places_behind(session, advance, first)
    _check(places)
    if not sends_again and (refusal := _refusal(session, places)) is not None:
        raise DefinitionError(refusal)
    run, kept = advance.execution.run + 1, dict(advance.execution.kept)
    for place in () if sends_again else places:
        if (outcome := place.outcome()) is not None:
            kept[step_key(place.last.node_id, read_path(place.last.iteration), run)] = outcome
    values: dict[str, Any] = {"kept": kept}
    if not _is_awaited(session, advance):
        # Whoever started it has gone on without it: told that it has ended, it would begin anew.
        values["parent_key"] = None
    where = WorkflowExecution.id == execution_id
    session.execute(update(WorkflowExecution).where(where).values(**values))
    return control.replay(session, org, execution_id, first.key, now=now, sends_again=sends_again)


def _find(
    session: Session, org: str, execution_id: uuid.UUID, name: str, now: datetime
) -> tuple[Advance, Step]:
    advance = load(session, org, execution_id, now)
    if advance is None:
        raise DefinitionError(f"the organisation {org} has no execution {execution_id}")
    workflow = session.get_one(Workflow, (org, advance.execution.workflow_id))
    if workflow.status == "archived":
        raise DefinitionError("the workflow is archived; enable it to replay its executions")
    if advance.execution.status == "queued":
        raise DefinitionError("the execution has not begun: it waits for room under a limit")
    steps = advance.board.steps
    first = advance.find(name) or steps.get((name, ()))
    if first is not None and not first.path:
        return advance, first
    inside = name if first is None else first.node_id
    if (loop := _outermost(advance.plan, inside)) is not None:
        raise DefinitionError(f"{name[:60]!r} is in a loop; allowed: the loop as a whole, {loop!r}")
    came_to = ", ".join(step.node_id for step in steps.values() if not step.path)[:300]
    raise DefinitionError(f"the execution has no step {name[:60]!r}; it came to: {came_to}")


def _outermost(plan: Plan, node_id: str) -> str | None:
    loop = plan.loop_of.get(node_id)
    while loop is not None and loop in plan.loop_of:
        loop = plan.loop_of[loop]
    return loop


def _check(places: Iterable[Place]) -> None:
    """Refuse what would run twice at the same time."""
    for place in places:
        step, child = place.last, place.child
        if step.status == "running":
            raise DefinitionError(f"{step.key}: being carried out; replay it afterwards")
        if step.status in OPEN and child is not None and child.status not in ENDED:
            raise DefinitionError(
                f"{step.key} waits for execution {child.id}; cancel that one first, or wait for it"
            )


def _refusal(session: Session, places: Iterable[Place]) -> str | None:
    """Why something would be sent again although nobody asked for it."""
    for place in places:
        child = place.child
        if child is None or place.outcome() is not None:
            continue
        if sent := sent_below(session, child):
            messages = "a message" if len(sent) == 1 else f"{len(sent)} messages"
            return (
                f"{place.last.key} would start its workflow anew, and execution {child.id} has "
                f"sent {messages}; replay that one first, or send again"
            )
    return None


def _sent(session: Session, places: Iterable[Place]) -> list[Message]:
    """What was sent by steps, and by the executions that they have started."""
    found: list[Message] = []
    for place in places:
        found += [] if place.child is None else sent_below(session, place.child)
        found += place.left
    return found


def _is_awaited(session: Session, advance: Advance) -> bool:
    """Whether a step of another execution waits for this one right now."""
    execution = advance.execution
    if execution.parent_id is None or execution.parent_key is None:
        return False
    step = session.get(WorkflowStep, (execution.parent_id, execution.parent_key))
    return step is not None and step.status == "waiting"
