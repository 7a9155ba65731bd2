"""The validator over eleven real definitions and over broken ones."""

import json
from pathlib import Path

import pytest

from processors.workflow.definition import Graph
from processors.workflow.validator import find_cycle, validate

WORKFLOWS = Path(__file__).parent / "definitions"

# What each definition is known to have wrong: a part of the message, at a place.
KNOWN = {
    "01": [("action_1", "names no actionType"), ("parallel_1", "'parallel' are not supported")],
    "02": [("loop_1", "a cycle: loop_1 → condition_1 → action_4 → loop_1"),
           ("loop_1", "'loop' are not supported")],
    "03": [("action_1", "'create_task' is not supported")],
    "05": [("condition_1", "several edges leave by 'true'"),
           ("action_2", "'create_task' is not supported")],
    "06": [],
    "09": [("3", "has a label and no settings"), ("2", "names no actionType")],
    "10": [("e3-4", "must name its branch"), ("3", "has a label and no settings")],
    "12": [("loop_leads", "'loop' are not supported"),
           ("agent_generate", "'ai_agent_generate_content' is not supported")],
    "15": [],
    "16": [],
    "17": [],
}  # fmt: skip


def load(number: str) -> dict:
    [path] = WORKFLOWS.glob(f"{number}-*.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize("number", KNOWN)
def test_real_definitions(number):
    definition = load(number)
    problems = validate(definition["nodes"], definition["edges"])
    for where, words in KNOWN[number]:
        assert any(p.where == where and words in p.message for p in problems), (words, problems)
    if not KNOWN[number]:
        assert problems == []


def test_all_eleven_are_covered():
    assert {path.name[:2] for path in WORKFLOWS.glob("*.json")} == set(KNOWN)


@pytest.mark.parametrize(
    ("nodes", "edges", "words"),
    [
        ([], [], "there are no nodes"),
        ([{"id": "a", "type": "action", "data": {}}], [], "there is no trigger node"),
        ([{"type": "trigger"}], [], "node number 1: has no id"),
        (["x", None, 5], [None], "edge number 1: has no source"),
        ([{"id": "t", "type": "trigger"}] * 2, [], "several nodes have this id"),
        ([{"id": "t", "type": "trigger"}], [{"id": "e", "source": "t", "target": "x"}],
         "its target 'x' does not exist"),
        ([{"id": "t", "type": "trigger"}, {"id": "b", "type": "wait"}], [],
         "no path from a trigger leads here"),
        ([{"id": "x" * 300, "type": "trigger"}], [], "1 to 200 characters"),
        ([{"id": "a\nb", "type": "trigger"}], [], "none of them a control"),
        ([{"id": "a", "type": "trigger", "data": {"config": {"cron": "R 12 * * *"}}}], [],
         "a: cron: 'R 12 * * *': bad minute; allowed: five fields"),
        ([{"id": "a", "type": "trigger", "data": {"cronExpression": "@daily"}}], [],
         "cronExpression: '@daily' is not five fields"),
    ],
)  # fmt: skip
def test_broken_definitions(nodes, edges, words):
    assert any(words in str(problem) for problem in validate(nodes, edges))


def test_a_self_loop_and_a_long_chain():
    graph = Graph.read([{"id": "a"}], [{"source": "a", "target": "a"}])
    assert find_cycle(graph) == ["a", "a"]
    nodes = [{"id": str(i)} for i in range(5_000)]
    edges = [{"source": str(i), "target": str(i + 1)} for i in range(4_999)]
    assert find_cycle(Graph.read(nodes, edges)) == []


@pytest.mark.parametrize(
    "edge",
    [
        {"sourceHandle": "true"},
        {"data": {"branch": "true"}},
        {"sourceHandle": "Yes"},
        {"sourceHandle": None, "data": {"branch": True}},
    ],
)
def test_both_branch_encodings(edge):
    graph = Graph.read(
        [{"id": "c", "type": "condition"}, {"id": "x"}], [{"source": "c", "target": "x", **edge}]
    )
    assert graph.successors("c", branch="true") == ["x"]
    assert graph.successors("c", branch="false") == []


@pytest.mark.parametrize(
    ("kind", "data", "words"),
    [
        ("send_sms", {"message": "Hi {{ }} {{firstName"},
         ["message: {{}} is not a variable; allowed: {{a.b}}",
          "message: {{firstName}} is not closed by '}}'"]),
        ("send_email", {"subject": "{{#if vip}}Hi", "html": "<b>{{lead.first name}}</b>"},
         ["subject: {{#if vip}} is not a variable", "html: {{lead.first name}} is not a variable"]),
        ("send_email", {"subject": "x", "template_data": {"who": {"name": "{{lead..x}}"}}},
         ["template_data.who.name: {{lead..x}} is not a variable"]),
        ("send_whatsapp", {"message": "Hi", "to": ["{{coach.phone}}", "{{coach.phone | upper}}"]},
         ["to[1]: {{coach.phone}} is not a variable"]),
        ("add_tag", {"tag": "{{1+1}}"}, ["tag: {{1+1}} is not a variable"]),
        ("update_lead", {"updates": {"source": "{{x"}}, ["updates.source: {{x}} is not closed"]),
        ("wait", {"duration": "{{ }}", "unit": "days"}, ["duration: {{}} is not a variable"]),
        ("condition", {"field": "lead.score", "operator": "equals", "value": "{{a-{b}}"},
         ["value: {{a-{b}} is not a variable"]),
        ("send_sms", {"message": 'Hi {{lead.first_name | default: "you"}}, {class_name} }} {x}'},
         []),
        ("send_sms", {"message": "{{Zoë.vorname}} {{lead.tags[0]}} {{ leadScore }}"}, []),
    ],
)  # fmt: skip
def test_a_text_whose_variable_can_never_be_filled_in_is_named(kind, data, words):
    acts = kind not in ("wait", "condition")
    node = {
        "id": "n", "type": "action" if acts else kind,
        "data": ({"actionType": kind} if acts else {}) | {"config": data},
    }  # fmt: skip
    nodes = [{"id": "t", "type": "trigger", "data": {}}, node]
    problems = validate(nodes, [{"id": "e", "source": "t", "target": "n"}])
    told = [str(problem) for problem in problems if "{{" in problem.message]
    assert len(told) == len(words), told
    for line, part in zip(told, words, strict=True):
        assert line.startswith(f"n: {part}")


def test_a_triggers_condition_is_looked_at_too():
    condition = {"field": "lead.score", "operator": "equals", "value": "{{ }}"}
    trigger = {"id": "t", "type": "trigger", "data": {"config": {"conditions": [condition]}}}
    assert [str(problem) for problem in validate([trigger], [])] == [
        "t: conditions[0].value: {{}} is not a variable; allowed: {{a.b}}"
    ]
