"""Requests of providers: verified as the providers' own programs do, and read."""

import json
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from processors.errors import WebhookError
from processors.payloads.webhooks import MAX_EVENTS
from processors.settings import CrmSettings
from processors.webhooks import twilio
from processors.webhooks.keywords import keyword_of
from processors.webhooks.receiving import MAX_BODY_BYTES, accept, read_event, read_events
from tests.processors.webhooks import requests as made
from tests.processors.webhooks.requests import NOW, TOKEN, URL


@pytest.fixture
def own(make_settings):
    return make_settings(**made.VARIABLES).of(CrmSettings)


GOOD = [
    made.sendgrid(made.event("delivered")),
    made.resend("email.delivered"),
    made.status("delivered"),
    made.incoming("See you at six & more, café"),
    made.twilio_json({"MessageSid": "SM1", "MessageStatus": "sent", "To": "+447700900123"}),
    made.status("sent", url="https://gym.example:8443/hook"),
]


@pytest.mark.parametrize("request_", GOOD)
def test_what_a_provider_signed_is_taken(own, request_):
    assert len(read_events(*request_, settings=own, now=NOW)) == 1
    [job] = accept(*request_, settings=own, now=NOW)
    assert job.kind == "process_webhook"
    provider = request_[0]
    [data] = job.payload.events
    assert read_event(provider, data, NOW).is_known


@pytest.mark.parametrize("request_", GOOD)
def test_what_it_did_not_sign_is_refused_in_one_line(own, request_):
    provider, headers, body, url = request_
    [signature] = [name for name in headers if name.lower().endswith("signature")]
    wrong = [
        (headers, body + b" ", url),
        (headers | {signature: "v1,bm90IGl0"}, body, url),
        (headers | {signature: "not base64 é"}, body, url),
        ({k: v for k, v in headers.items() if k != signature}, body, url),
    ]
    if provider == "twilio":
        wrong.append((headers, body, url.replace("gym.example", "other.example")))
    for changed in wrong:
        with pytest.raises(WebhookError) as refused:
            accept(provider, *changed, settings=own, now=NOW)
        assert str(refused.value).startswith(f"{provider}: ")
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(minutes=-6)])
@pytest.mark.parametrize("request_", GOOD[:2])
def test_what_was_signed_at_another_time_is_refused(own, request_, off):
    with pytest.raises(WebhookError, match="more than 5 minutes off"):
        accept(*request_, settings=own, now=NOW + off)


@pytest.mark.parametrize("request_", GOOD[:3])
def test_without_a_secret_nothing_is_taken(make_settings, request_):
    nothing = make_settings().of(CrmSettings)
    with pytest.raises(WebhookError, match="is not set"):
        accept(*request_, settings=nothing, now=NOW)
    with pytest.raises(WebhookError, match="'post' sends no webhooks; allowed: sendgrid, resend"):
        accept("post", *request_[1:], settings=nothing, now=NOW)


def test_a_key_that_is_none_is_named(make_settings):
    wrong = make_settings(SENDGRID_WEBHOOK_PUBLIC_KEY="x", RESEND_WEBHOOK_SECRET="whsec_")
    for request in GOOD[:2]:
        with pytest.raises(WebhookError, match=r"_WEBHOOK_.* is no "):
            accept(*request, settings=wrong.of(CrmSettings), now=NOW)


def test_many_events_become_jobs_of_bounded_size(own):
    events = [made.event("open", number) for number in range(2 * MAX_EVENTS + 1)]
    jobs = accept(*made.sendgrid(*events), settings=own, now=NOW)
    assert [len(job.payload.events) for job in jobs] == [MAX_EVENTS, MAX_EVENTS, 1]
    assert len({job.job_id for job in jobs}) == 3
    with pytest.raises(WebhookError, match="bytes; allowed"):
        accept(*made.sendgrid(body=b" " * (MAX_BODY_BYTES + 1)), settings=own, now=NOW)


@pytest.mark.parametrize("body", [b"no json", b"[1, null]", b'{"a": "\\u0000"}', b'[{"a": NaN}]'])
def test_what_is_signed_and_cannot_be_read_is_kept(own, body):
    jobs = accept(*made.sendgrid(body=body), settings=own, now=NOW)
    for data in [data for job in jobs for data in job.payload.events]:
        with pytest.raises(ValueError, match=r"^it "):
            read_event("sendgrid", data, NOW)


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=6),
    st.sampled_from([URL, "http://gym.example/a", "https://gym.example:8080/a?b=c"]),
)
def test_twilios_own_validator_agrees(form, url):
    try:
        body = urlencode(form).encode()
    except UnicodeEncodeError:
        return
    signature = RequestValidator(TOKEN).compute_signature(url, form)
    twilio.verify({"x-twilio-signature": signature}, body, url, token=TOKEN)
    if form:
        with pytest.raises(WebhookError):
            twilio.verify({"x-twilio-signature": signature}, b"", url, token=TOKEN)


@pytest.mark.parametrize("provider", ["sendgrid", "resend", "twilio"])
@given(data=st.dictionaries(
    st.sampled_from(["sg_event_id", "event", "timestamp", "type", "data", "svix_id", "created_at",
                     "MessageSid", "MessageStatus", "Body", "From", "To", "reason"]),
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
                 lambda inner: st.lists(inner, max_size=2), max_leaves=3),
))  # fmt: skip
def test_whatever_a_report_holds_it_is_an_event_or_refused(provider, data):
    try:
        said = repr(read_event(provider, data, NOW).id)
    except ValueError as error:
        said = str(error)
    assert said
    assert "\n" not in said


READ = [
    ("sendgrid", made.event("processed"), "sent", None),
    ("sendgrid", made.event("deferred"), None, None),
    ("sendgrid", made.event("delivered"), "delivered", None),
    ("sendgrid", made.event("open"), "opened", None),
    ("sendgrid", made.event("click", url="https://a.example"), "clicked", None),
    ("sendgrid", made.event("bounce", type="bounce", reason="550"), "bounced", "hard_bounce"),
    ("sendgrid", made.event("bounce", type="blocked"), "failed", None),
    ("sendgrid", made.event("dropped", reason="Bounced Address"), "failed", "hard_bounce"),
    ("sendgrid", made.event("dropped", reason="Unsubscribed Address"), "failed", "unsubscribe"),
    ("sendgrid", made.event("dropped", reason="Too Many Recipients"), "failed", None),
    ("sendgrid", made.event("spamreport"), "complained", "complaint"),
    ("sendgrid", made.event("unsubscribe"), None, "unsubscribe"),
    ("sendgrid", made.event("group_unsubscribe"), None, "unsubscribe"),
    ("resend", ("email.sent", {}), "sent", None),
    ("resend", ("email.delivery_delayed", {}), None, None),
    ("resend", ("email.opened", {}), "opened", None),
    ("resend", ("email.clicked", {"click": {"link": "https://a.example"}}), "clicked", None),
    ("resend", ("email.bounced", {"bounce": {"type": "Permanent"}}), "bounced", "hard_bounce"),
    ("resend", ("email.bounced", {"bounce": {"type": "Transient"}}), "failed", None),
    ("resend", ("email.bounced", {}), "bounced", "hard_bounce"),
    ("resend", ("email.complained", {}), "complained", "complaint"),
    ("resend", ("email.failed", {"failed": {"reason": "quota"}}), "failed", None),
    ("twilio", {"MessageSid": "S", "MessageStatus": "queued"}, None, None),
    ("twilio", {"MessageSid": "S", "MessageStatus": "sent"}, "sent", None),
    ("twilio", {"MessageSid": "S", "MessageStatus": "read"}, "opened", None),
    ("twilio", {"MessageSid": "S", "MessageStatus": "failed", "ErrorCode": "30007"}, "failed",
     None),
    ("twilio", {"MessageSid": "S", "MessageStatus": "undelivered", "ErrorCode": "30005"}, "failed",
     "invalid"),
    ("twilio", {"MessageSid": "S", "MessageStatus": "failed", "ErrorCode": "21610"}, "failed",
     "stop"),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "data", "delivery", "suppression"), READ)
def test_what_each_report_means(provider, data, delivery, suppression):
    if provider == "resend":
        kind, fields = data
        _, headers, body, _ = made.resend(kind, **fields)
        data = {**json.loads(body), "svix_id": headers["svix-id"]}
    found = read_event(provider, data, NOW)
    assert (found.delivery, found.suppression, found.is_known) == (delivery, suppression, True)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("STOP", "stop"), (" Stop! ", "stop"), ("stop all", "stop"), ("Unsubscribe.", "stop"),
        ("Opt-Out", "stop"), ("ARRÊT", "stop"), ("abmelden", "stop"), ("Baja", "stop"),
        ("please stop by", None), ("stop please", None), ("", None), ("stop" * 30, None),
        ("START", "start"), ("unstop", "start"), ("yes", "start"), ("yes please", None),
        ("HELP", "help"), ("Hilfe?", "help"), ("help me", None), ("7", None), ("\U0001f44d", None),
    ],
)  # fmt: skip
def test_keywords_are_the_whole_text(text, keyword):
    assert keyword_of(text) == keyword
