"""Nodes that lead the flow: loops, switches, splits, merges, goals, sub-workflows, ends, notes."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from processors.workflow.definition.conditions import read_condition
from processors.workflow.definition.fields import Fields, brief
from processors.workflow.definition.filters import read_filter
from processors.workflow.definition.waits import read_events
from processors.workflow.nodes import (
    GoalSettings,
    LoopSettings,
    MergeSettings,
    NoteSettings,
    ParallelSettings,
    Settings,
    SplitSettings,
    StopSettings,
    SubWorkflowSettings,
    SwitchSettings,
)

DEFAULT_CASE = "default"
_LOOPS = {
    **dict.fromkeys(("list", "array", "items"), "list"),
    **dict.fromkeys(("range", "count", "times"), "range"),
    **dict.fromkeys(("query", "records"), "query"),
}
_CASES = {
    **dict.fromkeys(("exact", "equals", "value"), "exact"),
    "range": "range",
    **dict.fromkeys(("pattern", "regex"), "pattern"),
    "condition": "condition",
    DEFAULT_CASE: DEFAULT_CASE,
}
_MERGES = {
    **dict.fromkeys(("all", "wait_all", "wait_for_all"), "all"),
    **dict.fromkeys(("any", "first", "race", "wait_any"), "any"),
    **dict.fromkeys(("count", "n", "some"), "count"),
}
_ENDS = {
    **dict.fromkeys(("completed", "complete", "success"), "completed"),
    **dict.fromkeys(("failed", "failure", "error"), "failed"),
    **dict.fromkeys(("cancelled", "canceled"), "cancelled"),
}


def read_loop(fields: Fields) -> Settings | None:
    """A loop over a list, a range or records."""
    kind = fields.choice(_LOOPS, "kind", "source", "loopType", "loop_type", "type")
    items = fields.take("items", "arrayPath", "array_path", "array", "list", "collection")
    query = fields.object("query")
    stop = fields.take("stop", "end", "to", "count", "times", "iterations")
    maximum = fields.whole("maxIterations", "max_iterations", "maximum", "limit")
    values: dict[str, Any] = {
        "items": _items(items, fields),
        "query": query,
        "stop": stop,
        "start": fields.whole("start", "from"),
        "step": fields.whole("step"),
        "item": fields.text("item", "itemVariable", "item_variable", "itemName"),
        "index": fields.text("index", "indexVariable", "index_variable", "indexName"),
        "maximum": maximum,
        "is_parallel": fields.flag("isParallel", "is_parallel", "parallel"),
    }
    break_when = fields.object("breakCondition", "break_condition", "breakWhen", "break_when")
    if break_when is not None:
        values["break_when"] = read_condition(
            Fields(break_when, fields.where, fields.findings, "breakCondition.")
        )
    given = [name for name, value in (("list", items), ("range", stop), ("query", query))
             if value is not None]  # fmt: skip
    if not given and kind in (None, "range") and maximum is not None:
        # Of old: a loop that counts, until its condition breaks it.
        values["stop"], given = maximum, ["range"]
        fields.warn(f"it names nothing to go through; it runs up to {maximum} times")
    if len(given) != 1 or (kind or given[0]) != given[0]:
        fields.refuse("a loop needs exactly one of items (a list), stop (a range) and query")
        return None
    return build(LoopSettings, values | {"kind": given[0]}, fields)


def _items(items: Any, fields: Fields) -> str | tuple[Any, ...] | None:
    """A list, or the variable that is one, by its path."""
    if isinstance(items, list):
        return tuple(items)
    if items is None or isinstance(items, str):
        return items
    fields.refuse(f"items is {brief(items)}; allowed: a list, or the name of a variable")
    return None


def read_switch(fields: Fields) -> Settings | None:
    """A switch: its cases in the order in which they are tried."""
    name = fields.text("field", "expression", "variable", "switchOn")
    cases = [_case(entry, n, fields) for n, entry in enumerate(fields.objects("cases", "branches"))]
    if fields.flag("hasDefault", "default", "defaultCase", "default_case"):
        cases.append({"branch": DEFAULT_CASE, "kind": DEFAULT_CASE})
    if not cases:
        fields.refuse("a switch needs cases")
        return None
    branches = [case["branch"] for case in cases]
    for branch in dict.fromkeys(branches):
        if branches.count(branch) > 1:
            fields.refuse(f"two cases leave by {branch[:40]!r}")
    if name is None and any(case["kind"] in ("exact", "range", "pattern") for case in cases):
        fields.refuse("a switch that compares a value needs a field")
    if any(case["kind"] == DEFAULT_CASE for case in cases[:-1]):
        fields.refuse("the default case must be the last one: those after it never fit")
    return build(SwitchSettings, {"field": name, "cases": tuple(cases)}, fields)


def _case(entry: Mapping[str, Any], number: int, fields: Fields) -> dict[str, Any]:
    inner = Fields(entry, fields.where, fields.findings, f"cases[{number}].")
    branch = inner.text("branch", "handle", "id", "name") or f"case-{number}"
    kind = inner.choice(_CASES, "kind", "type", "matchType")
    value = inner.take("value", "pattern", "match")
    low, high = inner.take("minimum", "min", "from"), inner.take("maximum", "max", "to")
    condition = inner.object("condition")
    inner.rest("label", "color", "colour", "description")
    inner.finish()
    if condition is not None:
        read_condition(Fields(condition, fields.where, fields.findings, inner.path))
    needs = {
        "exact": value is not None, "pattern": isinstance(value, str),
        "range": low is not None or high is not None, "condition": condition is not None,
    }  # fmt: skip
    kind = kind or next((name for name in ("exact", "range", "condition") if needs[name]), "exact")
    if not needs.get(kind, True):
        missing = {"range": "minimum or maximum", "condition": "condition"}.get(kind, "value")
        inner.refuse(f"a case of kind {kind} needs a {missing}")
    return {"branch": branch[:200], "kind": kind, "value": value, "minimum": low, "maximum": high,
            "condition": condition}  # fmt: skip


def read_split(fields: Fields) -> Settings | None:
    """A split test: its ways with their weights."""
    variants: list[dict[str, Any]] = []
    percentages: list[float] = []
    for number, entry in enumerate(fields.objects("variants", "branches", "splits", "paths")):
        inner = Fields(entry, fields.where, fields.findings, f"variants[{number}].")
        branch = inner.text("branch", "handle", "id", "name") or f"variant-{number}"
        percentage = inner.number("percentage", "percent")
        weight = inner.number("weight")
        inner.rest("label", "color", "colour", "description")
        inner.finish()
        if percentage is not None:
            percentages.append(percentage)
        chosen = percentage if weight is None else weight
        if chosen is not None and chosen <= 0:
            inner.refuse(f"the weight is {chosen:g}; allowed: more than 0")
            continue
        variants.append({"branch": branch[:200]} | ({} if chosen is None else {"weight": chosen}))
    if percentages and (len(percentages) < len(variants) or abs(sum(percentages) - 100) > 0.01):
        fields.refuse(f"the percentages of the variants are {sum(percentages):g} together, not 100")
    if len(variants) < 2:
        fields.refuse("a split test needs two variants or more")
        return None
    branches = [variant["branch"] for variant in variants]
    if len(set(branches)) < len(branches):
        fields.refuse("two variants have one name")
    return build(SplitSettings, {"variants": tuple(variants)}, fields)


def read_parallel(fields: Fields) -> Settings:
    """A fan-out. How many branches a later join waits for is read there, see `joins`."""
    fields.rest("branches", "waitForAll", "wait_for_all")
    return ParallelSettings()


def read_merge(fields: Fields) -> Settings | None:
    """What a merge waits for."""
    mode = fields.choice(_MERGES, "mode", "mergeMode", "strategy", "mergeType", "type")
    count = fields.whole("count", "required", "n")
    wait_for_all = fields.flag("waitForAll", "wait_for_all")
    if wait_for_all is not None:
        told = "all" if wait_for_all else "any"
        if mode not in (None, told):
            fields.refuse("mode and waitForAll say different things")
        mode = told
    mode = mode or ("count" if count is not None else "all")
    if (mode == "count") is not (count is not None):
        fields.refuse("a count belongs to the mode count, and that to a count")
        return None
    return build(MergeSettings, {"mode": mode, "count": count}, fields)


def read_goal(fields: Fields) -> Settings | None:
    """A goal, met by an event or by a condition."""
    events = read_events(fields, "events", "event", "goalEvent", "eventType")
    given = fields.object("filter")
    condition = read_condition(fields)
    found: dict[str, Any] = {}
    if given is not None:
        inner = Fields(given, fields.where, fields.findings, "filter.")
        found = read_filter(inner)
        inner.finish()
    if not events and condition is None:
        fields.refuse("a goal needs events or a condition")
        return None
    return build(GoalSettings, {"events": events, "filter": found, "condition": condition}, fields)


def read_sub_workflow(fields: Fields) -> Settings | None:
    """Which workflow is started, and whether its result is waited for."""
    workflow_id = fields.text("workflowId", "workflow_id", "workflow", "subWorkflowId")
    awaited = fields.flag("waitForCompletion", "wait_for_completion", "isAwaited", "is_awaited")
    data = fields.object("data", "input", "inputData", "variables")
    if workflow_id is None:
        fields.refuse("it names no workflow; allowed: workflowId")
        return None
    values = {"workflow_id": workflow_id, "is_awaited": awaited, "data": data}
    return build(SubWorkflowSettings, values, fields)


def read_stop(fields: Fields) -> Settings | None:
    """How an execution ends here."""
    status = fields.choice(_ENDS, "status", "endStatus", "result")
    reason = fields.text("reason", "message")
    return build(StopSettings, {"status": status, "reason": reason}, fields)


def read_note(fields: Fields) -> Settings:
    """A note: whatever it holds is for people."""
    left = fields.everything()
    text = next(
        (left[key] for key in ("text", "content", "note") if isinstance(left.get(key), str)), ""
    )
    return NoteSettings(text=text)


def build(model: type[Settings], values: Mapping[str, Any], fields: Fields) -> Settings | None:
    """The settings; what does not fit is a problem. What was not said keeps its default."""
    try:
        return model.model_validate({k: v for k, v in values.items() if v is not None})
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False):
            where = ".".join(
                str(part) for part in problem["loc"] if not str(part).startswith("function")
            )
            fields.refuse(f"{where} is {brief(problem['input'])}: {problem['msg']}")
        return None
