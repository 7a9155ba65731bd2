"""What is wrong with a workflow definition: a list of problems, each with what is allowed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from processors.errors import DefinitionError
from processors.event_names import canonical
from processors.workflow.definition.graph import Graph, Node, event_of, trigger_types
from processors.workflow.node_settings import (
    filter_problems,
    setting_problems,
    workflow_problems,
)
from runtime.catalogue.cron import problem as cron_problem

NODE_TYPES = ("trigger", "action", "condition", "wait")
# Handles by which other engines of the CRM take another way than straight on.
_OTHER_WAY = re.compile(r"(?i)error|fail(ure|ed)?|branch-?\d+|loop.*|body|done|continue")
_JSON_NAMES = {list: "list", Mapping: "object"}
ACTIONS = ("send_email", "send_sms", "send_whatsapp", "add_tag", "update_lead")

_CRON_KEYS = ("cron", "cronExpression", "cron_expression")


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem.

    Attributes:
        where: the id of a node or an edge, or '' for the whole definition.
        message: what is wrong and what is allowed.
    """

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


def problems_of(definition: Mapping[str, Any]) -> list[Problem]:
    """All problems of a workflow as the builder exports it; never raises."""
    problems: list[Problem] = []
    ident = definition.get("id")
    if not isinstance(ident, str) or not 0 < len(ident) <= 100 or not ident.isprintable():
        problems.append(Problem("", "id must be a text of 1 to 100 characters"))
    for name, kind in (("nodes", list), ("edges", list), ("variables", list),
                       ("settings", Mapping), ("trigger_config", Mapping)):  # fmt: skip
        value = definition.get(name)
        if value is not None and not isinstance(value, kind):
            problems.append(Problem("", f"{name} must be a JSON {_JSON_NAMES[kind]}"))
    event = definition.get("trigger_type")
    if event is not None and not isinstance(event, str):
        problems.append(Problem("", "trigger_type must be the name of an event"))
    if problems:
        return problems
    problems += validate(definition.get("nodes") or [], definition.get("edges") or [])
    own = [
        *workflow_problems(definition.get("settings") or {}),
        *filter_problems(definition.get("trigger_config") or {}),
        *filter_problems({"triggerType": event} if event else {}),
    ]
    problems += [Problem("", text) for text in own]
    graph = Graph.read(definition.get("nodes") or [], definition.get("edges") or [])
    if not trigger_types(graph, event):
        problems.append(Problem("", "no event starts it: neither trigger_type nor a trigger's own"))
    if event:
        problems += [
            Problem(node.id, f"it names the event {named}, and the workflow {canonical(event)}")
            for node in graph.nodes
            if node.type == "trigger" and (named := event_of(node)) not in (None, canonical(event))
        ]
    return problems


def validate(nodes: Iterable[Any], edges: Iterable[Any]) -> list[Problem]:
    """All problems of a stored definition, in the order of its nodes and edges; never raises."""
    graph = Graph.read(nodes, edges)
    problems = [Problem("", text) for text in graph.unreadable]
    problems += _shape(graph)
    for node in graph.nodes:
        problems += _node(node, graph)
    problems += _edges(graph)
    if cycle := find_cycle(graph):
        problems.append(Problem(cycle[0], _of_cycle(cycle)))
    return problems


def find_cycle(graph: Graph) -> list[str]:
    """The ids of one cycle, its first id repeated at the end; empty when there is none."""
    done: set[str] = set()
    for start in graph.by_id:
        path: list[str] = []
        stack: list[Iterator[str]] = [iter((start,))]
        while stack:
            node_id = next(stack[-1], None)
            if node_id is None:
                stack.pop()
                if path:
                    done.add(path.pop())
            elif node_id in path:
                return [*path[path.index(node_id) :], node_id]
            elif node_id not in done:
                path.append(node_id)
                stack.append(iter(graph.successors(node_id)))
    return []


def refuse_cycle(graph: Graph) -> None:
    """Refuse what would run once and not again and again, as it says.

    Raises:
        DefinitionError: with the path of a cycle.
    """
    if cycle := find_cycle(graph):
        raise DefinitionError(_of_cycle(cycle))


def _of_cycle(cycle: list[str]) -> str:
    path = " → ".join(cycle)[:200]
    return (
        f"a cycle: {path}; a step runs once in an execution, so nothing would repeat; "
        "allowed: a copy of the steps for each repetition"
    )


def _shape(graph: Graph) -> Iterator[Problem]:
    if not graph.nodes:
        yield Problem("", "there are no nodes")
        return
    ids = [node.id for node in graph.nodes]
    for node_id in dict.fromkeys(ids):
        if ids.count(node_id) > 1:
            yield Problem(node_id, "several nodes have this id; only the first is used")
    if not any(node.type == "trigger" for node in graph.nodes):
        yield Problem("", "there is no trigger node")
    reached = _reachable(graph)
    for node in graph.by_id.values():
        if node.id not in reached:
            yield Problem(node.id, "no path from a trigger leads here; it will never run")


def _reachable(graph: Graph) -> set[str]:
    reached = {node.id for node in graph.starts}
    waiting = list(reached)
    while waiting:
        for target in graph.successors(waiting.pop()):
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    return reached


def _node(node: Node, graph: Graph) -> Iterator[Problem]:
    if node.type not in NODE_TYPES:
        yield Problem(
            node.id,
            f"nodes of type {node.type!r} are not supported; allowed: {', '.join(NODE_TYPES)}",
        )
    elif node.type == "action":
        if node.action is None:
            yield Problem(node.id, f"the action names no actionType; allowed: {', '.join(ACTIONS)}")
        elif node.action not in ACTIONS:
            yield Problem(
                node.id,
                f"the action {node.action!r} is not supported; allowed: {', '.join(ACTIONS)}",
            )
        else:
            yield from (Problem(node.id, text) for text in setting_problems(node))
    elif node.type in ("condition", "wait") and not node.config:
        yield Problem(node.id, f"the {node.type} has a label and no settings")
    else:
        yield from (Problem(node.id, text) for text in setting_problems(node))
    if node.type == "condition":
        yield from _branches(node, graph)
    for key in _CRON_KEYS:
        cron = node.config.get(key)
        if isinstance(cron, str) and cron and (problem := cron_problem(cron)):
            yield Problem(node.id, f"{key}: {problem}")


def _branches(node: Node, graph: Graph) -> Iterator[Problem]:
    branches = [edge.branch for edge in graph.outgoing(node.id)]
    for branch in ("true", "false"):
        if branches.count(branch) > 1:
            yield Problem(node.id, f"several edges leave by {branch!r}; all of them will run")
    for edge in graph.outgoing(node.id):
        if edge.branch is None:
            yield Problem(edge.id, "an edge after a condition must name its branch: true or false")


def _edges(graph: Graph) -> Iterator[Problem]:
    for edge in graph.edges:
        for end, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id not in graph.by_id:
                yield Problem(edge.id, f"its {end} {node_id!r} does not exist; it is left out")
        source = graph.by_id.get(edge.source)
        takes_one_way = source is not None and source.type in ("trigger", "action", "wait")
        other_way = edge.branch is not None or _OTHER_WAY.fullmatch(edge.handle or "")
        if takes_one_way and other_way:
            yield Problem(
                edge.id,
                f"it leaves by {str(edge.handle)[:40]!r}, which only a condition's edges may do: "
                "true or false",
            )
