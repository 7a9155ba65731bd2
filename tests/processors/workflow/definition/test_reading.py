"""Reading over eleven real definitions and over broken ones; how what is left unsaid is read."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from processors.workflow.definition.reading import Reading, read_workflow
from processors.workflow.durations import duration
from processors.workflow.nodes import EventWait, OnError, Workflow
from tests.processors.shapes import edge, node

DEFINITIONS = Path(__file__).parents[1] / "definitions"
TRIGGER = node("t", "trigger", triggerType="lead_created")


def load(number: str) -> dict[str, Any]:
    [path] = DEFINITIONS.glob(f"{number}-*.json")
    return json.loads(path.read_text())


def action(node_id: str, name: str = "add_tag", **config: Any) -> dict[str, Any]:
    return node(node_id, "action", actionType=name, config=config or {"tag": node_id})


def read(*nodes: dict[str, Any], edges: list[dict[str, Any]], **fields: Any) -> Reading:
    return read_workflow({"id": "w", "nodes": [TRIGGER, *nodes], "edges": edges, **fields})


def valid(*nodes: dict[str, Any], edges: list[dict[str, Any]], **fields: Any) -> Workflow:
    reading = read(*nodes, edges=edges, **fields)
    assert reading.problems == ()
    assert reading.workflow is not None
    return reading.workflow


# What each definition is known to have wrong: a part of the message, at a place.
REFUSED = {
    "01": [("action_1", "names no actionType"), ("", "no event starts it")],
    "02": [("action_2", "names no actionType"), ("", "no event starts it")],
    "03": [("action_3", "names no actionType"), ("trigger_1", "'threshold' is not understood")],
    "09": [("3", "has a label and no settings"), ("2", "names no actionType")],
    "10": [("e3-4", "must name its branch"), ("3", "has a label and no settings")],
    "12": [("agent_generate", "'ai_agent_generate_content' is not supported"),
           ("send_email", "{{variables.sender_email}}: nothing defines the variable"),
           ("send_email", "{{loop_leads.current.email}}: a loop's item is {{loop.item}}")],
}  # fmt: skip
WARNED = {
    "05": [("condition_1", "several edges leave by 'true'; all of them will run")],
    "06": [("condition_1", "it is read as a wait for it, until the time frame is over")],
    "15": [],
    "16": [],
    "17": [],
}


@pytest.mark.parametrize("number", REFUSED)
def test_definitions_that_are_refused(number):
    reading = read_workflow(load(number))
    assert reading.workflow is None
    for where, words in REFUSED[number]:
        assert any(p.where == where and words in p.message for p in reading.problems), words


@pytest.mark.parametrize("number", WARNED)
def test_definitions_that_are_imported(number):
    reading = read_workflow(load(number))
    assert reading.problems == ()
    assert len(reading.warnings) == len(WARNED[number])
    for (where, words), warning in zip(WARNED[number], reading.warnings, strict=True):
        assert warning.where == where
        assert words in warning.message


def test_all_eleven_are_covered():
    assert {path.name[:2] for path in DEFINITIONS.glob("*.json")} == {*REFUSED, *WARNED}


def test_a_reply_after_a_message_is_a_wait():
    workflow = read_workflow(load("06")).workflow
    wait = workflow.nodes["condition_1"].settings.wait
    assert wait == EventWait(events=("sms_reply",), timeout={"value": 4, "unit": "hours"})
    branches = {e.branch: e.target for e in workflow.edges if e.source == "condition_1"}
    assert branches == {"event": "action_2", "timeout": "action_3"}


def asks(**config: Any) -> dict[str, Any]:
    frame = {"value": 4, "unit": "hours"}
    return node("c", "condition", config={"conditionType": "activity", "activityType": "sms_reply",
                                          "timeframe": frame, **config})  # fmt: skip


@pytest.mark.parametrize(
    ("before", "config", "kind", "branches"),
    [
        (action("m", "send_sms", message="Hi"), {}, "wait", {"event": "y", "timeout": "n"}),
        (action("m", "send_sms", message="Hi"), {"operator": "not_within"}, "wait",
         {"timeout": "y", "event": "n"}),
        (node("m", "wait", duration=1, unit="days"), {}, "condition", {"true": "y", "false": "n"}),
        (action("m"), {}, "condition", {"true": "y", "false": "n"}),
    ],
)  # fmt: skip
def test_only_what_stands_behind_a_message_waits(before, config, kind, branches):
    edges = [edge("t", "m"), edge("m", "c"), edge("c", "y", "true"), edge("c", "n", "false")]
    workflow = valid(before, asks(**config), action("y"), action("n"), edges=edges)
    assert workflow.nodes["c"].type == kind
    assert {e.branch: e.target for e in workflow.edges if e.source == "c"} == branches


@pytest.mark.parametrize(
    ("nodes", "edges", "words"),
    [
        ([], [], "there are no nodes"),
        ([{"id": "a", "type": "action", "data": {}}], [], "there is no trigger node"),
        ([{"type": "trigger"}], [], "node number 1: has no id"),
        (["x", None, 5], [None], "edge number 1: has no source"),
        ([TRIGGER] * 2, [], "t: several nodes have this id"),
        ([TRIGGER], [edge("t", "x")], "t-x: its target 'x' does not exist"),
        ([TRIGGER, node("b", "wait")], [], "b: no path from a trigger leads here"),
        ([{"id": "x" * 300, "type": "trigger"}], [], "1 to 200 characters"),
        ([{"id": "a\nb", "type": "trigger"}], [], "none of them a control"),
        ([{"id": "t", "type": "trigger", "next": "a"}], [], "the field 'next' of the node"),
        ([TRIGGER, action("a")], [edge("t", "a") | {"hue": 2}], "the field 'hue' of the edge"),
        ([TRIGGER, action("a")], [edge("t", "a"), edge("a", "t")], "a-t: it leads to a trigger"),
        ([TRIGGER, action("a"), action("b")], [edge("t", "a"), edge("a", "b"), edge("b", "a")],
         "a: a cycle: a → b → a; steps that repeat belong into the body of a loop node"),
        ([TRIGGER, action("a", "dance")], [edge("t", "a")], "a: the action 'dance' is not"),
        ([TRIGGER, node("a", "teleport")], [edge("t", "a")], "nodes of type 'teleport' are not"),
        ([TRIGGER, node("l", "loop", items=[1])], [edge("t", "l")], "l: the loop has no body"),
        ([TRIGGER, node("c", "condition", field="a", operator="is_set")], [edge("t", "c")],
         "c: no edge leaves the condition"),
        ([TRIGGER, node("m", "merge", count=3), action("a"), action("b")],
         [edge("t", "a"), edge("t", "b"), edge("a", "m"), edge("b", "m")],
         "m: it waits for 3 branches, and 2 lead to it"),
        ([TRIGGER, node("s", "sub_workflow", workflowId="w")], [edge("t", "s")],
         "s: it starts the workflow that it belongs to"),
        ([TRIGGER, node("s", "stop"), action("a")], [edge("t", "s"), edge("s", "a")],
         "s: an edge leaves it, and nothing runs after an end"),
    ],
)  # fmt: skip
def test_broken_graphs(nodes, edges, words):
    reading = read_workflow({"id": "w", "nodes": nodes, "edges": edges})
    assert any(words in str(problem) for problem in reading.problems), reading.problems


NODES = {
    "no end": (node("x", "wait", waitType="event", event="sms_reply"), "the wait has no end"),
    "no event": (node("x", "wait", waitType="event", timeout="2 days"), "names no event"),
    "misspelt event": (node("x", "wait", event="payment_fialed", timeout="1 day"),
                       "did you mean payment_failed"),
    "wait kind": (node("x", "wait", waitType="full_moon"), "a wait of type 'full_moon'"),
    "unit": (node("x", "wait", duration=3, unit="moons"), "the wait's unit is 'moons'"),
    "time of day": (node("x", "wait", waitType="time_of_day", at="9 o'clock"), "a time of day"),
    "day": (node("x", "wait", waitType="time_of_day", at="9:00", days=["someday"]),
            "days: 'someday'; allowed: monday"),
    "setting": (node("x", "wait", duration=3, unit="days", jitter=1), "'jitter' is not understood"),
    "percentages": (node("x", "split", variants=[{"name": "a", "percentage": 60},
                                                 {"name": "b", "percentage": 60}]),
                    "the percentages of the variants are 120 together, not 100"),
    "one variant": (node("x", "split", variants=[{"name": "a"}]), "two variants or more"),
    "weight": (node("x", "split", variants=[{"name": "a", "weight": 0}, {"name": "b"}]),
               "the weight is 0; allowed: more than 0"),
    "cases": (node("x", "switch", field="status"), "a switch needs cases"),
    "same case": (node("x", "switch", field="a", cases=[{"id": "k", "value": 1}] * 2),
                  "two cases leave by 'k'"),
    "default first": (node("x", "switch", field="a", cases=[{"type": "default"}, {"value": 1}]),
                      "the default case must be the last one"),
    "loop over nothing": (node("x", "loop"), "exactly one of items"),
    "loop kind": (node("x", "loop", source="galaxy", items=[1]), "source is 'galaxy'; allowed"),
    "too many": (node("x", "loop", items=[1], maxIterations=5_000), "maximum is 5000"),
    "merge count": (node("x", "merge", mode="count"), "a count belongs to the mode count"),
    "goal": (node("x", "goal"), "a goal needs events or a condition"),
    "sub-workflow": (node("x", "sub_workflow"), "it names no workflow"),
    "stop": (node("x", "stop", status="exploded"), "status is 'exploded'; allowed: completed"),
    "operator": (node("x", "condition", field="a", operator="like", value=1), "'like' is unknown"),
    "retry": (action("x", tag="a", retryConfig={"maxAttempts": 99}), "attempts is 99"),
    "on error": (action("x", tag="a", onError="ignore"), "onError is 'ignore'; allowed: stop"),
    "error edge": (action("x", tag="a", onError="edge"), "no edge leaves it by error"),
    "two words": (action("x", tag="a", onError="stop", continueOnError=True), "different things"),
    "variable": (action("x", tag="{{variables.nobody}}"), "nothing defines the variable nobody"),
    "step": (action("x", tag="{{steps.nobody.output.a}}"), "there is no node 'nobody'"),
    "later step": (action("x", tag="{{steps.x.output.a}}"), "does not come before this one"),
    "loop's": (action("x", tag="{{loop.item}}"), "this node is in no loop"),
    "misspelt root": (action("x", tag="{{contatc.firstName}}"), "did you mean contact?"),
    "deep": (action("x", tag=json.loads("[" * 60 + "]" * 60)), "nested too deep"),
    "number": (action("x", tag=10**400), "a number in its settings is too large"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "words"), NODES.values(), ids=NODES)
def test_broken_nodes(bad, words):
    reading = read(bad, edges=[edge("t", "x")])
    assert any(p.where == "x" and words in p.message for p in reading.problems), reading.problems


def test_all_problems_are_told_at_once():
    bad = [action("a", "dance"), node("b", "wait", duration=1, unit="moons"), action("c", tag="{{"),
           node("d", "teleport")]  # fmt: skip
    edges = [edge("t", "a"), edge("a", "b"), edge("b", "c"), edge("c", "nowhere")]
    places = {problem.where for problem in read(*bad, edges=edges).problems}
    assert places == {"a", "b", "c", "d", "c-nowhere"}


HANDLES = [
    ({"sourceHandle": "true"}, "true"), ({"data": {"branch": "true"}}, "true"),
    ({"sourceHandle": "Yes"}, "true"), ({"sourceHandle": None, "data": {"branch": True}}, "true"),
    ({"sourceHandle": "false"}, "false"), ({"data": {"condition": "no"}}, "false"),
]  # fmt: skip


@pytest.mark.parametrize(("handle", "branch"), HANDLES)
def test_both_branch_encodings(handle, branch):
    asked = node("c", "condition", field="score", operator="gt", value=1)
    edges = [edge("t", "c"), edge("c", "x") | handle]
    assert valid(asked, action("x"), edges=edges).edges[1].branch == branch


TYPES = [
    ({"type": "delay", "data": {"delay": {"type": "fixed", "value": 2, "unit": "hours"}}}, "wait"),
    ({"type": "action", "data": {"actionType": "wait_delay", "config": {"hours": 2}}}, "wait"),
    ({"type": "action", "data": {"actionType": "wait_for_reply", "timeout": "2 days"}}, "wait"),
    ({"type": "action", "data": {"actionType": "await_reply", "timeout": "2 days"}}, "wait"),
    ({"type": "wait", "data": {"config": {"baseDelay": {"value": 2, "unit": "days"}}}}, "wait"),
    ({"type": "wait", "data": {"waitType": "duration", "duration": "PT2H"}}, "wait"),
    ({"type": "wait", "data": {"until": "booking.starts_at", "offset": "-2 hours"}}, "wait"),
    ({"type": "wait", "data": {"duration": "2 h", "businessHoursOnly": True}}, "wait"),
    ({"type": "end", "data": {}}, "stop"),
    ({"type": "sticky-note", "data": {"text": "remember"}}, "note"),
    ({"type": "goal", "data": {"event": "payment_received"}}, "goal"),
    ({"type": "fork", "data": {}}, "parallel"),
    ({"type": "subWorkflow", "data": {"workflowId": "other"}}, "sub_workflow"),
    ({"type": "custom", "data": {"nodeType": "action", "actionType": "add_tag", "tag": "x"}},
     "action"),
]  # fmt: skip


@pytest.mark.parametrize(("stored", "kind"), TYPES)
def test_the_generations_names_are_one(stored, kind):
    assert valid({"id": "x", **stored}, edges=[edge("t", "x")]).nodes["x"].type == kind


def test_where_parallel_branches_meet_a_merge_is_put_in():
    nodes = [node("p", "parallel"), action("a"), action("b"), action("j")]
    edges = [edge("t", "p"), edge("p", "a", "branch-0"), edge("p", "b", "branch-1"),
             edge("a", "j"), edge("b", "j")]  # fmt: skip
    reading = read(*nodes, edges=edges)
    assert "branches of p meet here" in str(reading.warnings[0])
    workflow = reading.workflow
    assert workflow.nodes["j#merge"].settings.mode == "all"
    assert {e.source for e in workflow.edges if e.target == "j#merge"} == {"a", "b"}
    assert [e.source for e in workflow.edges if e.target == "j"] == ["j#merge"]


def test_the_first_branch_goes_on_where_the_fan_out_does_not_wait_for_all():
    nodes = [node("p", "parallel", waitForAll=False), action("a"), action("b"), action("j")]
    edges = [edge("t", "p"), edge("p", "a"), edge("p", "b"), edge("a", "j"), edge("b", "j")]
    assert valid(*nodes, edges=edges).nodes["j#merge"].settings.mode == "any"


def test_where_only_one_branch_can_arrive_nothing_is_put_in():
    asked = node("c", "condition", field="score", operator="gt", value=1)
    nodes = [asked, action("a"), action("b"), action("j"), node("m", "merge", mode="any")]
    edges = [edge("t", "c"), edge("c", "a", "true"), edge("c", "b", "false"), edge("a", "j"),
             edge("b", "j"), edge("j", "m")]  # fmt: skip
    assert set(valid(*nodes, edges=edges).nodes) == {"t", "c", "a", "b", "j", "m"}


def looped(*, returns: bool) -> tuple[list[Any], list[Any]]:
    asked = node("c", "condition", activityType="sms_reply", conditionType="activity")
    nodes = [node("l", "loop", maxIterations=3), node("w", "wait", days=2),
             action("sms", "send_sms", message="Hi"), asked, action("end")]  # fmt: skip
    edges = [edge("t", "l"), edge("l", "w", "loop-body"), edge("w", "sms"), edge("sms", "c"),
             edge("c", "l", "false"), edge("l", "end", "done")]  # fmt: skip
    return nodes, edges if returns else [e for e in edges if e["id"] != "c-l"]


def test_a_loop_keeps_what_leads_back_apart():
    nodes, edges = looped(returns=True)
    workflow = valid(*nodes, edges=edges)
    assert [(e.source, e.target, e.branch) for e in workflow.returns] == [("c", "l", "false")]
    assert workflow.bodies == {"l": {"w", "sms", "c"}}
    assert workflow.nodes["l"].settings.stop == 3


def test_a_loops_ways_are_told_by_what_leads_back():
    nodes, edges = looped(returns=True)
    edges = [e | {"sourceHandle": None} if e["source"] == "l" else e for e in edges]
    reading = read(*nodes, edges=edges)
    branches = {e.target: e.branch for e in reading.workflow.edges if e.source == "l"}
    assert branches == {"w": "body", "end": "done"}
    assert sum("names no branch; read as" in str(w) for w in reading.warnings) == 2


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        (edge("end", "l"), "l: a cycle: l → end → l; only a path that leaves the loop by body"),
        (edge("t", "sms"), "t-sms: it leads into the body of the loop l from outside"),
        (edge("sms", "end"), "end: it is in the body of the loop l and after it"),
    ],
)
def test_a_loops_body_is_entered_and_left_by_its_loop(extra, words):
    nodes, edges = looped(returns=True)
    reading = read(*nodes, edges=[*edges, extra])
    assert any(words in str(problem) for problem in reading.problems), reading.problems


def test_a_loop_that_sends_without_a_wait_is_warned_of():
    nodes = [node("l", "loop", items="{{trigger.people}}"), action("s", "send_sms", message="Hi")]
    edges = [edge("t", "l"), edge("l", "s", "body")]
    assert [w.where for w in read(*nodes, edges=edges).warnings] == ["l"]
    waits = [*nodes, node("w", "wait", seconds=2)]
    assert read(*waits, edges=[*edges, edge("s", "w")]).warnings == ()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"reentry": "always"}, {"policy": "always"}),
        ({"reentry": {"policy": "once_per_period", "period": {"value": 30, "unit": "days"}}},
         {"policy": "once_per_period", "period_s": 2_592_000}),
        ({"reentry": {"period": "30 days", "by": "booking"}},
         {"policy": "once_per_period", "by": "booking"}),
        ({"allowReentry": False}, {"policy": "once"}),
        ({}, {"policy": "not_while_running", "by": "contact"}),
    ],
)  # fmt: skip
def test_reentry(settings, told):
    found = valid(action("a"), edges=[edge("t", "a")], settings=settings).settings.reentry
    assert told.items() <= found.model_dump().items()


def test_settings_of_a_workflow():
    workflow = valid(
        action("a"), action("b", tag="x", retry={"attempts": 1}, onError="continue"),
        edges=[edge("t", "a"), edge("a", "b")],
        settings={"priority": "high", "stopOn": ["sms_reply", "booking_created"],
                  "errorHandling": "stop", "retryPolicy": {"maxAttempts": 4, "backoffBase": 2000},
                  "maxConcurrentExecutions": 5},
        variables=[{"name": "days", "defaultValue": 3}, {"name": "gym", "required": True}],
    )  # fmt: skip
    assert workflow.settings.stop_on == ("sms_reply", "booking_confirmed")
    assert (workflow.settings.priority, workflow.settings.max_executions) == ("high", 5)
    assert workflow.variables == {"days": 3}
    first, second = workflow.nodes["a"], workflow.nodes["b"]
    assert (first.retry.attempts, first.retry.base_s) == (4, 2)
    assert (second.retry.attempts, second.on_error) == (1, OnError.CONTINUE)


def trigger(event: str, **config: Any) -> Any:
    nodes = [node("t", "trigger", triggerType=event, config=config), action("a")]
    reading = read_workflow({"id": "w", "nodes": nodes, "edges": [edge("t", "a")]})
    if reading.workflow is None:
        return str(reading.problems[0])
    return reading.workflow.nodes["t"].settings


def test_triggers_of_the_clock():
    assert trigger("scheduled", cron="0 9 * * 1").schedule.cron == "0 9 * * 1"
    assert (
        trigger("scheduled_time", every={"value": 2, "unit": "hours"}).schedule.interval_s == 7200
    )
    once = trigger("scheduled", schedule={"kind": "once", "at": "2026-12-01T09:00", "tz": "UTC"})
    assert (once.schedule.kind, once.schedule.timezone) == ("once", "UTC")
    assert trigger("birthday").date.model_dump() == {"kind": "birthday", "days": 0, "at": "09:00"}
    expiring = trigger("membership_expiring", days_before=7, at="8:30")
    assert (expiring.date.days, expiring.date.at) == (7, "08:30")
    assert trigger("membership_expiring").date is None
    assert trigger("days_since_last_visit", days=14).date.days == 14


@pytest.mark.parametrize(
    ("event", "config", "words"),
    [
        ("scheduled", {}, "a schedule needs exactly one of cron"),
        ("scheduled", {"cron": "R 12 * * *"}, "cron: 'R 12 * * *': bad minute"),
        ("scheduled", {"cron": "0 9 * * *", "every": 60}, "exactly one of cron"),
        ("scheduled", {"cron": "0 9 * * *", "tz": "Mars/Base"}, "no zone 'Mars/Base'"),
        ("scheduled", {"every": 5}, "every is 5 s; allowed: 60 s or more"),
        ("scheduled", {"at": "tomorrow"}, "at is 'tomorrow'; allowed: ISO 8601"),
        ("days_since_last_visit", {}, "names no days"),
        ("lead_created", {"threshold": 30}, "'threshold' is not understood"),
        ("lead_created", {"leadScore": {"min": 90, "max": 10}}, "min is larger than max"),
    ],
)
def test_triggers_that_are_refused(event, config, words):
    assert words in trigger(event, **config)


def test_a_long_chain_and_a_wide_fan():
    chain = [action(f"n{i}") for i in range(500)]
    edges = [edge("t", "n0"), *(edge(f"n{i}", f"n{i + 1}") for i in range(499))]
    assert len(valid(*chain, edges=edges).nodes) == 501
    fan = [edge("t", f"n{i}") for i in range(499)] + [edge(f"n{i}", "n499") for i in range(499)]
    assert "n499#merge" in valid(*chain, edges=fan).nodes


@pytest.mark.parametrize("name", ["wait_for_reply", "await_reply"])
@pytest.mark.parametrize(
    ("config", "events", "wait"),
    [
        ({"channel": "SMS", "timeout": "4 hours"}, ("sms_reply",), timedelta(hours=4)),
        ({"timeframe": {"value": 1, "unit": "days"}},
         ("sms_reply", "whatsapp_reply", "email_reply"), timedelta(days=1)),
    ],
)  # fmt: skip
def test_an_action_that_awaits_a_reply_is_a_wait(name, config, events, wait):
    asked = node("w", "action", actionType=name, config=config)
    settings = valid(asked, edges=[edge("t", "w")]).nodes["w"].settings
    assert settings.wait.events == events
    assert duration(settings.wait.timeout) == wait


@pytest.mark.parametrize("name", ["wait_for_reply", "await_reply"])
def test_a_reply_that_is_awaited_for_no_duration_is_refused(name):
    asked = node("w", "action", actionType=name, config={"timeout": "soon"})
    told = read(asked, edges=[edge("t", "w")]).problems
    assert any("'soon' is no duration" in str(problem) for problem in told)
