"""Several providers of one channel, organisations' own senders, and who must not be written to."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from processors.compliance.recording import Statement, suppress
from processors.database.models import Contact, Message, Organisation, Suppression
from processors.errors import DefinitionError, RecipientError
from processors.messaging.delivery import CALL_LIMIT
from processors.resources import Resources
from processors.senders.route import Route
from processors.senders.sender import (
    AmbiguousError,
    DelayedError,
    Guarantee,
    NotSentError,
    RateLimitedError,
    RejectedError,
    StoppedError,
    UnavailableError,
)
from runtime.client import NewJob
from runtime.outcomes import DeadLetter, Retry, Snooze
from tests.processors.harness import ORG, Engine
from tests.processors.messaging.providers import Provider

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
KEYED, KEYLESS = Guarantee.KEYED, Guarantee.KEYLESS


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def two(database, make_settings):
    """Two providers of e-mail in order, with an engine and their clock."""

    def make(
        *answers: Any, guarantee=KEYLESS, second=()
    ) -> tuple[Engine, Provider, Provider, Time]:
        time = Time()
        first = Provider(guarantee, *answers, name="first")
        other = Provider(KEYLESS, *second, name="second")
        route = Route([first, other], monotonic=time)
        senders = {"email": route, "sms": first, "whatsapp": first}
        resources = Resources(database, senders, make_settings(), "gym@iron.example")
        return Engine(resources), first, other, time

    return make


def mail(number: int = 1, **payload: Any) -> NewJob:
    values = {"to": ["a@b.co"], "subject": "Hi", "text": "Hello", **payload}
    return NewJob("send_email", ORG, values, job_id=f"mail_{number}")


def rows(database) -> list[Message]:
    with database.read() as session:
        return list(session.scalars(select(Message).order_by(Message.created_at)))


@pytest.mark.parametrize("error", [UnavailableError("no connection"), StoppedError("401")])
def test_a_provider_that_certainly_took_nothing_gives_way_at_once(two, database, error):
    engine, first, second, _ = two(error)
    assert engine.call(mail())["sent"] == 1
    assert (first.calls, second.accepted) == (["a@b.co"], ["a@b.co"])
    [row] = rows(database)
    assert (row.status, row.provider, row.attempts, row.error) == ("sent", "second", 2, None)


@pytest.mark.parametrize(
    "error",
    [
        AmbiguousError("lost"),
        RejectedError("no"),
        RateLimitedError("429", retry_after_s=3),
        NotSentError("no codec"),
        DelayedError("unreachable"),
    ],
)
@pytest.mark.parametrize("guarantee", [KEYED, KEYLESS])
def test_nothing_else_is_sent_by_another_provider(two, error, guarantee):
    engine, first, second, _ = two(error, guarantee=guarantee)
    with pytest.raises((DeadLetter, Retry, Snooze)):
        engine.call(mail())
    assert len(first.calls) == 1
    assert second.calls == []


def test_what_a_provider_may_have_taken_stays_with_it(two, database):
    engine, first, second, _ = two(
        AmbiguousError("lost"), UnavailableError("down"), StoppedError("401"), guarantee=KEYED
    )
    for attempt in (1, 2, 3):
        with pytest.raises(Retry):
            engine.call(mail(), attempt=attempt)
        [row] = rows(database)
        assert (row.status, row.provider) == ("calling", "first")
    assert engine.call(mail(), attempt=4)["sent"] == 1
    assert second.calls == []
    assert len(first.calls) == 4


@pytest.mark.parametrize(
    "again", [RateLimitedError("429", retry_after_s=None), UnavailableError("x")]
)
def test_a_repeat_that_took_nothing_does_not_undo_the_doubt(two, database, again):
    engine, *_ = two(AmbiguousError("lost"), again, guarantee=KEYED)
    with pytest.raises(Retry):
        engine.call(mail())
    with pytest.raises((Retry, DeadLetter)):
        engine.call(mail(), attempt=5)
    [row] = rows(database)
    # What may have been delivered is never said to be rejected.
    assert row.status == ("unknown" if isinstance(again, RateLimitedError) else "calling")


def test_a_provider_that_is_no_longer_configured_leaves_a_message_unknown(two, database):
    engine, *_ = two(AmbiguousError("lost"), guarantee=KEYED)
    with pytest.raises(Retry):
        engine.call(mail())
    with database.write() as session:
        session.execute(update(Message).values(provider="gone"))
    with pytest.raises(Snooze):
        engine.call(mail(), attempt=2)
    with database.write() as session:
        long_ago = datetime.now(UTC) - CALL_LIMIT - timedelta(seconds=1)
        session.execute(update(Message).values(calling_at=long_ago))
    with pytest.raises(DeadLetter, match="may have been delivered"):
        engine.call(mail(), attempt=2)


def test_a_stopped_provider_is_not_asked_until_its_pause_is_over(two):
    engine, first, second, time = two(StoppedError("401"), StoppedError("401"))
    for number in range(4):
        engine.call(mail(number))
    assert (len(first.calls), len(second.calls)) == (1, 4)
    time.now = 301.0
    engine.call(mail(10))
    # Still stopped: the next pause is twice as long.
    time.now = 301.0 + 599
    engine.call(mail(11))
    assert len(first.calls) == 2
    time.now = 301.0 + 601
    engine.call(mail(12))
    engine.call(mail(13))
    assert len(first.calls) == 4
    assert first.accepted == ["a@b.co"] * 2


def test_three_faults_in_a_row_pause_a_provider_and_lost_answers_count(two):
    engine, first, second, _ = two(AmbiguousError("t"), AmbiguousError("t"), AmbiguousError("t"))
    for number in range(3):
        with pytest.raises(DeadLetter):
            engine.call(mail(number))
    assert engine.call(mail(3))["sent"] == 1
    assert (len(first.calls), len(second.calls)) == (3, 1)


def test_when_all_are_away_the_channels_breaker_hears_of_it(two):
    away = [UnavailableError("x")] * 9
    engine, first, *_ = two(*away, second=away)
    for number in range(4):
        with pytest.raises(Retry) as raised:
            engine.call(mail(number))
        assert raised.value.fault
    # Paused or not: if no one works, the preferred one is tried.
    assert len(first.calls) == 4


def test_an_unreachable_recipient_is_tried_twice_more_much_later(two, database):
    engine, first, *_ = two(*[DelayedError("30003")] * 3)

    def later():
        with database.write() as session:
            long_ago = datetime.now(UTC) - timedelta(hours=1, minutes=1)
            session.execute(update(Message).values(calling_at=long_ago))

    for _ in range(2):
        with pytest.raises(Snooze) as snooze:
            engine.call(mail())
        wait = snooze.value.until - datetime.now(UTC)
        assert timedelta(minutes=29) < wait <= timedelta(minutes=60)
        # Woken too early, it goes back to sleep.
        with pytest.raises(Snooze):
            engine.call(mail())
        later()
    with pytest.raises(DeadLetter, match="given up after 3 attempts"):
        engine.call(mail())
    assert len(first.calls) == 3
    assert [row.status for row in rows(database)] == ["rejected"]


def identity(database, **settings: Any) -> None:
    with database.write() as session:
        session.get_one(Organisation, ORG).settings = settings


def test_an_organisation_writes_as_itself(two, database):
    identity(
        database, from_email="hi@gym.example", from_name="Iron, Works", reply_to="desk@gym.example",
        sms_from="IRON", messaging_service_sid="MG" + "0" * 32,
    )  # fmt: skip
    engine, first, *_ = two()
    engine.call(mail())
    engine.call(NewJob("send_sms", ORG, {"to": "+447700900123", "message": "x"}, job_id="sms"))
    email, sms = first.messages
    assert email.sender == '"Iron, Works" <hi@gym.example>'
    assert email.reply_to == "desk@gym.example"
    assert (sms.sender, sms.service) == ("IRON", "MG" + "0" * 32)
    assert email.own_sender
    assert sms.own_sender


def test_a_refused_sender_of_one_organisation_stops_nobody_else(two, database):
    identity(database, from_email="hi@not-verified.example")
    refused = StoppedError("403 not verified", of_sender=True)
    engine, first, second, _ = two(refused)
    with pytest.raises(DeadLetter, match="the organisation's own sender: 403 not verified"):
        engine.call(mail())
    other = NewJob("send_email", "org_other", mail().payload, job_id="other")
    assert engine.call(other)["sent"] == 1
    assert (len(first.calls), second.calls) == (2, [])
    # The deployment's own sender refused: that stops it for everybody.
    first.answers = [StoppedError("403 not verified", of_sender=True)]
    engine.call(NewJob("send_email", "org_other", mail().payload, job_id="other2"))
    assert len(second.calls) == 1


def test_a_wrong_setting_of_an_organisation_is_named_and_nothing_is_sent(two, database):
    identity(database, from_email="nobody", sms_from="+1 2")
    engine, first, *_ = two()
    with pytest.raises(DefinitionError, match="from_email must be an e-mail address; sms"):
        engine.call(mail())
    assert first.calls == []


def test_an_address_that_a_provider_refuses_for_good_gets_nothing_further(two, database):
    engine, first, *_ = two(RejectedError("STOP", code="21610", suppress="stop"))
    sms = {"to": "+447700900123", "message": "Hi"}
    engine.run(NewJob("send_sms", ORG, sms, job_id="s1"))
    with database.read() as session:
        [stored] = session.scalars(select(Suppression))
    assert (stored.channel, stored.address, stored.reason) == ("sms", "+447700900123", "stop")
    result = engine.call(NewJob("send_sms", ORG, sms, job_id="s2"))
    assert result == {"sent": 0, "rejected": 0, "unknown": 0, "suppressed": 1}
    assert len(first.calls) == 1
    assert [row.status for row in rows(database)] == ["rejected", "suppressed"]


def test_who_objects_between_two_attempts_gets_nothing(two, database):
    engine, first, *_ = two(RateLimitedError("429", retry_after_s=1))
    with pytest.raises(Retry):
        engine.call(mail())
    with database.write() as session:
        now = datetime.now(UTC)
        said = Statement("email", "A@b.co", "test", now)
        suppress(session, ORG, said, "complaint", now=now)
    assert engine.call(mail(), attempt=2)["suppressed"] == 1
    assert len(first.calls) == 1
    [row] = rows(database)
    assert (row.status, row.error_code) == ("suppressed", "complaint")
    assert [job.payload["event"] for job in engine.client.queue] == ["message_suppressed"]


def test_what_is_too_late_is_not_sent(two, database):
    engine, first, *_ = two()
    gone = datetime.now(UTC) - timedelta(minutes=1)
    assert engine.call(mail(not_after=gone))["suppressed"] == 1
    assert first.calls == []


def test_marketing_waits_for_the_morning_and_has_a_way_out(two, database, make_settings, add_lead):
    add_lead(email="a@b.co", timezone="Europe/London")
    identity(database, quiet_hours=["00:00", "23:59"])
    engine, first, *_ = two()
    settings = make_settings(UNSUBSCRIBE_EMAIL="out@gym.example")
    object.__setattr__(engine.resources, "settings", settings)
    with pytest.raises(Snooze, match="quiet hours"):
        engine.call(mail(2, purpose="marketing"))
    identity(database, quiet_hours=[])
    assert engine.call(mail(2, purpose="marketing"))["sent"] == 1
    assert "mailto:out@gym.example" in first.messages[0].headers["List-Unsubscribe"]
    assert "Unsubscribe" in first.messages[0].body


def test_a_message_that_became_impossible_between_two_attempts_is_not_sent(two, database, add_lead):
    add_lead(email="a@b.co")
    engine, first, *_ = two(RateLimitedError("429", retry_after_s=1))
    job = mail(text="Hi {{firstName}}")
    with pytest.raises(Retry):
        engine.call(job)
    with database.write() as session:
        session.execute(update(Contact).values(first_name=None))
    with pytest.raises(RecipientError, match="has no value"):
        engine.call(job, attempt=2)
    assert len(first.calls) == 1
    assert [row.status for row in rows(database)] == ["rejected"]
