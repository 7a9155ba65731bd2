"""An execution in text: the picture of its graph, and what a replay of it would do."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from processors.workflow.definition.tree import tree
from processors.workflow.execution.board import OPEN
from processors.workflow.execution.replaying import Replay
from processors.workflow.execution.views import (
    ExecutionDetail,
    ExecutionInfo,
    StepInfo,
    StepMessage,
)
from runtime.sanitize.durations import words
from runtime.sanitize.text import safe

_LINE = 500
_ERROR = 300
_VALUE = 100
_MOST_MESSAGES = 5
_MOST_RESENT = 50
_ID_CHARS = 8
# What a branch says already.
_TOLD_BY_BRANCH = ("trigger", "condition", "switch", "split", "parallel", "merge")


def head(detail: ExecutionDetail) -> list[str]:
    """Whose execution it is, how it stands, and the values that it goes by."""
    info = detail.execution
    parent = f"step {info.parent_step or '-'} of execution {info.parent_id}"
    values = {
        "execution": info.id,
        "org": info.org,
        "workflow": f"{info.workflow_name} ({info.workflow_id}), version {info.version}",
        "contact": info.contact_id or "",
        "status": _whole(info),
        "started": f"{_clock(info.started_at)} by {info.trigger_type}",
        "ended": _clock(info.completed_at) if info.completed_at else "",
        "ends at": "" if info.completed_at else _either(detail.stop_on),
        "parent": parent if info.parent_id else "",
        "replays": str(info.run) if info.run else "",
        "event": short(detail.trigger_data, _LINE) if detail.trigger_data else "",
        "variables": short(detail.variables, _LINE) if detail.variables else "",
        "definition": f"cannot be read any more: {detail.problem}" if detail.problem else "",
    }
    lines = [f"{name:<11} {safe(value, _LINE)}" for name, value in values.items() if value]
    return lines + [
        f"{'child':<11} {child.id[:_ID_CHARS]} {safe(child.workflow_id, 100)}: {child.status}"
        for child in detail.children
    ]


def _whole(info: ExecutionInfo) -> str:
    told = info.status
    if info.is_held:
        told = f"{told}, held: its workflow is paused"
    if info.status == "queued":
        told = f"{told}: it waits for room under a limit"
    if info.error and info.error.startswith(told):
        return info.error
    return f"{told}: {info.error}" if info.error else told


def plan_lines(plan: Replay, *, is_done: bool, sends_again: bool) -> list[str]:
    """What a replay does, or would do."""
    began = "runs again" if is_done else "would run again"
    held = "; it is held: its workflow is paused" if plan.is_held else ""
    lines = [f"execution {plan.execution_id} {began} from {plan.step}{held}"]
    lines += _named("steps that run again", plan.runs)
    lines += _named("of these, calls outside made again", plan.calls)
    if sends_again:
        lines += _named("steps that send or start again", plan.keeps)
    else:
        lines += _named("steps that keep their outcome", plan.keeps)
    count = len(plan.sends)
    messages = "1 message" if count == 1 else f"{count} messages"
    if sends_again:
        lines.append(f"sent again: {messages if count else 'nothing'}")
    else:
        lines.append("sent again: nothing" + (f"; by --send-again {messages}" if count else ""))
    if not is_done or sends_again:
        lines += [
            f"  {found.step or '-'}: {_message(found)}" for found in plan.sends[:_MOST_RESENT]
        ]
        if count > _MOST_RESENT:
            lines.append(f"  and {count - _MOST_RESENT} more; --json has all")
    if plan.refused is not None and not sends_again:
        lines.append(f"refused without --send-again: {plan.refused}")
    return [safe(line, _LINE) for line in lines]


def _named(what: str, keys: Sequence[str]) -> list[str]:
    return [f"{what}: {', '.join(keys)}"] if keys else []


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
        if telling.status in (*OPEN, "failed"):
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
    if step.job_id and step.status in (*OPEN, "failed"):
        lines.append(f"job: {step.job_id}")
    if step.output and step.status not in OPEN and step.type not in _TOLD_BY_BRANCH:
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
