"""``atlas executions``: what it shows of each state, and what it does."""

import json
import uuid
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import delete, update

from processors.database.models import (
    EXECUTION_STATUSES,
    Contact,
    Message,
    WorkflowExecution,
    WorkflowStep,
)
from processors.workflow.execution import definitions
from processors.workflow.execution.commands import STATUSES, executions
from processors.workflow.nodes import Retry
from runtime.errors import AtlasError, BrokerUnavailableError
from tests.processors.harness import ORG
from tests.processors.workflow.execution.graphs import (
    condition,
    graph,
    node,
    sms,
    trigger,
    wait,
)


class Controls:
    def __init__(self) -> None:
        self.recorded: list[tuple[Any, ...]] = []

    def record(self, action, target, *, count=1, reason=""):
        self.recorded.append((action, target, count, reason))


class Atlas:
    """The command, over the gym's database and worker."""

    def __init__(self) -> None:
        self.controls = Controls()

    def __call__(self, *words: str) -> Result:
        return CliRunner().invoke(executions, words)

    def text(self, *words: str) -> str:
        result = self(*words)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.text(*words, "--json"))

    def error(self, *words: str) -> str:
        result = self(*words)
        assert result.exit_code != 0
        return str(result.exception) if isinstance(result.exception, AtlasError) else result.output

    def drawn(self, ident: str) -> list[str]:
        """The picture alone."""
        return self.text("show", ident).split("\n\n", 1)[1].splitlines()


@pytest.fixture
def atlas(gym, database_url, make_settings, monkeypatch):
    run, settings = Atlas(), make_settings(DATABASE_URL=database_url)

    @contextmanager
    def given(value):
        yield value

    monkeypatch.setattr("processors.database.command.read_settings", lambda: settings)
    monkeypatch.setattr("runtime.cli.shared.access.control", lambda _actor: given(run.controls))
    monkeypatch.setattr("runtime.cli.shared.access.client", lambda: given(gym.worker.client))
    monkeypatch.setattr("processors.database.models.utc_now", lambda: gym.worker.now)
    monkeypatch.setenv("COLUMNS", "200")
    # What the gym has stored without JSON, the command's own connections know too.
    known = definitions._Known()
    monkeypatch.setattr(definitions, "_known", lambda _session: known)
    return run


def test_what_the_command_offers_is_what_the_table_allows():
    assert STATUSES == EXECUTION_STATUSES


def test_the_list(gym, atlas, add_lead):
    assert atlas.text("list") == "no executions\n"
    assert atlas.json("list") == []
    add_lead(id="lead_2", email="x@y.co", phone=None)
    gym.add(graph("t > w > b", wait("w")))
    gym.add(graph("t > c", trigger("t", "new_client"), ident="other"))
    gym.report()
    gym.advance(minutes=1)
    gym.report(contact="lead_2")
    gym.report("new_client")
    listed = atlas.json("list")
    found = [(one["workflow_id"], one["contact_id"], one["status"], one["at"]) for one in listed]
    assert found[2] == ("wf", "lead_1", "running", ["w"])
    assert sorted(found[:2]) == [
        ("other", "lead_1", "completed", []), ("wf", "lead_2", "running", ["w"]),
    ]  # fmt: skip
    for words, left in [
        (["--status", "running"], 2), (["--contact", "lead_1"], 2), (["--workflow", "wf"], 2),
        (["--org", ORG], 3), (["--org", "org_other"], 0), (["--limit", "1"], 1),
        (["--workflow", "wf", "--contact", "lead_2"], 1),
    ]:  # fmt: skip
        assert len(atlas.json("list", *words)) == left, words
    gym.status("paused")
    assert "running, held" in atlas.text("list")
    assert atlas("list", "--status", "waiting").exit_code == 2


def test_an_execution_is_drawn_with_its_states_times_and_messages(gym, atlas):
    over_zero = condition("c", "score", "greater_than", 0)
    gym.add(graph("t > c, c -true> s > w > z, c -false> b", sms("s"), wait("w"), over_zero,
                  variables={"code": "X1", "api_key": "hunter2"}))  # fmt: skip
    gym.report(email="ana@example.com")
    ident = str(gym.execution.id)
    told = atlas.json("show", ident)
    [message], waiting = told["messages"], told["steps"][3]
    assert (waiting["key"], gym.worker.job(waiting["job_id"]).kind) == ("w", "continue_wait")
    assert atlas.drawn(ident[:8]) == [
        "t  trigger lead_created  [completed 2026-03-10 09:00:00]",
        "c  condition score greater_than 0  [completed 2026-03-10 09:00:00, by true]",
        "├─ true: s  action send_sms Hi  [completed 2026-03-10 09:00:00]",
        '│     output: {"rejected": 0, "sent": 1, "suppressed": 0, "unknown": 0}',
        f"│     sms {message['id'][:8]} to +44********23: sent",
        "│  w  wait 60 min  [waiting until 2026-03-10 10:00:00, since 2026-03-10 09:00:00]",
        f"│     job: {waiting['job_id']}",
        "│  z  action add_tag z  [not reached]",
        "└─ false: b  action add_tag b  [not reached]",
    ]
    head = atlas.text("show", ident)
    assert "status      running\n" in head
    assert '"code": "X1"' in head
    assert "hunter2" not in head + json.dumps(atlas.json("show", ident))
    assert "ana@" not in head
    gym.advance(hours=1)
    assert "[completed 2026-03-10 10:00:00 after 60 min]" in atlas.text("show", ident)
    assert "ended       2026-03-10 10:00:00" in atlas.text("show", ident)


def event_wait(name: str, *events: str) -> Any:
    return node(name, "wait", wait={"kind": "event", "events": events, "timeout": {"days": 2}})


def past(name: str) -> Any:
    moment = {"kind": "until", "moment": "2026-03-01T09:00", "past": "skip"}
    return node(name, "wait", wait=moment)


def never(name: str, **more: Any) -> Any:
    return sms(name, "{{contact.nothing}}", **more)


LOOP = node("l", "loop", kind="list", items=[1, 2, 3])
GOAL = node("g", "goal", events=("booking_confirmed",))
CHILD = node("k", "sub_workflow", workflow_id="child")
NINE_O_CLOCK = "2026-03-10 09:00:00"


@pytest.mark.parametrize(
    ("drawn", "nodes", "lines"),
    [
        ("t > w", [event_wait("w", "booking_confirmed", "client_replied")], [
            "[waiting for booking_confirmed or client_replied until 2026-03-12 09:00:00, since",
        ]),
        ("t > w > g", [wait("w"), GOAL], ["[not reached; listens for booking_confirmed]"]),
        ("t > bad > z", [never("bad")], [
            "status      failed: bad: send_sms: the variable {{contact.nothing}} has no value",
            f"[failed {NINE_O_CLOCK}]", "   error: send_sms: the variable {{contact.nothing}} ",
            "   job: step-", "z  action add_tag z  [not reached]",
        ]),
        ("t > bad > z", [never("bad", retry=Retry(attempts=3, base_s=60))], [
            "[waiting for attempt 2 until 2026-03-10 09:01:00, since 2026-03-10 09:00:00]",
            "   error: send_sms: the variable", "   job: wait-",
        ]),
        ("t > p > s", [past("p"), sms("s")], [
            f"[skipped {NINE_O_CLOCK}]",
            '   output: {"skipped": "the moment it was for had passed"}',
        ]),
        ("t > w, t > x", [wait("w"), node("x", "stop", status="failed", reason="no more")], [
            "status      failed: no more", f"wait 60 min  [cancelled {NINE_O_CLOCK}]",
        ]),
        ("t > l, l -body> s > w, l -done> z", [LOOP, sms("s"), wait("w")], [
            "[waiting for its body, 0 of 3 done, since",
            "s  action send_sms Hi  [1 time: 1 completed]",
            "[1 time: 1 waiting]", "   w[0]: waiting until 2026-03-10 10:00:00",
        ]),
        ("t > l, l -body> a > bad, l -done> z", [LOOP, never("bad")], [
            "[1 time: 1 failed]", "   bad[0]: failed",
            f"l  loop over [1, 2, 3]  [failed {NINE_O_CLOCK}]",
            "error: iteration 1, bad[0]: send_sms",
        ]),
        ("t > k > z", [CHILD], ["[waiting for execution ", "child       "]),
    ],
)  # fmt: skip
def test_each_state_is_told(gym, atlas, drawn, nodes, lines):
    gym.add(graph("t > w", trigger("t", "manual"), wait("w"), ident="child"))
    gym.add(graph(drawn, *nodes, stop_on=["client_lost"]))
    gym.report()
    [execution] = gym.rows(WorkflowExecution, workflow_id="wf")
    shown = atlas.text("show", str(execution.id))
    for line in lines:
        assert line in shown, shown
    assert ("ends at     client_lost" in shown) is (execution.status == "running")
    assert "job: step-" not in shown or gym.worker.job(shown.split("job: ")[1].split()[0])


def test_a_child_names_its_parent(gym, atlas):
    gym.add(graph("t > w", trigger("t", "manual"), wait("w"), ident="child"))
    gym.add(graph("t > k", CHILD))
    gym.report()
    parent, child = (str(row.id) for row in gym.executions)
    assert f"parent      step k of execution {parent}" in atlas.text("show", child)
    assert f"child       {child[:8]} child: running" in atlas.text("show", parent)
    assert f"[waiting for execution {child[:8]}, since" in atlas.text("show", parent)


@pytest.mark.parametrize(
    ("status", "of_workflow", "said"),
    [("running", "paused", "running, held: its workflow is paused"),
     ("paused", "active", "paused"),
     ("queued", "active", "queued: it waits for room under a limit"),
     ("cancelled", "archived", "cancelled: wrong price")],
)  # fmt: skip
def test_the_state_of_the_whole_is_told(gym, atlas, status, of_workflow, said):
    gym.add(graph("t > w", wait("w")))
    gym.report()
    reason = "wrong price" if status == "cancelled" else None
    with gym.database.write() as session:
        session.execute(update(WorkflowExecution).values(status=status, error_message=reason))
    gym.status(of_workflow)
    assert f"status      {said}\n" in atlas.text("show", str(gym.execution.id))


def test_a_message_on_its_way_names_its_job(gym, atlas):
    gym.add(graph("t > s", sms("s")))
    gym.report()
    with gym.database.write() as session:
        session.execute(update(WorkflowStep).where(WorkflowStep.key == "s")
                        .values(status="running", completed_at=None))  # fmt: skip
        session.execute(update(Message).values(status="unknown", error="no answer", copies=1))
    shown = atlas.text("show", str(gym.execution.id))
    assert "[running, since 2026-03-10 09:00:00]" in shown
    assert ": unknown, possible duplicate, no answer\n" in shown
    job = shown.split("job: ")[1].split()[0]
    assert gym.worker.job(job).kind == "send_sms"


def test_hostile_text_reaches_no_terminal(gym, atlas):
    evil = "\x1b[2J\nbad\u202e"
    gym.add(
        graph(
            "t > v > x",
            node("x", "stop", status="failed", reason=evil),
            node("v", "action", action="set_variable", config={"name": "v", "value": evil}),
        )
    )
    gym.report("lead_created", note=evil)
    ident = str(gym.execution.id)
    for shown in (
        atlas.text("show", ident),
        atlas.text("list"),
        atlas.text("show", ident, "--json"),
    ):
        assert not {"\x1b", "\u202e"} & set(shown)
        assert not any(line.startswith("bad") for line in shown.splitlines())


def test_what_cannot_be_read_any_more_is_shown_as_its_steps(gym, atlas, monkeypatch):
    gym.add(graph("t > s > w", sms("s"), wait("w")))
    gym.report()
    known = definitions._Known()
    monkeypatch.setattr(definitions, "_known", lambda _session: known)
    shown = atlas.text("show", str(gym.execution.id))
    assert "definition  cannot be read any more: " in shown
    assert "\ns  completed 2026-03-10 09:00:00\n   output: " in shown
    assert "\nw  waiting until 2026-03-10 10:00:00, since" in shown


def test_an_id_that_names_nothing(atlas):
    for ident in ("0000", "nonsense"):
        said = f"'{ident}' is no id of an execution; allowed: at least 8 hexadecimal digits"
        assert atlas.error("show", ident) == said
    for ident in ("00000000", "0" * 33):
        assert atlas.error("show", ident) == f"there is no execution {ident}"


def test_a_prefix_of_several_is_refused(gym, atlas):
    gym.add(graph("t > w", wait("w")))
    gym.report()
    alike = [uuid.UUID(f"aaaaaaaa-0000-4000-8000-00000000000{n}") for n in (1, 2)]
    with gym.database.write() as session:
        for ident in alike:
            session.add(WorkflowExecution(id=ident, org_id=ORG, workflow_id="wf", job_id="j",
                                          trigger_type="manual"))  # fmt: skip
    assert atlas.error("show", "AAAAAAAA") == (
        "several executions begin with AAAAAAAA; give more of the id"
    )
    assert atlas.json("show", str(alike[0]))["execution"]["id"] == str(alike[0])


def test_pause_resume_and_cancel(gym, atlas, add_lead):
    add_lead(id="lead_2", email="x@y.co", phone=None)
    gym.add(graph("t > w > a", wait("w")))
    gym.report()
    gym.report(contact="lead_2")
    first, second = (str(row.id) for row in gym.executions)
    who = ["--actor", "ana@desk"]
    paused = atlas.text("pause", first[:8], second, "--reason", "wrong price", *who)
    assert paused == f"execution {first} is paused\nexecution {second} is paused\n"
    gym.advance(hours=2)
    assert {row.status for row in gym.executions} == {"paused"}
    assert atlas.text("resume", first, *who) == f"execution {first} goes on\n"
    gym.worker.run()
    assert gym.rows(WorkflowExecution, status="completed")[0].id == uuid.UUID(first)
    mixed = atlas("cancel", first, second, "00000000", "--reason", "she called", *who)
    assert mixed.exit_code == 1
    assert mixed.stdout == f"execution {second} is cancelled\n"
    assert mixed.stderr.splitlines() == [
        f"{first}: the execution has ended: it is completed",
        "there is no execution 00000000",
    ]
    [cancelled] = gym.rows(WorkflowExecution, status="cancelled")
    assert cancelled.error_message == "cancelled by ana@desk: she called"
    assert "status      cancelled by ana@desk: she called\n" in atlas.text("show", second)
    ended = f"{second}: the execution has ended: it is cancelled"
    assert atlas("resume", second).stderr == f"{ended}\n"
    told = json.loads(atlas("pause", second, "--json").stdout)
    assert (told["done"], told["errors"]) == (
        0,
        [f"{second}: the execution has ended: it is cancelled"],
    )
    assert atlas.controls.recorded == [
        ("pause", f"execution {first}", 1, "wrong price"),
        ("pause", f"execution {second}", 1, "wrong price"),
        ("resume", f"execution {first}", 1, ""),
        ("cancel", f"execution {second}", 1, "she called"),
    ]


@pytest.mark.parametrize("change", [["resume"], ["replay", "--from", "a"]])
def test_what_cannot_be_enqueued_is_not_stored(gym, atlas, monkeypatch, change):
    gym.add(graph("t > a > w", wait("w")))
    gym.report()
    ident = str(gym.execution.id)
    atlas.text("pause", ident)
    before = gym.steps

    def away(_jobs):
        raise BrokerUnavailableError("Redis is away")

    monkeypatch.setattr(gym.worker.client, "enqueue_many", away)
    assert atlas.error(change[0], ident, *change[1:]) == "Redis is away"
    assert (gym.execution.status, gym.steps, gym.execution.run) == ("paused", before, 0)
    assert [entry[0] for entry in atlas.controls.recorded] == ["pause"]


NICKNAME = "{{contact.nickname}}"


def give_a_nickname(gym) -> None:
    with gym.database.write() as session:
        session.get_one(Contact, (ORG, "lead_1")).custom_fields = {"nickname": "Annie"}


def set_step(gym, key: str, status: str) -> None:
    with gym.database.write() as session:
        session.execute(update(WorkflowStep).where(WorkflowStep.key == key).values(status=status))


def is_half_sent(gym) -> None:
    """It failed, because only one of two got it."""
    set_step(gym, "s", "failed")


def is_withdrawn(gym) -> None:
    set_step(gym, "s", "cancelled")


def is_on_its_way(gym) -> None:
    """Withdrawn, and its job has not begun."""
    set_step(gym, "s", "cancelled")
    with gym.database.write() as session:
        session.execute(delete(Message))


def is_unknown(gym) -> None:
    set_step(gym, "s", "failed")
    with gym.database.write() as session:
        session.execute(update(Message).values(status="unknown"))


def nobody_got_it(gym) -> None:
    set_step(gym, "s", "failed")
    with gym.database.write() as session:
        session.execute(update(Message).values(status="rejected"))


def nothing(_gym) -> None:
    """All went well."""


LOOP_OF_TWO = node("l", "loop", kind="list", items=[1, 2])


@pytest.mark.parametrize(
    ("drawn", "nodes", "begins", "happened", "once", "again"),
    [
        ("t > a > s > b", [sms("s")], "a", nothing, 1, 2),
        ("t > s > w", [sms("s"), wait("w")], "s", is_half_sent, 1, 2),
        ("t > s > w", [sms("s"), wait("w")], "s", is_withdrawn, 1, 2),
        ("t > s > w", [sms("s"), wait("w")], "s", is_on_its_way, 0, 1),
        ("t > s > w", [sms("s"), wait("w")], "s", is_unknown, 0, 1),
        ("t > s > w", [sms("s"), wait("w")], "s", nobody_got_it, 1, 2),
        ("t > l, l -body> s, l -done> z", [LOOP_OF_TWO, sms("s")], "l", nothing, 2, 4),
        ("t > l, l -body> s > bad, l -done> z", [LOOP_OF_TWO, sms("s"), sms("bad", NICKNAME)], "l",
         give_a_nickname, 4, 8),
        ("t > k > z", [CHILD], "k", nothing, 1, 2),
    ],
)  # fmt: skip
def test_r13_nothing_is_sent_twice_unless_asked_for(
    gym, atlas, drawn, nodes, begins, happened, once, again
):
    gym.add(graph("t > s", trigger("t", "manual"), sms("s"), ident="child"))
    gym.add(graph(drawn, *nodes))
    gym.report()
    happened(gym)
    [execution] = gym.rows(WorkflowExecution, workflow_id="wf")
    ident, before = str(execution.id), gym.steps
    left = [m for m in gym.rows(Message) if m.status in ("sent", "unknown")]
    plan = atlas.json("replay", ident, "--from", begins, "--preview")
    assert (gym.steps, plan["done"]) == (before, False)
    assert {found["id"] for found in plan["sends"]} == {str(message.id) for message in left}
    for _ in range(2):
        # Also when it is replayed once more: it was not the last replay that has sent.
        atlas.text("replay", ident, "--from", begins)
        gym.worker.run()
        assert len(gym.texts) == once
    assert {row.status for row in gym.executions} <= {"completed", "running"}
    atlas.text("replay", ident, "--from", begins, "--send-again", "--reason", "asked for")
    gym.worker.run()
    assert len(gym.texts) == again
    [*_, last] = atlas.controls.recorded
    assert (last[0], last[3]) == ("replay", "asked for")
    assert last[1].startswith(f"execution {ident} from {begins}")
    assert last[1].endswith(", sending again")


def test_a_preview_says_what_would_be_done(gym, atlas):
    code = node("h", "action", action="http_request", config={"url": "http://127.0.0.1:9/"})
    gym.add(graph("t > a > s > h > b", sms("s"), code))
    gym.report()
    set_step(gym, "h", "failed")
    ident = str(gym.execution.id)
    [message] = atlas.json("show", ident)["messages"]
    sent = f"  s: sms {message['id'][:8]} to +44********23: sent"
    steps = ["steps that run again: a, h", "of these, calls outside made again: h"]
    assert atlas.text("replay", ident[:8], "--from", "a", "--preview").splitlines() == [
        f"execution {ident} would run again from a", *steps,
        "steps that keep their outcome: s",
        "sent again: nothing; by --send-again 1 message", sent,
    ]  # fmt: skip
    again = ["replay", ident[:8], "--from", "a", "--send-again"]
    assert atlas.text(*again, "--preview").splitlines() == [
        f"execution {ident} would run again from a", *steps,
        "steps that send or start again: s", "sent again: 1 message", sent,
    ]  # fmt: skip
    assert atlas.controls.recorded == []
    assert gym.execution.run == 0
    assert atlas.text("replay", ident, "--from", "a").splitlines() == [
        f"execution {ident} runs again from a", *steps,
        "steps that keep their outcome: s", "sent again: nothing; by --send-again 1 message",
    ]  # fmt: skip
    assert "replay 1; before: completed" in atlas.text("show", ident)
    assert "replays     1" in atlas.text("show", ident)


def test_from_where_no_replay_can_begin(gym, atlas):
    gym.add(graph("t > l, l -body> s, l -done> w > z", LOOP_OF_TWO, sms("s"), wait("w")))
    gym.report()
    for begins in ("nowhere", "z", "s[0]"):
        said = f"the execution has no step '{begins}'; it came to: t, l, w"
        assert atlas.error("replay", str(gym.execution.id), "--from", begins) == said
    said = "'s' is in a loop; allowed: the loop as a whole, 'l'"
    assert atlas.error("replay", str(gym.execution.id), "--from", "s") == said
    set_step(gym, "w", "running")
    for more in ([], ["--preview"], ["--send-again"]):
        said = "w: being carried out; replay it afterwards"
        assert atlas.error("replay", str(gym.execution.id), "--from", "l", *more) == said


def test_what_is_held_is_not_said_to_go_on(gym, atlas):
    gym.add(graph("t > a > w", wait("w")))
    gym.report()
    ident = str(gym.execution.id)
    atlas.text("pause", ident)
    gym.status("paused")
    held = f"execution {ident} is resumed, and held: its workflow is paused\n"
    assert atlas.text("resume", ident) == held
    told = atlas.text("replay", ident, "--from", "a").splitlines()[0]
    assert told == f"execution {ident} runs again from a; it is held: its workflow is paused"
    gym.worker.run()
    assert gym.steps["a~1"] == "pending"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_long_preview_says_that_there_is_more(gym, atlas):
    many = node("l", "loop", kind="range", stop=52)
    gym.add(graph("t > l, l -body> s, l -done> z", many, sms("s")))
    gym.report()
    ident = str(gym.execution.id)
    lines = atlas.text("replay", ident, "--from", "l", "--preview").splitlines()
    assert lines[-1] == "  and 2 more; --json has all"
    assert len(atlas.json("replay", ident, "--from", "l", "--preview")["sends"]) == 52
    assert any("47 earlier messages; --json has all" in line for line in atlas.drawn(ident))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_archived_workflows_execution_is_not_replayed(gym, atlas):
    gym.add(graph("t > a"))
    gym.report()
    gym.status("archived")
    said = "the workflow is archived; enable it to replay its executions"
    assert atlas.error("replay", str(gym.execution.id), "--from", "a") == said


def family(gym) -> tuple[str, str]:
    """A parent that failed because its child did, after that had sent something."""
    gym.add(graph("t > s > bad", trigger("t", "manual"), sms("s"), sms("bad", NICKNAME),
                  ident="child"))  # fmt: skip
    gym.add(graph("t > k > z", CHILD))
    gym.report()
    parent, child = (str(row.id) for row in gym.executions)
    assert [row.status for row in gym.executions] == ["failed", "failed"]
    give_a_nickname(gym)
    return parent, child


def test_what_a_child_has_sent_is_not_sent_again_by_way_of_its_parent(gym, atlas):
    parent, child = family(gym)
    said = (
        f"k would start its workflow anew, and execution {child} has sent a message; replay that "
        "one first, or send again"
    )
    assert atlas.error("replay", parent, "--from", "k") == said
    previewed = atlas.text("replay", parent, "--from", "k", "--preview")
    assert f"refused without --send-again: {said}" in previewed
    atlas.text("replay", child, "--from", "bad")
    gym.worker.run()
    assert sorted(gym.texts) == ["Annie", "Hi"]
    # Its parent has given up waiting for it; replayed, it takes over what its child came to.
    assert [row.status for row in gym.executions] == ["failed", "completed"]
    atlas.text("replay", parent, "--from", "k")
    gym.worker.run()
    assert [row.status for row in gym.executions] == ["completed", "completed"]
    assert gym.tags == ["z"]
    assert sorted(gym.texts) == ["Annie", "Hi"]


def test_a_parent_that_still_waits_is_told_of_its_child(gym, atlas):
    gym.add(graph("t > s > w", trigger("t", "manual"), sms("s"), wait("w"), ident="child"))
    gym.add(graph("t > k > z", CHILD))
    gym.report()
    parent, child = (str(row.id) for row in gym.executions)
    assert atlas.error("replay", parent, "--from", "k") == (
        f"k waits for execution {child}; cancel that one first, or wait for it"
    )
    atlas.text("replay", child, "--from", "s")
    gym.worker.run()
    gym.advance(hours=1)
    assert [row.status for row in gym.executions] == ["completed", "completed"]
    assert (gym.texts, gym.tags) == (["Hi"], ["z"])


def test_a_queued_execution_is_not_replayed(gym, atlas):
    gym.add(graph("t > a"))
    gym.report()
    with gym.database.write() as session:
        session.execute(update(WorkflowExecution).values(status="queued"))
    said = "the execution has not begun: it waits for room under a limit"
    assert atlas.error("replay", str(gym.execution.id), "--from", "t") == said
