"""No message twice, whatever a provider does: a fifth of its answers bad, each end accounted for.

Judged from what the provider took: what the ledger calls sent it took once, what is rejected never,
and everything of which nobody can know is listed as unknown.
"""

import asyncio
import os
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import func, select

from processors.database.models import Message, StoredDeadLetter
from processors.dead_letters.settling import settle
from processors.messaging.handlers import send_email, send_sms
from processors.messaging.outbox import list_messages
from processors.resources import Resources
from processors.senders.resend import ResendSender
from processors.senders.twilio import TwilioAccount, TwilioSender
from runtime.client import NewJob
from runtime.jobs.payload import validate_payload
from runtime.outcomes import DeadLetter, Retry, Snooze
from tests.processors.harness import CATALOGUE, ORG, Engine
from tests.processors.messaging.hostile import Hostile, hostile

_BATCH = 20
_AT_ONCE = 12
SID = "AC" + "0" * 32


def engine_for(database: Any, settings: Any, provider: Hostile, *, timeout_s: float) -> Engine:
    url = f"http://127.0.0.1:{provider.port}"
    account = TwilioAccount(url, SID, "token", sender="+447700900000")
    senders = {
        "email": ResendSender("key", url, total_s=timeout_s),
        "sms": TwilioSender("sms", account, total_s=timeout_s),
    }
    return Engine(Resources(database, senders, settings, "gym@iron.example"))


def jobs(total: int, *, keyed: bool) -> list[NewJob]:
    made = []
    for start in range(0, total, _BATCH):
        numbers = range(start, min(start + _BATCH, total))
        if keyed:
            payload = {"to": [f"m{n}@example.com" for n in numbers], "subject": "Hi", "text": "x"}
        else:
            payload = {"to": [f"+4477{n:08}" for n in numbers], "message": "Hi"}
        kind = "send_email" if keyed else "send_sms"
        made.append(NewJob(kind, ORG, payload, job_id=f"{kind}-{start}"))
    return made


async def run(engine: Engine, job: NewJob) -> None:
    """All attempts of a job, as the engine makes them, and its dead letter."""
    kind = CATALOGUE.kind(job.kind)
    handler = send_email if job.kind == "send_email" else send_sms
    payload = validate_payload(kind, job.payload)
    attempt = 1
    while attempt <= kind.retry.attempts:
        try:
            await handler(engine.context(job, attempt=attempt), payload)
        except Snooze:
            continue
        except Retry as error:
            attempt, last = attempt + 1, str(error)
            continue
        except DeadLetter:
            pass
        return
    letter = StoredDeadLetter(
        job_id=job.job_id, kind=job.kind, org_id=ORG, payload=payload.model_dump(mode="json"),
        attempts=kind.retry.attempts, error_class="Retry", error=last, reason="exhausted",
    )  # fmt: skip
    with engine.resources.database.write() as session:
        settle(session, letter, engine.context(job).now())


async def run_all(engine: Engine, made: list[NewJob]) -> None:
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(job: NewJob) -> None:
        async with room:
            await run(engine, job)

    await asyncio.gather(*[one(job) for job in made])


def judge(database: Any, provider: Hostile, total: int) -> dict[str, int]:
    """Compare the ledger with what the provider took; how many are in each state."""
    assert max(provider.taken.values()) == 1, "a message was sent twice"
    with database.read() as session:
        rows = session.execute(select(Message.recipient, Message.status)).all()
        assert session.scalar(select(func.count()).select_from(Message)) == total
    counts = Counter(status for _, status in rows)
    assert set(counts) <= {"sent", "rejected", "unknown"}
    for recipient, status in rows:
        if status == "sent":
            assert provider.taken[recipient] == 1, f"{recipient} is called sent and was not"
        if status == "rejected":
            assert provider.taken[recipient] == 0, f"{recipient} is called rejected and was sent"
    listed = list_messages(database, status="unknown", limit=total)
    assert {m.to for m in listed} == {to for to, status in rows if status == "unknown"}
    return dict(counts)


def go(database: Any, settings: Any, *, keyed: bool, total: int, timeout_s: float) -> Any:
    with hostile(keyed=keyed) as provider:
        engine = engine_for(database, settings, provider, timeout_s=timeout_s)
        asyncio.run(run_all(engine, jobs(total, keyed=keyed)))
        return judge(database, provider, total), provider


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("keyed", [True, False])
def test_nothing_is_sent_twice(database, make_settings, keyed):
    counts, provider = go(database, make_settings(), keyed=keyed, total=300, timeout_s=0.3)
    assert provider.faults.total() > 30
    assert counts["sent"] > 200
    # Only without a key is anything left to an operator, but for five lost answers in a row.
    assert counts.get("unknown", 0) > 0 or keyed


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("keyed", [True, False])
def test_nothing_of_fifty_thousand_is_sent_twice(database, make_settings, keyed):
    total = int(os.environ.get("ATLAS_HOSTILE_SENDS", "50000"))
    counts, provider = go(database, make_settings(), keyed=keyed, total=total, timeout_s=1.0)
    print(f"\n{'keyed' if keyed else 'keyless'}: {counts}; faults {dict(provider.faults)}")
    assert provider.faults.total() > total * 0.15
