"""Where branches that run at the same time meet: a merge is put in front of a plain step.

Two edges into one node can both be passed if they part at a node that takes several ways at once.
After a condition, a switch, a split test or the two ends of a wait only one of them is.
"""

from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Literal

from processors.workflow.definition.problems import Findings
from processors.workflow.definition.shape import incoming_of
from processors.workflow.nodes import Edge, MergeSettings, Node

_EXCLUSIVE = ("condition", "switch", "split", "wait", "action", "loop")


def add_merges(
    nodes: Mapping[str, Node],
    edges: Sequence[Edge],
    racing: Collection[str],
    findings: Findings,
) -> tuple[dict[str, Node], tuple[Edge, ...]]:
    """Nodes and edges, with a merge before each plain step where parallel branches meet.

    Args:
        nodes: by id.
        edges: without those that lead back.
        racing: fan-outs whose first branch to arrive goes on (``waitForAll: false``).
        findings: a warning is noted for each merge.
    """
    incoming = incoming_of(edges)
    order = _order(nodes, incoming)
    found = dict(nodes)
    merges: dict[str, str] = {}
    for node in nodes.values():
        arriving = incoming.get(node.id, [])
        if node.type in ("merge", "trigger", "note") or len(arriving) < 2:
            continue
        parting = _parting(arriving, incoming, order, nodes)
        if parting is None:
            continue
        mode: Literal["all", "any"] = "any" if parting in racing else "all"
        merges[node.id] = merge_id = _free_id(f"{node.id[:190]}#merge", found)
        found[merge_id] = Node(merge_id, "merge", MergeSettings(mode=mode), "added when read")
        findings.warn(
            node.id,
            f"branches of {parting} meet here; it is read with a merge before it that waits for "
            f"{'all' if mode == 'all' else 'the first'} of them: draw one to say otherwise",
        )
    moved = [replace(e, target=merges[e.target]) if e.target in merges else e for e in edges]
    added = [Edge(merge_id, merge_id, node_id) for node_id, merge_id in merges.items()]
    return found, (*moved, *added)


def _free_id(wanted: str, taken: Collection[str]) -> str:
    while wanted in taken:
        wanted += "+"
    return wanted


def _order(nodes: Mapping[str, Node], incoming: Mapping[str, Sequence[Edge]]) -> dict[str, int]:
    """A number for each node, larger than those of all nodes before it."""
    left = {node_id: len(incoming.get(node_id, ())) for node_id in nodes}
    outgoing: dict[str, list[str]] = {}
    for edges in incoming.values():
        for edge in edges:
            outgoing.setdefault(edge.source, []).append(edge.target)
    ready = [node_id for node_id, count in left.items() if count == 0]
    for node_id in ready:
        for target in outgoing.get(node_id, ()):
            left[target] -= 1
            if left[target] == 0:
                ready.append(target)
    return {node_id: number for number, node_id in enumerate(ready)}


def _parting(
    arriving: Sequence[Edge],
    incoming: Mapping[str, Sequence[Edge]],
    order: Mapping[str, int],
    nodes: Mapping[str, Node],
) -> str | None:
    """The node at which two of these edges part so that both are passed; None if there is none."""
    waiting: deque[tuple[Edge, Edge]] = deque()
    seen: set[tuple[str, str | None, str, str | None]] = set()
    pairs = combinations(arriving, 2)
    while (pair := waiting.popleft() if waiting else next(pairs, None)) is not None:
        left, right = pair
        if left.source == right.source:
            if _both(left.branch, right.branch, nodes[left.source]):
                return left.source
            continue
        later, earlier = (
            (left, right) if order[left.source] > order[right.source] else (right, left)
        )
        for before in incoming.get(later.source, ()):
            key = (before.source, before.branch, earlier.source, earlier.branch)
            if key not in seen:
                seen.add(key)
                waiting.append((before, earlier))
    return None


def _both(left: str | None, right: str | None, node: Node) -> bool:
    """Whether two edges of one node may both be passed in one execution."""
    if left == right:
        return True
    if node.type not in _EXCLUSIVE:
        return True
    if node.type == "action":
        # One goes on, the other is for the failure.
        return False
    return left is None or right is None


def racing_of(configs: Iterable[tuple[str, Mapping[str, object]]]) -> set[str]:
    """Ids of the fan-outs of which the first branch to arrive goes on."""
    return {
        node_id
        for node_id, config in configs
        if any(config.get(key) in (False, "false") for key in ("waitForAll", "wait_for_all"))
    }
