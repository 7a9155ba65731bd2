"""What executions do, with simulated time, on both databases: the rules, each as a test."""

import pytest
from sqlalchemy import update

from processors.database.models import Contact, Organisation
from processors.workflow.execution import control, definitions
from processors.workflow.nodes import OnError, Retry
from tests.processors.harness import ORG
from tests.processors.workflow.execution.graphs import (
    condition,
    graph,
    merge,
    node,
    sms,
    trigger,
    wait,
)

REPLY = {"kind": "event", "events": ["sms_replied"], "timeout": {"hours": 24}}


def kinds(attempts):
    return [attempt.kind for attempt in attempts]


def test_what_touches_the_database_only_runs_in_the_job_of_the_event(gym):
    gym.add(
        graph("t > a > c, c -true> b > d, c -false> x", condition("c", "score", "less_than", 90))
    )
    assert kinds(gym.report()) == ["process_trigger"]
    assert gym.tags == ["a", "b", "d"]
    assert gym.steps == dict.fromkeys(("t", "a", "c", "b", "d"), "completed")
    assert gym.execution.status == "completed"


def test_a_chain_of_five_hundred_steps_takes_turns_with_others(gym):
    names = [f"n{number}" for number in range(500)]
    nodes = [node(name, "action", action="set_variable", config={"name": "at", "value": name})
             for name in names]  # fmt: skip
    gym.add(graph(" > ".join(["t", *names]), *nodes))
    ran = kinds(gym.report())
    assert ran.count("advance_execution") == 10
    assert gym.execution.variables["at"] == "n499"
    assert len(gym.steps) == 501


def test_messages_are_settled_and_the_rest_runs_in_their_transaction(gym):
    gym.add(graph("t > s > a > b", sms("s")))
    ran = [kind for kind in kinds(gym.report()) if kind != "track_event"]
    assert ran == ["process_trigger", "send_sms"]
    assert (gym.texts, gym.tags) == (["Hi"], ["a", "b"])


def test_r1_triggers_are_alternatives(gym):
    first = trigger("t1", filter={"source": ["phone"]})
    second = trigger("t2", filter={"source": ["website"]})
    gym.add(graph("t1 > a > z, t2 > b > z", first, second))
    gym.report()
    assert gym.tags == ["b", "z"]


def test_r3_a_merge_waits_for_a_slow_branch_and_not_for_a_failed_one(gym):
    bad = sms("bad", "{{contact.nothing}}")
    gym.add(graph("t > w > a > m, t > b > m, t > bad > m, m > z", wait("w"), merge("m"), bad))
    gym.report()
    assert gym.steps["bad"] == "failed"
    assert "m" not in gym.steps
    gym.advance(hours=1)
    assert gym.tags == ["b", "a", "z"]
    assert gym.execution.status == "failed", "nothing handled what has failed"


def test_parallel_mail_and_text_with_any(gym):
    gym.add(graph("t > p, p > w > m, p > a > m, m > z", node("p", "parallel"), wait("w"),
                  merge("m", "any")))  # fmt: skip
    gym.report()
    assert gym.tags == ["a", "z"]
    assert gym.execution.status == "running"
    gym.advance(hours=1)
    assert gym.tags == ["a", "z"]
    assert gym.execution.status == "completed"


@pytest.mark.parametrize(
    ("after", "reported", "left"),
    [(1, "sms_replied", "yes"), (1, "email_replied", "no"), (25, "sms_replied", "no")],
)
def test_r4_a_wait_for_an_event_or_a_time_out(gym, after, reported, left):
    gym.add(graph("t > s > w, w -event> yes > z, w -timeout> no", sms("s"),
                  node("w", "wait", wait=REPLY)))  # fmt: skip
    gym.report()
    gym.advance(hours=after)
    gym.report(reported, text="ok")
    gym.advance(hours=24)
    assert gym.tags[0] == left
    assert gym.execution.status == "completed"
    if left == "yes":
        assert gym.step("w").output_data["text"] == "ok"


def test_r4_an_event_that_was_there_before_the_wait_does_not_count(gym):
    gym.add(graph("t > a > w, w -event> yes, w -timeout> no", node("w", "wait", wait=REPLY)))
    gym.report("sms_replied")
    gym.advance(minutes=1)
    gym.report()
    gym.advance(hours=24)
    assert gym.tags == ["a", "no"]


def test_r4_only_the_contact_and_what_the_filter_lets_pass(gym, add_lead):
    add_lead(id="lead_2", email="bo@example.com", phone="+447700900456")
    asked = {**REPLY, "filter": {"condition": {
        "field": "event.text", "operator": "contains", "value": "yes"}}}  # fmt: skip
    gym.add(graph("t > w, w -event> yes, w -timeout> no", node("w", "wait", wait=asked)))
    gym.report()
    gym.report("sms_replied", "lead_2", text="yes")
    gym.report("sms_replied", text="maybe")
    assert gym.steps["w"] == "waiting"
    gym.report("sms_replied", text="oh yes")
    assert gym.tags == ["yes"]


def test_r4_each_wait_takes_an_event_of_its_own(gym):
    gym.add(graph("t > w > v, w -timeout> x, v -event> z, v -timeout> y",
                  node("w", "wait", wait=REPLY), node("v", "wait", wait=REPLY)))  # fmt: skip
    gym.report()
    gym.report("sms_replied", text="one")
    assert gym.steps["v"] == "waiting"
    gym.report("sms_replied", text="two")
    assert gym.tags == ["z"]


GOAL = node("g", "goal", events=("booking_confirmed",))
RICH = node("g", "goal", condition={"field": "tags", "operator": "contains", "value": "b"})


def test_r5_a_goal_met_while_waiting_withdraws_the_rest(gym):
    gym.add(graph("t > a > w > b > c, g > z", wait("w"), GOAL))
    gym.report()
    gym.report("booking_confirmed")
    assert gym.tags == ["a", "z"]
    assert gym.steps["w"] == "cancelled"
    gym.advance(hours=2)
    assert gym.tags == ["a", "z"]
    assert gym.execution.status == "completed"


def test_r5_a_condition_is_checked_before_each_step(gym):
    gym.add(graph("t > a > b > c > g > z", RICH))
    gym.report()
    assert gym.tags == ["a", "b", "z"]
    assert gym.steps["c"] == "cancelled"


def test_r5_no_entry_when_it_is_met_already(gym):
    gym.add(graph("t > a > g > z", RICH))
    with gym.database.write() as session:
        session.get_one(Contact, (ORG, "lead_1")).tags = ["b"]
    [ran] = gym.report()
    assert ran.value["refused"] == [{"id": "wf", "reason": "its goal is met already"}]
    assert gym.executions == []


def test_r5_a_path_that_comes_to_an_unmet_goal_waits_for_its_event_or_ends(gym):
    gym.add(graph("t > a > g > z", GOAL))
    gym.report()
    assert (gym.tags, gym.execution.status) == (["a"], "running")
    gym.report("booking_confirmed")
    assert (gym.tags, gym.execution.status) == (["a", "z"], "completed")
    gym.add(graph("t > c > g > y", RICH, ident="wf2"))
    gym.report()
    assert gym.tags == ["a", "z", "c"]


def test_r6_events_end_an_execution(gym):
    gym.add(graph("t > w > a", wait("w"), stop_on=("payment_received",)))
    gym.report()
    gym.report("payment_received")
    assert gym.execution.status == "completed"
    assert gym.execution.error_message == "ended by payment_received"
    assert gym.steps["w"] == "cancelled"
    gym.advance(hours=2)
    assert gym.tags == []


@pytest.mark.parametrize(
    ("reentry", "gap_h", "entered"),
    [
        ({}, 0, 1),
        ({}, 2, 2),
        ({"policy": "always"}, 0, 2),
        ({"policy": "once"}, 2, 1),
        ({"policy": "once_per_period", "period_s": 3 * 3600}, 2, 1),
        ({"policy": "once_per_period", "period_s": 3600}, 2, 2),
    ],
)
def test_r7_re_entry(gym, reentry, gap_h, entered):
    gym.add(graph("t > w > a", wait("w"), reentry=reentry))
    gym.report()
    gym.advance(hours=gap_h)
    gym.report()
    assert len(gym.executions) == entered


@pytest.mark.parametrize(("second", "entered"), [("b1", 1), ("b2", 2)])
def test_r7_by_booking(gym, second, entered):
    gym.add(graph("t > w", wait("w"), reentry={"by": "booking"}))
    gym.report(booking_id="b1")
    gym.report(booking_id=second)
    assert len(gym.executions) == entered


def test_r7_an_event_counts_once(gym):
    gym.add(graph("t > a", reentry={"policy": "always"}))
    for number in range(3):
        gym.report(job_id=f"job_{number}", event_id="the same")
    gym.report(job_id="another", event_id="another")
    assert len(gym.executions) == 2


@pytest.mark.parametrize(
    ("past", "tags"),
    [("skip", ["after"]), ("run", ["remind", "after"]), ("edge", ["late"])],
)
def test_r9_a_date_in_the_past(gym, past, tags):
    until = {"kind": "until", "moment": "{{trigger.starts_at}}", "offset_s": -3600, "past": past}
    gym.add(graph("t > w > remind > v > after, w -past> late",
                  node("w", "wait", wait=until), wait("v")))  # fmt: skip
    gym.report(starts_at="2026-03-10T09:30:00Z")
    gym.advance(hours=1)
    assert gym.tags == tags
    assert gym.execution.status == "completed"


def test_r9_a_date_to_come_is_waited_for(gym):
    until = {"kind": "until", "moment": "{{trigger.starts_at}}", "offset_s": -3600}
    gym.add(graph("t > w > remind", node("w", "wait", wait=until)))
    gym.report(starts_at="2026-03-10T12:00:00Z")
    assert gym.step("w").resume_at.isoformat() == "2026-03-10T11:00:00+00:00"
    gym.advance(hours=2)
    assert gym.tags == ["remind"]


def loop(name="l", **settings):
    return node(name, "loop", **{"kind": "list", **settings})


def test_r10_a_loop_runs_its_body_for_each_item_in_order(gym):
    body = sms("s", "{{loop.index}} {{item}}")
    gym.add(graph("t > l, l -body> s > w, l -done> z", loop(items=["a", "b"]), body, wait("w")))
    gym.report()
    assert gym.texts == ["0 a"]
    gym.advance(hours=1)
    assert gym.texts == ["0 a", "1 b"]
    assert gym.tags == []
    gym.advance(hours=1)
    assert gym.tags == ["z"]
    assert set(gym.steps) == {"t", "l", "s[0]", "w[0]", "s[1]", "w[1]", "z"}
    assert gym.step("l").output_data == {"total": 2, "left_out": 0, "ended": 2}


def test_r10_nested_loops_parallel_ones_and_the_maximum(gym):
    inner = loop("k", kind="range", stop=2, item="inner")
    body = sms("s", "{{item}}{{inner}}")
    outer = loop(items=["a", "b", "c"], maximum=2, is_parallel=True)
    gym.add(graph("t > l, l -body> k, k -body> s, l -done> z", outer, inner, body))
    gym.report()
    assert sorted(gym.texts) == ["a0", "a1", "b0", "b1"]
    assert gym.step("l").output_data["left_out"] == 1
    assert gym.tags == ["z"]


def test_r10_a_loop_breaks_and_a_failure_in_it_is_the_loops(gym):
    enough = {"field": "loop.index", "operator": "equals", "value": 1}
    gym.add(graph("t > l, l -body> s, l -done> z", loop(kind="range", stop=9, break_when=enough),
                  sms("s", "{{item}}")))  # fmt: skip
    gym.report()
    assert gym.texts == ["0", "1"]
    bad = sms("s", "{{contact.nothing}}")
    gym.add(graph("t > l, l -body> s, l -done> y", loop(kind="range", stop=9), bad, ident="wf2"))
    gym.report()
    [failed] = [row for row in gym.executions if row.workflow_id == "wf2"]
    assert failed.status == "failed"
    assert failed.error_message.startswith("l: iteration 1, s[0]: send_sms: the variable")
    assert "y" not in gym.tags


def test_r10_a_loop_that_is_led_back_to_ends_once_nothing_leads_back(gym):
    more = condition("c", "loop.index", "less_than", 2)
    gym.add(graph("t > l, l -body> s > c, l -done> z", loop(kind="range", stop=9), sms("s"), more,
                  returns="c -true> l"))  # fmt: skip
    gym.report()
    assert len(gym.texts) == 3
    assert gym.tags == ["z"]


def test_r11_a_paused_workflow_holds_its_executions_and_releases_them(gym):
    gym.add(graph("t > s > w > a", sms("s"), wait("w")))
    gym.report()
    gym.status("paused")
    gym.advance(hours=2)
    assert gym.steps["w"] == "waiting"
    assert gym.report()[0].value["matched"] == 0
    gym.status("active")
    with gym.database.write() as session:
        jobs = list(control.release_workflow(session, ORG, "wf", now=gym.worker.now))
    gym.worker.client.enqueue_many(jobs)
    gym.worker.run()
    assert gym.tags == ["a"]


def test_r12_a_split_is_the_contacts_for_good(gym, add_lead):
    split = node("x", "split", variants=({"branch": "a"}, {"branch": "b"}))
    first = graph("t > x, x -a> a, x -b> b", split, reentry={"policy": "always"})
    gym.add(first)
    gym.report()
    gym.add(graph("t > x > c, x -a> a, x -b> b, c > d", split, version=2,
                  reentry={"policy": "always"}))  # fmt: skip
    gym.report()
    assert len(gym.tags) == 1
    assert len(gym.executions) == 2


@pytest.mark.parametrize(
    ("sends_again", "texts", "again"), [(False, ["Hi"], 0), (True, ["Hi", "Hi"], 1)]
)
def test_r13_a_replay_sends_only_if_asked_to(gym, sends_again, texts, again):
    gym.add(graph("t > a > s > b", sms("s")))
    gym.report()
    execution = gym.execution
    with gym.database.write() as session:
        found = control.preview(session, ORG, execution.id, "a", now=gym.worker.now)
        jobs = control.replay(session, ORG, execution.id, "a", now=gym.worker.now,
                              sends_again=sends_again)  # fmt: skip
    assert [(one.key, one.status) for one in found] == [("s", "sent")]
    gym.worker.client.enqueue_many(jobs)
    gym.worker.run()
    assert gym.texts == texts
    assert gym.execution.status == "completed"
    assert gym.steps == dict.fromkeys(("t", "a", "s", "b", "a~1", "s~1", "b~1"), "completed")
    assert bool(gym.step("s~1").output_data.get("replayed")) is not sends_again


CHILD = {"workflow_id": "child"}


def test_a_sub_workflow_is_waited_for_and_gives_its_variables(gym):
    give = node("v", "action", action="set_variable", config={"name": "code", "value": "X1"})
    gym.add(graph("t > w > v", wait("w"), give, trigger("t", "manual"), ident="child"))
    gym.add(graph("t > k > s", node("k", "sub_workflow", **CHILD),
                  sms("s", "{{steps.k.output.variables.code}}")))  # fmt: skip
    gym.report()
    assert gym.steps["k"] == "waiting"
    gym.advance(hours=1)
    assert gym.texts == ["X1"]
    assert [row.status for row in gym.executions] == ["completed", "completed"]


def test_r13_cancel_reaches_what_an_execution_has_started(gym):
    gym.add(graph("t > w", wait("w"), ident="child"))
    gym.add(graph("t > k > a", trigger("t", "new_client"), node("k", "sub_workflow", **CHILD)))
    gym.report("new_client")
    [parent] = [row for row in gym.executions if row.depth == 0]
    with gym.database.write() as session:
        control.cancel(session, ORG, parent.id, now=gym.worker.now)
    assert {row.status for row in gym.executions} == {"cancelled"}
    gym.advance(hours=2)
    assert gym.tags == []


def test_r13_workflows_that_start_each_other_end(gym):
    gym.add(graph("t > k", trigger("t", "manual"), node("k", "sub_workflow", workflow_id="b"),
                  ident="child"))  # fmt: skip
    gym.add(graph("t > k", node("k", "sub_workflow", **CHILD), ident="b"))
    gym.report()
    assert len(gym.executions) == 11
    assert {row.status for row in gym.executions} == {"failed"}
    assert any("more than 10 deep" in row.error_message for row in gym.executions)


@pytest.mark.parametrize(("on_error", "tags", "status"), [
    (OnError.STOP, [], "failed"),
    (OnError.CONTINUE, ["z"], "completed"),
    (OnError.EDGE, ["mend"], "completed"),
])  # fmt: skip
def test_what_follows_a_failure(gym, on_error, tags, status):
    bad = sms("bad", "{{contact.nothing}}", on_error=on_error)
    gym.add(graph("t > bad > z, bad -error> mend", bad))
    gym.report()
    assert (gym.tags, gym.execution.status) == (tags, status)


def test_a_step_is_tried_again_by_its_own_rule(gym):
    bad = node(
        "bad",
        "action",
        action="send_sms",
        config={"message": "{{contact.nickname}}", "purpose": "transactional"},
    )
    bad = node("bad", "action", retry=Retry(attempts=3, base_s=60), **bad.settings.model_dump())
    gym.add(graph("t > bad > z", bad))
    gym.report()
    assert gym.steps["bad"] == "waiting"
    gym.advance(seconds=60)
    with gym.database.write() as session:
        contact = session.get_one(Contact, (ORG, "lead_1"))
        contact.custom_fields = {"nickname": "Annie"}
    gym.advance(seconds=119)
    assert gym.texts == []
    gym.advance(seconds=1)
    assert gym.texts == ["Annie"]
    assert gym.step("bad").attempts == 3


def test_a_failure_after_a_message_undoes_nothing_that_was_sent(gym):
    bad = sms("bad", "{{contact.nothing}}")
    gym.add(graph("t > s > a > bad", sms("s"), bad))
    ran = [(attempt.kind, attempt.outcome) for attempt in gym.report()]
    assert ("send_sms", "finished") in ran
    assert ("advance_execution", "failed") in ran
    assert gym.texts == ["Hi"]
    assert gym.tags == ["a"]
    assert gym.steps == {"t": "completed", "s": "completed", "a": "completed", "bad": "failed"}


@pytest.mark.parametrize("limit", ["organisation", "workflow"])
def test_limits_let_executions_wait_in_line(gym, add_lead, limit):
    for number in (2, 3):
        add_lead(id=f"lead_{number}", email=f"x{number}@y.co", phone=None)
    own = {"max_executions": 1} if limit == "workflow" else {}
    if limit == "organisation":
        with gym.database.write() as session:
            session.execute(update(Organisation).where(Organisation.id == ORG)
                            .values(settings={"max_executions": 1}))  # fmt: skip
    gym.add(graph("t > w > a", wait("w"), **own))
    for number in (1, 2, 3):
        gym.report(contact=f"lead_{number}")
    assert sorted(row.status for row in gym.executions) == ["queued", "queued", "running"]
    gym.advance(hours=1)
    assert sorted(row.status for row in gym.executions) == ["completed", "queued", "running"]
    gym.advance(hours=2)
    assert {row.status for row in gym.executions} == {"completed"}


def test_so_many_a_minute(gym, add_lead):
    for number in range(2, 6):
        add_lead(id=f"lead_{number}", email=f"x{number}@y.co", phone=None)
    with gym.database.write() as session:
        session.execute(update(Organisation).where(Organisation.id == ORG)
                        .values(settings={"executions_per_minute": 2}))  # fmt: skip
    gym.add(graph("t > a"))
    for number in range(1, 6):
        gym.report(contact=f"lead_{number}")
    assert [row.status for row in gym.executions].count("completed") == 2
    gym.advance(seconds=61)
    assert [row.status for row in gym.executions].count("completed") == 4
    gym.advance(seconds=61)
    assert [row.status for row in gym.executions].count("completed") == 5


def test_stop_and_note_and_switch(gym):
    cases = ({"branch": "low", "kind": "range", "maximum": 50},
             {"branch": "web", "kind": "condition",
              "condition": {"field": "source", "operator": "equals", "value": "website"}},
             {"branch": "other", "kind": "default"})  # fmt: skip
    gym.add(graph("t > n > x, x -low> a, x -web> b > end, x -other> c, t > w > d",
                  node("n", "note"), node("x", "switch", field="score", cases=cases), wait("w"),
                  node("end", "stop", status="failed", reason="no")))  # fmt: skip
    gym.report()
    assert gym.tags == ["b"]
    assert (gym.execution.status, gym.execution.error_message) == ("failed", "no")
    assert gym.steps["w"] == "cancelled"


def test_pause_and_resume_one_execution(gym):
    gym.add(graph("t > w > a", wait("w")))
    gym.report()
    execution = gym.execution
    with gym.database.write() as session:
        control.pause(session, ORG, execution.id, now=gym.worker.now)
    gym.advance(hours=2)
    assert (gym.execution.status, gym.steps["w"]) == ("paused", "waiting")
    with gym.database.write() as session:
        jobs = control.resume(session, ORG, execution.id, now=gym.worker.now)
    gym.worker.client.enqueue_many(jobs)
    gym.worker.run()
    assert gym.tags == ["a"]


def test_an_action_ends_the_contacts_other_executions(gym):
    gym.add(graph("t > w > a", wait("w"), ident="nurture"))
    stop = node("x", "action", action="stop_workflow", config={"workflow_id": "nurture"})
    gym.add(graph("t > x > b", stop, trigger("t", "new_client")))
    gym.report()
    gym.report("new_client")
    assert sorted(row.status for row in gym.executions) == ["cancelled", "completed"]
    gym.advance(hours=2)
    assert gym.tags == ["b"]


def test_a_definition_that_cannot_run_any_more_ends_its_executions_with_the_reason(gym):
    gym.add(graph("t > w > a", wait("w")))
    gym.report()
    definitions.forget()
    gym.advance(hours=1)
    assert gym.execution.status == "failed"
    assert gym.execution.error_message
