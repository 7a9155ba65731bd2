"""Typed workflows, drawn in a few words."""

from collections.abc import Mapping
from typing import Any

from processors.workflow.nodes import (
    SETTINGS,
    Edge,
    Node,
    OnError,
    Retry,
    Workflow,
    WorkflowSettings,
)


def node(
    node_id: str,
    kind: str,
    /,
    *,
    on_error: OnError = OnError.STOP,
    retry: Retry | None = None,
    **settings: Any,
) -> Node:
    made = SETTINGS[kind].model_validate(settings)
    return Node(node_id, kind, made, on_error=on_error, retry=retry or Retry())  # type: ignore[arg-type]


def trigger(node_id: str = "t", event: str = "lead_created", **settings: Any) -> Node:
    return node(node_id, "trigger", event=event, **settings)


def tag(name: str, **more: Any) -> Node:
    return node(name, "action", action="add_tag", config={"tag": name}, **more)


def sms(name: str, text: str = "Hi", **more: Any) -> Node:
    return node(
        name,
        "action",
        action="send_sms",
        config={"message": text, "purpose": "transactional"},
        **more,
    )


def wait(name: str, **span: float) -> Node:
    return node(name, "wait", wait={"kind": "duration", "duration": span or {"hours": 1}})


def merge(name: str, mode: str = "all", count: int | None = None) -> Node:
    return node(name, "merge", mode=mode, count=count)


def condition(name: str, field: str, operator: str = "equals", value: Any = None) -> Node:
    found = {"field": field, "operator": operator, "value": value}
    return node(name, "condition", condition=found)


def graph(
    drawn: str,
    *nodes: Node,
    ident: str = "wf",
    version: int = 1,
    variables: Mapping[str, Any] | None = None,
    returns: str = "",
    **settings: Any,
) -> Workflow:
    """A workflow of nodes and lines such as ``t > a``, ``c -true> b`` or ``a > b > c``."""
    known = {found.id: found for found in nodes}
    for name in _names(drawn):
        if name not in known:
            known[name] = trigger(name) if name.startswith("t") else tag(name)
    return Workflow(
        id=ident,
        name=ident,
        version=version,
        nodes=known,
        edges=_edges(drawn),
        returns=_edges(returns),
        settings=WorkflowSettings.model_validate(settings),
        variables=variables or {},
    )


def _names(drawn: str) -> list[str]:
    words = drawn.replace("\n", " ").replace(",", " ").split()
    return [word for word in words if not word.endswith(">")]


def _edges(drawn: str) -> tuple[Edge, ...]:
    edges = []
    for line in drawn.replace("\n", ",").split(","):
        words = line.split()
        for source, arrow, target in zip(words[::2], words[1::2], words[2::2], strict=False):
            branch = arrow.strip("->") or None
            edges.append(Edge(f"{source}-{arrow}-{target}", source, target, branch))
    return tuple(edges)
