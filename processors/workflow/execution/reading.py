"""From the stored JSON to the typed workflow."""

from collections.abc import Mapping
from typing import Any

from processors.crm.scope import default_variables
from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.workflow.definition import Graph
from processors.workflow.definition import Node as Raw
from processors.workflow.nodes import (
    ActionSettings,
    AnySettings,
    ConditionSettings,
    DurationWait,
    Edge,
    Node,
    OnError,
    TriggerSettings,
    WaitSettings,
    Workflow,
    WorkflowSettings,
)
from processors.workflow.triggers import event_of
from processors.workflow.validator import NODE_TYPES, refuse_cycle


def read_definition(definition: Mapping[str, Any], *, workflow_id: str, version: int) -> Workflow:
    """A stored definition as the engine runs it.

    Raises:
        DefinitionError: it cannot run.
    """
    graph = Graph.read(definition.get("nodes") or [], definition.get("edges") or [])
    refuse_cycle(graph)
    stored = definition.get("trigger_type")
    config = definition.get("trigger_config") or {}
    settings = definition.get("settings") or {}
    nodes = {node.id: _node(node, stored, config) for node in graph.by_id.values()}
    return Workflow(
        id=workflow_id,
        name=str(definition.get("name") or ""),
        version=version,
        nodes=nodes,
        edges=tuple(Edge(e.id, e.source, e.target, e.branch) for e in graph.edges),
        settings=WorkflowSettings(
            priority={"high": "high", "low": "low"}.get(  # type: ignore[arg-type]
                str(settings.get("priority")).lower(), "normal"
            ),
            on_error=OnError.CONTINUE
            if settings.get("errorHandling") == "continue"
            else OnError.STOP,
        ),
        variables=default_variables(list(definition.get("variables") or [])),
    )


def _node(raw: Raw, stored: str | None, config: Mapping[str, Any]) -> Node:
    return Node(
        id=raw.id,
        type=raw.type,
        settings=_settings(raw, stored, config),
        label=raw.label,
        on_error=OnError.CONTINUE if raw.goes_on_after_error else OnError.STOP,
    )


def _settings(raw: Raw, stored: str | None, config: Mapping[str, Any]) -> AnySettings:
    match raw.type:
        case "trigger":
            event = canonical(stored) if stored else event_of(raw)
            return TriggerSettings(event=event, filter={**config, **raw.config})
        case "condition":
            return ConditionSettings(condition=raw.config)
        case "wait":
            return WaitSettings(wait=DurationWait(duration=raw.config))
        case "action":
            return ActionSettings(action=raw.action or "", config=raw.config)
        case other:
            raise DefinitionError(
                f"nodes of type {other!r} are not supported; allowed: {', '.join(NODE_TYPES)}"
            )
