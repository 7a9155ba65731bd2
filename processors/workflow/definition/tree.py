"""A workflow as a tree in text, every node with its id: what runs, drawn."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from processors.errors import DefinitionError
from processors.workflow.definition.shape import outgoing_of
from processors.workflow.durations import duration
from processors.workflow.nodes import (
    ActionSettings,
    AnySettings,
    BusinessHoursWait,
    ConditionSettings,
    DurationWait,
    Edge,
    EventWait,
    GoalSettings,
    LoopSettings,
    MergeSettings,
    Node,
    SplitSettings,
    StopSettings,
    SubWorkflowSettings,
    SwitchSettings,
    TimeOfDayWait,
    TriggerSettings,
    UntilWait,
    WaitSettings,
    Workflow,
)
from runtime.sanitize.durations import words

_SHOWN = 60
# What tells most of an action, in this order.
_TELLING = ("template", "templateId", "template_id", "subject", "message", "tag", "title", "url",
            "workflow_id", "field", "updates", "body", "text")  # fmt: skip


def tree(workflow: Workflow, *, notes: Mapping[str, str] | None = None) -> list[str]:
    """The lines of a workflow, from each way in.

    A node that was drawn already is named with an arrow, and what leads back to a loop with ↺.

    Args:
        workflow: what is drawn.
        notes: what is said of a node, by its id: behind it, and from the second line on below it.
    """
    outgoing = outgoing_of((*workflow.edges, *workflow.returns))
    reached = {edge.target for edge in workflow.edges}
    roots = [node.id for node in workflow.nodes.values() if node.id not in reached]
    drawn: set[str] = set()
    lines: list[str] = []
    for root in roots:
        lines.extend(_lines(root, workflow, outgoing, drawn, notes or {}))
    return lines


def summary(node: Node) -> str:
    """What a node does, in a few words."""
    what = _what(node.settings)
    return f"{node.type} {what}".rstrip()


def _lines(
    root: str,
    workflow: Workflow,
    outgoing: Mapping[str, Sequence[Edge]],
    drawn: set[str],
    notes: Mapping[str, str],
) -> Iterator[str]:
    # A chain goes straight down: only where ways part does the tree go to the right.
    waiting: list[tuple[str, str, str, str | None]] = [(root, "", "", None)]
    while waiting:
        node_id, before, below, branch = waiting.pop()
        said = f"{branch}: " if branch else ""
        if node_id in drawn:
            sign = "↺" if workflow.nodes[node_id].type == "loop" else "↑"
            yield f"{before}{said}{sign} {node_id}"
            continue
        drawn.add(node_id)
        node = workflow.nodes[node_id]
        edges = outgoing.get(node_id, ())
        is_chain = len(edges) == 1 and edges[0].branch is None
        note, *more = notes.get(node_id, "").split("\n")
        yield f"{before}{said}{node_id}  {summary(node)}  {note}".rstrip()
        side = "   " if is_chain or not edges else "│  "
        yield from (f"{below}{side}{line}" for line in more)
        if is_chain:
            waiting.append((edges[0].target, below, below, None))
            continue
        for number, edge in enumerate(reversed(edges)):
            corner, line = ("└─ ", "   ") if number == 0 else ("├─ ", "│  ")
            waiting.append((edge.target, below + corner, below + line, edge.branch))


def _what(settings: AnySettings) -> str:
    describe = _DESCRIBE.get(type(settings))
    return describe(settings) if describe is not None else ""


def _of_action(settings: ActionSettings) -> str:
    told = next((key for key in _TELLING if settings.config.get(key)), None)
    return f"{settings.action} {_short(settings.config[told])}" if told else settings.action


def _of_merge(settings: MergeSettings) -> str:
    return f"{settings.count} of the branches" if settings.count else settings.mode


def _of_goal(settings: GoalSettings) -> str:
    return ", ".join(settings.events) or _of_condition(settings.condition or {})


def _of_sub_workflow(settings: SubWorkflowSettings) -> str:
    return f"{settings.workflow_id}{'' if settings.is_awaited else ', not waited for'}"


def _of_split(settings: SplitSettings) -> str:
    return ", ".join(f"{variant.branch} {variant.weight:g}" for variant in settings.variants)


def _of_trigger(settings: TriggerSettings) -> str:
    told = [settings.event or "no event"]
    if (schedule := settings.schedule) is not None:
        every = words(schedule.interval_s) if schedule.interval_s else None
        told.append(schedule.cron or schedule.at or f"every {every}")
        told.append(schedule.timezone or "")
    if (date := settings.date) is not None:
        told.append(f"{date.days} days, at {date.at}" if date.days else f"at {date.at}")
    if settings.filter:
        told.append(f"if {_short(settings.filter)}")
    return " ".join(part for part in told if part)


def _of_condition(condition: Mapping[str, Any]) -> str:
    kind = condition.get("conditionType") or condition.get("condition_type")
    if isinstance(parts := condition.get("conditions"), list):
        word = f" {str(condition.get('logic') or 'AND').upper()} "
        return word.join(_of_condition(p) for p in parts if isinstance(p, Mapping))[: _SHOWN * 2]
    field = condition.get("field") or condition.get("activityType") or kind
    parts = [field, condition.get("operator"), condition.get("value")]
    return " ".join(_short(part) for part in parts if part is not None)


def _of_wait(settings: WaitSettings) -> str:
    match settings.wait:
        case DurationWait(duration=given):
            return _length(given)
        case UntilWait(moment=moment, offset_s=offset):
            sign = "after" if offset > 0 else "before"
            return f"until {f'{words(abs(offset))} {sign} ' if offset else ''}{_short(moment)}"
        case TimeOfDayWait(at=at, days=days):
            return f"until {at}" + (f" on {', '.join(days)}" if days else "")
        case BusinessHoursWait(after=after):
            return f"{_length(after)}, then until it is open" if after else "until it is open"
        case EventWait(events=events, timeout=timeout):
            return f"for {' or '.join(events)}, up to {_length(timeout)}"
    return ""


def _of_loop(settings: LoopSettings) -> str:
    match settings.kind:
        case "list":
            told = f"over {_short(settings.items)}"
        case "range":
            told = f"from {settings.start} to {settings.stop}"
        case _:
            told = f"over records {_short(settings.query)}"
    return told + (f" until {_of_condition(settings.break_when)}" if settings.break_when else "")


def _length(given: Mapping[str, Any] | None) -> str:
    try:
        return words(duration(given or {}).total_seconds())
    except DefinitionError:
        return _short(given)


def _short(value: Any) -> str:
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, default=str)
    text = " ".join(value.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


_DESCRIBE: Mapping[type, Callable[[Any], str]] = {
    TriggerSettings: _of_trigger,
    ActionSettings: _of_action,
    ConditionSettings: lambda settings: _of_condition(settings.condition),
    WaitSettings: _of_wait,
    SwitchSettings: lambda settings: settings.field or "",
    LoopSettings: _of_loop,
    SplitSettings: _of_split,
    MergeSettings: _of_merge,
    GoalSettings: _of_goal,
    SubWorkflowSettings: _of_sub_workflow,
    StopSettings: lambda settings: f"{settings.status} {settings.reason}".rstrip(),
}
