"""Actions that write to people: what is handed over, and what fails before anything is queued."""

from datetime import UTC, datetime

import pytest

from processors.errors import DefinitionError, TemplateError
from processors.templates.rendering import Rendered
from processors.workflow.actions.context import ActionContext
from runtime.catalogue.catalogue import Priority
from tests.processors.workflow.actions.conftest import EXECUTION

ORIGIN = {"execution_id": str(EXECUTION), "node_id": "node_1"}
TO_ANA = {"to": ["ana@example.com"], "contact_id": "lead_1"}
TO_HER_PHONE = {"to": ["+447700900123"], "contact_id": "lead_1"}


class OwnTemplate:
    """An organisation's template, as `processors.templates.resolving` gives it."""

    purpose = "marketing"

    def __init__(self, channel, name):
        self.name = f"{channel}/{name}"

    def render(self, data):
        return Rendered(f"{self.name} for {data['contact']['first_name']}\n", "Its subject")


@pytest.mark.parametrize(
    ("name", "config", "payload"),
    [
        (
            "send_email",
            {"subject": "Hi {{first_name}}\r\nBcc: x", "body": "<p>{{first_name}}</p>"},
            {**TO_ANA, "subject": "Hi Ana Bcc: x", "html": "<p>Ana</p>"},
        ),
        (
            "send_email",
            {"subject": "Hi", "text": "{{tags}}", "from": "Gym <hi@gym.example>", "replyTo": ""},
            {**TO_ANA, "subject": "Hi", "text": "Trial", "from": "Gym <hi@gym.example>"},
        ),
        (
            "send_email",
            {"subject": "Hi", "html": "x", "to": ["{{email}}", "{{nick}}", "bo@example.com"]},
            {
                "to": ["ana@example.com", "bo@example.com"],
                "refused": {"{{nick}}": "the variable {{nick}} has no value"},
                "subject": "Hi", "html": "x",
            },
        ),
        (
            "send_sms",
            {"message": "{{ nick | default('You') }}!", "purpose": "Marketing"},
            {**TO_HER_PHONE, "message": "You!", "purpose": "marketing"},
        ),
        ("send_sms", {"content": "Hi", "to": "contact"}, {**TO_HER_PHONE, "message": "Hi"}),
        ("send_whatsapp", {"text": 5, "to": ""}, {**TO_HER_PHONE, "message": "5"}),
        (
            "send_sms",
            {"message": "Hi", "not_after": "2026-12-01T18:00"},
            {**TO_HER_PHONE, "message": "Hi", "not_after": "2026-12-01T18:00:00Z"},
        ),
    ],
)  # fmt: skip
def test_a_message_is_handed_over_as_its_queue_takes_it(act, name, config, payload):
    outcome = act(name, config)
    assert outcome.kind == name
    assert outcome.payload == {**ORIGIN, **payload}


@pytest.mark.parametrize(
    ("given", "priority"),
    [("high", Priority.HIGH), ("Urgent", Priority.CRITICAL), ("medium", Priority.NORMAL),
     (None, None)],
)  # fmt: skip
def test_the_builders_words_for_priorities(act, given, priority):
    assert act("send_sms", {"message": "Hi", "priority": given}).priority == priority


def test_an_organisations_own_template_brings_subject_and_purpose(act):
    mail = act("send_email", {"templateId": "offer"}, template=OwnTemplate)
    assert mail.payload["subject"] == "Its subject"
    assert mail.payload["template"] == "offer"
    assert mail.payload["template_data"]["contact"]["first_name"] == "Ana"
    assert mail.purpose == mail.payload["purpose"] == "marketing"
    text = act("send_sms", {"template": "offer", "purpose": "transactional"}, template=OwnTemplate)
    assert text.payload["message"] == "sms/offer for Ana"
    assert text.purpose == "transactional"


def test_data_of_a_template_may_lack_what_the_template_can_do_without(act):
    data = {"name": "{{first_name}}", "nick": "{{nick}}", "up": "{{ nick | upper }}", "n": 1}
    outcome = act("send_whatsapp", {"template": "x", "variables": data}, template=OwnTemplate)
    given = outcome.payload["template_data"]
    assert (given["name"], given["n"]) == ("Ana", 1)
    assert "nick" not in given
    assert "up" not in given


def no_template(channel, name):
    raise TemplateError(f"there is no {channel} template {name!r}")


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("send_email", {"subject": "Hi"}, "there is no content; allowed: one of html, text"),
        ("send_email", {"subject": "Hi", "html": "a", "text": "b"}, "it has html and text"),
        ("send_email", {"html": "a"}, "subject"),
        ("send_email", {"subject": "Hi", "html": "{{nick}}"}, "the variable {{nick}} has no value"),
        ("send_email", {"template": "offer"}, "there is no email template 'offer'"),
        ("send_sms", {"template": "offer"}, "there is no sms template 'offer'"),
        ("send_sms", {"message": "x" * 1_601}, "longer than 1600"),
        ("send_sms", {"message": "Hi", "to": "nobody"}, "must be a phone number"),
        ("send_sms", {"message": "Hi", "to": ["{{nick}}"]}, "there is no recipient: the variable"),
        ("send_sms", {"message": "Hi", "to": [{"a": 1}]}, "a recipient must be a text"),
        ("send_sms", {"message": "Hi", "not_after": "soon"}, "not_after: 'soon' is no date"),
        ("send_whatsapp", {}, "there is no content"),
        ("send_whatsapp", {"message": "a", "template": "b"}, "it has message and template"),
    ],
)
def test_what_the_queue_would_refuse_fails_the_step(act, name, config, said):
    with pytest.raises(DefinitionError) as error:
        act(name, config, template=no_template)
    assert str(error.value).startswith(f"{name}: ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_message_to_a_contact_without_an_address_says_so(act, repository):
    repository.records["contact"]["lead_1"] |= {"phone": None}
    with pytest.raises(DefinitionError, match="no recipient: the contact has no phone"):
        act("send_sms", {"message": "Hi"})


def test_the_key_of_a_step_names_the_iteration(context):
    first, second = context(step_key="node_1#0"), context(step_key="node_1#1")
    assert isinstance(first, ActionContext)
    assert first.key("task") == context(step_key="node_1#0").key("task") != second.key("task")
    assert first.now == datetime(2026, 11, 25, 12, tzinfo=UTC)
