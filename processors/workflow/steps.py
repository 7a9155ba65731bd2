"""Running one step of an execution, within the transaction that closes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from processors.compliance.opted_out import has_opted_out
from processors.crm import activities
from processors.crm.repository.opening import repository_of
from processors.crm.scope import build_scope
from processors.database.models import (
    WorkflowExecution,
    WorkflowStep,
)
from processors.errors import DefinitionError
from processors.texts.interpolation import interpolate
from processors.workflow.decisions.conditions import Facts, holds
from processors.workflow.definition.graph import Graph, Node
from processors.workflow.durations import duration
from processors.workflow.old_actions import ActionContext, HandOver, run_action
from processors.workflow.opted_out import is_marketing, note_suppressed, without_lead
from processors.workflow.progress import complete, fail
from processors.workflow.validator import NODE_TYPES


@dataclass(frozen=True, slots=True)
class _Run:
    """One step that runs, and all it touches."""

    session: Session
    execution: WorkflowExecution
    graph: Graph
    step: WorkflowStep
    node: Node
    facts: Facts

    def complete(self, output: dict[str, Any]) -> None:
        complete(self.session, self.execution, self.graph, self.step, output)


def run_step(
    session: Session, execution: WorkflowExecution, graph: Graph, step: WorkflowStep, now: datetime
) -> str | None:
    """Run a pending step: it completes, waits, hands over, or fails; why it failed.

    A step that cannot be carried out ends as failed with one clear reason, in this same
    transaction: the job then has nothing to retry.
    """
    step.started_at = now
    node = graph.by_id[step.node_id]
    try:
        _carry_out(_Run(session, execution, graph, step, node, facts_of(session, execution, now)))
    except DefinitionError as error:
        fail(session, execution, graph, step, str(error))
        return str(error)
    return None


def _carry_out(run: _Run) -> None:
    match run.node.type:
        case "trigger":
            run.complete({"trigger_type": run.execution.trigger_type})
        case "condition":
            _condition(run)
        case "wait":
            config = dict(run.node.config)
            # Conditions name their fields, in braces too: they are read, not filled in.
            conditions = {key: config.pop(key) for key in ("conditions",) if key in config}
            config = interpolate(config, run.facts.scope) | conditions
            wait = duration(config, holds=lambda condition: holds(condition, run.facts))
            run.step.status, run.step.resume_at = "waiting", run.facts.now + wait
        case "action":
            _action(run)
        case other:
            raise DefinitionError(
                f"nodes of type {other!r} are not supported; allowed: {', '.join(NODE_TYPES)}"
            )


def _condition(run: _Run) -> None:
    result = holds(run.node.config, run.facts)
    if unnamed := [edge.id for edge in run.graph.outgoing(run.node.id) if edge.branch is None]:
        raise DefinitionError(
            f"the edges {', '.join(unnamed)[:200]} after the condition name no branch; "
            "allowed: true or false"
        )
    run.complete({"result": result})


def _action(run: _Run) -> None:
    lead = None
    execution, step = run.execution, run.step
    if execution.contact_id is not None and run.node.action in ("add_tag", "update_lead"):
        lead = repository_of(run.session).get(
            execution.org_id, "contact", execution.contact_id, lock=True
        )
    origin = {"execution_id": str(execution.id), "node_id": step.node_id}
    context = ActionContext(
        run.facts.scope, lead, origin, run.facts.now, repository_of(run.session)
    )
    result = run_action(run.node, context)
    if isinstance(result, HandOver):
        payload = _to_those_who_want_it(run, result)
        if payload is None:
            return
        step.status = "running"
        step.input_data = {"kind": result.kind, "payload": payload}
        if result.priority is not None:
            step.input_data = {**step.input_data, "priority": int(result.priority)}
        return
    run.complete(result.output)


def _to_those_who_want_it(run: _Run, message: HandOver) -> dict[str, Any] | None:
    """The message without a lead that has opted out; None when nobody is left, and it is done."""
    execution, payload = run.execution, message.payload
    lead = (
        repository_of(run.session).get(execution.org_id, "contact", execution.contact_id)
        if execution.contact_id
        else None
    )
    if lead is None or not has_opted_out(lead):
        return payload
    if not is_marketing(run.node.config, execution.trigger_type):
        return payload
    left = without_lead(payload["to"], lead)
    if len(left) == len(payload["to"]):
        return payload
    note_suppressed(run.session, execution, run.step, message.kind, run.facts.now)
    if left:
        return {**payload, "to": left}
    run.complete({"sent": 0, "rejected": 0, "unknown": 0, "suppressed": 1})
    return None


def facts_of(session: Session, execution: WorkflowExecution, now: datetime) -> Facts:
    """What conditions and variables of this execution see now."""
    org, lead_id = execution.org_id, execution.contact_id
    repository = repository_of(session)
    rows = session.execute(
        select(WorkflowStep.node_id, WorkflowStep.output_data).where(
            WorkflowStep.execution_id == execution.id, WorkflowStep.status == "completed"
        )
    )
    scope = build_scope(
        organisation=repository.organisation(org),
        contact=repository.get(org, "contact", lead_id) if lead_id else None,
        trigger_type=execution.trigger_type,
        trigger_data=execution.trigger_data,
        variables=execution.variables,
        outputs={row.node_id: row.output_data or {} for row in rows},
        workflow={"id": execution.workflow_id, "name": execution.definition.get("name", "")},
        now=now,
        began_at=execution.started_at,
    )
    return activity_facts(session, org, lead_id, scope, now)


def activity_facts(
    session: Session, org: str, lead_id: str | None, scope: Mapping[str, Any], now: datetime
) -> Facts:
    """Facts whose activities are those of that contact."""

    def count(activity: str, span: timedelta | None) -> int:
        return activities.count(
            repository_of(session), org, lead_id, activity, now=now, within=span
        )

    return Facts(scope, now, count)
