"""By which branch each edge leaves its node: the handles of three generations are one."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from processors.workflow.definition.fields import word_of
from processors.workflow.definition.problems import Findings
from processors.workflow.definition.stored import StoredEdge
from processors.workflow.nodes import (
    ERROR,
    Edge,
    EventWait,
    Node,
    OnError,
    SplitSettings,
    SwitchSettings,
    UntilWait,
    WaitSettings,
)

# The type of a node that could not be read: whatever leaves it is not judged.
UNREAD = "unread"
_TRUE = frozenset({"true", "yes", "1", "if", "then", "match", "pass"})
_FALSE = frozenset({"false", "no", "0", "else", "no_match", "fail"})
_ERRORS = frozenset({"error", "fail", "failure", "failed", "on_error"})
_PLAIN = frozenset({"success", "default", "next", "out", "output", "source", "right", "bottom"})
_BODY = frozenset({"body", "loop", "loop_body", "each", "iteration", "continue"})
_DONE = frozenset({"done", "end", "after", "loop_done", "completed", "exit", "loop_end"})
_EVENT = frozenset({"event", "received", "true", "yes", "success", "reply", "replied", "met"})
_TIMEOUT = frozenset({"timeout", "time_out", "timed_out", "false", "no", "expired", "no_reply"})
_NUMBERED = re.compile(r"(?:branch|case|path|output|variant|out)_?(\d{1,4})")


def read_branches(
    edges: Sequence[StoredEdge], nodes: Mapping[str, Node], findings: Findings
) -> tuple[dict[str, Node], list[Edge]]:
    """The edges with their branches, and the nodes, those with an error edge changed by it."""
    found: list[Edge] = []
    changed = dict(nodes)
    for edge in edges:
        node = nodes[edge.source]
        branch, message = _branch(node, edge.handle)
        if message:
            findings.refuse(edge.id, message)
        found.append(Edge(edge.id, edge.source, edge.target, branch))
        if branch == ERROR:
            changed[node.id] = replace(node, on_error=OnError.EDGE)
    _errors(nodes, found, findings)
    return changed, _loops(found, nodes, findings)


@dataclass(frozen=True, slots=True)
class _Ways:
    """By which handles edges may leave a node.

    Attributes:
        words: the branch of each handle.
        allowed: what a message names.
        numbered: branches by their place, for handles such as ``case-0``.
        is_plain: an edge without a handle is allowed.
    """

    words: Mapping[str, str | None]
    allowed: str
    numbered: Sequence[str | None] = ()
    is_plain: bool = True


_STRAIGHT_ON: Mapping[str, str | None] = dict.fromkeys(_PLAIN)
_ANY_NUMBER = (None,) * 100
_OF_TYPE: Mapping[str, _Ways] = {
    "condition": _Ways(
        {**dict.fromkeys(_TRUE, "true"), **dict.fromkeys(_FALSE, "false")},
        "true, false",
        is_plain=False,
    ),
    "loop": _Ways({**dict.fromkeys(_BODY, "body"), **dict.fromkeys(_DONE, "done")}, "body, done"),
    "action": _Ways({**_STRAIGHT_ON, **dict.fromkeys(_ERRORS, ERROR)}, "error, or no handle"),
    "parallel": _Ways(_STRAIGHT_ON, "branch-0, branch-1 …, or no handle", _ANY_NUMBER),
    "merge": _Ways(_STRAIGHT_ON, "no handle", _ANY_NUMBER),
}
_OTHERS = _Ways(_STRAIGHT_ON, "no handle")
_OF_EVENT = _Ways(
    {**dict.fromkeys(_EVENT, "event"), **dict.fromkeys(_TIMEOUT, "timeout")},
    "event, timeout, or no handle",
)
_OF_DATE = _Ways({**_STRAIGHT_ON, "past": "past"}, "past, or no handle")


def _ways(node: Node) -> _Ways:
    settings = node.settings
    match settings:
        case SwitchSettings(cases=cases):
            values = {str(c.value): c.branch for c in cases if isinstance(c.value, str | int)}
            branches = [case.branch for case in cases]
        case SplitSettings(variants=variants):
            values, branches = {}, [variant.branch for variant in variants]
        case WaitSettings(wait=EventWait()):
            return _OF_EVENT
        case WaitSettings(wait=UntilWait()):
            return _OF_DATE
        case _:
            return _OF_TYPE.get(node.type, _OTHERS)
    names: dict[str, str | None] = {**values, **{branch: branch for branch in branches}}
    return _Ways(names, ", ".join(branches)[:200], branches, is_plain=False)


def _branch(node: Node, handle: str | None) -> tuple[str | None, str | None]:
    """The branch of a handle at a node, and what is wrong with it."""
    ways, word = _ways(node), word_of(handle) if handle else ""
    if node.type == UNREAD or (not word and ways.is_plain):
        return None, None
    if not word:
        return None, f"an edge after a {node.type} must name its branch: {ways.allowed}"
    for spelling in (handle or "", word):
        if spelling in ways.words:
            return ways.words[spelling], None
    numbered = _NUMBERED.fullmatch(word)
    if numbered and int(numbered[1]) < len(ways.numbered):
        return ways.numbered[int(numbered[1])], None
    if word in ("true", "false"):
        return None, f"it leaves by {word!r}, which only a condition's edges may do: true or false"
    return None, f"it leaves by {str(handle)[:40]!r}; allowed: {ways.allowed}"


def _errors(nodes: Mapping[str, Node], edges: Sequence[Edge], findings: Findings) -> None:
    with_error = {edge.source for edge in edges if edge.branch == ERROR}
    past = {edge.source for edge in edges if edge.branch == "past"}
    for node in nodes.values():
        if node.on_error is OnError.EDGE and node.id not in with_error:
            findings.refuse(node.id, "onError is edge, and no edge leaves it by error")
        if node.on_error is OnError.CONTINUE and node.id in with_error:
            findings.refuse(node.id, "onError is continue, and an edge leaves it by error")
        wait = node.settings.wait if isinstance(node.settings, WaitSettings) else None
        if isinstance(wait, UntilWait) and (wait.past == "edge") is not (node.id in past):
            findings.refuse(node.id, "past is edge, if and only if an edge leaves it by past")


def _loops(edges: list[Edge], nodes: Mapping[str, Node], findings: Findings) -> list[Edge]:
    """Edges of loops that name no branch: what leads back is the body, else the only one is."""
    outgoing: dict[str, list[Edge]] = {}
    for edge in edges:
        outgoing.setdefault(edge.source, []).append(edge)
    read: dict[Edge, Edge] = {}
    for node_id, leaving in outgoing.items():
        unnamed = [edge for edge in leaving if edge.branch is None]
        if nodes[node_id].type != "loop" or not unnamed:
            continue
        bodies = [edge for edge in unnamed if node_id in reachable(edge.target, outgoing)]
        others = [edge for edge in unnamed if edge not in bodies]
        has_body = bool(bodies) or any(edge.branch == "body" for edge in leaving)
        for edge in others if len(others) > 1 else ():
            findings.refuse(edge.id, "it leaves a loop and names no branch; allowed: body, done")
        for edge in unnamed:
            branch = "body" if edge in bodies or not has_body else "done"
            read[edge] = replace(edge, branch=branch)
            if edge in bodies or len(others) == 1:
                findings.warn(edge.id, f"it leaves a loop and names no branch; read as {branch}")
    return [read.get(edge, edge) for edge in edges]


def reachable(start: str, outgoing: Mapping[str, Sequence[Edge]]) -> set[str]:
    """`start` and every node that a path leads to from it."""
    reached = {start}
    waiting = [start]
    while waiting:
        for edge in outgoing.get(waiting.pop(), ()):
            if edge.target not in reached:
                reached.add(edge.target)
                waiting.append(edge.target)
    return reached
