"""The picture of an execution: its graph, each node with what has become of it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processors.workflow.definition.tree import tree
from processors.workflow.execution.reading import ExecutionDetail, StepInfo, StepMessage
from runtime.sanitize.durations import words
from runtime.sanitize.text import safe

_LINE = 500
_ERROR = 300
_VALUE = 100
_MOST_MESSAGES = 5
_ID_CHARS = 8
# What a branch says already.
_TOLD_BY_BRANCH = ("trigger", "condition", "switch", "split", "parallel", "merge")
_OPEN = ("pending", "running", "waiting")


def draw(detail: ExecutionDetail) -> list[str]:
    """The lines of the graph; if its definition cannot be read, of the steps in their order."""
    if detail.plan is None:
        return [
            safe(line, _LINE)
            for node, (first, *more) in _notes(detail).items()
            for line in (f"{node}  {first}", *(f"   {rest}" for rest in more))
        ]
    notes = {
        node: "\n".join([f"[{first}]", *more]) for node, (first, *more) in _notes(detail).items()
    }
    workflow = detail.plan.workflow
    silent = {n.id: "" if n.type == "note" else "[not reached]" for n in workflow.nodes.values()}
    for goal, events in detail.goals.items():
        silent[goal] = f"[not reached; listens for {_either(events)}]"
    return [safe(line, _LINE) for line in tree(workflow, notes=silent | notes)]


def _notes(detail: ExecutionDetail) -> dict[str, list[str]]:
    by_node: dict[str, list[StepInfo]] = {}
    for step in detail.steps:
        by_node.setdefault(step.node_id, []).append(step)
    return {node: _note(steps, detail) for node, steps in by_node.items()}


def _note(steps: Sequence[StepInfo], detail: ExecutionDetail) -> list[str]:
    """What has become of a node: of its newest run, and in a loop of all iterations."""
    newest = [step for step in steps if step.run == steps[-1].run]
    last = newest[-1]
    telling = next((step for step in newest if step.status == "failed"), last)
    if any(step.iteration for step in newest):
        counts = ", ".join(f"{n} {status}" for status, n in _counts(newest).items())
        lines = [f"{len(newest)} time{'s' if len(newest) > 1 else ''}: {counts}"]
        if telling.status in (*_OPEN, "failed"):
            lines += [f"{telling.key}: {_state(telling)}"]
    else:
        lines = [_state(telling)]
    lines += _more(telling)
    if last.run:
        earlier = len(steps) - len(newest)
        before = f"; before: {steps[earlier - 1].status}" if earlier else ""
        lines.append(f"replay {last.run}{before}")
    keys = {step.key for step in steps}
    lines += _messages([found for found in detail.messages if found.step in keys])
    return [safe(line, _LINE) for line in lines]


def _counts(steps: Iterable[StepInfo]) -> dict[str, int]:
    found: dict[str, int] = {}
    for step in steps:
        found[step.status] = found.get(step.status, 0) + 1
    return found


def _state(step: StepInfo) -> str:
    told = [step.status + _for_what(step)]
    if step.completed_at is not None:
        told[0] += f" {_clock(step.completed_at)}{_took(step)}"
    elif step.started_at is not None:
        told.append(f"since {_clock(step.started_at)}")
    if step.attempts > 1:
        told.append(f"{step.attempts} attempts")
    if step.branch:
        told.append(f"by {step.branch}")
    return ", ".join(told)


def _for_what(step: StepInfo) -> str:
    if step.status != "waiting":
        return ""
    if step.waits_for is not None:
        return f" for execution {step.waits_for[:_ID_CHARS]}"
    until = "" if step.resume_at is None else f" until {_clock(step.resume_at)}"
    if step.events:
        return f" for {_either(step.events)}{until}"
    if step.type == "loop":
        output = step.output or {}
        return f" for its body, {output.get('ended', 0)} of {output.get('total', '?')} done"
    if step.error is not None:
        return f" for attempt {step.attempts + 1}{until}"
    return until


def _more(step: StepInfo) -> list[str]:
    lines = []
    if step.error:
        lines.append(f"error: {step.error[:_ERROR]}")
    if step.job_id and step.status in (*_OPEN, "failed"):
        lines.append(f"job: {step.job_id}")
    if step.output and step.status not in _OPEN and step.type not in _TOLD_BY_BRANCH:
        lines.append(f"output: {short(step.output)}")
    return lines


def _messages(messages: Sequence[StepMessage]) -> list[str]:
    lines = [_message(found) for found in messages[-_MOST_MESSAGES:]]
    if (left := len(messages) - len(lines)) > 0:
        lines.insert(0, f"{left} earlier messages; --json has all")
    return lines


def _message(message: StepMessage) -> str:
    told = [message.status]
    if message.delivery_status and message.delivery_status != message.status:
        told.append(message.delivery_status)
    if message.copies:
        told.append("possible duplicate")
    if message.error and message.status != "sent":
        told.append(message.error[:_ERROR])
    what = f"{message.channel} {message.id[:_ID_CHARS]} to {message.to}"
    return f"{what}: {', '.join(told)}"


def _took(step: StepInfo) -> str:
    began = step.started_at or step.created_at
    if step.completed_at is None or step.completed_at - began < timedelta(seconds=1):
        return ""
    return f" after {words((step.completed_at - began).total_seconds())}"


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _either(events: Sequence[str]) -> str:
    return " or ".join(events)


def short(values: Mapping[str, Any], limit: int = _VALUE) -> str:
    """Values as JSON on one line."""
    return safe(json.dumps(values, ensure_ascii=False, sort_keys=True), limit)
