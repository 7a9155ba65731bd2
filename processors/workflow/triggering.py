"""Handler of process_trigger: from an event of the CRM to the executions that it starts."""

import uuid
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm.activities import Happening, event_cause, record
from processors.crm.contacts import contact_of_event
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record
from processors.crm.scope import build_scope, default_variables
from processors.database.models import Organisation, Workflow, utc_now
from processors.errors import DefinitionError
from processors.event_names import KNOWN, canonical
from processors.payloads.workflow import ProcessTrigger
from processors.resources import resources_of
from processors.workflow.definition.graph import Graph, starting_triggers, trigger_types
from processors.workflow.steps import activity_facts
from processors.workflow.validator import refuse_cycle
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob
from runtime.context import JobContext
from runtime.outcomes import DeadLetter

log = structlog.get_logger("atlas.workflow")

_PRIORITIES = {"high": Priority.HIGH, "low": Priority.LOW}


def process_trigger(ctx: JobContext, payload: ProcessTrigger) -> dict[str, Any]:
    """Find the workflows that listen to an event and start one execution of each.

    Raises:
        DeadLetter: there is no such organisation, the lead cannot be stored, or the event is one
            that neither this version nor any workflow knows.
    """
    event = canonical(payload.trigger_type)
    skipped: list[dict[str, str]] = []
    matched: list[tuple[Workflow, list[str]]] = []
    with resources_of(ctx).database.write() as session:
        lead = _lead_of(session, ctx, event, payload)
        for workflow in _listening(session, ctx.org, event):
            try:
                start_at = _passes(session, workflow, event, payload, lead)
            except DefinitionError as error:
                skipped.append({"id": workflow.id, "reason": str(error)[:300]})
                continue
            if start_at is not None:
                matched.append((workflow, start_at))
    ctx.client.enqueue_many(
        _execution_job(ctx, workflow, event, payload.trigger_data, start_at)
        for workflow, start_at in matched
    )
    for found in skipped:
        line = f"workflow {found['id']} cannot start: {found['reason']}"
        ctx.log(line)
        log.warning(line, job=ctx.job_id, org=ctx.org)
    result: dict[str, Any] = {
        "matched": len(matched),
        "workflows": [{"id": workflow.id, "name": workflow.name} for workflow, _ in matched],
    }
    return result | ({"skipped": skipped} if skipped else {})


def _lead_of(
    session: Session, ctx: JobContext, event: str, payload: ProcessTrigger
) -> Record | None:
    """The lead of an event that is one, and whose activity the event is."""
    if session.get(Organisation, ctx.org) is None:
        raise DeadLetter(f"there is no organisation {ctx.org!r}")
    if not _is_event(session, ctx.org, event):
        raise DeadLetter(
            f"{payload.trigger_type!r} is no event of the CRM, and no workflow listens to it"
        )
    try:
        lead = contact_of_event(
            repository_of(session), ctx.org, payload.trigger_data, occurred_at=ctx.enqueued_at
        )
    except ValueError as error:
        raise DeadLetter(f"the event's lead cannot be stored: {error}") from error
    if lead is not None:
        _note_activity(session, ctx, event, lead, payload)
    return lead


def _is_event(session: Session, org: str, event: str) -> bool:
    """Whether this version knows the event, or any organisation's workflow listens to it."""
    if event in KNOWN or _listening(session, org, event):
        return True
    stored = session.scalars(select(Workflow.trigger_type).distinct())
    return any(name and canonical(name) == event for name in stored)


def _note_activity(
    session: Session, ctx: JobContext, event: str, lead: Record, payload: ProcessTrigger
) -> None:
    """Whatever the CRM reports of a lead is something that the lead did."""
    channel = payload.trigger_data.get("channel")
    happening = Happening(
        event,
        event_cause(ctx.job_id),
        lead["id"],
        ctx.enqueued_at,
        data={"job_id": ctx.job_id} | ({"channel": channel} if isinstance(channel, str) else {}),
    )
    record(repository_of(session), ctx.org, happening)


def _listening(session: Session, org: str, event: str) -> list[Workflow]:
    """Active workflows of the organisation that listen to `event`."""
    active = (Workflow.org_id == org) & (Workflow.status == "active")
    # Two queries: definitions are large, and most workflows listen to something else. Without a
    # stored type the nodes must be asked.
    candidates = [
        row.id
        for row in session.execute(select(Workflow.id, Workflow.trigger_type).where(active))
        if not row.trigger_type or canonical(row.trigger_type) == event
    ]
    if not candidates:
        return []
    query = select(Workflow).where(active, Workflow.id.in_(candidates)).order_by(Workflow.id)
    return [
        workflow
        for workflow in session.scalars(query)
        if event in trigger_types(Graph.read(workflow.nodes, workflow.edges), workflow.trigger_type)
    ]


def _passes(
    session: Session, workflow: Workflow, event: str, payload: ProcessTrigger, lead: Record | None
) -> list[str] | None:
    """The trigger nodes to start at, None when the event does not pass."""
    graph = Graph.read(workflow.nodes, workflow.edges)
    refuse_cycle(graph)
    now = utc_now()
    scope = build_scope(
        organisation=repository_of(session).organisation(workflow.org_id),
        contact=lead,
        trigger_type=event,
        trigger_data=payload.trigger_data,
        variables=default_variables(workflow.variables),
        outputs={},
        workflow={"id": workflow.id, "name": workflow.name},
        now=now,
    )
    facts = activity_facts(session, workflow.org_id, lead["id"] if lead else None, scope, now)
    return starting_triggers(graph, workflow.trigger_config, event, facts)


def _execution_job(
    ctx: JobContext, workflow: Workflow, event: str, data: dict[str, Any], start_at: list[str]
) -> NewJob:
    execution_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{ctx.org}:{ctx.job_id}:{workflow.id}")
    priority = _PRIORITIES.get(str(workflow.settings.get("priority")).lower(), Priority.NORMAL)
    return NewJob(
        "execute_workflow",
        ctx.org,
        {
            "workflow_id": workflow.id,
            "execution_id": execution_id,
            "trigger_type": event,
            "trigger_data": data,
            **({"start_at": start_at} if start_at else {}),
        },
        priority,
        job_id=f"exec-{execution_id.hex}",
    )
