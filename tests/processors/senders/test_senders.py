"""The SMTP sender against a real server on loopback, and the simulated providers."""

import asyncio
import socket
import ssl
import subprocess
import uuid
from collections import Counter
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from processors.senders.refusals import is_of_recipient
from processors.senders.sender import (
    AmbiguousError,
    File,
    Guarantee,
    NotSentError,
    OutgoingMessage,
    RateLimitedError,
    RejectedError,
    SendError,
    UnavailableError,
)
from processors.senders.simulated import FAULTS, SimulatedSender
from processors.senders.smtp import SmtpSender, SmtpServer
from runtime.errors import SettingsError


class Inbox:
    """What the server received; `replies` are given instead of taking a message."""

    def __init__(self) -> None:
        self.mails: list[Any] = []
        self.senders: list[str] = []
        self.recipients: list[str] = []
        self.data_reply = ""
        self.rcpt_reply = ""
        self.quit_reply = "221 Bye"

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if self.rcpt_reply:
            return self.rcpt_reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):  # noqa: N802
        return self.quit_reply

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data_reply == "hang up":
            server.transport.abort()
            return "451 never seen"
        if self.data_reply:
            return self.data_reply
        self.recipients += envelope.rcpt_tos
        self.senders.append(envelope.mail_from)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@pytest.fixture
def inbox():
    return Inbox()


@pytest.fixture
def start(inbox):
    running = []

    def begin(**options: Any) -> Controller:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
        controller.start()
        running.append(controller)
        return controller

    yield begin
    for controller in running:
        controller.stop()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of our own for localhost: (server context, client context)."""
    path = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", path / "key.pem", "-out", path / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(path / "cert.pem", path / "key.pem")
    return server, ssl.create_default_context(cafile=path / "cert.pem")


class Blocking:
    """A sender, each call in an event loop of its own."""

    def __init__(self, sender: Any) -> None:
        self.sender = sender

    def send(self, message: OutgoingMessage) -> str | None:
        return asyncio.run(self.sender.send(message))

    def check(self) -> str:
        return asyncio.run(self.sender.check())


def sender(controller: Controller, url: str = "smtp://127.0.0.1:{port}", **options: Any):
    server = SmtpServer.from_url(url.format(port=controller.port))
    return Blocking(SmtpSender(server, timeout_s=60, **options))


def message(**fields: Any) -> OutgoingMessage:
    values = {
        "id": uuid.UUID(int=7),
        "channel": "email",
        "org": "org_iron",
        "recipient": "ana@example.com",
        "sender": "Iron Works <hello@iron.example>",
        "subject": "Willkommen, Zoë",
        "body": "Hello\n",
    }
    return OutgoingMessage(**(values | fields))


def test_a_mail_arrives_whole(start, inbox):
    provider_id = sender(start()).send(
        message(
            body="<p>Hi <b>Zoë</b></p><p>See <a href='https://gym.example'>us</a></p>",
            is_html=True,
            reply_to="desk@iron.example",
            attachments=[File("plan.pdf", b"\x00\xff%PDF", "application/pdf")],
        )
    )
    [mail] = inbox.mails
    assert inbox.recipients == ["ana@example.com"]
    assert mail["Subject"] == "Willkommen, Zoë"
    assert mail["From"] == "Iron Works <hello@iron.example>"
    assert mail["Reply-To"] == "desk@iron.example"
    assert mail["Message-ID"] == provider_id == f"<{uuid.UUID(int=7)}@iron.example>"
    assert mail["Date"]
    assert mail.get_body(("html",)).get_content().startswith("<p>Hi <b>Zoë</b>")
    text = mail.get_body(("plain",)).get_content()
    assert text.splitlines() == ["Hi Zoë", "See https://gym.example us"]
    [file] = mail.iter_attachments()
    assert (file.get_filename(), file.get_content()) == ("plan.pdf", b"\x00\xff%PDF")


def test_starttls_and_login(start, inbox, certificate):
    def authenticate(server, session, envelope, mechanism, data):
        good = (data.login, data.password) == (b"gym", b"p@ss")
        return AuthResult(success=good, handled=good)

    controller = start(
        tls_context=certificate[0], require_starttls=True, auth_required=True,
        authenticator=authenticate,
    )  # fmt: skip
    url = "smtp://gym:{secret}@localhost:{{port}}?starttls=require"
    good = sender(controller, url.format(secret="p%40ss"), tls=certificate[1])
    good.send(message())
    assert len(inbox.mails) == 1
    assert "answers" in good.check()
    with pytest.raises(UnavailableError, match="refused the login"):
        sender(controller, url.format(secret="wrong"), tls=certificate[1]).send(message())
    with pytest.raises(UnavailableError, match=r"(?i)certificate"):
        sender(controller, url.format(secret="p%40ss")).send(message())


def test_tls_is_not_silently_given_up(start, inbox):
    with pytest.raises(UnavailableError, match="offers no STARTTLS"):
        sender(start(), "smtp://127.0.0.1:{port}?starttls=require").send(message())
    assert inbox.mails == []


def test_smtps(inbox, certificate):
    class Smtps(Controller):
        def _trigger_server(self):
            # The base class would probe with the server's own context, which trusts nobody.
            with (
                socket.create_connection((self.hostname, self.port), timeout=5) as plain,
                certificate[1].wrap_socket(plain, server_hostname="localhost") as secure,
            ):
                secure.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Smtps(inbox, hostname="127.0.0.1", port=port, ssl_context=certificate[0])
    controller.start()
    try:
        sender(controller, "smtps://localhost:{port}", tls=certificate[1]).send(message())
    finally:
        controller.stop()
    assert len(inbox.mails) == 1


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("550 no such user", RejectedError),
        ("451 greylisted", RateLimitedError),
        ("421 too many", RateLimitedError),
        ("454 later", UnavailableError),
        ("552 too much", RejectedError),
    ],
)
@pytest.mark.parametrize("when", ["rcpt_reply", "data_reply"])
def test_refusals(start, inbox, reply, error, when):
    setattr(inbox, when, reply)
    with pytest.raises(error, match=reply):
        sender(start()).send(message())


def test_a_lost_answer_after_the_data_is_ambiguous(start, inbox):
    inbox.data_reply = "hang up"
    with pytest.raises(AmbiguousError, match="answer was lost"):
        sender(start()).send(message())


def test_a_bad_farewell_does_not_undo_a_delivery(start, inbox):
    inbox.quit_reply = "500 no"
    sender(start()).send(message())
    assert len(inbox.mails) == 1


def test_no_server_is_certainly_not_sent():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(UnavailableError, match="no SMTP connection"):
        Blocking(SmtpSender(SmtpServer("127.0.0.1", port))).send(message())


def test_header_injection_and_no_sender_are_refused(start, inbox):
    for wrong in ({"subject": "x\r\nBcc: y@z.co"}, {"sender": None}, {"sender": "a@b.co\nX: y"}):
        with pytest.raises(RejectedError):
            sender(start()).send(message(**wrong))
    assert inbox.mails == []


@pytest.mark.parametrize(
    ("given", "name", "address"),
    [
        ("Smith, Jo <jo@iron.example>", "Smith, Jo", "jo@iron.example"),
        ("Iron Gym, Leeds <hi@iron.example>", "Iron Gym, Leeds", "hi@iron.example"),
        ("Iron, " * 25 + "Gym <hi@iron.example>", "Iron, " * 25 + "Gym", "hi@iron.example"),
        ('Jo "Rock" Smith <jo@iron.example>', 'Jo "Rock" Smith', "jo@iron.example"),
        ("💪 Gym, Leeds <hi@iron.example>", "💪 Gym, Leeds", "hi@iron.example"),
        ("Müller <hi@müller.example>", "Müller", "hi@xn--mller-kva.example"),
    ],
)
def test_there_is_one_author_whatever_the_name(start, inbox, given, name, address):
    sender(start()).send(message(sender=given, reply_to=given))
    [mail] = inbox.mails
    for header in ("From", "Reply-To"):
        [author] = mail[header].addresses
        assert (author.display_name, author.addr_spec) == (name, address)
    assert inbox.senders == [address]


def test_a_domain_beyond_ascii_is_written_by_idna(start, inbox):
    sender(start()).send(message(recipient="info@müller.example"))
    assert inbox.recipients == ["info@xn--mller-kva.example"]
    assert inbox.mails[0]["To"] == "info@xn--mller-kva.example"


def test_an_address_beyond_ascii_needs_smtputf8(start, inbox):
    wide = message(recipient="jörg@example.com", subject="Grüße")
    with pytest.raises(RejectedError, match="offers no SMTPUTF8") as error:
        sender(start(enable_SMTPUTF8=False)).send(wide)
    assert is_of_recipient(error.value.code)
    assert inbox.mails == []
    sender(start()).send(wide)
    assert inbox.recipients == ["jörg@example.com"]
    assert inbox.mails[0]["Subject"] == "Grüße"


@pytest.mark.parametrize(
    "wrong",
    [
        {"recipient": "a@b.co, c@d.co"},
        {"recipient": "Team: a@b.co;"},
        {"recipient": "a@[127.0.0.1]"},
        {"recipient": "a@b.co\r\nRCPT TO:<x@y.co>"},
        {"sender": "A <a@b.co>, B <b@c.co>"},
        {"sender": "nobody"},
        {"sender": "A\u2028Bcc: x@y.co <a@b.co>"},
        {"reply_to": "a@b.co\nBcc: x@y.co"},
    ],
)
def test_what_is_no_mailbox_is_rejected_before_a_connection_is_made(wrong):
    nowhere = Blocking(SmtpSender(SmtpServer("127.0.0.1", 1)))
    with pytest.raises(RejectedError, match=r"From|To|Reply-To"):
        nowhere.send(message(**wrong))


def test_what_cannot_be_composed_has_certainly_not_left():
    nowhere = Blocking(SmtpSender(SmtpServer("127.0.0.1", 1)))
    file = File("plan.pdf", "no bytes", "application/pdf")
    with pytest.raises(NotSentError, match="cannot be composed"):
        nowhere.send(message(attachments=[file]))
    with pytest.raises(NotSentError, match="no SMTP connection"):
        Blocking(SmtpSender(SmtpServer("a" * 70 + ".example", 25))).send(message())


@pytest.mark.parametrize("body", [".\n", "..\n.\nx", "a\n.\nb", ".", "x\n.", "é\n.\n"])
def test_lines_of_one_dot_arrive(start, inbox, body):
    sender(start()).send(message(body=body))
    [mail] = inbox.mails
    assert mail.get_content().splitlines() == body.splitlines()


@pytest.mark.parametrize(
    ("url", "host", "port", "tls"),
    [
        ("smtp://mail.gym.uk", "mail.gym.uk", 587, False),
        ("smtp://mail.gym.uk:25?starttls=never", "mail.gym.uk", 25, False),
        ("smtps://u:p@mail.gym.uk", "mail.gym.uk", 465, True),
    ],
)
def test_urls(url, host, port, tls):
    server = SmtpServer.from_url(url)
    assert (server.host, server.port, server.implicit_tls) == (host, port, tls)


@pytest.mark.parametrize("url", ["", "mail.gym.uk", "http://x", "smtp://", "smtp://x:99999",
                                 "smtp://x?starttls=maybe"])  # fmt: skip
def test_wrong_urls_say_what_is_allowed(url):
    with pytest.raises(SettingsError, match="allowed: smtp://"):
        SmtpServer.from_url(url)
    assert "secret" not in repr(SmtpServer.from_url("smtp://u:secret@x"))


@pytest.mark.parametrize("channel", ["email", "sms", "whatsapp"])
def test_simulated_providers_misbehave_at_their_rates(channel):
    slept: list[float] = []
    outcomes: Counter[str] = Counter()

    async def sleep(seconds):
        slept.append(seconds)

    simulated = SimulatedSender(channel, seed=1, sleep=sleep)

    async def run():
        for _ in range(20_000):
            try:
                await simulated.send(message(channel=channel))
                outcomes["sent"] += 1
            except SendError as error:
                outcomes[f"{type(error).__name__} {error.code or ''}".strip()] += 1

    asyncio.run(run())
    faults = FAULTS[channel]
    for code, _, share in faults.rejected:
        assert outcomes[f"RejectedError {code}"] / 20_000 == pytest.approx(share, rel=0.35)
    assert outcomes["RateLimitedError 429"] / 20_000 == pytest.approx(faults.busy, rel=0.35)
    assert outcomes["UnavailableError 503"] / 20_000 == pytest.approx(faults.down, rel=0.35)
    assert outcomes["AmbiguousError"] / 20_000 == pytest.approx(faults.timeout, rel=0.6)
    slept.sort()
    assert slept[10_000] * 1000 == pytest.approx(faults.p50_ms, rel=0.1)
    assert slept[19_000] * 1000 == pytest.approx(faults.p95_ms, rel=0.15)
    assert slept[-1] * 1000 <= faults.p99_ms * 2
    assert (simulated.guarantee is Guarantee.KEYED) is (channel == "email")


def test_the_same_seed_gives_the_same_faults():
    async def sleep(_seconds):
        pass

    async def faults(seed):
        simulated = SimulatedSender("sms", seed=seed, sleep=sleep)
        found = []
        for _ in range(500):
            try:
                await simulated.send(message())
                found.append(None)
            except SendError as error:
                found.append(error.code)
        return found

    three, again, four = (asyncio.run(faults(seed)) for seed in (3, 3, 4))
    assert three == again != four
