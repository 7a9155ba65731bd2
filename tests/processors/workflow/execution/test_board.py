"""Which nodes may run, by tables: joins, failures, loops; no database."""

import pytest

from processors.workflow.execution.board import Board, Step
from processors.workflow.execution.keys import step_key
from processors.workflow.execution.plan import Plan
from processors.workflow.nodes import OnError, Workflow
from tests.processors.workflow.execution.graphs import condition, graph, merge, node, tag, wait


def board_of(workflow: Workflow, states: str) -> Board:
    """Steps such as ``t c:true a! b?``: completed, by a branch, failed, open."""
    steps = []
    for number, word in enumerate(states.split()):
        name, _, branch = word.rstrip("!?~").partition(":")
        name, _, place = name.partition("@")
        path = tuple(int(part) for part in place.split(".")) if place else ()
        status = {"!": "failed", "?": "waiting", "~": "cancelled"}.get(word[-1], "completed")
        steps.append(Step(step_key(name, path), name, path, status, number, branch=branch or None))
    return Board(Plan(workflow), steps)


def ready(workflow: Workflow, states: str) -> list[str]:
    found = board_of(workflow, states).may_begin()
    return sorted(step_key(node_id, path) for node_id, path, _ in found)


DIAMOND = graph("t > a > m, t > b > m, m > z", merge("m"))
FORK = graph("t > c, c -true> a > m, c -false> b > m, m > z", condition("c", "score"), merge("m"))
RACE = graph("t > a > m, t > b > m, t > d > m, m > z", merge("m", "any"))
TWO_OF_THREE = graph("t > a > m, t > b > m, t > d > m, m > z", merge("m", "count", 2))


@pytest.mark.parametrize(
    ("workflow", "states", "expected"),
    [
        pytest.param(graph("t > a > b"), "", [], id="nothing has begun"),
        pytest.param(graph("t > a > b"), "t", ["a"], id="a line"),
        pytest.param(graph("t > a > b"), "t a?", [], id="a step is open"),
        pytest.param(graph("t > a > b"), "t a!", [], id="a failure stops its way"),
        pytest.param(graph("t > a > b", tag("a", on_error=OnError.CONTINUE)), "t a!", ["b"],
                     id="a failure that is gone over"),
        pytest.param(graph("t > a > b, a -error> e", tag("a", on_error=OnError.EDGE)), "t a!",
                     ["e"], id="the edge of errors"),
        pytest.param(graph("t > a > b", on_error="continue"), "t a!", ["b"], id="by the workflow"),
        pytest.param(DIAMOND, "t", ["a", "b"], id="both ways at once"),
        pytest.param(DIAMOND, "t a b?", [], id="R3: all waits for the other"),
        pytest.param(DIAMOND, "t a b", ["m"], id="all have arrived"),
        pytest.param(DIAMOND, "t a b!", ["m"], id="R3: not for one that failed"),
        pytest.param(DIAMOND, "t a b~", ["m"], id="R3: not for one that a goal withdrew"),
        pytest.param(DIAMOND, "t a! b!", [], id="none has arrived"),
        pytest.param(FORK, "t c:true a", ["m"], id="R3: not for the other branch"),
        pytest.param(FORK, "t c:false", ["b"], id="the false branch"),
        pytest.param(RACE, "t a b? d?", ["m"], id="any: the first"),
        pytest.param(RACE, "t a b d? m", ["z"], id="any: once only"),
        pytest.param(TWO_OF_THREE, "t a b? d?", [], id="count: not yet"),
        pytest.param(TWO_OF_THREE, "t a b d?", ["m"], id="count: enough"),
        pytest.param(TWO_OF_THREE, "t a b! d!", ["m"], id="count: no more can come"),
        pytest.param(graph("t > a > m, t > b > x > m, m > z"), "t a b?", [],
                     id="a plain join waits as well"),
        pytest.param(graph("t1 > a > z, t2 > b > z"), "t1", ["a"], id="R1: the fired trigger alone"),
        pytest.param(graph("t1 > a > z, t2 > b > z"), "t1 a", ["z"], id="R1: nobody else comes"),
    ],
)  # fmt: skip
def test_what_may_begin(workflow, states, expected):
    assert ready(workflow, states) == expected


LOOP = graph("t > l, l -body> a > b, l -done> z", node("l", "loop", kind="range", stop=3))
NESTED = graph(
    "t > l, l -body> k, k -body> a, k -done> b, l -done> z",
    node("l", "loop", kind="range", stop=2),
    node("k", "loop", kind="range", stop=2),
)
JOIN_INSIDE = graph(
    "t > l, l -body> c, c -true> a > m, c -false> b > m, l -done> z",
    node("l", "loop", kind="range", stop=2),
    condition("c", "score"),
    merge("m"),
)


@pytest.mark.parametrize(
    ("workflow", "states", "expected"),
    [
        (LOOP, "t l? a@0", ["b[0]"]),
        (LOOP, "t l? a@0 b@0", []),
        (LOOP, "t l:done", ["z"]),
        (NESTED, "t l? k@0? a@0.1", []),
        (NESTED, "t l? k@0:done", ["b[0]"]),
        (JOIN_INSIDE, "t l? c@1:true a@1", ["m[1]"]),
        (JOIN_INSIDE, "t l? c@0:true a@0? c@1:false", ["b[1]"]),
    ],
)
def test_what_may_begin_in_loops(workflow, states, expected):
    assert ready(workflow, states) == expected


def running(board: Board, **loops: list[int]) -> Board:
    for step in board.steps.values():
        if step.node_id in loops and step.status == "waiting":
            step.output = {"running": loops[step.node_id]}
    return board


@pytest.mark.parametrize(
    ("workflow", "states", "loops", "ended"),
    [
        (LOOP, "t l? a@0", {"l": [0]}, []),
        (LOOP, "t l? a@0 b@0?", {"l": [0]}, []),
        (LOOP, "t l? a@0 b@0", {"l": [0]}, [("l", 0)]),
        (LOOP, "t l? a@0!", {"l": [0]}, [("l", 0)]),
        (LOOP, "t l? a@0 b@0 a@1? a@2 b@2", {"l": [0, 1, 2]}, [("l", 0), ("l", 2)]),
        (NESTED, "t l? k@0? a@0.0", {"l": [0], "k": [0]}, [("k", 0)]),
    ],
)
def test_which_iterations_have_ended(workflow, states, loops, ended):
    board = running(board_of(workflow, states), **loops)
    assert [(loop.node_id, n) for loop, n in board.finished_iterations()] == ended


def test_a_loops_body_is_what_only_it_leads_to():
    plan = Plan(NESTED)
    assert dict(plan.loop_of) == {"k": "l", "b": "l", "a": "k"}
    assert plan.depth["a"] == 2
    back = Plan(graph("t > l, l -body> a > l, l -done> z", node("l", "loop", kind="range", stop=2)))
    assert dict(back.loop_of) == {"a": "l"}
    assert back.targets("a", None) == ()


def test_a_cycle_that_no_check_refused_ends():
    assert ready(graph("t > a > b > a"), "t") == ["a"]
    assert ready(graph("t > a > b > a, b > z"), "t a b") == ["z"]


def test_a_line_of_waits_is_over_when_nothing_is_open():
    workflow = graph("t > w > a", wait("w"))
    assert not board_of(workflow, "t w?").is_over
    assert not board_of(workflow, "t w").is_over
    assert board_of(workflow, "t w a").is_over


@pytest.mark.parametrize(
    ("node_id", "path", "run", "key"),
    [
        ("send", (), 0, "send"),
        ("send", (2,), 0, "send[2]"),
        ("send", (0, 3), 0, "send[0.3]"),
        ("send", (), 1, "send~1"),
        ("send", (4,), 2, "send[4]~2"),
        ("send[2]", (), 0, "send[2][]"),
        ("send~1", (), 0, "send~1[]"),
    ],
)
def test_a_step_is_named_by_its_node_its_iteration_and_its_replay(node_id, path, run, key):
    assert step_key(node_id, path, run) == key


def test_keys_fit_and_stay_apart():
    keys = {step_key(f"{'x' * 199}{end}", (5,)) for end in "ab"}
    assert len(keys) == 2
    assert all(len(key) <= 200 for key in keys)
