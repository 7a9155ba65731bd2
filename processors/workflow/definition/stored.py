"""The stored form of a definition: React-Flow nodes and edges, with the CRM's three generations.

Names of types and actions, and where settings lie, differ from generation to generation; here they
become one. What a setting means is read elsewhere, by the type of its node.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from processors.naming import snake_case
from processors.workflow.definition.fields import brief, unusable, word_of
from processors.workflow.definition.problems import Findings
from processors.workflow.nodes import NODE_TYPES

MAX_NODES = 1_000
MAX_EDGES = 2_000
# The type that each generation's name stands for; with an action's name, that action.
TYPE_SYNONYMS: Mapping[str, str] = {
    "start": "trigger",
    "delay": "wait",
    "timer": "wait",
    "wait_delay": "wait",
    "wait_until": "wait",
    "wait_for_event": "wait",
    "wait_for_reply": "wait",
    "await_reply": "wait",
    "if": "condition",
    "if_else": "condition",
    "branch": "condition",
    "decision": "condition",
    "conditional": "condition",
    "filter": "condition",
    "for_each": "loop",
    "fork": "parallel",
    "join": "merge",
    "split_test": "split",
    "ab_test": "split",
    "a_b_test": "split",
    "random_split": "split",
    "subworkflow": "sub_workflow",
    "call_workflow": "sub_workflow",
    "end": "stop",
    "exit": "stop",
    "comment": "note",
    "sticky_note": "note",
    "annotation": "note",
}
ACTION_TYPES: Mapping[str, str] = {
    "webhook": "http_request",
    "http_request": "http_request",
    "api_call": "http_request",
    "transform": "transform_data",
}
# Actions of old that are nodes of another type.
_ACTIONS_THAT_ARE_TYPES: Mapping[str, str] = {
    "wait": "wait",
    "delay": "wait",
    "wait_delay": "wait",
    "wait_for_reply": "wait",
    "await_reply": "wait",
    "wait_for_event": "wait",
    "schedule": "wait",
    "conditional": "condition",
    "condition": "condition",
    "switch": "switch",
}
# What the builder stores for itself: it changes nothing of what runs.
NODE_DISPLAY_KEYS = frozenset(
    {
        "position", "positionAbsolute", "width", "height", "measured", "selected", "dragging",
        "style", "className", "zIndex", "draggable", "selectable", "connectable", "deletable",
        "focusable", "hidden", "sourcePosition", "targetPosition", "parentId", "parentNode",
        "extent", "expandParent", "ariaLabel", "dragHandle", "handles", "origin", "resizing",
        "initialWidth", "initialHeight", "dimensions", "computedPosition", "handleBounds", "events",
    }
)  # fmt: skip
DATA_DISPLAY_KEYS = frozenset(
    {"label", "title", "name", "icon", "color", "colour", "description", "category", "isValid",
     "errors", "selected", "subtitle", "shape"}
)  # fmt: skip
EDGE_DISPLAY_KEYS = frozenset(
    {"type", "label", "labelStyle", "labelShowBg", "labelBgStyle", "labelBgPadding",
     "labelBgBorderRadius", "animated", "style", "className", "markerEnd", "markerStart", "zIndex",
     "selected", "selectable", "focusable", "deletable", "reconnectable", "updatable", "hidden",
     "interactionWidth", "pathOptions", "ariaLabel", "targetHandle", "sourceX", "sourceY",
     "targetX", "targetY"}
)  # fmt: skip
# An id travels in jobs: no control characters, and nothing that has no UTF-8 form.
_ID = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,200}")
_EDGE_DATA_DISPLAY_KEYS = frozenset({"label", "color", "colour", "description", "animated"})


@dataclass(frozen=True, slots=True)
class StoredNode:
    """One node as it was stored, its type and its action by their one name.

    Attributes:
        word: the type's or the action's own word, which may say more: ``wait_for_reply``.
        config: settings from ``data`` and ``data.config``; the latter win.
    """

    id: str
    type: str
    word: str
    label: str
    action: str | None
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StoredEdge:
    """One connection; `handle` is by what it leaves, in either encoding."""

    id: str
    source: str
    target: str
    handle: str | None


def read_nodes(raw: list[Any], findings: Findings) -> dict[str, StoredNode]:
    """The nodes by id, in their order; what is no node is a problem."""
    if len(raw) > MAX_NODES:
        findings.refuse("", f"there are {len(raw)} nodes; allowed: up to {MAX_NODES}")
        return {}
    nodes: dict[str, StoredNode] = {}
    for number, item in enumerate(raw, 1):
        node_id = _id_of(item, number, findings)
        if node_id is None:
            continue
        if node_id in nodes:
            findings.refuse(node_id, "several nodes have this id")
            continue
        nodes[node_id] = _node(item, node_id, findings)
    return nodes


def read_edges(raw: list[Any], nodes: Mapping[str, Any], findings: Findings) -> list[StoredEdge]:
    """The edges between existing nodes; every other one is a problem."""
    if len(raw) > MAX_EDGES:
        findings.refuse("", f"there are {len(raw)} edges; allowed: up to {MAX_EDGES}")
        return []
    edges: dict[tuple[str, str, str | None], StoredEdge] = {}
    for number, item in enumerate(raw, 1):
        if why := unusable(item):
            findings.refuse("", f"edge number {number}: {why}")
            continue
        edge = _edge(item, number, findings)
        if edge is None:
            continue
        missing = [
            f"its {end} {node_id[:60]!r} does not exist"
            for end, node_id in (("source", edge.source), ("target", edge.target))
            if node_id not in nodes
        ]
        for message in missing:
            findings.refuse(edge.id, message)
        if (edge.source, edge.target, edge.handle) in edges:
            findings.warn(edge.id, "another edge says the same; it counts once")
        elif not missing:
            edges[edge.source, edge.target, edge.handle] = edge
    return list(edges.values())


def _id_of(item: Any, number: int, findings: Findings) -> str | None:
    found = item.get("id") if isinstance(item, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        findings.refuse("", f"node number {number}: has no id")
        return None
    node_id = found if isinstance(found, str) else brief(found)
    if not _ID.fullmatch(node_id):
        findings.refuse(
            "",
            f"node number {number}: its id must have 1 to 200 characters, none of them a control",
        )
        return None
    return node_id


def _node(item: Mapping[str, Any], node_id: str, findings: Findings) -> StoredNode:
    if why := unusable(item):
        findings.refuse(node_id, why)
        item = {"id": node_id, "type": item.get("type")}
    data = _data_of(item, node_id, findings)
    config = {str(key): value for key, value in data.items() if key not in DATA_DISPLAY_KEYS}
    nested = config.pop("config", None)
    if nested is not None and not isinstance(nested, Mapping):
        findings.refuse(node_id, "config must be a JSON object")
    config |= nested if isinstance(nested, Mapping) else {}
    actions = [config.pop(key, None) for key in ("actionType", "action_type")]
    action = next((name for name in actions if isinstance(name, str) and name.strip()), None)
    stored = config.pop("nodeType", None) if item.get("type") == "custom" else item.get("type")
    kind, word, action = _resolve(stored, action)
    if kind == "action" and nested is None and "title" in data:
        # Where settings lie beside the label, this is one: of a task, of an opportunity.
        config["title"] = data["title"]
    label = data.get("label")
    return StoredNode(
        node_id, kind, word, label[:200] if isinstance(label, str) else "", action, config
    )


def _data_of(item: Mapping[str, Any], node_id: str, findings: Findings) -> Mapping[str, Any]:
    for key in item:
        if key not in NODE_DISPLAY_KEYS | {"id", "type", "data"}:
            findings.refuse(
                node_id,
                f"the field {str(key)[:60]!r} of the node is not understood; allowed: id, type, "
                "data, position and what else React Flow draws with",
            )
    data = item.get("data")
    if data is not None and not isinstance(data, Mapping):
        findings.refuse(node_id, "data must be a JSON object")
    return data if isinstance(data, Mapping) else {}


def _resolve(stored: Any, action: str | None) -> tuple[str, str, str | None]:
    """A node's type, the word that was used for it, and its action."""
    word = word_of(stored) if isinstance(stored, str) else ""
    kind = TYPE_SYNONYMS.get(word, word)
    if word in ACTION_TYPES:
        return "action", word, ACTION_TYPES[word]
    if kind == "action" and action is not None:
        name = snake_case(action.strip()).replace("-", "_").replace(" ", "_").replace(".", "_")
        if name in _ACTIONS_THAT_ARE_TYPES:
            return _ACTIONS_THAT_ARE_TYPES[name], name, None
        return "action", word, name[:100]
    return (kind if kind in NODE_TYPES else word[:100]), word, action


def _edge(item: Any, number: int, findings: Findings) -> StoredEdge | None:
    where = f"edge number {number}"
    if not isinstance(item, Mapping) or any(_end(item.get(key)) is None for key in _ENDS):
        findings.refuse("", f"{where}: has no source or no target")
        return None
    edge_id = _end(item.get("id")) or where
    data = item.get("data")
    fields = dict(data) if isinstance(data, Mapping) else {}
    handles = [item.get("sourceHandle"), fields.pop("branch", None), fields.pop("condition", None)]
    given = [word for handle in handles if handle not in (None, "") and (word := _end(handle))]
    if len({word.lower() for word in given}) > 1:
        findings.refuse(edge_id, f"it leaves by {given[0][:40]!r} and by {given[1][:40]!r}")
    unknown = [key for key in item if key not in EDGE_DISPLAY_KEYS | _EDGE_KEYS]
    unknown += [key for key in fields if key not in _EDGE_DATA_DISPLAY_KEYS]
    for key in unknown:
        findings.refuse(
            edge_id,
            f"the field {str(key)[:60]!r} of the edge is not understood; allowed: id, source, "
            "target, sourceHandle, data.branch and what else React Flow draws with",
        )
    source, target = (_end(item[key]) or "" for key in _ENDS)
    return StoredEdge(edge_id[:200], source, target, given[0][:200] if given else None)


_ENDS = ("source", "target")
_EDGE_KEYS = frozenset({"id", "source", "target", "sourceHandle", "data"})


def _end(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 1e15:
        return str(value)
    return value if isinstance(value, str) and value else None
