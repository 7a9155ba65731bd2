"""What reaches a person: no placeholder, no program's notation, and whose fault it is by name."""

import shutil

import pytest
from sqlalchemy import select

from processors.database.models import Contact, Organisation, WorkflowExecution, WorkflowStep
from processors.errors import RecipientError
from processors.messaging.outbox import list_messages
from runtime.client import NewJob
from runtime.outcomes import DeadLetter
from tests.processors.harness import ORG
from tests.processors.shapes import TRIGGER, chain, edge, node

LEAD = {"first_name": "Ana", "last_name": "Ruiz", "email": "ana@example.com",
        "phone": "07700 900123", "score": 70}  # fmt: skip
# What a person should never read. A JSON object, a list, a placeholder, a missing value.
NOTATION = ("{{", "None", "null", "['", '["', "undefined", "True", "False")


@pytest.fixture
def database_url(sqlite_original, tmp_path):
    """One database is enough: what is shown here happens before anything is stored."""
    return f"sqlite:///{shutil.copyfile(sqlite_original, tmp_path / 'atlas.db')}"


def sms(text, **config):
    return node(
        "s",
        "action",
        actionType="send_sms",
        config={"purpose": "transactional", "message": text, **config},
    )


def mail(**config):
    return node(
        "m",
        "action",
        actionType="send_email",
        config={"purpose": "transactional", "subject": "Hi", **config},
    )


def trigger(engine, data, kind="lead_created"):
    payload = {"trigger_type": kind, "trigger_data": data}
    engine.start("process_trigger", payload, job_id="event_1")
    engine.drain()


def only_execution(database):
    with database.read() as session:
        [execution] = session.scalars(select(WorkflowExecution))
        return execution


def refusal(engine):
    """Why the one workflow that listens to the event was not started."""
    [ran] = engine.of_kind("process_trigger")
    [skipped] = ran.value["skipped"]
    assert (ran.value["matched"], skipped["id"]) == (0, "wf_1")
    return skipped["reason"]


@pytest.mark.parametrize(
    ("note", "text"),
    [
        (["Spin", "Yoga"], "Note: Spin and Yoga"),
        (["Spin", "Yoga", "Box"], "Note: Spin, Yoga and Box"),
        (["Spin", None], "Note: Spin"),
        (True, "Note: yes"),
        (0, "Note: 0"),
        (39.5, "Note: 39.5"),
        ('["Spin","Yoga"]', "Note: Spin and Yoga"),
        ("2026-06-01T12:00:00Z", "Note: 1 June 2026, 13:00"),
        ("bring a towel", "Note: bring a towel"),
    ],
)
def test_values_in_texts(engine, database, add_workflow, note, text):
    add_workflow(*chain(TRIGGER, sms("Note: {{trigger.note}}")))
    trigger(engine, LEAD | {"note": note})
    assert [m.body for m in list_messages(database)] == [text]


@pytest.mark.parametrize("note", [None, "", "  ", [], [None], {}, "undefined", "null", {"a": 1},
                                  [{"a": 1}], [["a"]], "{{first_name}}", '{"a": 1}'])  # fmt: skip
@pytest.mark.parametrize(
    "action",
    [
        sms("Note: {{trigger.note}}"),
        sms("{{trigger.note}}"),
        mail(text="Note: {{ trigger.note }}"),
        mail(html="<p>{{trigger.note}}</p>"),
        mail(text="x", subject="{{trigger.note}}"),
        node("w", "action", actionType="send_whatsapp", config={"message": "{{trigger.note}}"}),
        node("u", "action", actionType="add_tag", config={"tag": "{{trigger.note}}"}),
    ],
    ids=lambda action: f"{action['data']['actionType']}-{list(action['data']['config'])[-1]}",
)
def test_what_has_no_text_fails_the_step_by_its_name(engine, database, add_workflow, note, action):
    add_workflow(*chain(TRIGGER, action))
    trigger(engine, LEAD | {"note": note})
    execution = only_execution(database)
    assert execution.status == "failed"
    assert "{{trigger.note}}" in execution.error_message
    assert "\n" not in execution.error_message
    assert list_messages(database) == []


def test_a_list_in_json_notation_is_a_list_of_tags(engine, database, add_workflow):
    tag = node("u", "action", actionType="add_tag", config={"tag": "{{trigger.note}}"})
    add_workflow(*chain(TRIGGER, tag))
    trigger(engine, LEAD | {"note": '["Spin","Yoga"]'})
    with database.read() as session:
        [contact] = session.scalars(select(Contact))
    assert contact.tags == ["Spin", "Yoga"]


def test_a_default_stands_in_for_what_is_missing(engine, database, add_workflow):
    add_workflow(*chain(TRIGGER, sms('Hi {{lead.nickname | default: "there"}}!')))
    trigger(engine, LEAD)
    assert [m.body for m in list_messages(database)] == ["Hi there!"]


def test_the_output_of_a_step_that_has_not_run_is_not_sent_as_it_stands(
    engine, database, add_workflow
):
    add_workflow(*chain(TRIGGER, sms("Sent: {{steps.slow.output.sent}}")))
    trigger(engine, LEAD)
    assert refusal(engine) == "s: message: {{steps.slow.output.sent}}: there is no node 'slow'"
    assert list_messages(database) == []


CRM_NAMES = {
    # DOMAIN 1.8, and the names that the CRM's own templates use.
    "name": "Ana Ruiz", "firstName": "Ana", "lastName": "Ruiz", "email": "ana@example.com",
    "phone": "+447700900123", "score": "70", "source": "web",
    "leadName": "Ana Ruiz", "leadEmail": "ana@example.com", "leadPhone": "+447700900123",
    "leadScore": "70", "leadId": "lead_9", "contactName": "Ana Ruiz",
    "contactEmail": "ana@example.com", "contactPhone": "+447700900123",
    "contact.firstName": "Ana", "customer_name": "Ana Ruiz",
    "organizationName": "Iron Works Gym", "organizationPhone": "+442071838750",
    "organizationEmail": "desk@iron.example", "organisationName": "Iron Works Gym",
    "gym_name": "Iron Works Gym", "phoneNumber": "+442071838750", "workflowName": "Welcome",
    "className": "Yoga", "classDate": "3 June", "classTime": "18:00", "class_name": "Yoga",
    "instructorName": "Marta", "location": "Studio 2", "membershipType": "Gold",
    "expiryDate": "30 June", "daysUntilExpiry": "27", "bookingLink": "https://iron.example/b",
    "date": "3 June", "time": "18:00", "amount": "£39", "dueDate": "1 July",
    "due_date": "1 July", "bookingReference": "B-7", "booking_reference": "B-7",
    "variables.sender_email": "gym@iron.example", "trigger.campaign.name": "Spring",
    "class.name": "Yoga",
}  # fmt: skip
EVENT = {
    "lead": LEAD | {"id": "lead_9", "source": "web"},
    "class": {"name": "Yoga", "date": "3 June", "time": "18:00"},
    "booking": {"reference": "B-7"},
    "instructor_name": "Marta", "location": "Studio 2", "membership": {"type": "Gold"},
    "expiry_date": "30 June", "daysUntilExpiry": 27, "booking_link": "https://iron.example/b",
    "date": "3 June", "time": "18:00", "amount": "£39", "dueDate": "1 July",
    "campaign": {"name": "Spring"},
}  # fmt: skip
VARIABLES = [{"name": "sender_email", "defaultValue": "gym@iron.example"}]


def test_the_crms_own_names(engine, database, add_workflow):
    with database.write() as session:
        session.get_one(Organisation, ORG).email = "desk@iron.example"
    text = "\n".join(f"{name}={{{{{name}}}}}" for name in CRM_NAMES)
    add_workflow(*chain(TRIGGER, sms(text)), variables=VARIABLES)
    trigger(engine, EVENT)
    [message] = list_messages(database)
    assert dict(line.split("=", 1) for line in message.body.split("\n")) == CRM_NAMES


@pytest.mark.parametrize(
    "name", ["currentDate", "currentTime", "currentDateTime", "currentTimestamp", "currentYear"]
)
def test_the_date_names_are_written_by_the_gyms_clock(engine, database, add_workflow, name):
    add_workflow(*chain(TRIGGER, sms(f"{{{{{name}}}}}")))
    trigger(engine, LEAD)
    [message] = list_messages(database)
    assert message.body[-1].isdigit()
    assert "T" not in message.body


def test_notices_in_single_braces(engine, database, add_workflow):
    add_workflow(*chain(TRIGGER, sms("{customer_name}: {class_name} at {class_time}, {x}")))
    trigger(engine, EVENT)
    assert [m.body for m in list_messages(database)] == ["Ana Ruiz: Yoga at 18:00, {x}"]


def test_of_several_recipients_only_the_one_without_an_address_fails(
    engine, database, add_workflow
):
    action = sms("x", to=["{{lead.phone}}", "{{trigger.manager.phone}}", "+447700900456", "999"])
    add_workflow(*chain(TRIGGER, action))
    trigger(engine, LEAD)
    found = {m.to: (m.status, m.error) for m in list_messages(database)}
    assert found["+447700900123"] == found["+447700900456"] == ("sent", None)
    assert found["{{trigger.manager.phone}}"] == (
        "rejected", "the variable {{trigger.manager.phone}} has no value"
    )  # fmt: skip
    assert found["999"][0] == "rejected"
    assert "too short for a number of GB" in found["999"][1]


def test_a_direct_send_fills_in_each_recipients_own_name(engine, database, add_lead):
    add_lead()
    add_lead(id="lead_2", first_name=None, last_name=None, email="bo@example.com")
    add_lead(id="lead_3", first_name="Zoë", email="Zoe@Example.com")
    payload = {
        "to": ["ana@example.com", "bo@example.com", "zoe@example.com", "stranger@example.com"],
        "subject": "{{firstName}}, news", "html": "<p>Hi {{first_name}}</p>",
    }  # fmt: skip
    with pytest.raises(RecipientError, match=r"2 of 4 recipients: the variable \{\{first_name"):
        engine.call(NewJob("send_email", ORG, payload, job_id="bulk"))
    found = {m.to: (m.status, m.subject, m.body) for m in list_messages(database)}
    for address, name in (("ana@example.com", "Ana"), ("zoe@example.com", "Zoë")):
        status, subject, body = found[address]
        assert (status, subject) == ("sent", f"{name}, news")
        assert f"<p>Hi {name}</p>" in body
    assert found["bo@example.com"][0] == found["stranger@example.com"][0] == "rejected"


def test_who_was_not_known_gets_the_filled_text_once_the_job_is_retried(engine, database, add_lead):
    add_lead(first_name=None)
    job = NewJob("send_sms", ORG, {"to": "07700 900123", "message": "Hi {{firstName}}"}, job_id="j")
    with pytest.raises(RecipientError, match="has no value"):
        engine.call(job)
    with database.write() as session:
        session.get_one(Contact, (ORG, "lead_1")).first_name = "Ana"
    assert engine.call(job)["sent"] == 1
    [message] = list_messages(database)
    assert (message.status, message.body, message.error) == ("sent", "Hi Ana", None)


def test_a_direct_text_is_filled_in_by_number(engine, database, add_lead):
    add_lead(phone="07700 900123")
    job = NewJob("send_sms", ORG, {"to": "+44 7700 900123", "message": "Hi {{firstName}}"})
    assert engine.call(job) == {"sent": 1, "rejected": 0, "unknown": 0, "suppressed": 0}
    assert [m.body for m in list_messages(database)] == ["Hi Ana"]


@pytest.mark.parametrize(
    ("country", "number", "to"),
    [
        ("FR", "06 12 34 56 78", "+33612345678"),
        ("FR", "+44 (0)7700 900123", "+447700900123"),
        ("GB", "(0113) 496 0000", "+441134960000"),
        ("GB", "+49 (0)209 1234567", "+492091234567"),
        ("JP", "０９０-1234-5678", "+819012345678"),  # noqa: RUF001
    ],
)
def test_numbers_are_read_by_the_organisations_country(engine, database, country, number, to):
    with database.write() as session:
        session.get_one(Organisation, ORG).country = country
    engine.call(NewJob("send_sms", ORG, {"to": number, "message": "x"}))
    assert [m.to for m in list_messages(database)] == [to]


def test_two_spellings_of_one_recipient_get_one_message(engine, database):
    numbers = ["07700 900123", "+44 7700 900123", "0044 (0)7700 900123"]
    engine.call(NewJob("send_sms", ORG, {"to": numbers, "message": "x"}))
    addresses = ["info@müller.example", "INFO@xn--mller-kva.example"]
    engine.call(NewJob("send_email", ORG, {"to": addresses, "subject": "x", "text": "x"}))
    assert [m.to for m in list_messages(database)].count("+447700900123") == 1
    assert len(list_messages(database)) == 2


def test_an_organisation_in_a_zone_that_does_not_exist_refuses_the_job(
    engine, database, add_workflow
):
    with database.write() as session:
        session.get_one(Organisation, ORG).timezone = "Mars/Base"
    add_workflow(*chain(TRIGGER, sms("x")))
    engine.start(
        "execute_workflow", {"workflow_id": "wf_1", "trigger_data": LEAD}, job_id="by_hand"
    )
    engine.drain()
    [ran] = engine.of_kind("execute_workflow")
    assert isinstance(ran.raised, DeadLetter)
    assert "the organisation's time zone 'Mars/Base' does not exist" in str(ran.raised)
    assert list_messages(database) == []


@pytest.mark.parametrize(
    ("timezone", "tag"), [("Asia/Tokyo", "over"), ("America/Los_Angeles", "to come")]
)
def test_a_date_without_a_zone_is_the_gyms(engine, database, add_workflow, timezone, tag):
    """Half past twelve UTC's date and hour, by whose clock decides the branch."""
    from datetime import UTC, datetime

    with database.write() as session:
        session.get_one(Organisation, ORG).timezone = timezone
    check = node("c", "condition", config={"field": "starts", "operator": "before", "value": "now"})
    nodes = [TRIGGER, check, *(node(t, "action", actionType="add_tag", config={"tag": t})
                               for t in ("over", "to come"))]  # fmt: skip
    edges = [edge("t", "c"), edge("c", "over", "true"), edge("c", "to come", "false")]
    add_workflow(nodes, edges)
    trigger(engine, LEAD | {"starts": datetime.now(UTC).replace(tzinfo=None).isoformat()})
    with database.read() as session:
        done = set(session.scalars(select(WorkflowStep.node_id)))
    assert tag in done


def test_an_unreadable_date_fails_the_step_and_is_named(engine, database, add_workflow):
    check = node("c", "condition", config={"field": "starts", "operator": "before", "value": "now"})
    tag = node("tag", "action", actionType="add_tag", config={"tag": "over"})
    add_workflow([TRIGGER, check, tag], [edge("t", "c"), edge("c", "tag", "true")])
    trigger(engine, LEAD | {"starts": "next Tuesday"})
    assert "'next Tuesday' is no date; allowed: ISO 8601" in only_execution(database).error_message


def test_ids_in_filters_and_conditions_compare_as_text(engine, database, add_workflow):
    for number, form in enumerate([120210000000000123, "120210000000000124", 120210000000000124]):
        add_workflow([TRIGGER], [], id=f"wf_{number}", trigger_type="form_submitted",
                     trigger_config={"formId": form})  # fmt: skip
    trigger(engine, LEAD | {"form_id": 120210000000000124}, kind="form_submitted")
    [ran] = engine.of_kind("process_trigger")
    assert [found["id"] for found in ran.value["workflows"]] == ["wf_1", "wf_2"]


def test_names_in_other_scripts_start_what_listens_to_them(engine, database, add_workflow):
    add_workflow(*chain(TRIGGER, sms("体験予約")), trigger_type="体験予約")
    add_workflow(*chain(TRIGGER, sms("x")), id="other", trigger_type="体験入会")
    trigger(engine, LEAD, kind=" 体験予約 ")
    assert [m.body for m in list_messages(database)] == ["体験予約"]


def test_a_text_that_grows_beyond_its_channel_fails_before_it_exists(
    engine, database, add_workflow
):
    add_workflow(*chain(TRIGGER, sms("{{trigger.v}}" * 4_000)))
    trigger(engine, LEAD | {"v": "x" * 100_000})
    assert "longer than 1600 characters" in only_execution(database).error_message


def test_nothing_of_a_hostile_event_reaches_a_person_as_notation(engine, database, add_workflow):
    event = {f"k{n}": value for n, value in enumerate(
        [None, [], {}, [None], {"a": [1]}, [{"b": 2}], "", "undefined", True, 1.5, ["x", "y"]]
    )}  # fmt: skip
    for number in range(len(event)):
        add_workflow(*chain(TRIGGER, sms(f"v: {{{{trigger.k{number}}}}}")), id=f"wf_{number}")
    trigger(engine, LEAD | event)
    bodies = [m.body for m in list_messages(database)]
    assert sorted(bodies) == ["v: 1.5", "v: x and y", "v: yes"]
    assert not any(sign in body for body in bodies for sign in NOTATION)
    assert all(isinstance(ran.raised, DeadLetter) for ran in engine.ran if ran.raised)
