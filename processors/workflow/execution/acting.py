"""Carrying out an action node: from the action's outcome to the step's."""

from collections.abc import Mapping
from typing import Any

from processors.crm.organisations import gym_facts
from processors.texts.wording import zone_of
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import (
    AwaitEvent,
    Done,
    HandOver,
    StartWorkflow,
    StopWorkflows,
)
from processors.workflow.actions.registry import run_action
from processors.workflow.durations import duration
from processors.workflow.execution.board import Step
from processors.workflow.execution.facts import World
from processors.workflow.execution.outcomes import Ended, Handed, Outcome, Waits
from processors.workflow.execution.starting import start_child
from processors.workflow.nodes import ActionSettings


def act(world: World, step: Step, settings: ActionSettings, scope: Mapping[str, Any]) -> Outcome:
    """Carry out an action.

    Raises:
        DefinitionError: it cannot be carried out.
    """
    execution = world.execution
    context = ActionContext(
        org=execution.org,
        execution_id=execution.id,
        step_key=step.key,
        now=world.now,
        zone=zone_of(gym_facts(world.organisation)),
        scope=scope,
        contact_id=execution.contact_id,
        repository=world.repository,
    )
    match run_action(settings, context):
        case Done(output, variables):
            return Ended(output, variables=variables)
        case HandOver(kind, payload, priority):
            return Handed(kind, payload, priority)
        case StartWorkflow(workflow_id, data, is_awaited):
            return start_child(world, step, workflow_id, data, is_awaited=is_awaited)
        case StopWorkflows(workflow_id, reason):
            return _stop_others(world, step, workflow_id, reason)
        case AwaitEvent(wait):
            until = world.now + duration(wait.timeout)
            return Waits(until, tuple(wait.events))


def _stop_others(world: World, step: Step, workflow_id: str | None, reason: str) -> Outcome:
    """A job ends them: it locks their rows, which here would come after the contact's."""
    payload = {
        "execution_id": str(world.execution.id),
        "node_id": step.key,
        "workflow_id": workflow_id,
        "reason": reason,
    }
    return Handed("stop_workflows", payload)
