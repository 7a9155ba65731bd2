"""SendGrid, Resend and Twilio against a real HTTP server on loopback that answers as they do."""

import asyncio
import base64
import socket
import uuid
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from processors.senders.resend import ResendSender
from processors.senders.sender import (
    AmbiguousError,
    DelayedError,
    File,
    Guarantee,
    NotSentError,
    OutgoingMessage,
    RateLimitedError,
    RejectedError,
    SendError,
    StoppedError,
    UnavailableError,
)
from processors.senders.sendgrid import SendGridSender
from processors.senders.twilio import TwilioAccount, TwilioSender
from tests.processors.senders.loopback import CLOSE, HANG, RESET, Cut, Loopback, answer, loopback

ID = uuid.UUID(int=7)
SID = "AC" + "0" * 32
SECRET = "s3same"
TAKEN = {
    "sendgrid": answer(202, X_Message_Id="sg-1"),
    "resend": answer(200, {"id": "re-1"}),
    "twilio": answer(201, {"sid": "SM1", "status": "queued"}),
}
NAMES = tuple(TAKEN)
EVERY = pytest.mark.parametrize("name", NAMES)


@pytest.fixture
def server():
    with loopback() as running:
        yield running


def sender(
    name: str, url: str, *, channel: str = "sms", total_s: float = 20, **account: Any
) -> Any:
    if name == "sendgrid":
        return SendGridSender(SECRET, url, total_s=total_s)
    if name == "resend":
        return ResendSender(SECRET, url, total_s=total_s)
    account = {"sender": "+447700900000", **account}
    return TwilioSender(channel, TwilioAccount(url, SID, SECRET, **account), total_s=total_s)


def message(name: str, **fields: Any) -> OutgoingMessage:
    values: dict[str, Any] = {"id": ID, "org": "org_iron", "body": "Hello"}
    if name == "twilio":
        values |= {"channel": "sms", "recipient": "+447700900123"}
    else:
        values |= {
            "channel": "email",
            "recipient": "ana@example.com",
            "sender": '"Iron, Works" <hello@iron.example>',
            "subject": "Willkommen, Zoë",
        }
    return OutgoingMessage(**(values | fields))


def send(name: str, server: Loopback, told: Any, **options: Any) -> str | None:
    server.script = lambda _request: told
    return asyncio.run(sender(name, server.url, **options).send(message(name)))


@pytest.mark.parametrize(
    ("name", "provider_id"), [("sendgrid", "sg-1"), ("resend", "re-1"), ("twilio", "SM1")]
)
def test_a_message_is_taken_in_one_request(server, name, provider_id):
    assert send(name, server, TAKEN[name]) == provider_id
    assert len(server.requests) == 1


def test_sendgrid_gets_everything(server):
    server.script = lambda _request: TAKEN["sendgrid"]
    whole = message(
        "sendgrid", body="<p>Hi <b>Zoë</b></p>", is_html=True, reply_to="desk@iron.example",
        headers={"List-Unsubscribe": "<https://gym.example/u>"},
        attachments=[File("plan.pdf", b"\x00PDF", "application/pdf")],
    )  # fmt: skip
    asyncio.run(sender("sendgrid", server.url).send(whole))
    [request] = server.requests
    assert (request.method, request.path) == ("POST", "/v3/mail/send")
    assert request.headers["authorization"] == f"Bearer {SECRET}"
    assert request.json == {
        "personalizations": [
            {"to": [{"email": "ana@example.com"}], "custom_args": {"message_id": str(ID)}}
        ],
        "from": {"email": "hello@iron.example", "name": "Iron, Works"},
        "reply_to": {"email": "desk@iron.example"},
        "subject": "Willkommen, Zoë",
        "content": [
            {"type": "text/plain", "value": "Hi Zoë\n"},
            {"type": "text/html", "value": "<p>Hi <b>Zoë</b></p>"},
        ],
        "headers": {"List-Unsubscribe": "<https://gym.example/u>"},
        "attachments": [
            {
                "content": base64.b64encode(b"\x00PDF").decode(), "filename": "plan.pdf",
                "type": "application/pdf", "disposition": "attachment",
            }
        ],
    }  # fmt: skip


def test_resend_gets_everything_under_the_messages_key(server):
    server.script = lambda _request: TAKEN["resend"]
    whole = message(
        "resend", body="<p>Hi</p>", is_html=True, text="Hi there", reply_to="desk@iron.example",
        headers={"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        attachments=[File("a.txt", b"x", "text/plain")],
    )  # fmt: skip
    resend = sender("resend", server.url)
    asyncio.run(resend.send(whole))
    asyncio.run(resend.send(message("resend", copy=1)))
    first, again = server.requests
    assert (first.method, first.path) == ("POST", "/emails")
    assert first.headers["authorization"] == f"Bearer {SECRET}"
    assert first.headers["idempotency-key"] == str(ID)
    assert again.headers["idempotency-key"] == f"{ID}-1"
    assert first.json == {
        "from": '"Iron, Works" <hello@iron.example>',
        "to": ["ana@example.com"],
        "subject": "Willkommen, Zoë",
        "text": "Hi there",
        "html": "<p>Hi</p>",
        "reply_to": "desk@iron.example",
        "headers": {"List-Unsubscribe-Post": "List-Unsubscribe=One-Click"},
        "tags": [{"name": "message_id", "value": str(ID)}],
        "attachments": [{"filename": "a.txt", "content": "eA==", "content_type": "text/plain"}],
    }


@pytest.mark.parametrize(
    ("channel", "account", "fields", "form"),
    [
        ("sms", {}, {}, {"To": "+447700900123", "From": "+447700900000", "Body": "Hello"}),
        (
            "sms", {"service": "MG1", "callback": "https://gym.example/t"}, {},
            {"To": "+447700900123", "MessagingServiceSid": "MG1", "Body": "Hello",
             "StatusCallback": "https://gym.example/t"},
        ),
        (
            "sms", {"service": "MG1"}, {"sender": "IRON"},
            {"To": "+447700900123", "From": "IRON", "Body": "Hello"},
        ),
        (
            "sms", {}, {"service": "MG2", "sender": "IRON"},
            {"To": "+447700900123", "MessagingServiceSid": "MG2", "Body": "Hello"},
        ),
        (
            "whatsapp", {}, {},
            {"To": "whatsapp:+447700900123", "From": "whatsapp:+447700900000", "Body": "Hello"},
        ),
        (
            "whatsapp", {}, {"content_sid": "HX1", "content_variables": {"1": "Zoë"}},
            {"To": "whatsapp:+447700900123", "From": "whatsapp:+447700900000",
             "ContentSid": "HX1", "ContentVariables": '{"1": "Zoë"}'},
        ),
    ],
)  # fmt: skip
def test_twilio_gets_everything(server, channel, account, fields, form):
    server.script = lambda _request: TAKEN["twilio"]
    twilio = sender("twilio", server.url, channel=channel, **account)
    asyncio.run(twilio.send(message("twilio", channel=channel, **fields)))
    [request] = server.requests
    assert (request.method, request.path) == ("POST", f"/2010-04-01/Accounts/{SID}/Messages.json")
    login = base64.b64encode(f"{SID}:{SECRET}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {login}"
    assert request.form == form


PAGE = "<html><body>Bad gateway</body></html>"


@EVERY
@pytest.mark.parametrize(
    ("told", "error", "words"),
    [
        (RESET, AmbiguousError, "answer was lost"),
        (CLOSE, AmbiguousError, "answer was lost"),
        (HANG, AmbiguousError, "did not answer in time"),
        (Cut(answer(202, {"id": "x", "sid": "SM1"})[:-3]), AmbiguousError, "answer was lost"),
        (Cut(b"HTTP/1.1 200 OK\r\nContent-Le"), AmbiguousError, "answer was lost"),
        (Cut(b"nonsense\r\n\r\n"), AmbiguousError, "answer was lost"),
        (answer(200, PAGE), AmbiguousError, "cannot be read"),
        (answer(500, {"message": "oops"}), AmbiguousError, "says 500"),
        (answer(502, PAGE), AmbiguousError, "says 502"),
        (answer(504), AmbiguousError, "says 504"),
        (answer(413, PAGE), RejectedError, "says 413"),
        (answer(400), RejectedError, "says 400"),
        (answer(401, {"message": "no"}), StoppedError, "says 401"),
        (answer(403, PAGE), StoppedError, "says 403"),
        (answer(404), StoppedError, "says 404"),
        (answer(302, Location="https://evil.example/"), StoppedError, "says 302"),
        (answer(307, Location="/elsewhere"), StoppedError, "says 307"),
        (answer(429), RateLimitedError, "says 429"),
    ],
)
def test_what_an_answer_means(server, name, told, error, words):
    with pytest.raises(error, match=words) as raised:
        send(name, server, told, total_s=0.5 if told == HANG else 20)
    assert type(raised.value) is error
    assert SECRET not in repr(raised.value)
    # No second try, no redirect followed.
    assert len(server.requests) == 1


@EVERY
@pytest.mark.parametrize(
    ("value", "least_s", "most_s"),
    [("7", 7, 7), ("<date>", 30, 90), ("soon", None, None)],
    ids=["seconds", "date", "words"],
)
def test_a_provider_says_when_to_come_back(server, name, value, least_s, most_s):
    if value == "<date>":
        value = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with pytest.raises(RateLimitedError) as raised:
        send(name, server, answer(429, {"message": "slow down"}, Retry_After=value))
    waits = raised.value.retry_after_s
    assert waits is None if least_s is None else least_s <= waits <= most_s


@EVERY
def test_who_is_not_there_got_nothing(name):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for url in (f"http://127.0.0.1:{port}", "http://nowhere.invalid", f"https://127.0.0.1:{port}"):
        with pytest.raises(UnavailableError, match="no connection to"):
            asyncio.run(sender(name, url).send(message(name)))


@EVERY
def test_a_server_that_speaks_no_tls_got_nothing(server, name):
    with pytest.raises(UnavailableError, match="no connection to"):
        asyncio.run(sender(name, server.url.replace("http:", "https:")).send(message(name)))


@pytest.mark.parametrize(
    ("name", "status", "data", "error", "code", "suppress"),
    [
        ("twilio", 400, {"code": 21211, "message": "bad"}, RejectedError, "21211", "invalid"),
        ("twilio", 400, {"code": 21610, "message": "STOP"}, RejectedError, "21610", "stop"),
        ("twilio", 400, {"code": 21606}, StoppedError, "21606", None),
        ("twilio", 401, {"code": 20003}, StoppedError, "20003", None),
        ("twilio", 429, {"code": 20429}, RateLimitedError, "20429", None),
        ("twilio", 400, {"code": 30003}, DelayedError, "30003", None),
        ("twilio", 400, {"code": 99999}, RejectedError, "99999", None),
        # The provider is not sure itself: no code makes that certain.
        ("twilio", 500, {"code": 21610}, AmbiguousError, "21610", None),
        ("twilio", 503, {"code": 20503}, AmbiguousError, "20503", None),
        ("twilio", 201, {"sid": "SM1", "status": "failed", "error_code": 30006}, RejectedError,
         "30006", "invalid"),
        ("twilio", 201, {"sid": "SM1", "status": "failed", "error_code": 30001}, RejectedError,
         "30001", None),
        ("resend", 422, {"name": "validation_error", "message": "Invalid `to` field."},
         RejectedError, "validation_error:to", "invalid"),
        ("resend", 422, {"name": "validation_error", "message": "Invalid `html`"}, RejectedError,
         "validation_error", None),
        ("resend", 429, {"name": "daily_quota_exceeded"}, StoppedError, "daily_quota_exceeded",
         None),
        ("resend", 429, {"name": "rate_limit_exceeded"}, RateLimitedError, "rate_limit_exceeded",
         None),
        ("resend", 409, {"name": "concurrent_idempotent_requests"}, AmbiguousError,
         "concurrent_idempotent_requests", None),
        ("resend", 403, {"name": "validation_error", "message": "domain is not verified"},
         StoppedError, "validation_error", None),
        ("resend", 451, {"name": "security_error"}, RejectedError, "security_error", None),
        ("sendgrid", 400, {"errors": [{"field": "personalizations.0.to.0.email", "message": "x"}]},
         RejectedError, "personalizations.to.email", "invalid"),
        ("sendgrid", 403, {"errors": [{"field": "from", "message": "not verified"}]}, StoppedError,
         "from", None),
        ("sendgrid", 503, {}, UnavailableError, "503", None),
        ("sendgrid", 400, {"errors": "none"}, RejectedError, "400", None),
    ],
)  # fmt: skip
def test_error_classes(server, name, status, data, error, code, suppress):
    with pytest.raises(SendError) as raised:
        send(name, server, answer(status, data))
    assert type(raised.value) is error
    assert raised.value.code == code
    assert getattr(raised.value, "suppress", None) == suppress


@pytest.mark.parametrize("name", ["sendgrid", "resend"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"sender": None}, {"sender": "a@b.co\nX: y"}, {"recipient": "a@b.co, c@d.co"},
        {"subject": "x\r\nBcc: y@z.co"}, {"headers": {"Bcc": "y@z.co"}},
        {"headers": {"X-A": "b\r\nBcc: y@z.co"}}, {"headers": {"X A": "b"}},
    ],
)  # fmt: skip
def test_what_would_forge_an_e_mail_never_leaves(server, name, wrong):
    with pytest.raises((RejectedError, NotSentError)):
        asyncio.run(sender(name, server.url).send(message(name, **wrong)))
    assert server.requests == []


@EVERY
def test_one_client_keeps_its_connections_and_serves_many_at_once(server, name):
    server.script = lambda _request: TAKEN[name]
    many = sender(name, server.url)

    async def run() -> int:
        found = await asyncio.gather(*[many.send(message(name)) for _ in range(60)])
        return len(found)

    assert asyncio.run(run()) == 60
    assert asyncio.run(run()) == 60, "another event loop gets connections of its own"
    assert len(server.requests) == 120


@pytest.mark.parametrize(
    ("name", "told", "said"),
    [
        ("sendgrid", answer(200, {"scopes": ["mail.send"]}), "accepts the key"),
        ("sendgrid", answer(200, {"scopes": ["alerts.read"]}), "lacks mail.send"),
        ("sendgrid", answer(401), "says 401"),
        ("resend", answer(200, {"data": []}), "accepts the key"),
        ("resend", answer(401, {"name": "restricted_api_key"}), "accepts the key"),
        ("resend", answer(400, {"name": "validation_error", "message": "API key is invalid"}),
         "API key is invalid"),
        ("twilio", answer(200, {"status": "active"}), "accepts the login"),
        ("twilio", answer(200, {"status": "suspended"}), "is suspended"),
        ("twilio", answer(401, {"code": 20003, "message": "Authenticate"}), "20003"),
    ],
)  # fmt: skip
def test_check_asks_without_sending(server, name, told, said):
    server.script = lambda _request: told
    try:
        words = asyncio.run(sender(name, server.url).check())
    except SendError as error:
        words = error.reason
    assert said in words
    assert [request.method for request in server.requests] == ["GET"]


def test_twilio_is_asked_which_messages_it_took(server):
    now = datetime.now(UTC)
    same = {
        "sid": "SM1", "body": "Hello", "from": "+447700900000", "direction": "outbound-api",
        "date_created": format_datetime(now), "messaging_service_sid": None,
    }  # fmt: skip
    others = [
        same | {"sid": "SM2", "body": "Another"},
        same | {"sid": "SM3", "direction": "inbound"},
        same | {"sid": "SM4", "from": "+447700900999"},
        same | {"sid": "SM5", "date_created": format_datetime(now - timedelta(hours=1))},
        same | {"sid": "SM6", "date_created": None},
        "nonsense",
    ]
    server.script = lambda _request: answer(200, {"messages": [same, *others]})
    found = asyncio.run(sender("twilio", server.url).find(message("twilio"), since=now))
    assert [sent.provider_id for sent in found] == ["SM1"]
    [request] = server.requests
    assert (request.method, request.query["To"]) == ("GET", "+447700900123")


def test_what_repeating_a_send_does():
    guarantees = {name: sender(name, "http://127.0.0.1:1").guarantee for name in NAMES}
    assert guarantees == {
        "sendgrid": Guarantee.KEYLESS, "resend": Guarantee.KEYED, "twilio": Guarantee.KEYLESS,
    }  # fmt: skip
    assert SECRET not in repr(TwilioAccount("", SID, SECRET))
