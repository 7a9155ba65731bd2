"""What the steps of an execution have sent or started, and what of it a replay keeps.

The ledger of messages tells it, over all replays and iterations: neither how a step ended nor
whether anything still depends on it says whether something has left.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.database.models import Message, WorkflowExecution, WorkflowStep
from processors.workflow.execution.advance import Advance
from processors.workflow.execution.board import Step
from processors.workflow.execution.reading import messages_of

# Of these it is not certain that nothing reaches the recipient.
_LEFT = ("reserved", "calling", "sent", "unknown")
_COUNTED = ("sent", "rejected", "unknown", "suppressed")
_MAX_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Place:
    """A node in one iteration, with all that ever happened there.

    Attributes:
        steps: one a replay; the newest is the last.
        messages: of all of them, the oldest first.
        child: the execution that the newest of them has started.
    """

    steps: Sequence[WorkflowStep]
    messages: Sequence[Message]
    child: WorkflowExecution | None

    @property
    def last(self) -> WorkflowStep:
        """Its newest step."""
        return self.steps[-1]

    @property
    def kind(self) -> str:
        """Of the job that carried it out, if one did."""
        kinds = [str((step.input_data or {}).get("kind", "")) for step in self.steps]
        return next((kind for kind in reversed(kinds) if kind), "")

    @property
    def has_sent(self) -> bool:
        """Whether something has left here, or is on its way, or nobody was to get it."""
        if any(message.status in _LEFT for message in self.messages):
            return True
        # A step that is withdrawn leaves its job where it is: it sends all the same.
        is_on_its_way = self.last.status == "cancelled" and not self.messages
        is_done = any(step.status == "completed" for step in self.steps)
        return self.kind.startswith("send_") and (is_done or is_on_its_way)

    def outcome(self) -> dict[str, Any] | None:
        """The output and the branch that it keeps; None if it is to be carried out again."""
        done = next((step for step in reversed(self.steps) if step.status == "completed"), None)
        if self.child is not None:
            if done is not None:
                return _kept(done.output_data, done.branch)
            if self.child.status == "completed":
                found = {"execution_id": str(self.child.id), "status": "completed"}
                return _kept({**found, "variables": self.child.variables}, None)
            return None
        if not self.has_sent:
            return None
        if done is not None:
            return _kept(done.output_data, done.branch)
        counted = [message.status for message in self.messages]
        return _kept({name: counted.count(name) for name in _COUNTED}, None)

    @property
    def left(self) -> Sequence[Message]:
        """What its newest step that has sent anything has sent."""
        found = [message for message in self.messages if message.status in _LEFT]
        return [message for message in found if message.node_id == found[-1].node_id]


def places_behind(session: Session, advance: Advance, first: Step) -> list[Place]:
    """The step and all that followed it, in the order in which they ran; all iterations."""
    behind = {first.node_id, *advance.plan.descendants(first.node_id)}
    execution = advance.execution
    query = select(WorkflowStep).where(WorkflowStep.execution_id == execution.id)
    found: dict[tuple[str, str], list[WorkflowStep]] = {}
    for row in session.scalars(query.order_by(WorkflowStep.run, WorkflowStep.number)):
        if row.node_id in behind:
            found.setdefault((row.node_id, row.iteration), []).append(row)
    messages: dict[str | None, list[Message]] = {}
    for message in messages_of(session, execution.org, [execution.id], execution.started_at):
        messages.setdefault(message.node_id, []).append(message)
    children = _children(session, execution.id, found.values())
    places = [
        Place(
            steps,
            [message for step in steps for message in messages.get(step.key, ())],
            children.get(_child_of(steps)),
        )
        for steps in found.values()
    ]
    return sorted(places, key=lambda place: (place.last.run, place.last.number))


def _children(
    session: Session, parent: uuid.UUID, places: Iterable[Sequence[WorkflowStep]]
) -> Mapping[uuid.UUID | None, WorkflowExecution]:
    ids = [ident for steps in places if (ident := _child_of(steps)) is not None]
    query = select(WorkflowExecution).where(
        WorkflowExecution.id.in_(ids), WorkflowExecution.parent_id == parent
    )
    return {row.id: row for row in session.scalars(query)} if ids else {}


def _child_of(steps: Sequence[WorkflowStep]) -> uuid.UUID | None:
    """The execution that the newest step names; whether it is a child is not said."""
    for step in reversed(steps):
        with suppress(ValueError):
            return uuid.UUID(str((step.output_data or {}).get("execution_id")))
    return None


def sent_below(session: Session, execution: WorkflowExecution) -> list[Message]:
    """What an execution and those that it has started have sent, the oldest first."""
    ids, last = [execution.id], [execution.id]
    for _ in range(_MAX_DEPTH):
        query = select(WorkflowExecution.id).where(WorkflowExecution.parent_id.in_(last))
        last = list(session.scalars(query))
        if not last:
            break
        ids += last
    messages = messages_of(session, execution.org_id, ids, execution.started_at)
    return [message for message in messages if message.status in _LEFT]


def _kept(output: Mapping[str, Any] | None, branch: str | None) -> dict[str, Any]:
    found = {name: value for name, value in (output or {}).items() if name != "replayed"}
    return {"output": found, "branch": branch}
