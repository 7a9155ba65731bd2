"""Workflows that start by the clock: their schedules as recurring jobs of the runtime."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from processors.workflow.nodes import Schedule, TriggerSettings, Workflow
from runtime.catalogue.recurring import Recurring
from runtime.client import AtlasClient, NewJob
from runtime.config.settings import Settings
from runtime.control.control import Control
from runtime.errors import UnknownJobError
from runtime.view.reader import Reader

KIND = "execute_scheduled_workflow"


@dataclass(frozen=True, slots=True)
class Planned:
    """What keeps a workflow's schedules: recurring jobs, and single ones for a moment."""

    recurring: tuple[Recurring, ...]
    once: tuple[NewJob, ...]


def plan(org: str, workflow: Workflow, *, timezone: str, now: datetime) -> Planned:
    """The jobs of a workflow's schedule triggers.

    Args:
        org: whose workflow it is.
        workflow: it is enabled.
        timezone: the organisation's, for schedules that name none.
        now: a moment before it has passed, and is left out.
    """
    recurring: list[Recurring] = []
    once: list[NewJob] = []
    for node_id, schedule in _schedules(workflow):
        payload = {
            "workflow_id": workflow.id,
            "trigger_type": "scheduled_time",
            "start_at": [node_id],
            "trigger_data": {"schedule": node_id},
        }
        ident = prefix(org, workflow.id) + _short(node_id, 12)
        zone = schedule.timezone or timezone
        if schedule.kind == "once":
            moment = moment_of(schedule.at or "", zone)
            if moment > now:
                job_id = f"{ident}-{int(moment.timestamp())}"
                once.append(NewJob(KIND, org, payload, at=moment, job_id=job_id))
        else:
            recurring.append(
                Recurring(
                    ident,
                    KIND,
                    org,
                    payload,
                    cron=schedule.cron or "",
                    every_s=int(schedule.interval_s or 0),
                    timezone=zone,
                )
            )
    return Planned(tuple(recurring), tuple(once))


def mentions_schedule(content: Mapping[str, Any]) -> bool:
    """Whether a definition may have schedules; True too often does no harm."""
    text = json.dumps(content).lower()
    return "schedul" in text or "cron" in text


def prefix(org: str, workflow_id: str) -> str:
    """What the ids of a workflow's recurring jobs begin with."""
    return f"workflow-{_short(f'{org}:{workflow_id}', 20)}-"


def moment_of(text: str, zone: str) -> datetime:
    """A moment in UTC; one without an offset is by the clock of `zone`."""
    moment = datetime.fromisoformat(text.strip())
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)


def put_right(
    settings: Settings, org: str, workflow_id: str, planned: Planned, *, actor: str
) -> list[str]:
    """Let the runtime's recurring jobs be those that are planned, no more and no fewer.

    Repeating it changes nothing.

    Args:
        settings: of the deployment.
        org: whose workflow it is.
        workflow_id: whose other schedules are removed.
        planned: what is to be there.
        actor: who changes it, for the list of changes.

    Returns:
        What was done, one line each.

    Raises:
        BrokerUnavailableError: Redis is away; what was done stays.
    """
    done: list[str] = []
    with closing(Reader.from_settings(settings)) as reader:
        there = {entry.id for entry in reader.recurring()}
    own = {entry for entry in there if entry.startswith(prefix(org, workflow_id))}
    wanted = {entry.id for entry in planned.recurring}
    if own - wanted or planned.recurring:
        with closing(Control.from_settings(settings, actor=actor)) as control:
            done += [control.set_recurring(entry).message for entry in planned.recurring]
            for ident in sorted(own - wanted):
                try:
                    done.append(control.remove_recurring(ident).message)
                except UnknownJobError:  # somebody else was faster
                    continue
    if planned.once:
        with AtlasClient.from_settings(settings) as client:
            client.enqueue_many(planned.once)
        done += [f"it runs once at {job.at:%Y-%m-%d %H:%M} UTC" for job in planned.once if job.at]
    return done


def _schedules(workflow: Workflow) -> Iterator[tuple[str, Schedule]]:
    for node in workflow.nodes.values():
        if isinstance(node.settings, TriggerSettings) and node.settings.schedule is not None:
            yield node.id, node.settings.schedule


def _short(text: str, length: int) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:length]
