"""What the steps of an execution see: variables, the contact as it is now, the loop they are in."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from processors.crm.repository.opening import repository_of
from processors.crm.repository.protocol import Record, Repository
from processors.crm.scope import build_scope, related_records
from processors.database.models import AnalyticsEvent
from processors.event_names import activity_types
from processors.workflow.decisions.conditions import Facts
from processors.workflow.execution.board import Board, Step
from processors.workflow.execution.plan import Plan
from processors.workflow.execution.store import Execution
from processors.workflow.nodes import LoopSettings

if TYPE_CHECKING:
    from runtime.client import NewJob


class World:
    """The facts of one execution in one transaction: read once, and again after a change."""

    def __init__(self, session: Session, execution: Execution, plan: Plan, now: datetime) -> None:
        self.session = session
        self.execution = execution
        self.plan = plan
        self.now = now
        # To enqueue after the commit, besides those that follow from the steps.
        self.jobs: list[NewJob] = []
        self.repository = repository_of(session)
        self._related: dict[str, Record] | None = None
        self._scope: dict[str, Any] | None = None

    @property
    def organisation(self) -> Record | None:
        """The organisation's record."""
        return self.repository.organisation(self.execution.org)

    @property
    def contact(self) -> Record | None:
        """The contact, locked until the transaction ends; read once."""
        org, contact_id = self.execution.org, self.execution.contact_id
        if contact_id is None:
            return None
        return self.repository.get(org, "contact", contact_id, lock=True)

    def has_changed(self) -> None:
        """A step has changed a variable, an output or the contact."""
        self._scope = None

    def scope(self, board: Board, step: Step | None = None) -> dict[str, Any]:
        """All variables, as `step` sees them: in a loop, with the outputs of its own iteration."""
        if step is not None and step.path:
            return {**self._build(board, step.path), **loop_variables(board, step)}
        if self._scope is None:
            self._scope = self._build(board, ())
        return self._scope

    def _build(self, board: Board, path: tuple[int, ...]) -> dict[str, Any]:
        outputs = {
            found.node_id: found.output or {}
            for found in sorted(board.steps.values(), key=lambda found: len(found.path))
            if found.status == "completed" and path[: len(found.path)] == found.path
        }
        if self._related is None:
            org, data = self.execution.org, self.execution.trigger_data
            self._related = related_records(self.repository, org, data)
        return build_scope(
            organisation=self.organisation,
            contact=self.contact,
            trigger_type=self.execution.trigger_type,
            trigger_data=self.execution.trigger_data,
            variables=self.execution.variables,
            outputs=outputs,
            workflow={"id": self.execution.workflow_id, "name": self.plan.workflow.name},
            now=self.now,
            began_at=self.execution.started_at,
            related=self._related,
        )

    def facts(self, board: Board, step: Step | None = None) -> Facts:
        """What conditions are decided on."""
        return facts_of(self.session, self.execution, self.scope(board, step), self.now)


def _analytics_events(
    session: Session, execution: Execution, types: set[str], since: datetime | None
) -> int:
    """What was only counted: by `track_event`, or before there were activities."""
    query = select(func.count()).where(
        AnalyticsEvent.org_id == execution.org,
        AnalyticsEvent.contact_id == execution.contact_id,
        AnalyticsEvent.event.in_(types),
    )
    if since is not None:
        query = query.where(AnalyticsEvent.occurred_at >= since)
    return session.scalar(query) or 0


def facts_of(
    session: Session, execution: Execution, scope: Mapping[str, Any], now: datetime
) -> Facts:
    """Facts whose activities are counted for the execution's contact."""
    repository = repository_of(session)

    def count(activity: str, span: timedelta | None) -> int:
        if execution.contact_id is None:
            return 0
        types = {activity, *activity_types(activity)}
        since = None if span is None else now - span
        org, contact_id = execution.org, execution.contact_id
        counted = repository.count_activities(org, contact_id, types, since=since)
        return counted or _analytics_events(session, execution, types, since)

    organisation = repository.organisation(execution.org) or {}
    return Facts(
        scope,
        now,
        count,
        business_hours=organisation.get("business_hours") or {},
        holidays=_Holidays(repository, execution.org),
    )


class _Holidays(Collection[date]):
    """An organisation's holidays, read when a condition asks for them: few do."""

    def __init__(self, repository: Repository, org: str) -> None:
        self._repository = repository
        self._org = org

    @cached_property
    def _days(self) -> frozenset[date]:
        return self._repository.holidays(self._org)

    def __contains__(self, day: object) -> bool:
        return day in self._days

    def __iter__(self) -> Iterator[date]:
        return iter(self._days)

    def __len__(self) -> int:
        return len(self._days)


def loop_variables(board: Board, step: Step) -> dict[str, Any]:
    """The item, and ``loop``, of the iterations that a step stands in; the innermost wins."""
    found: dict[str, Any] = {}
    loop_id, path = board.plan.loop_of.get(step.node_id), step.path
    nested: list[tuple[str, int, tuple[int, ...]]] = []
    while loop_id is not None and path:
        nested.append((loop_id, path[-1], path[:-1]))
        loop_id, path = board.plan.loop_of.get(loop_id), path[:-1]
    for name, index, outer in reversed(nested):
        loop = board.steps.get((name, outer))
        settings = board.plan.nodes[name].settings
        if loop is None or not isinstance(settings, LoopSettings):
            continue
        found |= iteration_variables(settings, (loop.input or {}).get("items", ()), index)
    return found


def iteration_variables(settings: LoopSettings, items: Any, index: int) -> dict[str, Any]:
    """What one iteration sees of its loop."""
    item = items[index] if index < len(items) else None
    return {
        settings.item: item,
        settings.index: index,
        "loop": {
            "item": item,
            "index": index,
            "total": len(items),
            "is_first": index == 0,
            "is_last": index == len(items) - 1,
        },
    }
