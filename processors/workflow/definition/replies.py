"""An activity condition right after a message: it asks for what has not happened yet, so it waits.

The builder draws "replied within four hours?" as a condition behind the message (rule R4). Decided
at once it could only be false; it is read as a wait for the event, with the time frame as its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from processors.event_names import canonical
from processors.workflow.definition.fields import word_of
from processors.workflow.definition.problems import Findings
from processors.workflow.definition.shape import incoming_of
from processors.workflow.nodes import (
    ActionSettings,
    ConditionSettings,
    Edge,
    EventWait,
    Json,
    Node,
    WaitSettings,
)

_MESSAGES = ("send_email", "send_sms", "send_whatsapp")


def read_replies(
    nodes: Mapping[str, Node], edges: Sequence[Edge], findings: Findings
) -> tuple[dict[str, Node], list[Edge]]:
    """The nodes and edges, with each such condition as a wait."""
    incoming = incoming_of(edges)
    found = dict(nodes)
    branches: dict[str, Mapping[str | None, str]] = {}
    for node in nodes.values():
        activity = _activity(node)
        before = [nodes[edge.source] for edge in incoming.get(node.id, ())]
        if activity is None or not before or not all(_is_message(other) for other in before):
            continue
        event, timeout, is_negated = activity
        wait = EventWait(events=(event,), timeout=timeout)
        found[node.id] = replace(node, type="wait", settings=WaitSettings(wait=wait))
        happened = "false" if is_negated else "true"
        branches[node.id] = {
            branch: "event" if branch == happened else "timeout" for branch in ("true", "false")
        }
        findings.warn(
            node.id,
            f"it asks for {event} right after a message; it is read as a wait for it, until the "
            "time frame is over",
        )
    renamed = [
        replace(edge, branch=branches[edge.source].get(edge.branch, edge.branch))
        if edge.source in branches
        else edge
        for edge in edges
    ]
    return found, renamed


def _activity(node: Node) -> tuple[str, Json, bool] | None:
    """The event, the time frame, and whether it must not happen; None for another condition."""
    if not isinstance(node.settings, ConditionSettings):
        return None
    condition = node.settings.condition
    kind = condition.get("conditionType", condition.get("condition_type"))
    name = condition.get("activityType", condition.get("activity_type"))
    frame = condition.get("timeframe")
    if word_of(kind) != "activity" or not isinstance(name, str) or not isinstance(frame, Mapping):
        return None
    operator = condition.get("operator") or "within"
    return canonical(name), frame, word_of(operator) == "not_within"


def _is_message(node: Node) -> bool:
    return isinstance(node.settings, ActionSettings) and node.settings.action in _MESSAGES
