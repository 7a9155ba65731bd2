"""A small domain for the engine's own tests: handlers of every mode, effects in a SQLite file."""

import asyncio
import os
import sqlite3
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from runtime.application import Application
from runtime.catalogue.catalogue import Catalogue, Kind, Queue, RateLimit
from runtime.catalogue.retry import RetryPolicy
from runtime.context import JobContext
from runtime.outcomes import Cancel, DeadLetter, Retry, Snooze


class Note(BaseModel):
    """What the test kinds take."""

    model_config = ConfigDict(extra="forbid")
    text: str = ""
    seconds: float = 0.0


def _record(ctx: JobContext, effect: str) -> None:
    """An effect outside Redis: one row an execution, so that a second one would show."""
    path = os.environ["EFFECTS_DB"]
    with sqlite3.connect(path, timeout=30) as db:
        db.execute("PRAGMA synchronous=OFF")
        db.execute("INSERT INTO effects VALUES (?, ?, ?)", (ctx.job_id, effect, ctx.attempt))


async def echo(ctx: JobContext, note: Note) -> dict[str, object]:
    return {"text": note.text, "attempt": ctx.attempt, "org": ctx.org}


def record(ctx: JobContext, note: Note) -> None:
    time.sleep(note.seconds)
    _record(ctx, note.text)


async def fail(_ctx: JobContext, note: Note) -> None:
    raise ValueError(note.text)


async def flaky(ctx: JobContext, _note: Note) -> str:
    if ctx.attempt < 2:
        raise ConnectionError("provider unreachable")
    return "ok"


async def sleep(_ctx: JobContext, note: Note) -> None:
    await asyncio.sleep(note.seconds)


def spin(_ctx: JobContext, note: Note) -> None:
    """Swallows `Exception` and never returns by itself within its time-out."""
    end = time.monotonic() + note.seconds
    while time.monotonic() < end:
        try:
            time.sleep(0.01)
        except Exception:
            continue


_SNOOZED: set[str] = set()


async def outcome(ctx: JobContext, note: Note) -> str:
    match note.text:
        case "retry" if ctx.attempt == 1:
            raise Retry(timedelta(milliseconds=5), reason="again")
        case "snooze" if ctx.job_id not in _SNOOZED:
            _SNOOZED.add(ctx.job_id)
            raise Snooze(datetime.now(UTC) + timedelta(milliseconds=60))
        case "cancel":
            raise Cancel("no longer wanted")
        case "dead":
            raise DeadLetter("can never work")
    return "done"


def isolated(_ctx: JobContext, note: Note) -> str:
    print("this must not end up in the answer")
    if note.text.startswith("/"):
        Path(note.text).write_text(str(os.getpid()))
    if note.text == "die":
        os._exit(3)
    if note.text == "dead":
        raise DeadLetter("from the child")
    time.sleep(note.seconds)
    return f"pid differs: {os.getpid() != int(os.environ.get('WORKER_PID', '0'))}"


def chain(ctx: JobContext, note: Note) -> str:
    """Enqueues a job with an id of its own; safe to run twice."""
    ref = ctx.client.enqueue(
        "echo", org=ctx.org, payload={"text": note.text}, job_id=f"{ctx.job_id}-next"
    )
    return ref.id


ONCE = RetryPolicy(attempts=1)
QUICK = RetryPolicy(attempts=3, backoff="fixed", base_s=0.01)

application = Application(
    catalogue=Catalogue(
        queues=[
            Queue("test:plain", slots=50),
            Queue("test:fair", slots=10, fair=True, org_cap=4),
            Queue("test:rated", slots=10, rate=RateLimit(5, 1.0)),
        ],
        kinds=[
            Kind("echo", "test:plain", Note, f"{__name__}:echo", hint=("text",), aliases=("ping",)),
            Kind("record", "test:plain", Note, f"{__name__}:record"),
            Kind("fail", "test:plain", Note, f"{__name__}:fail", retry=QUICK),
            Kind("flaky", "test:plain", Note, f"{__name__}:flaky", retry=QUICK),
            Kind("sleep", "test:plain", Note, f"{__name__}:sleep", retry=ONCE, timeout_s=0.3),
            Kind("patient", "test:plain", Note, f"{__name__}:sleep"),
            Kind("spin", "test:plain", Note, f"{__name__}:spin", retry=ONCE, timeout_s=0.3),
            Kind("outcome", "test:plain", Note, f"{__name__}:outcome"),
            Kind(
                "isolated", "test:plain", Note, f"{__name__}:isolated",
                retry=ONCE, timeout_s=300, isolated=True,
            ),
            Kind(
                "hurried", "test:plain", Note, f"{__name__}:isolated",
                retry=ONCE, timeout_s=1, isolated=True,
            ),
            Kind("chain", "test:plain", Note, f"{__name__}:chain"),
            Kind("fair", "test:fair", Note, f"{__name__}:echo"),
            Kind("rated", "test:rated", Note, f"{__name__}:echo"),
        ],
    )
)  # fmt: skip
