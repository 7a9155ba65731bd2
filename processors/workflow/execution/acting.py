"""Carrying out an action node: the seam between executions and actions."""

from typing import Any

from processors.workflow.actions import ActionContext, HandOver, run_action
from processors.workflow.definition import Node as RawNode
from processors.workflow.execution.board import Step
from processors.workflow.execution.facts import World
from processors.workflow.execution.outcomes import Ended, Handed, Outcome
from processors.workflow.nodes import ActionSettings
from processors.workflow.opted_out import (
    has_opted_out,
    is_marketing,
    note_suppressed,
    without_lead,
)

_OF_CONTACTS = ("add_tag", "update_lead")


def act(world: World, step: Step, settings: ActionSettings, scope: dict[str, Any]) -> Outcome:
    """Carry out an action.

    Raises:
        DefinitionError: it cannot be carried out.
    """
    node = RawNode(step.node_id, "action", "", settings.action, settings.config)
    lead = world.contact if settings.action in _OF_CONTACTS else None
    origin = {"execution_id": str(world.execution.id), "node_id": step.key}
    result = run_action(node, ActionContext(scope, lead, origin, world.now))
    if not isinstance(result, HandOver):
        return Ended(result.output)
    contact, payload = world.contact, result.payload
    if (
        contact is not None
        and has_opted_out(contact)
        and is_marketing(settings.config, world.execution.trigger_type)
    ):
        left = without_lead(payload["to"], contact)
        if len(left) < len(payload["to"]):
            note_suppressed(world.session, world.execution, step.key, result.kind, world.now)
            if not left:
                return Ended({"sent": 0, "rejected": 0, "unknown": 0, "suppressed": 1})
            payload = {**payload, "to": left}
    return Handed(result.kind, payload, result.priority)
