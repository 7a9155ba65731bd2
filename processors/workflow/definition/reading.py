"""From the CRM's stored form to a `Workflow` that can run; everything that is wrong, at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from processors.errors import DefinitionError
from processors.workflow.actions.registry import action_names, canonical_action, config_problems
from processors.workflow.definition.branches import UNREAD, read_branches
from processors.workflow.definition.conditions import read_condition
from processors.workflow.definition.fields import Fields, unusable
from processors.workflow.definition.flow import (
    read_goal,
    read_loop,
    read_merge,
    read_note,
    read_parallel,
    read_split,
    read_stop,
    read_sub_workflow,
    read_switch,
)
from processors.workflow.definition.joins import add_merges, racing_of
from processors.workflow.definition.problems import Findings, Problem
from processors.workflow.definition.replies import read_replies
from processors.workflow.definition.shape import bodies_of, read_shape
from processors.workflow.definition.starting import read_event, read_trigger
from processors.workflow.definition.step_settings import (
    read_on_error,
    read_retry,
    read_workflow_settings,
)
from processors.workflow.definition.stored import StoredNode, read_edges, read_nodes
from processors.workflow.definition.variables import check_variables, read_variables
from processors.workflow.definition.waits import REPLY_WORDS, read_wait
from processors.workflow.nodes import (
    NODE_TYPES,
    ActionSettings,
    AnySettings,
    ConditionSettings,
    LoopSettings,
    Node,
    NoteSettings,
    OnError,
    Retry,
    SubWorkflowSettings,
    TriggerSettings,
    Workflow,
)

# Of the builder's export: the definition itself, and what is only about it.
FIELDS = ("id", "name", "status", "trigger_type", "trigger_config", "nodes", "edges", "variables",
          "settings")  # fmt: skip
ABOUT = ("category", "description", "org_id", "organization_id", "created_at", "updated_at",
         "created_by", "updated_by", "tags", "version", "is_template", "template_id", "is_public",
         "viewport")  # fmt: skip
_KINDS: Mapping[str, tuple[type, str]] = {
    "nodes": (list, "list"),
    "edges": (list, "list"),
    "variables": (list, "list"),
    "settings": (Mapping, "object"),
    "trigger_config": (Mapping, "object"),
}
_READERS: Mapping[str, Callable[[Fields], Any]] = {
    "loop": read_loop,
    "switch": read_switch,
    "split": read_split,
    "parallel": read_parallel,
    "merge": read_merge,
    "goal": read_goal,
    "sub_workflow": read_sub_workflow,
    "stop": read_stop,
    "note": read_note,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of reading a definition.

    Attributes:
        workflow: None if there are problems.
        problems: all that keeps it from running.
        warnings: what it leaves unsaid, and how that is read; see docs/workflow-definitions.md.
    """

    workflow: Workflow | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def read_workflow(raw: Mapping[str, Any], *, version: int = 1) -> Reading:
    """Read a definition as the builder exports it; never raises for what it holds."""
    findings = Findings()
    workflow = _read(raw, version, findings)
    problems = tuple(findings.problems)
    return Reading(None if problems else workflow, problems, tuple(findings.warnings))


def valid_workflow(raw: Mapping[str, Any], *, version: int = 1) -> Workflow:
    """The workflow of a definition that was saved.

    Raises:
        DefinitionError: it is not valid, or not any more; one line a problem.
    """
    reading = read_workflow(raw, version=version)
    if reading.workflow is None:
        raise DefinitionError("\n".join(str(problem) for problem in reading.problems[:10]))
    return reading.workflow


def _read(raw: Mapping[str, Any], version: int, findings: Findings) -> Workflow | None:
    if not _check_fields(raw, findings):
        return None
    settings, retry = read_workflow_settings(raw.get("settings") or {}, findings)
    stored = read_nodes(raw.get("nodes") or [], findings)
    reader = _Nodes(findings, retry, _own_trigger(raw, findings))
    nodes = reader.read(stored)
    edges = read_edges(raw.get("edges") or [], stored, findings)
    nodes, drawn = read_branches(edges, nodes, findings)
    nodes = reader.with_default(nodes, settings.on_error)
    nodes, drawn = read_replies(nodes, drawn, findings)
    shape = read_shape(nodes, drawn, findings)
    _check_triggers(nodes, findings)
    declared, variables = read_variables(raw.get("variables"), findings)
    check_variables(nodes, drawn, shape.bodies, declared, findings)
    _check_recursion(nodes, raw["id"], findings)
    if findings.problems:
        return None
    racing = racing_of((n.id, n.config) for n in stored.values() if n.type == "parallel")
    nodes, onward = add_merges(nodes, shape.edges, racing, findings)
    return Workflow(
        id=raw["id"],
        name=(raw.get("name") or raw["id"])[:200],
        version=version,
        nodes=nodes,
        edges=onward,
        returns=shape.returns,
        bodies=bodies_of(nodes, onward),
        settings=settings,
        variables=variables,
    )


def _check_fields(raw: Mapping[str, Any], findings: Findings) -> bool:
    ident = raw.get("id")
    if not isinstance(ident, str) or not 0 < len(ident) <= 100 or not ident.isprintable():
        findings.refuse("", "id must be a text of 1 to 100 characters")
    if raw.get("name") is not None and not isinstance(raw["name"], str):
        findings.refuse("", "name must be a text")
    for key, (kind, name) in _KINDS.items():
        if raw.get(key) is not None and not isinstance(raw[key], kind):
            findings.refuse("", f"{key} must be a JSON {name}")
    for key in raw:
        if key not in FIELDS + ABOUT:
            findings.refuse(
                "", f"the field {str(key)[:60]!r} is not understood; allowed: {', '.join(FIELDS)}"
            )
    for key in ("settings", "trigger_config", "variables"):
        if why := unusable(raw.get(key)):
            findings.refuse("", f"{key}: {why}")
    return not findings.problems


@dataclass(slots=True)
class _Nodes:
    """Reads nodes one by one, each by its type."""

    findings: Findings
    retry: Retry | None
    trigger: TriggerSettings
    _told: set[str] = field(default_factory=set)

    def read(self, stored: Mapping[str, StoredNode]) -> dict[str, Node]:
        """All of them; for one that cannot be read a stand-in, so that its edges are looked at."""
        return {node.id: self._node(node) or _stand_in(node) for node in stored.values()}

    def with_default(self, nodes: Mapping[str, Node], on_error: OnError) -> dict[str, Node]:
        """The nodes, with what the workflow says of errors for those that say nothing."""
        return {
            node.id: replace(node, on_error=on_error)
            if node.on_error is OnError.STOP and node.id not in self._told
            else node
            for node in nodes.values()
        }

    def _node(self, node: StoredNode) -> Node | None:
        fields = Fields(_flat(node), node.id, self.findings)
        on_error = read_on_error(fields) if node.type != "trigger" else None
        retry = read_retry(fields) if node.type != "trigger" else None
        if on_error is not None:
            self._told.add(node.id)
        settings = self._settings(node, fields)
        fields.finish()
        if settings is None:
            return None
        default = self.retry if node.type == "action" else None
        return Node(
            node.id,
            node.type,
            settings,
            node.label,
            on_error or OnError.STOP,
            retry or default or Retry(),
        )

    def _settings(self, node: StoredNode, fields: Fields) -> AnySettings | None:
        if node.type == "trigger":
            return read_trigger(fields, self.trigger)
        if node.type == "action":
            return self._action(node, fields)
        if (reader := _READERS.get(node.type)) is not None:
            found: AnySettings | None = reader(fields)
            return found
        if node.type in ("condition", "wait"):
            return self._condition_or_wait(node, fields)
        fields.everything()
        self.findings.refuse(
            node.id,
            f"nodes of type {node.type!r} are not supported; allowed: {', '.join(NODE_TYPES)}",
        )
        return None

    def _condition_or_wait(self, node: StoredNode, fields: Fields) -> AnySettings | None:
        if not node.config and node.word not in REPLY_WORDS:
            self.findings.refuse(node.id, f"the {node.type} has a label and no settings")
            return None
        if node.type == "wait":
            return read_wait(fields, node.word)
        if (condition := read_condition(fields)) is None:
            fields.refuse("the condition names no field and no operator")
            return None
        return ConditionSettings(condition=condition)

    def _action(self, node: StoredNode, fields: Fields) -> AnySettings | None:
        config = fields.everything()
        allowed = ", ".join(action_names())
        if node.action is None:
            self.findings.refuse(node.id, f"the action names no actionType; allowed: {allowed}")
            return None
        name = canonical_action(node.action)
        if name is None:
            self.findings.refuse(
                node.id, f"the action {node.action!r} is not supported; allowed: {allowed}"
            )
            return None
        for problem in config_problems(name, config):
            self.findings.refuse(node.id, problem)
        return ActionSettings(action=name, config=config)


def _stand_in(node: StoredNode) -> Node:
    match node.type:
        case "condition":
            return Node(node.id, node.type, ConditionSettings(condition={}))
        case "loop":
            return Node(node.id, node.type, LoopSettings(kind="range", stop=1))
    return Node(node.id, UNREAD, NoteSettings())


def _flat(node: StoredNode) -> Mapping[str, Any]:
    """The settings of a node; those below a key of the type's own name lie beside it."""
    own = node.config.get(node.type)
    if isinstance(own, Mapping) and node.type in ("loop", "switch", "split", "merge", "goal"):
        return {**{k: v for k, v in node.config.items() if k != node.type}, **own}
    return node.config


def _own_trigger(raw: Mapping[str, Any], findings: Findings) -> TriggerSettings:
    """The trigger that the workflow itself names, beside its nodes."""
    event = read_event(raw.get("trigger_type"), lambda text: findings.refuse("", text))
    config = raw.get("trigger_config") or {}
    if not config:
        return TriggerSettings(event=event)
    fields = Fields(config, "", findings, "trigger_config: ")
    found = read_trigger(fields, TriggerSettings(event=event))
    fields.finish()
    return found


def _check_triggers(nodes: Mapping[str, Node], findings: Findings) -> None:
    triggers = [n.settings for n in nodes.values() if isinstance(n.settings, TriggerSettings)]
    if triggers and not any(trigger.event for trigger in triggers):
        findings.refuse("", "no event starts it: neither trigger_type nor a trigger's own")
    for node in nodes.values():
        is_unnamed = isinstance(node.settings, TriggerSettings) and node.settings.event is None
        if is_unnamed and any(trigger.event for trigger in triggers):
            findings.refuse(node.id, "the trigger names no event")


def _check_recursion(nodes: Mapping[str, Node], own: str, findings: Findings) -> None:
    for node in nodes.values():
        if isinstance(node.settings, SubWorkflowSettings) and node.settings.workflow_id == own:
            findings.refuse(node.id, "it starts the workflow that it belongs to")
