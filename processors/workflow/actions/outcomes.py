"""What an action asks the engine for: one of five outcomes, stored with the step."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from runtime.catalogue.catalogue import Priority

Purpose = Literal["marketing", "transactional"]


@dataclass(frozen=True, slots=True)
class Done:
    """The action is carried out, within the step's transaction.

    Attributes:
        output: found by later steps as ``{{node_id.output.…}}``.
        variables: set in the execution, found as ``{{variables.…}}`` and by their bare names.
    """

    output: Mapping[str, Any]
    variables: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HandOver:
    """A job to enqueue; the step stays open until that job settles it.

    Attributes:
        kind: of the job.
        payload: fits the kind's model, as JSON; it names the execution and the step.
        priority: None leaves it to the execution.
        purpose: of a message, if its node says; None leaves it to the workflow's event.
    """

    kind: str
    payload: dict[str, Any]
    priority: Priority | None = None
    purpose: Purpose | None = None


@dataclass(frozen=True, slots=True)
class StartWorkflow:
    """Another workflow for the same contact; `is_awaited`: the step ends when that one has."""

    workflow_id: str
    data: Mapping[str, Any]
    is_awaited: bool


@dataclass(frozen=True, slots=True)
class StopWorkflows:
    """End the contact's other open executions: of one workflow, or of all (`workflow_id` None)."""

    workflow_id: str | None
    reason: str


Outcome = Done | HandOver | StartWorkflow | StopWorkflows
