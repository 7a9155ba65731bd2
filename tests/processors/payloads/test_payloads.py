"""Payloads: what producers may send, and one clear refusal for the rest."""

import base64

import pytest
from pydantic import ValidationError

from processors.payloads.crm import UpdateLead
from processors.payloads.messaging import SendEmail, SendSms, SendWhatsapp
from processors.payloads.workflow import ProcessTrigger

MAIL = {"to": "ana@example.com", "subject": "Hi", "text": "x"}


def test_one_recipient_or_several():
    assert SendEmail.model_validate(MAIL).to == ["ana@example.com"]
    assert len(SendEmail.model_validate(MAIL | {"to": ["a@b.co", "c@d.co"]}).to) == 2
    assert SendSms(to="07700 900123", message="x").to == ["07700 900123"]


def test_a_payload_survives_the_way_through_json():
    file = {"filename": "plan.pdf", "content": base64.b64encode(b"\x00\xff").decode()}
    mail = SendEmail.model_validate(
        MAIL | {"attachments": [file], "from": "Gym <g@b.co>", "reply_to": "r@b.co"}
    )
    again = SendEmail.model_validate_json(mail.model_dump_json(exclude_unset=True))
    assert again == mail
    assert again.attachments[0].content == b"\x00\xff"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"to": []}, "at least 1 item"),
        ({"to": "nobody"}, "must be an e-mail address"),
        ({"to": "a@b.co\nBcc: x@y.co"}, "one line"),
        ({"subject": "Hi\r\nBcc: x@y.co"}, "one line"),
        ({"subject": ""}, "at least 1 character"),
        ({"reply_to": "x@y.co\r\nX: y"}, "one line"),
        ({"from": "Gym <g@b.co>\nX: y"}, "one line"),
        ({"html": "<p>"}, "exactly one of html, text, template"),
        ({"text": None}, "exactly one of html, text, template is needed, not none"),
        ({"text": "a\x00b"}, "NUL"),
        ({"text": "a\ud800b"}, "Unicode|unicode"),
        ({"colour": "red"}, "Extra inputs"),
        ({"text": "x" * 200_001}, "at most"),
        ({"to": ["a@b.co"] * 1_001}, "at most 1000"),
        ({"node_id": "n"}, "go together"),
        ({"attachments": [{"filename": "a\nb", "content": ""}]}, "one line"),
    ],
)
def test_refused_email(change, words):
    with pytest.raises(ValidationError, match=words):
        SendEmail.model_validate(MAIL | change)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (SendSms, {"to": "{{lead.phone}}", "message": "x"}),
        (SendSms, {"to": "+447700900123", "message": "x" * 1_601}),
        (SendWhatsapp, {"to": "+447700900123"}),
        (SendWhatsapp, {"to": "+447700900123", "message": "x", "template": "y"}),
        (UpdateLead, {"lead_id": "l", "updates": {}}),
        (ProcessTrigger, {"trigger_type": "x", "trigger_data": {"a": "\x00"}}),
        (ProcessTrigger, {"trigger_type": "x\n", "trigger_data": {}}),
    ],
)
def test_refused(model, data):
    with pytest.raises(ValidationError):
        model.model_validate(data)


def test_deep_data_is_refused():
    data = {"x": 1}
    for _ in range(40):
        data = {"x": data}
    with pytest.raises(ValidationError, match="nested deeper"):
        ProcessTrigger(trigger_type="x", trigger_data=data)
