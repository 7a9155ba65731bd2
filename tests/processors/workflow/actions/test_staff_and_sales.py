"""Actions for the staff, sales and bookings: each run twice, as after a crash."""

from datetime import UTC, datetime, timedelta

import pytest

from processors.errors import DefinitionError
from processors.workflow.actions.outcomes import StartWorkflow, StopWorkflows
from tests.processors.harness import ORG
from tests.processors.workflow.actions.conftest import NOW

USERS = {
    "u1": {"name": "Kim", "email": "kim@gym.example", "phone": "+447700900001", "role": "sales"},
    "u2": {"name": "Lee", "email": "lee@gym.example", "role": "sales"},
    "u3": {"name": "Max", "email": None, "role": "coach"},
    "u4": {"name": "Old", "email": "old@gym.example", "role": "sales", "is_active": False},
}


@pytest.fixture(autouse=True)
def staff(repository):
    repository.records["user"] = {
        key: {"id": key, "is_active": True, **fields} for key, fields in USERS.items()
    }


def only(repository, entity):
    [record] = repository.records[entity].values()
    return record


@pytest.mark.parametrize(
    ("config", "kind", "to"),
    [
        ({"roles": ["sales"]}, "send_email", ["kim@gym.example", "lee@gym.example"]),
        ({"users": ["u1"], "role": "sales"}, "send_email", ["kim@gym.example", "lee@gym.example"]),
        ({"user": "u1", "channel": "sms"}, "send_sms", ["+447700900001"]),
        ({"role": "sales", "channel": "sms"}, "send_sms", ["+447700900001"]),
        ({"to": "boss@gym.example"}, "send_email", ["boss@gym.example"]),
    ],
)
def test_staff_are_written_to_by_role_user_or_address(act, config, kind, to):
    outcome = act("notify_staff", {**config, "message": "{{first_name}} is here"})
    assert (outcome.kind, outcome.payload["to"]) == (kind, to)
    assert outcome.purpose == "transactional"
    assert outcome.payload.get("text", outcome.payload.get("message")) == "Ana is here"


def test_without_a_name_it_is_whoever_looks_after_the_contact(act, repository):
    repository.records["contact"]["lead_1"]["assigned_to"] = "u2"
    assert act("notify_staff", {"message": "Hi"}).payload["to"] == ["lee@gym.example"]


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("notify_staff", {"message": "Hi"}, "the contact is assigned to nobody"),
        ("notify_staff", {"message": "Hi", "users": ["u9"]}, "has no user 'u9'"),
        (
            "notify_staff",
            {"message": "Hi", "roles": ["cook"]},
            "no active user has the role 'cook'",
        ),
        ("notify_staff", {"message": "Hi", "roles": ["coach"]}, "nobody has an email among Max"),
        ("assign_to_user", {"user_id": "u9"}, "has no user 'u9'"),
        ("assign_to_user", {}, "needs somebody to assign to"),
        ("create_task", {"title": "Call", "due_at": "soon"}, "due_at: 'soon' is no date"),
        ("create_task", {"title": "Call", "due_in_days": 1, "due_in": "2 days"}, "several ways"),
        ("create_task", {"priority": "high"}, "the setting title is missing"),
        ("update_opportunity", {"status": "won"}, "the contact has no open opportunity"),
        ("update_opportunity", {"opportunity_id": "o"}, "there is nothing to update"),
        ("create_opportunity", {"value": "cheap"}, "must be an amount of money, not 'cheap'"),
        ("create_opportunity", {"value": 1, "currency": "pounds"}, "'POUNDS' is no currency"),
        ("create_booking", {"session_id": "s9"}, "has no class session 's9'"),
        ("create_booking", {"name": "Induction"}, "a session_id, or a name and starts_at"),
        ("cancel_booking", {}, "the event names no booking"),
        ("cancel_booking", {"booking_id": "b9"}, "has no booking 'b9'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_was_found(act, repository, name, config, said):
    with pytest.raises(DefinitionError) as error:
        act(name, config)
    assert str(error.value).startswith(f"{name}: ")
    assert said in str(error.value)
    assert repository.writes == 0


def test_contacts_go_to_the_users_of_a_role_in_turn(act, repository):
    for number in range(5):
        repository.records["contact"][f"c{number}"] = {"id": f"c{number}"}
    chosen = [
        act("assign_to_user", {"role": "sales"}, contact_id=f"c{number}").output["user_id"]
        for number in range(5)
    ]
    assert chosen == ["u1", "u2", "u1", "u2", "u1"]
    # A new colleague takes the next turn, not all that the others had before.
    repository.records["user"]["u5"] = {"id": "u5", "role": "sales", "is_active": True}
    for number in range(5, 9):
        repository.records["contact"][f"c{number}"] = {"id": f"c{number}"}
        chosen.append(
            act("assign_to_user", {"role": "sales"}, contact_id=f"c{number}").output["user_id"]
        )
    assert chosen[5:] == ["u5", "u2", "u1", "u2"]


@pytest.mark.parametrize(
    ("config", "due"),
    [
        ({"due_in_days": 3}, NOW + timedelta(days=3)),
        ({"dueInDays": "3"}, NOW + timedelta(days=3)),
        ({"due_in": "2 hours"}, NOW + timedelta(hours=2)),
        ({"due": {"value": 1, "unit": "weeks"}}, NOW + timedelta(weeks=1)),
        ({"due_date": "2026-07-01T09:00"}, datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ({"due_date": "{{trigger.day}}"}, datetime(2026, 12, 24, tzinfo=UTC)),
        ({}, None),
    ],
)
def test_a_task_is_due_when_it_says(act, repository, config, due):
    scope = {"trigger": {"day": "2026-12-24"}}
    act("create_task", {"taskTitle": "Call {{first_name}}", **config}, scope=scope)
    task = only(repository, "task")
    assert (task["title"], task.get("due_at")) == ("Call Ana", due)
    assert task["contact_id"] == "lead_1"


def test_a_task_that_was_done_is_not_opened_again(act, repository):
    act("create_task", {"title": "Call", "role": "sales", "priority": "High"})
    only(repository, "task")["status"] = "done"
    act("create_task", {"title": "Call", "role": "sales", "priority": "High"})
    task = only(repository, "task")
    assert (task["status"], task["assigned_to"], task["priority"]) == ("done", "u1", "high")


def test_a_note_is_written_once_in_the_workflows_name(act, repository):
    act("add_note", {"note": "{{first_name}} asked"}, scope={"workflow_name": "Nurture"})
    assert only(repository, "note")["text"] == "Ana asked"
    assert only(repository, "note")["author"] == "Nurture"


def test_an_opportunity_is_opened_and_won(act, repository):
    act("create_opportunity", {"title": "Yearly", "value": "499.90", "stage": "offer"})
    sale = only(repository, "opportunity")
    assert (sale["value_minor"], sale["currency"], sale["status"]) == (49_990, "GBP", "open")
    changes = {"status": "won", "value": 450, "opportunity_id": sale["id"]}
    outcome = act("update_opportunity", changes, step_key="won")
    assert outcome.output["changed"] == ["status", "value_minor"]
    assert only(repository, "opportunity")["value_minor"] == 45_000


@pytest.mark.parametrize(
    ("country", "settings", "currency", "minor"),
    [("JP", {}, "JPY", 5), ("DE", {}, "EUR", 500), ("GB", {"currency": "usd"}, "USD", 500)],
)
def test_money_is_in_the_organisations_currency(
    act, repository, country, settings, currency, minor
):
    repository.gym |= {"country": country, "settings": settings}
    act("create_opportunity", {"value": 5})
    sale = only(repository, "opportunity")
    assert (sale["currency"], sale["value_minor"]) == (currency, minor)


@pytest.mark.parametrize(
    ("taken", "config", "status"),
    [
        (0, {"session_id": "s1"}, "booked"),
        (2, {"classId": "s1"}, "waitlisted"),
        (0, {"name": "Induction", "starts_at": "2026-12-01T18:00"}, "booked"),
    ],
)
def test_a_place_is_booked_once(act, repository, taken, config, status):
    repository.records["class_session"] = {"s1": {"id": "s1", "name": "Spin", "capacity": 2}}
    repository.records["booking"] = {
        f"b{n}": {"id": f"b{n}", "session_id": "s1", "status": "booked", "contact_id": f"c{n}"}
        for n in range(taken)
    }
    outcome = act("create_booking", config)
    assert outcome.output["status"] == status
    assert len(repository.records["booking"]) == taken + 1
    again = act("create_booking", config, step_key="another")
    assert again.output["is_new"] is ("name" in config)


def test_a_full_session_fails_the_step_if_asked_to(act, repository):
    repository.records["class_session"] = {"s1": {"id": "s1", "capacity": 0}}
    with pytest.raises(DefinitionError, match="'s1' is full"):
        act("create_booking", {"session_id": "s1", "if_full": "fail"})


@pytest.mark.parametrize("scope", [{"trigger": {"booking_id": "b1"}}, {"booking": {"id": "b1"}}])
def test_the_events_booking_is_cancelled_once(act, repository, scope):
    repository.records["booking"] = {"b1": {"id": "b1", "status": "booked", "contact_id": "lead_1"}}
    assert act("cancel_booking", {}, scope=scope).output["cancelled"] is True
    assert only(repository, "booking")["status"] == "cancelled"
    assert act("cancel_booking", {}, scope=scope).output["cancelled"] is False


@pytest.mark.parametrize(
    ("booking", "said"),
    [
        ({"status": "attended", "contact_id": "lead_1"}, "is attended already"),
        ({"status": "booked", "contact_id": "lead_2"}, "is another contact's"),
    ],
)
def test_a_booking_that_cannot_be_cancelled_stays(act, repository, booking, said):
    repository.records["booking"] = {"b1": {"id": "b1", **booking}}
    with pytest.raises(DefinitionError, match=said):
        act("cancel_booking", {"booking_id": "b1"})
    assert repository.writes == 0


def test_actions_that_move_executions_say_what_they_ask_for(act):
    started = act("start_workflow", {"workflowId": "wf_2", "data": {"x": "{{score}}"}})
    assert started == StartWorkflow("wf_2", {"x": 60}, is_awaited=False)
    assert act("stop_workflow", {"reason": "paid"}) == StopWorkflows(None, "paid")
    assert act("set_variable", {"name": "x", "value": "{{tags}}"}).variables == {"x": ["Trial"]}


def test_the_repository_is_asked_of_the_executions_organisation_only(act, repository):
    asked = []
    whole = repository.get
    repository.get = lambda org, *args, **kwargs: asked.append(org) or whole(org, *args, **kwargs)
    act("add_tag", {"tag": "VIP"})
    assert set(asked) == {ORG}


def test_values_are_computed_one_after_the_other(act):
    values = {"double": "contact.score * 2", "word": "'high' if double > 100 else 'low'"}
    outcome = act("transform_data", {"transformations": values})
    assert outcome.variables == outcome.output == {"double": 120, "word": "high"}
    one = act("transform_data", {"expression": "tags | length", "output": "count"})
    assert (one.output, one.variables) == ({"result": 1}, {"count": 1})


def test_what_cannot_be_computed_fails_the_step_with_both_values(act):
    with pytest.raises(DefinitionError, match=r"^transform_data: x: 60 \+ 'Ana' needs two"):
        act("transform_data", {"values": {"x": "contact.score + first_name"}})
