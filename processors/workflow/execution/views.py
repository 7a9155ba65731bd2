"""What operators see of an execution, as values: its state, its steps, its messages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from processors.workflow.execution.plan import Plan


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """One execution, in short.

    Attributes:
        is_held: it runs, but its workflow is paused.
        at: keys of the steps that have not ended.
        error: why it failed or was ended, if it says so.
        run: how often it was replayed.
    """

    id: str
    org: str
    workflow_id: str
    workflow_name: str
    version: int
    status: str
    is_held: bool
    contact_id: str | None
    trigger_type: str
    started_at: datetime
    completed_at: datetime | None
    error: str | None
    at: Sequence[str]
    parent_id: str | None
    parent_step: str | None
    depth: int
    run: int
    priority: int


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One step.

    Attributes:
        iteration: its place in loops (``2``, ``0.3``), empty outside.
        run: the replay in which it ran.
        is_past: its iteration is over, or a replay has taken its place.
        events: it waits for one of these.
        resume_at: it waits until then.
        waits_for: the execution that it has started and waits for.
        job_id: of the job that carries it on, or in which it failed.
    """

    key: str
    node_id: str
    iteration: str
    run: int
    type: str
    action: str | None
    status: str
    branch: str | None
    attempts: int
    is_past: bool
    output: Mapping[str, Any] | None
    error: str | None
    events: Sequence[str]
    resume_at: datetime | None
    waits_for: str | None
    job_id: str | None
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepMessage:
    """A message that a step has sent, tries to send, or could not.

    `copies`: how often it was sent again although it may have arrived.
    """

    id: str
    step: str | None
    channel: str
    to: str
    status: str
    delivery_status: str | None
    error: str | None
    copies: int
    created_at: datetime
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """An execution that another one has started and waits for, or waited."""

    id: str
    workflow_id: str
    status: str
    step: str | None


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """One execution with all that is known of it.

    Attributes:
        goals: the events by which each goal would be met, by its node.
        stop_on: the events that would end it.
        problem: why its definition cannot be read any more; it has no plan then.
    """

    execution: ExecutionInfo
    trigger_data: Mapping[str, Any]
    variables: Mapping[str, Any]
    steps: Sequence[StepInfo]
    messages: Sequence[StepMessage]
    children: Sequence[ChildInfo]
    goals: Mapping[str, Sequence[str]]
    stop_on: Sequence[str]
    problem: str | None
    plan: Plan | None

    def as_json(self) -> dict[str, Any]:
        """All of it but the plan, which ``atlas workflow export`` gives."""
        names = [name for name in self.__slots__ if name != "plan"]
        return {name: getattr(self, name) for name in names}
