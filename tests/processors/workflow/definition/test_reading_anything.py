"""Whatever JSON is read: problems, never an exception; and what is valid keeps its promises."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.workflow.definition.reading import read_workflow
from processors.workflow.definition.stored import ACTION_TYPES, TYPE_SYNONYMS
from processors.workflow.nodes import BRANCHES, NODE_TYPES

TYPES = [*NODE_TYPES, *TYPE_SYNONYMS, *ACTION_TYPES, "custom", "ai", ""]
KEYS = [
    "label", "config", "actionType", "waitType", "duration", "unit", "value", "field", "operator",
    "conditions", "logic", "conditionType", "activityType", "timeframe", "cases", "variants",
    "items", "query", "stop", "maxIterations", "breakCondition", "mode", "count", "waitForAll",
    "events", "event", "filter", "timeout", "until", "offset", "at", "days", "past", "onError",
    "retryConfig", "retry", "workflowId", "status", "tags", "source", "leadScore", "fields",
    "triggerType", "schedule", "cron", "every", "timezone", "reentry", "message", "to", "subject",
    "condition", "branch", "weight", "percentage", "type", "delay", "baseDelay", "loop", "AND",
]  # fmt: skip
HANDLES = [
    None,
    "true",
    "false",
    "body",
    "done",
    "event",
    "timeout",
    "error",
    "branch-0",
    "a",
    1,
    {},
]
WORDS = [
    "send_sms", "add_tag", "lead_created", "birthday_trigger", "scheduled_time", "equals",
    "gt", "days", "2 hours", "PT2H", "{{lead.name}}", "{{variables.x}}", "{{steps.a.output}}",
    "activity", "all", "any", "once", "list", "range", "exact", "continue", "edge",
    "2026-11-25", "09:00", "true",
]  # fmt: skip

leaf = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(WORDS) | st.just(10**400)
)  # fmt: skip
anything = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
ids = st.sampled_from("abcdef")
nodes = st.lists(
    st.fixed_dictionaries(
        {"id": ids, "type": st.sampled_from(TYPES)},
        optional={"data": st.dictionaries(st.sampled_from(KEYS), anything, max_size=5)},
    )
    | anything,
    max_size=6,
)
edges = st.lists(
    st.fixed_dictionaries(
        {"source": ids, "target": ids},
        optional={"sourceHandle": st.sampled_from(HANDLES), "id": ids, "data": anything},
    )
    | anything,
    max_size=8,
)
definitions = st.fixed_dictionaries(
    {"id": st.just("w"), "nodes": nodes | anything, "edges": edges | anything},
    optional={
        "trigger_type": anything,
        "settings": anything,
        "variables": anything,
        "trigger_config": anything,
        "name": anything,
    },
)
quick = settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@quick
@given(definitions | st.dictionaries(st.text(max_size=5), anything, max_size=4))
def test_no_json_makes_it_raise(raw):
    reading = read_workflow(raw)
    assert (reading.workflow is None) == bool(reading.problems)
    for problem in (*reading.problems, *reading.warnings):
        assert problem.message
        assert "Traceback" not in str(problem)


SETTINGS = {
    "trigger": {"triggerType": "lead_created"},
    "action": {"actionType": "add_tag", "tag": "x"},
    "condition": {"field": "score", "operator": "gt", "value": 5},
    "wait": {"duration": 1, "unit": "days"},
    "loop": {"items": [1, 2]},
    "parallel": {},
    "merge": {"mode": "any"},
}


@st.composite
def graphs(draw):
    kinds = ["trigger", *draw(st.lists(st.sampled_from([*SETTINGS][1:]), min_size=1, max_size=8))]
    nodes = [{"id": str(n), "type": kind, "data": SETTINGS[kind]} for n, kind in enumerate(kinds)]
    edges = []
    for number in range(1, len(kinds)):
        source = draw(st.integers(0, number - 1))
        edges.append((source, number))
    extra = draw(st.lists(st.tuples(*[st.integers(0, len(kinds) - 1)] * 2), max_size=4))
    handles = {"condition": ["true", "false"], "loop": ["body", "done"]}
    made = []
    for number, (source, target) in enumerate([*edges, *extra]):
        handle = draw(st.sampled_from(handles.get(kinds[source], [None])))
        made.append({"id": f"e{number}", "source": str(source), "target": str(target),
                     "sourceHandle": handle})  # fmt: skip
    return {"id": "w", "nodes": nodes, "edges": made}


@quick
@given(graphs())
def test_what_is_valid_keeps_its_promises(raw):
    workflow = read_workflow(raw).workflow
    if workflow is None:
        return
    after = {node_id: [e.target for e in workflow.edges if e.source == node_id]
             for node_id in workflow.nodes}  # fmt: skip
    order: list[str] = []
    left = {n: sum(e.target == n for e in workflow.edges) for n in workflow.nodes}
    while ready := [n for n, count in left.items() if count == 0]:
        order += ready
        for node_id in ready:
            del left[node_id]
            for target in after[node_id]:
                left[target] -= 1
    assert len(order) == len(workflow.nodes), "a circle"
    for edge in workflow.edges:
        kind = workflow.nodes[edge.source].type
        assert edge.branch is None or edge.branch in (*BRANCHES.get(kind, ()), "error")
    for edge in workflow.returns:
        assert edge.source in workflow.bodies[edge.target]
    for loop, body in workflow.bodies.items():
        for edge in workflow.edges:
            if edge.target in body:
                assert edge.source in body or (edge.source, edge.branch) == (loop, "body")
    assert_joins_are_exclusive(workflow)


def assert_joins_are_exclusive(workflow):
    """By running it: for every outcome of conditions, a plain node is entered at most once."""
    conditions = [n for n, node in workflow.nodes.items() if node.type == "condition"]
    for outcome in range(2 ** min(len(conditions), 6)):
        taken = {n: "true" if outcome >> i & 1 else "false" for i, n in enumerate(conditions)}
        passed = set()
        reached = [n for n, node in workflow.nodes.items() if node.type == "trigger"]
        seen = set(reached)
        for node_id in reached:
            for edge in workflow.edges:
                is_taken = edge.branch in (None, taken.get(node_id), "body", "done")
                if edge.source != node_id or not is_taken:
                    continue
                passed.add(edge)
                if edge.target not in seen:
                    seen.add(edge.target)
                    reached.append(edge.target)
        for node_id, node in workflow.nodes.items():
            if node.type != "merge":
                assert len([e for e in passed if e.target == node_id]) <= 1, (node_id, workflow)
