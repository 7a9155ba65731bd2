"""A workflow as a graph: the builder's JSON of nodes and edges, read without validation."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.workflow.decisions.conditions import Facts
from processors.workflow.definition.fields import Fields
from processors.workflow.definition.filters import read_filter
from processors.workflow.definition.problems import Findings
from processors.workflow.triggers import filter_holds

# The builder's generations spell one idea in several ways.
_NODE_TYPES = {"delay": "wait"}
_ACTIONS_THAT_WAIT = frozenset({"wait", "delay", "wait_delay"})
_DISPLAY_KEYS = frozenset({"label", "icon", "color", "description", "config"})
# An id travels in jobs: no control characters, and nothing that has no UTF-8 form.
_NODE_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_TRUE = frozenset({"true", "yes", "1"})
_FALSE = frozenset({"false", "no", "0"})


@dataclass(frozen=True, slots=True)
class Node:
    """One node.

    Attributes:
        type: ``trigger``, ``action``, ``condition``, ``wait`` or whatever else was stored.
        action: what an action does, e.g. ``send_email``; None when none is named.
        config: its settings: those beside the label and those under ``config``, which win.
    """

    id: str
    type: str
    label: str = ""
    action: str | None = None
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def goes_on_after_error(self) -> bool:
        """True when its successors run even if it failed."""
        error = self.config.get("onError")
        return error == "continue" or self.config.get("continueOnError") is True


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection. `branch` is ``true`` or ``false`` after a condition, None elsewhere."""

    id: str
    source: str
    target: str
    branch: str | None = None
    handle: str | None = None


@dataclass(frozen=True)
class Graph:
    """Nodes and edges; entries that are neither are listed in `unreadable`."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    unreadable: tuple[str, ...] = ()

    @cached_property
    def by_id(self) -> dict[str, Node]:
        """Nodes by id; if two have the same id, the first counts."""
        found: dict[str, Node] = {}
        for node in self.nodes:
            found.setdefault(node.id, node)
        return found

    @cached_property
    def _outgoing(self) -> dict[str, list[Edge]]:
        outgoing: dict[str, list[Edge]] = {}
        for edge in self.edges:
            outgoing.setdefault(edge.source, []).append(edge)
        return outgoing

    def outgoing(self, node_id: str) -> Sequence[Edge]:
        """The edges that leave a node, in the order they were stored."""
        return self._outgoing.get(node_id, [])

    def successors(self, node_id: str, *, branch: str | None = None) -> list[str]:
        """Ids of the existing nodes after `node_id`, each once; of that branch if one is named."""
        found = (
            edge.target
            for edge in self.outgoing(node_id)
            if edge.target in self.by_id and (branch is None or edge.branch == branch)
        )
        return list(dict.fromkeys(found))

    def descendants(self, node_id: str) -> frozenset[str]:
        """The nodes that a path from `node_id` leads to; itself only if it is part of a cycle."""
        found = self._descendants.get(node_id)
        if found is None:
            reached: set[str] = set()
            waiting = [node_id]
            while waiting:
                for target in self.successors(waiting.pop()):
                    if target not in reached:
                        reached.add(target)
                        waiting.append(target)
            found = self._descendants[node_id] = frozenset(reached)
        return found

    @cached_property
    def _descendants(self) -> dict[str, frozenset[str]]:
        return {}

    @cached_property
    def starts(self) -> list[Node]:
        """The trigger nodes; without one, the nodes that nothing leads to."""
        if triggers := [node for node in self.nodes if node.type == "trigger"]:
            return triggers
        targets = {edge.target for edge in self.edges}
        return [node for node in self.nodes if node.id not in targets]

    @classmethod
    def read(cls, nodes: Iterable[Any], edges: Iterable[Any]) -> Self:
        """Read the stored JSON; never raises."""
        unreadable: list[str] = []
        read_nodes = [
            node
            for number, raw in enumerate(nodes, 1)
            if (node := _node(raw, number, unreadable)) is not None
        ]
        read_edges = [
            edge
            for number, raw in enumerate(edges, 1)
            if (edge := _edge(raw, number, unreadable)) is not None
        ]
        return cls(tuple(read_nodes), tuple(read_edges), tuple(unreadable))


def _node(raw: Any, number: int, unreadable: list[str]) -> Node | None:
    if not isinstance(raw, Mapping) or not isinstance(raw.get("id"), str | int):
        unreadable.append(f"node number {number}: has no id")
        return None
    node_id = str(raw["id"])
    if not _NODE_ID.fullmatch(node_id):
        unreadable.append(
            f"node number {number}: its id must have 1 to 200 characters, none of them a control"
        )
        return None
    data = raw.get("data")
    data = data if isinstance(data, Mapping) else {}
    nested = data.get("config")
    config = {key: value for key, value in data.items() if key not in _DISPLAY_KEYS}
    config.update(nested if isinstance(nested, Mapping) else {})
    action = config.pop("actionType", None) or config.pop("action_type", None)
    action = str(action) if isinstance(action, str) else None
    kind = _NODE_TYPES.get(str(raw.get("type", "")), str(raw.get("type", "")))
    if kind == "action" and action in _ACTIONS_THAT_WAIT:
        kind, action = "wait", None
    return Node(node_id, kind[:100], str(data.get("label") or "")[:200], action, config)


def _edge(raw: Any, number: int, unreadable: list[str]) -> Edge | None:
    if not isinstance(raw, Mapping) or any(
        not isinstance(raw.get(end), str | int) for end in ("source", "target")
    ):
        unreadable.append(f"edge number {number}: has no source or no target")
        return None
    data = raw.get("data")
    handle = raw.get("sourceHandle")
    if handle is None and isinstance(data, Mapping):
        handle = data.get("branch")
    return Edge(
        str(raw.get("id", number)),
        str(raw["source"]),
        str(raw["target"]),
        _branch(handle),
        None if handle is None else str(handle),
    )


def _branch(handle: Any) -> str | None:
    word = str(handle).strip().lower()
    if word in _TRUE:
        return "true"
    return "false" if word in _FALSE else None


def trigger_types(graph: Graph, stored: str | None) -> set[str]:
    """The events a workflow listens to: the stored one, else those its trigger nodes name."""
    if stored:
        return {canonical(stored)}
    named = (event_of(node) for node in graph.nodes if node.type == "trigger")
    return {name for name in named if name}


def event_of(node: Node) -> str | None:
    """The event that a trigger node names, by its one name."""
    for key in ("triggerType", "trigger_type", "subtype"):
        if isinstance(name := node.config.get(key), str) and name:
            return canonical(name)
    return None


def starting_triggers(
    graph: Graph, stored: Mapping[str, Any], trigger_type: str, facts: Facts
) -> list[str] | None:
    """Ids of the trigger nodes that an event passes; None when it starts nothing.

    Raises:
        DefinitionError: the conditions of a filter cannot be decided, and no other trigger passes.
    """
    if stored and not filter_holds(_filter(stored), trigger_type, facts):
        return None
    triggers = [node for node in graph.nodes if node.type == "trigger"]
    event = canonical(trigger_type)
    # The workflow's stored event stands for nodes that name none, or, if need be, another one.
    named = [node for node in triggers if event_of(node) in (None, event)] or triggers
    passed: list[str] = []
    problem: DefinitionError | None = None
    for node in named:
        try:
            if filter_holds(_filter(node.config), trigger_type, facts):
                passed.append(node.id)
        except DefinitionError as error:
            problem = error
    if problem is not None and not passed:
        raise problem
    return (passed or None) if triggers else []


def _filter(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return read_filter(Fields(config, "", Findings()))
