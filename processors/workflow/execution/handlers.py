"""Handlers of the workflow queues: execute_workflow, advance_execution, continue_wait.

Each does its work in one database transaction and then enqueues what the rows say is open, under
ids that are always the same. Run twice, it changes nothing the second time.
"""

import uuid
from typing import Any

from processors.crm.contacts import contact_of_event
from processors.crm.repository.opening import repository_of
from processors.database.models import Workflow
from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.payloads.workflow import (
    AdvanceExecution,
    ContinueWait,
    ExecuteNode,
    ExecuteWorkflow,
    StopWorkflows,
)
from processors.resources import resources_of
from processors.workflow.definition.versions import current_version
from processors.workflow.delivered import settle_step
from processors.workflow.execution.advance import Advance
from processors.workflow.execution.board import Step
from processors.workflow.execution.control import cancel, others_of
from processors.workflow.execution.definitions import plan_of
from processors.workflow.execution.entering import Entered, enter
from processors.workflow.execution.moving import Before, Moved, inline, move
from processors.workflow.execution.starting import Start
from runtime.context import JobContext
from runtime.outcomes import Cancel, DeadLetter


def execute_workflow(ctx: JobContext, payload: ExecuteWorkflow) -> dict[str, Any]:
    """Begin an execution, and advance it as far as it goes.

    Raises:
        DeadLetter: the organisation has no such workflow, or the contact cannot be stored.
        DefinitionError: the workflow cannot run.
        Cancel: the workflow is paused or archived.
    """
    entered, execution_id = inline(lambda budget: _begin(ctx, payload, budget))
    ctx.client.enqueue_many(entered.jobs)
    result = {"execution_id": str(execution_id), "status": entered.status}
    return result | ({"refused": entered.refusal} if entered.refusal else {})


def _begin(ctx: JobContext, payload: ExecuteWorkflow, budget: int) -> tuple[Entered, uuid.UUID]:
    now = ctx.now()
    by_hand = payload.trigger_type == "manual"
    with resources_of(ctx).database.write() as session:
        workflow = session.get(Workflow, (ctx.org, payload.workflow_id))
        if workflow is None:
            raise DeadLetter(f"the organisation {ctx.org} has no workflow {payload.workflow_id!r}")
        if workflow.status != "active" and not (by_hand and workflow.status == "draft"):
            raise Cancel(f"the workflow {payload.workflow_id!r} is {workflow.status}")
        try:
            plan = plan_of(session, ctx.org, workflow.id, current_version(session, workflow))
            contact = contact_of_event(
                repository_of(session),
                ctx.org,
                payload.trigger_data,
                occurred_at=ctx.enqueued_at,
            )
        except DefinitionError as error:
            raise DeadLetter(f"the workflow {workflow.id!r} cannot run: {error}") from error
        except ValueError as error:
            raise DeadLetter(f"the event's contact cannot be stored: {error}") from error
        start = Start(
            org=ctx.org,
            execution_id=payload.execution_id
            or uuid.uuid5(uuid.NAMESPACE_URL, f"{ctx.org}:{ctx.job_id}:{payload.workflow_id}"),
            event=canonical(payload.trigger_type),
            data=payload.trigger_data,
            contact_id=contact["id"] if contact else None,
            job_id=ctx.job_id,
            triggers=payload.start_at,
            variables=payload.variables,
            priority=int(ctx.priority),
            keeps_rules=not by_hand,
        )
        return enter(session, plan, start, now, budget=budget), start.execution_id


def advance_execution(ctx: JobContext, payload: AdvanceExecution | ExecuteNode) -> dict[str, Any]:
    """Go on with an execution, from a step that may run or from whatever has happened meanwhile.

    Raises:
        DeadLetter: there is no such execution or step, or a step failed for good and nothing
            handles it; retried by an operator, it runs that step again.
        Cancel: the execution was cancelled.
    """

    def before(advance: Advance) -> bool:
        step = _step(advance, payload.node_id)
        if ctx.attempt == 1:
            for failed in list(advance.board.steps.values()):
                if failed.status == "failed" and _failed_in(failed, ctx.job_id, payload.node_id):
                    advance.reopen(failed)
        advance.find_room()
        return step is not None and step.status == "pending"

    return _moved(ctx, payload.execution_id, before)


def continue_wait(ctx: JobContext, payload: ContinueWait) -> dict[str, Any]:
    """Go on after a wait. That this job runs means that the wait is over.

    A paused execution's waits are held: they end when it is resumed.

    Raises:
        DeadLetter: there is no such step; else as `advance_execution`.
        Cancel: the execution was cancelled.
    """

    def before(advance: Advance) -> bool:
        step = _step(advance, payload.node_id)
        if step is None:
            return False
        if step.status == "failed" and ctx.attempt == 1 and _is_its_own(step):
            # It was closed because this job had failed for good; now an operator retried it.
            advance.reopen(step)
            step.status = "waiting"
        if step.status != "waiting":
            return False
        if advance.execution.rests:
            # Resuming it ends the wait.
            return True
        advance.time_is_up(step)
        return True

    return _moved(ctx, payload.execution_id, before)


def stop_workflows(ctx: JobContext, payload: StopWorkflows) -> dict[str, Any]:
    """End the other open executions of a contact, as a step asks for, and settle that step."""
    now, database = ctx.now(), resources_of(ctx).database
    with database.read() as session:
        others = others_of(session, ctx.org, payload.execution_id, payload.workflow_id)
    reason = payload.reason or f"stopped by the execution {payload.execution_id}"
    for execution_id in others:
        with database.write() as session:
            jobs = cancel(session, ctx.org, execution_id, now=now, reason=reason)
        ctx.client.enqueue_many(jobs)
    with database.write() as session:
        jobs = settle_step(
            session,
            org=ctx.org,
            execution_id=payload.execution_id,
            node_id=payload.node_id,
            output={"stopped": len(others)},
            error=None,
            now=now,
        )
    ctx.client.enqueue_many(jobs)
    return {"stopped": len(others)}


def _failed_in(step: Step, job_id: str, key: str | None) -> bool:
    """Whether a step failed in a job, or because that job had failed for good."""
    found = step.input or {}
    return found.get("failed_in") == job_id or (step.key == key and _is_its_own(step))


def _is_its_own(step: Step) -> bool:
    found = step.input or {}
    return "kind" not in found and "failed_in" not in found


def _step(advance: Advance, key: str | None) -> Step | None:
    """The step, None if it no longer matters."""
    if advance.execution.status == "cancelled":
        raise Cancel("the execution was cancelled")
    step = advance.find(key)
    if key is not None and step is None and not advance.is_known(key):
        raise DeadLetter(f"the execution has no step {key!r}")
    return step


def _moved(ctx: JobContext, execution_id: uuid.UUID, before: Before) -> dict[str, Any]:
    moved: Moved | None = move(
        resources_of(ctx).database,
        ctx.org,
        execution_id,
        before,
        now=ctx.now(),
        job_id=ctx.job_id,
    )
    if moved is None:
        raise DeadLetter(f"the organisation {ctx.org} has no execution {execution_id}")
    ctx.client.enqueue_many(moved.jobs)
    if moved.problem is not None:
        raise DeadLetter(moved.problem)
    execution = moved.advance.execution
    status = "held" if execution.workflow_status == "paused" else execution.status
    return {"status": status, "steps": moved.advance.changed}
