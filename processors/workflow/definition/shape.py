"""The graph of a definition: what can never run, what runs in circles, and what lies in a loop."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from processors.workflow.definition.branches import reachable
from processors.workflow.definition.problems import Findings
from processors.workflow.nodes import Edge, MergeSettings, Node, SwitchSettings

# Notes are for people; a goal is entered by its event.
_WITHOUT_WAY_IN = ("trigger", "note", "goal")
_SENDING = ("send_", "notify_")


@dataclass(frozen=True, slots=True)
class Shape:
    """The edges that lead on, and those that lead from a loop's body back to it."""

    edges: tuple[Edge, ...]
    returns: tuple[Edge, ...]
    bodies: Mapping[str, frozenset[str]]


def read_shape(nodes: Mapping[str, Node], edges: Sequence[Edge], findings: Findings) -> Shape:
    """Part the edges, and note what cannot run as it is drawn."""
    _check_ways_in(nodes, edges, findings)
    _check_ways_out(nodes, edges, findings)
    back = _back_edges(nodes, edges)
    onward = tuple(edge for edge in edges if edge not in back)
    outgoing = outgoing_of(onward)
    bodies = bodies_of(nodes, onward)
    returns: list[Edge] = []
    for edge in edges:
        if edge not in back:
            continue
        if _innermost(edge.source, bodies) == edge.target:
            returns.append(edge)
        else:
            path = _path(edge.target, edge.source, outgoing)
            findings.refuse(edge.target, _of_cycle([*path, edge.target], nodes))
    _check_bodies(nodes, onward, bodies, findings)
    return Shape(onward, tuple(returns), bodies)


def bodies_of(nodes: Mapping[str, Node], edges: Sequence[Edge]) -> dict[str, frozenset[str]]:
    """Of each loop, the nodes of its body; `edges` lead nowhere back."""
    outgoing = outgoing_of(edges)
    bodies: dict[str, frozenset[str]] = {}
    for node in nodes.values():
        if node.type == "loop":
            starts = [e.target for e in outgoing.get(node.id, ()) if e.branch == "body"]
            bodies[node.id] = frozenset().union(*(reachable(s, outgoing) for s in starts))
    return bodies


def outgoing_of(edges: Sequence[Edge]) -> dict[str, list[Edge]]:
    """Edges by their source, in order."""
    outgoing: dict[str, list[Edge]] = {}
    for edge in edges:
        outgoing.setdefault(edge.source, []).append(edge)
    return outgoing


def incoming_of(edges: Sequence[Edge]) -> dict[str, list[Edge]]:
    """Edges by their target, in order."""
    incoming: dict[str, list[Edge]] = {}
    for edge in edges:
        incoming.setdefault(edge.target, []).append(edge)
    return incoming


def _check_ways_in(nodes: Mapping[str, Node], edges: Sequence[Edge], findings: Findings) -> None:
    triggers = [node.id for node in nodes.values() if node.type == "trigger"]
    if not triggers:
        findings.refuse("", "there is no trigger node" if nodes else "there are no nodes")
        return
    outgoing = outgoing_of(edges)
    goals = [node.id for node in nodes.values() if node.type == "goal"]
    reached = set().union(*(reachable(start, outgoing) for start in [*triggers, *goals]))
    for node in nodes.values():
        if node.id not in reached and node.type not in _WITHOUT_WAY_IN:
            findings.refuse(node.id, "no path from a trigger leads here; it will never run")
    for edge in edges:
        if nodes[edge.target].type == "trigger":
            findings.refuse(edge.id, "it leads to a trigger; nothing comes before one")


def _check_ways_out(nodes: Mapping[str, Node], edges: Sequence[Edge], findings: Findings) -> None:
    outgoing, incoming = outgoing_of(edges), incoming_of(edges)
    for node in nodes.values():
        leaving = outgoing.get(node.id, [])
        match node.type:
            case "condition" if not leaving:
                findings.refuse(node.id, "no edge leaves the condition; allowed: true, false")
            case "loop" if not any(edge.branch == "body" for edge in leaving):
                findings.refuse(node.id, "the loop has no body: no edge leaves it by body")
            case "stop" if leaving:
                findings.refuse(node.id, "an edge leaves it, and nothing runs after an end")
            case "parallel" if len(leaving) < 2:
                findings.warn(node.id, "fewer than two edges leave it: nothing is parallel")
            case "merge":
                _check_merge(node, len(incoming.get(node.id, [])), findings)
        _check_branches(node, leaving, findings)


def _check_merge(node: Node, arriving: int, findings: Findings) -> None:
    settings = node.settings
    if isinstance(settings, MergeSettings) and (settings.count or 0) > arriving:
        findings.refuse(
            node.id, f"it waits for {settings.count} branches, and {arriving} lead to it"
        )
    elif arriving < 2:
        findings.warn(node.id, "fewer than two edges lead to it: nothing is merged")


def _check_branches(node: Node, leaving: Sequence[Edge], findings: Findings) -> None:
    taken = [edge.branch for edge in leaving if edge.branch is not None]
    for branch in dict.fromkeys(taken):
        if taken.count(branch) > 1:
            findings.warn(node.id, f"several edges leave by {branch!r}; all of them will run")
    for case in node.settings.cases if isinstance(node.settings, SwitchSettings) else ():
        if case.branch not in taken:
            findings.warn(node.id, f"no edge leaves by {case.branch[:40]!r}; that way ends here")


def _back_edges(nodes: Mapping[str, Node], edges: Sequence[Edge]) -> set[Edge]:
    """The edges that close a cycle, on the way from the triggers."""
    outgoing = outgoing_of(edges)
    back: set[Edge] = set()
    done: set[str] = set()
    starts = sorted(nodes.values(), key=lambda node: node.type not in ("trigger", "goal"))
    for start in starts:
        if start.id in done:
            continue
        path = {start.id}
        stack: list[tuple[str, Iterator[Edge]]] = [(start.id, iter(outgoing.get(start.id, ())))]
        while stack:
            node_id, left = stack[-1]
            edge = next(left, None)
            if edge is None:
                stack.pop()
                path.discard(node_id)
                done.add(node_id)
            elif edge.target in path:
                back.add(edge)
            elif edge.target not in done:
                path.add(edge.target)
                stack.append((edge.target, iter(outgoing.get(edge.target, ()))))
    return back


def _innermost(node_id: str, bodies: Mapping[str, frozenset[str]]) -> str | None:
    """The loop whose body a node is in; of several the one with the smallest body."""
    around = [loop for loop, body in bodies.items() if node_id in body]
    return min(around, key=lambda loop: len(bodies[loop]), default=None)


def _path(start: str, end: str, outgoing: Mapping[str, Sequence[Edge]]) -> list[str]:
    """A shortest way from one node to another."""
    before: dict[str, str] = {}
    waiting = [start]
    for node_id in waiting:
        for edge in outgoing.get(node_id, ()):
            if edge.target not in before and edge.target != start:
                before[edge.target] = node_id
                waiting.append(edge.target)
    path = [end]
    while path[-1] != start and path[-1] in before:
        path.append(before[path[-1]])
    return path[::-1]


def _of_cycle(cycle: Sequence[str], nodes: Mapping[str, Node]) -> str:
    path = " → ".join(cycle)
    path = path if len(path) <= 200 else path[:199] + "…"
    if nodes[cycle[0]].type == "loop":
        return f"a cycle: {path}; only a path that leaves the loop by body may lead back to it"
    return f"a cycle: {path}; steps that repeat belong into the body of a loop node"


def _check_bodies(
    nodes: Mapping[str, Node],
    edges: Sequence[Edge],
    bodies: Mapping[str, frozenset[str]],
    findings: Findings,
) -> None:
    outgoing = outgoing_of(edges)
    for loop, body in bodies.items():
        after: set[str] = set()
        for edge in outgoing.get(loop, ()):
            if edge.branch == "done":
                after |= reachable(edge.target, outgoing)
        for node_id in nodes:
            if node_id in body & after:
                findings.refuse(node_id, f"it is in the body of the loop {loop} and after it")
        for edge in edges:
            is_outside = edge.source not in body and not (
                edge.source == loop and edge.branch == "body"
            )
            if edge.target in body and edge.target not in after and is_outside:
                findings.refuse(edge.id, f"it leads into the body of the loop {loop} from outside")
        kinds = [nodes[node_id] for node_id in body]
        sends = any(_sends(node) for node in kinds)
        if sends and not any(node.type == "wait" for node in kinds):
            findings.warn(loop, "its body sends and does not wait: all is sent at once")


def _sends(node: Node) -> bool:
    return node.type == "action" and str(getattr(node.settings, "action", "")).startswith(_SENDING)
