"""What the steps of an execution see: variables, the contact as it is now, the loop they are in."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from processors.crm.contacts import get_contact
from processors.crm.scope import build_scope
from processors.database.models import Activity, AnalyticsEvent, Contact
from processors.event_names import canonical
from processors.workflow.conditions import Facts
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
        self._contact: Contact | None = None
        self._is_read = False
        self._scope: dict[str, Any] | None = None

    @property
    def contact(self) -> Contact | None:
        """The contact, locked until the transaction ends."""
        if not self._is_read and self.execution.contact_id is not None:
            self._contact = get_contact(
                self.session, self.execution.org, self.execution.contact_id, lock=True
            )
        self._is_read = True
        return self._contact

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
        return build_scope(
            organisation=self.execution.organisation,
            lead=self.contact,
            trigger_type=self.execution.trigger_type,
            trigger_data=self.execution.trigger_data,
            variables=self.execution.variables,
            outputs=outputs,
            workflow={"id": self.execution.workflow_id, "name": self.plan.workflow.name},
            now=self.now,
        )

    def facts(self, board: Board, step: Step | None = None) -> Facts:
        """What conditions are decided on."""
        return facts_of(self.session, self.execution, self.scope(board, step), self.now)


def facts_of(
    session: Session, execution: Execution, scope: Mapping[str, Any], now: datetime
) -> Facts:
    """Facts whose activities are counted for the execution's contact."""
    org, contact_id = execution.org, execution.contact_id

    def count(activity: str, span: timedelta | None) -> int:
        if contact_id is None:
            return 0
        names = {activity, canonical(activity)}
        query = select(
            _number_of(Activity, Activity.type.in_(names), org, contact_id, span and now - span),
            _number_of(
                AnalyticsEvent,
                AnalyticsEvent.event.in_(names),
                org,
                contact_id,
                span and now - span,
            ),
        )
        return sum(session.execute(query).one())

    return Facts(scope, now, count)


def _number_of(
    model: type[Activity] | type[AnalyticsEvent],
    named: Any,
    org: str,
    contact_id: str,
    since: datetime | None,
) -> Any:
    query = (
        select(func.count())
        .select_from(model)
        .where(model.org_id == org, model.contact_id == contact_id, named)
    )
    if since is not None:
        query = query.where(model.occurred_at >= since)
    return query.scalar_subquery()


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
