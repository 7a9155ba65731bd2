"""Carrying out an action node: from the action's outcome to the step's."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from processors.compliance.opted_out import has_opted_out
from processors.crm.organisations import gym_facts
from processors.templates.resolving import resolve_template
from processors.texts.wording import zone_of
from processors.workflow.actions.context import ActionContext
from processors.workflow.actions.outcomes import (
    Done,
    HandOver,
    StartWorkflow,
    StopWorkflows,
)
from processors.workflow.actions.registry import run_action
from processors.workflow.execution.board import Step
from processors.workflow.execution.facts import World
from processors.workflow.execution.outcomes import Ended, Handed, Outcome
from processors.workflow.execution.starting import start_child
from processors.workflow.nodes import ActionSettings
from processors.workflow.opted_out import is_marketing, note_suppressed, without_lead


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
        template=partial(resolve_template, world.session, execution.org),
    )
    outcome = run_action(settings, context)
    match outcome:
        case Done(output, variables):
            return Ended(output, variables=variables)
        case HandOver():
            return _to_those_who_want_it(world, step, settings, outcome)
        case StartWorkflow(workflow_id, data, is_awaited):
            return start_child(world, step, workflow_id, data, is_awaited=is_awaited)
        case StopWorkflows(workflow_id, reason):
            return _stop_others(world, step, workflow_id, reason)


def _to_those_who_want_it(
    world: World, step: Step, settings: ActionSettings, message: HandOver
) -> Outcome:
    """The message without a contact that has opted out; done, when nobody is left."""
    contact, payload = world.contact, message.payload
    if "to" not in payload:
        return Handed(message.kind, payload, message.priority)
    others = payload["to"] if contact is None else without_lead(payload["to"], contact)
    purpose = message.purpose
    if purpose is None:
        marketing = is_marketing(settings.config, world.execution.trigger_type)
        # A coach or the front desk is written to about the contact, not advertised to.
        reaches_contact = len(others) < len(payload["to"])
        purpose = "marketing" if marketing and reaches_contact else "transactional"
    if purpose == "marketing" and contact is not None and has_opted_out(contact):
        note_suppressed(world.session, world.execution, step.key, message.kind, world.now)
        if not others:
            return Ended({"sent": 0, "rejected": 0, "unknown": 0, "suppressed": 1})
        payload, purpose = {**payload, "to": others}, "transactional"
    if contact is not None and payload["to"] and not others:
        payload = {**payload, "contact_id": contact["id"]}
    return Handed(message.kind, {**payload, "purpose": purpose}, message.priority)


def _stop_others(world: World, step: Step, workflow_id: str | None, reason: str) -> Outcome:
    """A job ends them: it locks their rows, which here would come after the contact's."""
    payload = {
        "execution_id": str(world.execution.id),
        "node_id": step.key,
        "workflow_id": workflow_id,
        "reason": reason,
    }
    return Handed("stop_workflows", payload)
