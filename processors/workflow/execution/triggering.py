"""Handler of process_trigger: an event becomes an activity, moves executions on, starts others."""

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm.contacts import contact_of_event
from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record
from processors.database.models import Workflow
from processors.errors import DefinitionError
from processors.event_names import KNOWN, activity_type, canonical
from processors.payloads.workflow import ProcessTrigger
from processors.resources import resources_of
from processors.workflow.execution.board import Board
from processors.workflow.execution.definitions import Listening, listening
from processors.workflow.execution.entering import Entered, enter
from processors.workflow.execution.facts import World
from processors.workflow.execution.hearing import listeners
from processors.workflow.execution.moving import inline
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.starting import Start, new_execution
from processors.workflow.triggers import fired_trigger
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob
from runtime.context import JobContext
from runtime.outcomes import DeadLetter

log = structlog.get_logger("atlas.workflow")

# More workflows than this for one event, and their steps run in jobs of their own.
_INLINE = 5


@dataclass(slots=True)
class _Found:
    """What an event came to."""

    started: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    jobs: list[NewJob] = field(default_factory=list)


def process_trigger(ctx: JobContext, payload: ProcessTrigger) -> dict[str, Any]:
    """Record an event, wake the executions that wait for it, and start those that listen to it.

    An event is known by its ``event_id``, else by its job's id: reported again, it starts nothing.

    Raises:
        DeadLetter: there is no such organisation, the contact cannot be stored, or the event is one
            that neither this version nor any workflow knows.
    """
    found = inline(lambda budget: _process(ctx, payload, budget))
    ctx.client.enqueue_many(found.jobs)
    for skipped in found.skipped:
        line = f"workflow {skipped['id']} cannot start: {skipped['reason']}"
        ctx.log(line)
        log.warning(line, job=ctx.job_id, org=ctx.org)
    more = {"refused": found.refused, "skipped": found.skipped}
    return {
        "matched": len(found.started),
        "workflows": found.started,
        **{name: some for name, some in more.items() if some},
    }


def _process(ctx: JobContext, payload: ProcessTrigger, budget: int) -> _Found:
    now, event = ctx.now(), canonical(payload.trigger_type)
    found = _Found()
    with resources_of(ctx).database.write() as session:
        active = listening(session, ctx.org)
        if active is None:
            raise DeadLetter(f"there is no organisation {ctx.org!r}")
        matching = [
            one for one in active if event in one.events or (one.plan is None and not one.events)
        ]
        is_heard = any(one.plan is not None and event in one.plan.heard for one in active)
        if not (event in KNOWN or matching or is_heard or _is_anybodys(session, event)):
            raise DeadLetter(
                f"{payload.trigger_type!r} is no event of the CRM, and no workflow listens to it"
            )
        contact = _contact(session, ctx, payload)
        event_id = uuid.uuid5(uuid.NAMESPACE_URL, f"activity:{ctx.org}:{_name(ctx, payload)}")
        contact_id = None if contact is None else contact["id"]
        # Whatever the CRM reports of a contact is something that the contact did.
        kind = activity_type(event, payload.trigger_data)
        activity = {
            "id": event_id,
            "org_id": ctx.org,
            "contact_id": contact_id,
            "type": kind,
            "data": payload.trigger_data,
            "occurred_at": ctx.enqueued_at,
        }
        repository_of(session).add_activities([activity])
        if contact_id is not None:
            found.jobs += _wakes(session, ctx.org, contact_id, kind, event_id)
        arrival = _Arrival(ctx, event, event_id, payload, contact_id, now)
        for one in matching:
            _offer(session, arrival, one, found, budget if len(matching) <= _INLINE else 0)
    return found


@dataclass(frozen=True, slots=True)
class _Arrival:
    """The event, and whose it is."""

    ctx: JobContext
    event: str
    event_id: uuid.UUID
    payload: ProcessTrigger
    contact_id: str | None
    now: datetime

    def start(self, workflow_id: str, triggers: list[str]) -> Start:
        cause = f"{self.ctx.org}:{_name(self.ctx, self.payload)}:{workflow_id}"
        return Start(
            org=self.ctx.org,
            execution_id=uuid.uuid5(uuid.NAMESPACE_URL, cause),
            event=self.event,
            data=self.payload.trigger_data,
            contact_id=self.contact_id,
            job_id=self.ctx.job_id,
            event_id=self.event_id,
            triggers=triggers,
        )


def _offer(session: Session, arrival: _Arrival, one: Listening, found: _Found, budget: int) -> None:
    """Start one workflow, if the event passes its filters and the contact may enter."""
    if one.plan is None:
        found.skipped.append({"id": one.workflow_id, "reason": one.problem[:300]})
        return
    try:
        trigger = _fired(session, arrival, one.plan)
        if trigger is None:
            return
        start = arrival.start(one.workflow_id, [trigger])
        entered: Entered = enter(session, one.plan, start, arrival.now, budget=budget)
    except DefinitionError as error:
        found.skipped.append({"id": one.workflow_id, "reason": str(error)[:300]})
        return
    found.jobs += entered.jobs
    if entered.refusal:
        found.refused.append({"id": one.workflow_id, "reason": entered.refusal})
    else:
        found.started.append({"id": one.workflow_id, "name": one.name})


def _fired(session: Session, arrival: _Arrival, plan: Plan) -> str | None:
    """The trigger node that the event fires; None: it does not pass.

    Raises:
        DefinitionError: the conditions of a filter cannot be decided, and no other trigger passes.
    """
    start = arrival.start(plan.workflow.id, [])
    execution = new_execution(plan, start, arrival.now)
    world = World(session, execution, plan, arrival.now)
    return fired_trigger(plan.workflow, arrival.event, world.facts(Board(plan)))


def _name(ctx: JobContext, payload: ProcessTrigger) -> str:
    """What an event is known by."""
    given = payload.trigger_data.get("event_id")
    return f"event {given}" if isinstance(given, str | int) and given != "" else ctx.job_id


def _is_anybodys(session: Session, event: str) -> bool:
    """Whether any organisation's workflow listens to an event that this version does not know."""
    stored = session.scalars(select(Workflow.trigger_type).distinct())
    return any(name and canonical(name) == event for name in stored)


def _contact(session: Session, ctx: JobContext, payload: ProcessTrigger) -> Record | None:
    """The contact of an event that is about one, locked: its events are taken in one by one."""
    repository = repository_of(session)
    try:
        contact = contact_of_event(
            repository, ctx.org, payload.trigger_data, occurred_at=ctx.enqueued_at
        )
        if contact is None:
            return None
        return repository.get(ctx.org, "contact", contact["id"], lock=True)
    except ValueError as error:
        raise DeadLetter(f"the event's contact cannot be stored: {error}") from error


def _wakes(
    session: Session, org: str, contact_id: str, event: str, event_id: uuid.UUID
) -> list[NewJob]:
    """The jobs of the executions that the event may move on: they look into the activities."""
    return [
        NewJob(
            "advance_execution",
            org,
            {"execution_id": execution_id},
            Priority.HIGH,
            job_id=f"event-{event_id.hex}-{execution_id.hex}",
        )
        for execution_id in listeners(session, org, contact_id, event)
    ]
