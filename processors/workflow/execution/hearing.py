"""What an execution hears: events of its contact that end it, meet a goal or end a wait.

Whatever the CRM reports is an activity of its contact first; then the executions that wait for it
advance and look here. So an event counts from the moment its step began to wait, even if it came
before the wait was written, and a job that runs twice hears nothing twice.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from processors.database.models import Activity, WorkflowWait
from processors.errors import DefinitionError
from processors.event_names import activity_types
from processors.workflow.execution.board import Step
from processors.workflow.execution.choosing import booking_id
from processors.workflow.execution.facts import World
from processors.workflow.execution.outcomes import StepFailedError
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.store import Execution
from processors.workflow.nodes import EventWait, WaitSettings
from processors.workflow.triggers import filter_holds

if TYPE_CHECKING:
    from processors.workflow.execution.advance import Advance

_MAX_ACTIVITIES = 1_000
# Events are timed where they are reported, waits where they begin: their clocks may differ.
_SKEW = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Heard:
    """An event that matters. `key`: of the step that waits, or the goal's node."""

    what: Literal["stop", "goal", "wait"]
    key: str
    event: str
    output: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Ear:
    """Something that listens, and since when."""

    what: Literal["stop", "goal", "wait"]
    key: str
    events: frozenset[str]
    since: datetime
    filter: Mapping[str, Any]


def hear(advance: "Advance", only: Step | None = None) -> Iterator[Heard]:
    """What has happened since each listener began to listen, the oldest event first.

    Args:
        advance: of the execution.
        only: only what this waiting step waits for.

    Raises:
        StepFailedError: the filter of a wait or a goal cannot be decided.
    """
    ears = _ears(advance, only)
    used = {
        str((step.output or {}).get("activity_id"))
        for step in advance.board.steps.values()
        if step.branch == "event"
    }
    for activity in _activities(advance, ears):
        if str(activity.id) in used or not _is_of_its_booking(advance, activity.data):
            continue
        for ear in ears:
            if activity.type in ear.events and activity.occurred_at >= ear.since:
                if not _passes(advance.world, advance, ear, activity):
                    continue
                yield Heard(ear.what, ear.key, activity.type, _output(activity))
                if ear.what == "wait":
                    ears = [other for other in ears if other is not ear]


def _ears(advance: "Advance", only: Step | None) -> list[_Ear]:
    plan, execution, board = advance.plan, advance.execution, advance.board
    ears: list[_Ear] = []
    steps = board.open_steps if only is None else [only]
    for step in steps:
        settings = plan.nodes[step.node_id].settings
        if step.status == "waiting" and isinstance(settings, WaitSettings):
            wait = settings.wait
            if isinstance(wait, EventWait):
                events = _types(wait.events)
                since = (step.created_at or execution.started_at) - _SKEW
                ears.append(_Ear("wait", step.key, events, since, wait.filter))
    if only is not None:
        return ears
    since = execution.started_at - _SKEW
    stop_on = _types(plan.workflow.settings.stop_on)
    first = [_Ear("stop", "", stop_on, since, {})] if stop_on else []
    first += [
        _Ear("goal", node.id, _types(goal.events), since, goal.filter)
        for node, goal in plan.goals
        if goal.events and board.is_unmet(node.id)
    ]
    return [*first, *ears]


def _activities(advance: "Advance", ears: list[_Ear]) -> Iterable[Row[Any]]:
    if not ears:
        return []
    events = frozenset[str]().union(*(ear.events for ear in ears))
    execution = advance.execution
    query = (
        select(Activity.id, Activity.type, Activity.data, Activity.occurred_at)
        .where(
            Activity.org_id == execution.org,
            Activity.contact_id == execution.contact_id,
            Activity.type.in_(sorted(events)),
            Activity.occurred_at >= min(ear.since for ear in ears),
        )
        .order_by(Activity.occurred_at, Activity.id)
        .limit(_MAX_ACTIVITIES)
    )
    if execution.event_id is not None:
        # What has started it is no answer to it.
        query = query.where(Activity.id != execution.event_id)
    return advance.session.execute(query).all()


def _passes(world: World, advance: "Advance", ear: _Ear, activity: Row[Any]) -> bool:
    if not ear.filter:
        return True
    step = advance.find(ear.key)
    facts = world.facts(advance.board, step)
    data = {**activity.data, "type": activity.type}
    scope = {**facts.scope, "trigger": data, "event": data}
    try:
        return filter_holds(
            ear.filter, activity.type, type(facts)(scope, facts.now, facts.count_activity)
        )
    except DefinitionError as error:
        if ear.key not in advance.failures:
            raise StepFailedError(ear.key, str(error)) from error
        if step is not None and step.status == "waiting":
            advance.fail(step, advance.failures[ear.key])
        return False


def _is_of_its_booking(advance: "Advance", data: Mapping[str, Any]) -> bool:
    """Whether an event may concern an execution that is one booking's: it names no other one."""
    if advance.plan.workflow.settings.reentry.by != "booking":
        return True
    named, own = booking_id(data), booking_id(advance.execution.trigger_data)
    return named is None or own is None or named == own


def _output(activity: Row[Any]) -> dict[str, Any]:
    return {
        **activity.data,
        "event": activity.type,
        "occurred_at": activity.occurred_at.isoformat(),
        "activity_id": str(activity.id),
    }


def listening_rows(execution: Execution, key: str, events: Iterable[str]) -> list[dict[str, Any]]:
    """The rows by which an event finds the execution; see `WorkflowWait`."""
    return [
        {
            "execution_id": execution.id,
            "key": key,
            "event": kind,
            "org_id": execution.org,
            "contact_id": execution.contact_id,
        }
        for kind in sorted(_types(events))
    ]


def _types(events: Iterable[str]) -> frozenset[str]:
    """The activities that events count as."""
    return frozenset(kind for event in events for kind in activity_types(event))


def rows_from_the_start(execution: Execution, plan: Plan) -> list[dict[str, Any]]:
    """What an execution listens for as long as it runs: its goals, and what ends it."""
    if execution.contact_id is None:
        return []
    rows = listening_rows(execution, "", plan.workflow.settings.stop_on)
    for node, goal in plan.goals:
        rows += listening_rows(execution, node.id, goal.events)
    return rows


def listeners(session: Session, org: str, contact_id: str, event: str) -> list[Any]:
    """Ids of the executions that an event of a contact may move on."""
    query = (
        select(WorkflowWait.execution_id)
        .where(
            WorkflowWait.org_id == org,
            WorkflowWait.contact_id == contact_id,
            WorkflowWait.event == event,
        )
        .distinct()
    )
    return list(session.scalars(query))
