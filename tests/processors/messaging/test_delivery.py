"""Sending once: repeats, concurrency, crashes while a provider is called, and what errors mean."""

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from sqlalchemy import select, update

from processors.database.models import Message, WorkflowExecution, WorkflowStep
from processors.errors import RecipientError, TemplateError
from processors.messaging.delivery import CALL_LIMIT, KEY_LIFETIME
from processors.messaging.outbox import list_messages
from processors.resources import Resources
from processors.senders.sender import (
    AmbiguousError,
    Guarantee,
    NotSentError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from processors.senders.smtp import SmtpSender, SmtpServer
from runtime.client import NewJob
from runtime.outcomes import DeadLetter, Retry, Snooze
from tests.processors.harness import ORG, Engine
from tests.processors.messaging.providers import Provider
from tests.processors.shapes import EMAIL, TAG, TRIGGER, chain


class Crash(BaseException):
    """The process is gone; no `except Exception` sees it."""


@pytest.fixture
def with_provider(database, make_settings):
    def make(guarantee: Guarantee, *answers: Any) -> tuple[Engine, Provider]:
        provider = Provider(guarantee, *answers)
        senders = {"email": provider, "sms": provider, "whatsapp": provider}
        return Engine(Resources(database, senders, make_settings(), "gym@iron.example")), provider

    return make


def mail(*to: str, job_id: str = "mail_1") -> NewJob:
    payload = {"to": list(to) or ["a@b.co"], "subject": "Hi", "text": "Hello"}
    return NewJob("send_email", ORG, payload, job_id=job_id)


def status_of(database) -> dict[str, str]:
    return {m.to: m.status for m in list_messages(database)}


BOTH = pytest.mark.parametrize("guarantee", [Guarantee.KEYED, Guarantee.KEYLESS])


@BOTH
def test_a_job_that_runs_twice_sends_once(with_provider, database, guarantee):
    engine, provider = with_provider(guarantee)
    assert engine.call(mail("a@b.co", "c@d.co")) == {
        "sent": 2,
        "rejected": 0,
        "unknown": 0,
        "suppressed": 0,
    }
    assert engine.call(mail("a@b.co", "C@D.co")) == {
        "sent": 2,
        "rejected": 0,
        "unknown": 0,
        "suppressed": 0,
    }
    assert provider.accepted == ["a@b.co", "c@d.co"]
    assert status_of(database) == {"a@b.co": "sent", "c@d.co": "sent"}
    [row] = [m for m in list_messages(database) if m.to == "a@b.co"]
    assert (row.attempts, row.job_id, row.org, row.body) == (1, "mail_1", ORG, "Hello")
    assert row.sent_at >= row.created_at


def test_the_outbox_sends_once_under_twenty_threads(engine, database):
    with ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda _: engine.call(mail("a@b.co", "c@d.co")), range(20)))
    assert results == [{"sent": 2, "rejected": 0, "unknown": 0, "suppressed": 0}] * 20
    assert len(list_messages(database)) == 2
    assert len(engine.client.queue) == 1


@BOTH
def test_concurrent_attempts_call_the_provider_once(with_provider, database, guarantee):
    engine, provider = with_provider(guarantee)
    inside, go = threading.Event(), threading.Event()

    def hold():
        inside.set()
        assert go.wait(60)

    provider.hook = hold
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(engine.call, mail())
        assert inside.wait(60)
        provider.hook = lambda: None
        if guarantee is Guarantee.KEYLESS:
            with pytest.raises(Snooze):
                engine.call(mail())
        else:
            engine.call(mail())  # the same key: the provider replays its answer
        go.set()
        assert first.result(20)["sent"] == 1
    assert len(set(provider.keys)) == 1
    assert len(provider.accepted) == (1 if guarantee is Guarantee.KEYLESS else 2)
    assert status_of(database) == {"a@b.co": "sent"}


def crash(engine: Engine, provider: Provider, job: NewJob) -> None:
    def die():
        raise Crash

    provider.hook = die
    with pytest.raises(Crash):
        engine.call(job)
    provider.hook = lambda: None


def age(database, by: timedelta) -> None:
    with database.write() as session:
        session.execute(update(Message).values(calling_at=datetime.now(UTC) - by))


def test_a_crash_while_calling_without_key_is_unknown_and_never_sent_again(with_provider, database):
    engine, provider = with_provider(Guarantee.KEYLESS)
    crash(engine, provider, mail())
    assert status_of(database) == {"a@b.co": "calling"}
    # While the call might still be running, nobody decides anything.
    with pytest.raises(Snooze) as snooze:
        engine.call(mail())
    assert timedelta(0) < snooze.value.until - datetime.now(UTC) <= CALL_LIMIT
    age(database, CALL_LIMIT + timedelta(seconds=1))
    for _ in range(2):
        with pytest.raises(DeadLetter, match="may have been delivered"):
            engine.call(mail())
    assert status_of(database) == {"a@b.co": "unknown"}
    assert len(provider.calls) == 1


def test_a_crash_while_calling_with_a_key_is_repeated_with_the_same_key(with_provider, database):
    engine, provider = with_provider(Guarantee.KEYED)
    crash(engine, provider, mail())
    assert engine.call(mail())["sent"] == 1
    assert status_of(database) == {"a@b.co": "sent"}
    assert len(provider.calls) == 2


def test_a_key_that_expired_is_not_used_again(with_provider, database):
    engine, provider = with_provider(Guarantee.KEYED)
    crash(engine, provider, mail())
    age(database, KEY_LIFETIME + timedelta(seconds=1))
    with pytest.raises(DeadLetter):
        engine.call(mail())
    assert len(provider.calls) == 1


def test_a_crash_before_the_call_is_sent_by_the_next_attempt(with_provider, database, monkeypatch):
    engine, provider = with_provider(Guarantee.KEYLESS)
    with monkeypatch.context() as patch:
        patch.setattr("processors.messaging.delivery.begin_call", _die)
        with pytest.raises(Crash):
            engine.call(mail())
    assert status_of(database) == {"a@b.co": "reserved"}
    assert engine.call(mail())["sent"] == 1
    assert provider.accepted == ["a@b.co"]


def test_a_crash_after_delivery_before_the_step_closes(
    with_provider, database, add_workflow, add_lead, monkeypatch
):
    add_lead()
    add_workflow(*chain(TRIGGER, EMAIL, TAG))
    engine, provider = with_provider(Guarantee.KEYLESS)
    engine.start("process_trigger", {"trigger_type": "lead_updated", "trigger_data": {}})
    engine.start(
        "execute_workflow",
        {"workflow_id": "wf_1", "trigger_type": "lead_created",
         "trigger_data": {"lead_id": "lead_1"}},
    )  # fmt: skip
    while engine.client.queue[0].kind != "send_email":
        engine.run(engine.client.queue.popleft())
    job = engine.client.queue.popleft()
    with monkeypatch.context() as patch:
        patch.setattr("processors.messaging.handlers.settle_step", _die)
        with pytest.raises(Crash):
            engine.call(job)
    engine.run(job)
    engine.drain()
    assert provider.accepted == ["ana@example.com"]
    with database.read() as session:
        assert session.scalars(select(WorkflowExecution.status)).all() == ["completed"]


def _die(*_args, **_kwargs):
    raise Crash


def test_a_late_answer_still_counts_after_unknown(with_provider, database):
    engine, provider = with_provider(Guarantee.KEYLESS)

    def slow():
        # Meanwhile another attempt gives this call up.
        provider.hook = lambda: None
        age(database, CALL_LIMIT + timedelta(seconds=1))
        with pytest.raises(DeadLetter):
            engine.call(mail())
        assert status_of(database) == {"a@b.co": "unknown"}

    provider.hook = slow
    engine.call(mail())
    assert status_of(database) == {"a@b.co": "sent"}
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("guarantee", "answer", "raised", "status"),
    [
        (
            Guarantee.KEYED,
            RejectedError("no such address", code="validation_error:to"),
            RecipientError,
            "rejected",
        ),
        (Guarantee.KEYED, RejectedError("blocked", code="403"), DeadLetter, "rejected"),
        (Guarantee.KEYED, RateLimitedError("slow down", retry_after_s=7), Retry, "reserved"),
        (Guarantee.KEYED, UnavailableError("503"), Retry, "reserved"),
        (Guarantee.KEYED, AmbiguousError("timeout"), Retry, "calling"),
        (Guarantee.KEYLESS, AmbiguousError("timeout"), DeadLetter, "unknown"),
        (Guarantee.KEYLESS, UnavailableError("refused"), Retry, "reserved"),
    ],
)
def test_error_classes(with_provider, database, guarantee, answer, raised, status):
    engine, _ = with_provider(guarantee, answer)
    with pytest.raises(raised, match=answer.reason) as error:
        engine.call(mail())
    assert status_of(database) == {"a@b.co": status}
    [message] = list_messages(database)
    assert answer.reason in message.error
    if isinstance(answer, RateLimitedError):
        assert error.value.after == timedelta(seconds=7)
    elif raised is Retry:
        assert error.value.after is None
    if raised is Retry:
        assert error.value.fault == (not isinstance(answer, RateLimitedError))


@BOTH
def test_retries_go_on_until_sent(with_provider, database, guarantee):
    errors = [UnavailableError("503"), RateLimitedError("429", retry_after_s=None)]
    engine, provider = with_provider(guarantee, *errors)
    assert engine.run(mail()).raised is None
    assert status_of(database) == {"a@b.co": "sent"}
    assert len(provider.calls) == 3
    [message] = list_messages(database)
    assert (message.attempts, message.error) == (3, None)


def test_the_last_attempt_gives_up_in_words(with_provider, database):
    engine, _ = with_provider(Guarantee.KEYED, *[UnavailableError("503")] * 5)
    ran = engine.run(mail())
    # Whether it was the last one is the engine's to say: not while the provider's breaker is open.
    assert isinstance(ran.raised, Retry)
    assert ran.raised.fault
    assert status_of(database) == {"a@b.co": "reserved"}
    engine.drain()
    assert status_of(database) == {"a@b.co": "rejected"}
    [message] = list_messages(database)
    assert message.error == "503; given up after 5 attempts"
    assert [e.job.payload["event"] for e in engine.of_kind("track_event")] == ["message_failed"]


@pytest.mark.parametrize(
    ("codes", "raised"),
    [
        (["21610"], RecipientError),
        (["21610", "21211"], RecipientError),
        (["21610", "30007"], DeadLetter),
        ([None], DeadLetter),
    ],
)
def test_only_what_a_person_can_mend_leaves_a_dead_letter(with_provider, database, codes, raised):
    engine, _ = with_provider(
        Guarantee.KEYLESS, *[RejectedError("refused", code=code) for code in codes]
    )
    job = mail(*[f"{number}@b.co" for number in range(len(codes))])
    assert isinstance(engine.run(job).raised, raised)
    with pytest.raises(raised, match="refused"):
        engine.call(job, attempt=2)
    letters = [job.kind for job in engine.client.queue if job.kind == "record_dead_letter"]
    assert len(letters) == (raised is DeadLetter)


def test_failures_of_one_recipient_do_not_resend_the_others(with_provider, database):
    engine, provider = with_provider(
        Guarantee.KEYLESS, None, RejectedError("opted out"), UnavailableError("503")
    )
    job = mail("a@b.co", "b@b.co", "c@b.co")
    with pytest.raises(Retry):
        engine.call(job)
    with pytest.raises(DeadLetter, match="1 of 3 recipients: opted out"):
        engine.call(job, attempt=2)
    assert provider.calls == ["a@b.co", "b@b.co", "c@b.co", "c@b.co"]
    assert status_of(database) == {"a@b.co": "sent", "b@b.co": "rejected", "c@b.co": "sent"}


def test_an_operators_retry_asks_again_for_what_was_rejected(with_provider, database):
    engine, provider = with_provider(Guarantee.KEYED, None, RejectedError("blocked"))
    with pytest.raises(DeadLetter):
        engine.call(mail("a@b.co", "b@b.co"))
    assert engine.call(mail("a@b.co", "b@b.co"), attempt=1)["sent"] == 2
    assert provider.accepted == ["a@b.co", "b@b.co"]


def test_many_recipients_go_on_in_another_run_when_time_is_short(with_provider, database):
    engine, provider = with_provider(Guarantee.KEYLESS)
    job = mail("a@b.co", "b@b.co")
    with pytest.raises(Snooze, match="1 messages sent so far"):
        engine.call(job, timeout_s=5)
    assert engine.call(job)["sent"] == 2
    assert provider.accepted == ["a@b.co", "b@b.co"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("send_sms", {"message": "Hi"}),
        ("send_whatsapp", {"content_sid": "HX" + "0" * 32, "content_variables": {"1": "Ana"}}),
    ],
)
def test_numbers_are_normalised_and_wrong_ones_refused(engine, database, kind, text):
    payload = {"to": ["07700 900123", "+44 7700 900123", "12345"], **text}
    ran = engine.run(NewJob(kind, ORG, payload, job_id="text_1"))
    assert "1 of 2 recipients: the number is not valid" in str(ran.raised)
    assert status_of(database) == {"+447700900123": "sent", "12345": "rejected"}


def test_rejection_fails_the_step_and_a_retried_job_mends_it(
    with_provider, database, add_workflow, add_lead
):
    add_lead()
    add_workflow(*chain(TRIGGER, EMAIL, TAG))
    engine, _ = with_provider(Guarantee.KEYED, RejectedError("mailbox full"))
    payload = {"workflow_id": "wf_1", "trigger_type": "lead_created",
               "trigger_data": {"lead_id": "lead_1"}}  # fmt: skip
    engine.start("execute_workflow", payload)
    engine.drain()

    def state():
        with database.read() as session:
            [execution] = session.scalars(select(WorkflowExecution))
            steps = session.scalars(select(WorkflowStep).order_by(WorkflowStep.node_id))
            return execution.status, [(s.node_id, s.status) for s in steps]

    assert state() == ("failed", [("mail", "failed"), ("t", "completed")])
    [send] = engine.of_kind("send_email")
    assert engine.run(send.job).raised is None
    engine.drain()
    steps = [("mail", "completed"), ("t", "completed"), ("tag", "completed")]
    assert state() == ("completed", steps)


def test_two_organisations_with_one_job_id_do_not_share_a_message(engine, database):
    for org in (ORG, "org_other"):
        engine.call(NewJob("send_email", org, mail().payload, job_id="same"))
    assert sorted(m.org for m in list_messages(database)) == [ORG, "org_other"]


def test_a_template_that_does_not_exist_is_said_in_one_line(engine, database):
    job = NewJob(
        "send_email", ORG, {"to": "a@b.co", "subject": "s", "template": "../../etc/passwd"}
    )
    ran = engine.run(job)
    assert isinstance(ran.raised, TemplateError)
    assert "there is no email template '../../etc/passwd'; allowed: class-barrier" in str(
        ran.raised
    )
    assert list_messages(database) == []


@BOTH
def test_what_went_wrong_before_anything_left_leaves_the_message_reserved(
    with_provider, database, guarantee
):
    engine, provider = with_provider(guarantee, NotSentError("cannot be composed: no codec"))
    with pytest.raises(Retry, match="no codec") as error:
        engine.call(mail())
    assert not error.value.fault
    [row] = list_messages(database)
    assert (row.status, row.error) == ("reserved", "cannot be composed: no codec")
    assert engine.call(mail(), attempt=2)["sent"] == 1
    assert provider.accepted == ["a@b.co"]


def test_until_the_last_attempt_it_is_not_said_to_be_delivered(with_provider, database):
    again = [NotSentError("no codec") for _ in range(9)]
    engine, provider = with_provider(Guarantee.KEYLESS, *again)
    engine.run(mail())
    engine.drain()
    [row] = list_messages(database)
    assert (row.status, provider.accepted) == ("rejected", [])
    assert "no codec; given up after 5 attempts" in row.error


@BOTH
def test_a_sender_that_forgot_an_error_says_which(with_provider, database, guarantee):
    engine, _ = with_provider(guarantee, UnicodeEncodeError("ascii", "j\u00f6", 1, 2, "no"))
    raised = DeadLetter if guarantee is Guarantee.KEYLESS else Retry
    with pytest.raises(raised, match="the sender failed: UnicodeEncodeError"):
        engine.call(mail())
    [row] = list_messages(database)
    assert "UnicodeEncodeError" in row.error
    assert "worker was lost" not in row.error


def test_an_address_of_smtp_without_smtputf8_is_the_recipients(database, make_settings, inbox):
    with inbox() as url:
        smtp = SmtpSender(SmtpServer.from_url(url))
        engine = Engine(Resources(database, {"email": smtp}, make_settings(), "gym@iron.example"))
        with pytest.raises(RecipientError, match="SMTPUTF8"):
            engine.call(mail("j\u00f6rg@example.com", "a@b.co"))
    assert status_of(database) == {"j\u00f6rg@example.com": "rejected", "a@b.co": "sent"}


@pytest.fixture
def inbox():
    """A real SMTP server that takes everything and offers no SMTPUTF8."""

    @contextmanager
    def serve():
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        controller = Controller(Sink(), hostname="127.0.0.1", port=port, enable_SMTPUTF8=False)
        controller.start()
        try:
            yield f"smtp://127.0.0.1:{port}"
        finally:
            controller.stop()

    return serve
