"""Handlers of scan_dates and start_on_date: what is due today starts once, whatever is repeated."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Repository
from processors.crm.scope import build_scope, related_records
from processors.database.models import Organisation
from processors.database.models import Workflow as WorkflowRow
from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.naming import bounded
from processors.payloads.workflow import ScanDates, StartOnDate
from processors.resources import resources_of
from processors.texts.wording import zone_of
from processors.workflow.dates.due import Due, find_due, is_due
from processors.workflow.decisions.conditions import Facts
from processors.workflow.definition.reading import valid_workflow
from processors.workflow.definition.versions import content_of_row
from processors.workflow.nodes import TriggerSettings, Workflow
from processors.workflow.triggers import filter_holds
from runtime.catalogue.catalogue import Priority
from runtime.client import NewJob
from runtime.context import JobContext
from runtime.outcomes import Cancel, DeadLetter

log = structlog.get_logger("atlas.workflow")

_PRIORITIES = {"high": Priority.HIGH, "normal": Priority.NORMAL, "low": Priority.LOW}
_KEPT = 10_000
_BATCH = 500
_Dated = tuple[tuple[str, TriggerSettings], ...]


def scan_dates(ctx: JobContext, _payload: ScanDates) -> dict[str, Any]:
    """Enqueue one job for each date trigger whose time of day has come, once a day.

    The job's id holds the day, so scanning again enqueues nothing.
    """
    now = ctx.now()
    jobs: list[NewJob] = []
    with resources_of(ctx).database.read() as session:
        for row, timezone in _active(session):
            try:
                local = now.astimezone(zone_of({"timezone": timezone}))
            except DefinitionError as error:
                log.warning("dates of an organisation are left out", org=row[0], reason=str(error))
                continue
            jobs += [
                _job(row[0], row[1], node_id, local)
                for node_id, trigger in _dated(session, row)
                if trigger.date is not None and is_due(trigger.date, local)
            ]
    ctx.client.enqueue_many(jobs)
    return {"due": len(jobs)}


def start_on_date(ctx: JobContext, payload: StartOnDate) -> dict[str, Any]:
    """Start the workflow for every contact of whom it is the day and who passes the filter.

    Begun again after a crash it finds the same contacts, and their executions have the same ids.

    Raises:
        DeadLetter: there is no such workflow.
        DefinitionError: it cannot run.
        Cancel: it is not active any more, or the trigger is not there any more.
    """
    org = ctx.org
    with resources_of(ctx).database.read() as session:
        row = session.get(WorkflowRow, (org, payload.workflow_id))
        if row is None:
            raise DeadLetter(f"the organisation {org} has no workflow {payload.workflow_id!r}")
        if row.status != "active":
            raise Cancel(f"the workflow {row.id!r} is {row.status}")
        workflow = valid_workflow({**content_of_row(row), "id": row.id}, version=row.version)
        node = workflow.nodes.get(payload.node_id)
        trigger = node.settings if node is not None else None
        if not isinstance(trigger, TriggerSettings) or trigger.date is None:
            raise Cancel(
                f"the workflow {row.id!r} has no date trigger {payload.node_id!r} any more"
            )
        repository = repository_of(session)
        zone = zone_of(repository.organisation(org) or {})
        jobs: list[NewJob] = []
        started = passed_over = 0
        for due in find_due(repository, org, trigger.date, payload.day, zone):
            if trigger.filter and not _passes(ctx, repository, workflow, trigger, due):
                passed_over += 1
                continue
            started += 1
            jobs.append(_execution(org, workflow, payload.node_id, trigger, due))
            if len(jobs) >= _BATCH:
                ctx.client.enqueue_many(jobs)
                jobs.clear()
        ctx.client.enqueue_many(jobs)
    return {"started": started, "filtered_out": passed_over}


def _active(session: Session) -> Iterator[tuple[tuple[str, str, int, datetime], str]]:
    query = (
        select(
            WorkflowRow.org_id,
            WorkflowRow.id,
            WorkflowRow.version,
            WorkflowRow.updated_at,
            Organisation.timezone,
        )
        .join(Organisation, Organisation.id == WorkflowRow.org_id)
        .where(WorkflowRow.status == "active")
    )
    for org, workflow_id, version, updated_at, timezone in session.execute(query).all():
        yield (org, workflow_id, version, updated_at), timezone


# What a definition says of dates, by the state that it was read in: most say nothing.
_known: OrderedDict[tuple[str, str, str, int, datetime], _Dated] = OrderedDict()
_lock = threading.Lock()


def _dated(session: Session, row: tuple[str, str, int, datetime]) -> _Dated:
    key = (str(session.get_bind().engine.url), *row)
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
    stored = session.get_one(WorkflowRow, row[:2])
    try:
        workflow = valid_workflow({**content_of_row(stored), "id": stored.id})
    except DefinitionError as error:
        log.warning("a workflow cannot run", org=row[0], workflow=row[1], reason=str(error)[:300])
        found: _Dated = ()
    else:
        found = tuple(
            (node.id, node.settings)
            for node in workflow.nodes.values()
            if isinstance(node.settings, TriggerSettings) and node.settings.date is not None
        )
    with _lock:
        _known[key] = found
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    return found


def _job(org: str, workflow_id: str, node_id: str, local: datetime) -> NewJob:
    day = local.date().isoformat()
    job_id = bounded(f"dates-{day}-{org}-{workflow_id}-{node_id}", 180)
    payload = {"workflow_id": workflow_id, "node_id": node_id, "day": day}
    return NewJob("start_on_date", org, payload, job_id=job_id)


def _execution(
    org: str, workflow: Workflow, node_id: str, trigger: TriggerSettings, due: Due
) -> NewJob:
    assert trigger.date is not None
    execution_id = due.execution_id(org, workflow.id, trigger.date)
    return NewJob(
        "execute_workflow",
        org,
        {
            "workflow_id": workflow.id,
            "execution_id": execution_id,
            "trigger_type": trigger.event,
            "trigger_data": dict(due.data),
            "start_at": [node_id],
        },
        _PRIORITIES[workflow.settings.priority],
        job_id=f"exec-{execution_id.hex}",
    )


def _passes(
    ctx: JobContext,
    repository: Repository,
    workflow: Workflow,
    trigger: TriggerSettings,
    due: Due,
) -> bool:
    """Whether the trigger's filter lets a contact pass; one that cannot be decided does not."""
    org, now = ctx.org, ctx.now()
    scope = build_scope(
        organisation=repository.organisation(org),
        contact=repository.get(org, "contact", due.contact_id),
        trigger_type=trigger.event or "",
        trigger_data=due.data,
        variables=workflow.variables,
        outputs={},
        workflow={"id": workflow.id, "name": workflow.name},
        now=now,
        related=related_records(repository, org, due.data),
    )

    def count(activity: str, span: Any) -> int:
        since = None if span is None else now - span
        return repository.count_activities(org, due.contact_id, [canonical(activity)], since=since)

    try:
        return filter_holds(trigger.filter, trigger.event or "", Facts(scope, now, count))
    except DefinitionError as error:
        ctx.log(f"{due.contact_id} does not start it: {error}")
        return False
